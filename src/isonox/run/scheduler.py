"""Which job starts next: a pure state machine, no process, no clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from isonox.model.verdict import Verdict
from isonox.planning.graph import tail_lengths

if TYPE_CHECKING:
    from collections.abc import Iterable

    from isonox.model.plan import PlannedJob


@dataclass(frozen=True)
class Stopped:
    """A job that will not run: it is blocked by another one, or the run is stopping."""

    job: PlannedJob
    verdict: Verdict
    reason: str


@dataclass
class Scheduler:
    """Jobs wait, run, and end; those with the longest way to the end of the run go first.

    Args:
        jobs: The jobs of a plan.
        slots: How many may run at once.
        fail_fast: Whether the first red job stops those that have not started.
    """

    jobs: Iterable[PlannedJob]
    slots: int
    fail_fast: bool = False
    _waiting: dict[str, PlannedJob] = field(init=False)
    _running: set[str] = field(default_factory=set, init=False)
    _verdicts: dict[str, Verdict] = field(default_factory=dict, init=False)
    _tails: dict[str, float] = field(init=False)
    _last: list[PlannedJob] = field(default_factory=list, init=False)
    _stopping: str | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        jobs = tuple(self.jobs)
        self._tails = tail_lengths(jobs, {job.id: job.estimate_seconds for job in jobs})
        self._waiting = {job.id: job for job in sorted(jobs, key=lambda job: -self._tails[job.id])}

    @property
    def finished(self) -> bool:
        """Whether every job has its verdict."""
        return not (self._waiting or self._running or self._last)

    def knows(self, job: str) -> bool:
        """Whether the job is part of this run, in whatever state."""
        return (
            job in self._waiting
            or job in self._running
            or job in self._verdicts
            or any(planned.id == job for planned in self._last)
        )

    def add_last(self, job: PlannedJob) -> None:
        """Add a job that was notified: it starts when all others have ended, as in nox, one after the other."""
        self._last.append(job)

    def next_jobs(self) -> list[PlannedJob]:
        """Return the jobs to start now, and consider them running."""
        ready: list[PlannedJob] = []
        for job in self._waiting.values():
            if len(self._running) + len(ready) >= self.slots:
                break
            if all(self._green(needed) for needed in job.requires):
                ready.append(job)
        for job in ready:
            del self._waiting[job.id]
            self._running.add(job.id)
        return ready

    def end(self, job: str, verdict: Verdict) -> list[Stopped]:
        """Note a verdict, and return the jobs that will not run because of it."""
        self._running.discard(job)
        self._verdicts[job] = verdict
        if verdict.green:
            return []
        if self.fail_fast and self._stopping is None:
            return self.stop(f"--fail-fast: {job} {verdict.value}")
        return self._blocked()

    def stop(self, reason: str) -> list[Stopped]:
        """Start nothing any more; return what was waiting, as cancelled."""
        self._stopping = reason
        stopped = [Stopped(job, Verdict.CANCELLED, reason) for job in (*self._waiting.values(), *self._last)]
        self._waiting.clear()
        self._last.clear()
        for one in stopped:
            self._verdicts[one.job.id] = one.verdict
        return stopped

    def _green(self, job: str) -> bool:
        """A required job outside of the plan was not selected, so nobody waits for it."""
        if job in self._waiting or job in self._running:
            return False
        return job not in self._verdicts or self._verdicts[job].green

    def _blocked(self) -> list[Stopped]:
        """Take out all jobs that wait for a red one, directly or not."""
        stopped: list[Stopped] = []
        again = True
        while again:
            again = False
            for job in list(self._waiting.values()):
                red = [n for n in job.requires if n in self._verdicts and not self._verdicts[n].green]
                if red:
                    del self._waiting[job.id]
                    self._verdicts[job.id] = Verdict.BLOCKED
                    reason = f"{red[0]} {self._verdicts[red[0]].value}"
                    stopped.append(Stopped(job, Verdict.BLOCKED, reason))
                    again = True
        return stopped

    @property
    def stopping(self) -> bool:
        """Whether nothing starts any more."""
        return self._stopping is not None

    def release_notified(self) -> list[Stopped]:
        """Let the next notified job wait its turn once all others have ended; return those that can't run.

        As in nox, a notified session does not bring along what it requires: that has to have run, and be green.
        """
        stopped: list[Stopped] = []
        while self._last and not self._waiting and not self._running:
            job = self._last.pop(0)
            hindrance = next((needed for needed in job.requires if not self._ended_green(needed)), None)
            if hindrance is None:
                self._waiting[job.id] = job
                break
            verdict = self._verdicts.get(hindrance)
            reason = f"{hindrance} {verdict.value}" if verdict else f"{hindrance}, which it requires, did not run"
            self._verdicts[job.id] = Verdict.BLOCKED
            stopped.append(Stopped(job, Verdict.BLOCKED, reason))
        return stopped

    def _ended_green(self, job: str) -> bool:
        return job in self._verdicts and self._verdicts[job].green
