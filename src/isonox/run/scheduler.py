"""Which job starts next: a pure state machine, no process, no clock."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from isonox.model.verdict import Verdict
from isonox.planning.schedule import Schedule

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from isonox.model.plan import PlannedJob


class Stopped(NamedTuple):
    """A job that will not run: it is blocked by another one, or the run is stopping."""

    job: PlannedJob
    verdict: Verdict
    reason: str


class Scheduler:
    """Jobs wait until all that they require is green, then for cores (see `planning.schedule`), run, and end.

    Args:
        jobs: The jobs of a plan.
        slots: How many cores there are.
        fail_fast: Whether the first red job stops those that have not started.
        instant: Ids of jobs that need no time and no core, such as cache hits: they wait for what they require only.
    """

    def __init__(
        self, jobs: Iterable[PlannedJob], slots: int, *, fail_fast: bool = False, instant: Collection[str] = ()
    ) -> None:
        jobs = tuple(jobs)
        self.slots = slots
        self.fail_fast = fail_fast
        self.instant = instant
        self._waiting = {job.id: job for job in jobs}
        seconds = {job.id: 0.0 if job.id in instant else job.estimate_seconds for job in jobs}
        self._schedule = Schedule(jobs, slots, seconds)
        self._missing: dict[str, int] = {}
        self._dependents: dict[str, list[PlannedJob]] = {}
        self._at_once: list[PlannedJob] = []
        self._running: set[str] = set()
        self._verdicts: dict[str, Verdict] = {}
        self._last: deque[PlannedJob] = deque()
        self._stopping: str | None = None
        for job in jobs:
            # A required job outside of the plan was not selected, so nobody waits for it.
            needed = {name for name in job.requires if name in self._waiting}
            self._missing[job.id] = len(needed)
            for name in needed:
                self._dependents.setdefault(name, []).append(job)
        for job in jobs:
            if not self._missing[job.id]:
                self._queue(job)

    @property
    def finished(self) -> bool:
        """Whether every job has its verdict."""
        return not (self._waiting or self._running or self._last)

    @property
    def stopping(self) -> bool:
        """Whether nothing starts any more."""
        return self._stopping is not None

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

    def next_jobs(self, now: float) -> list[PlannedJob]:
        """Return the jobs to start now, and consider them running.

        Args:
            now: Seconds since any fixed moment.
        """
        ready = [*self._at_once, *self._schedule.start(now)]
        self._at_once.clear()
        for job in ready:
            del self._waiting[job.id]
            self._running.add(job.id)
        return ready

    def end(self, job: str, verdict: Verdict) -> list[Stopped]:
        """Note a verdict, and return the jobs that will not run because of it."""
        self._running.discard(job)
        self._schedule.release(job)
        self._verdicts[job] = verdict
        if not verdict.green:
            if self.fail_fast and self._stopping is None:
                return self.stop(f"--fail-fast: {job} {verdict.value}")
            return self._block(job)
        for dependent in self._dependents.get(job, ()):
            self._missing[dependent.id] -= 1
            if not self._missing[dependent.id] and dependent.id in self._waiting:
                self._queue(dependent)
        return []

    def stop(self, reason: str) -> list[Stopped]:
        """Start nothing any more; return what was waiting, as cancelled."""
        self._stopping = reason
        stopped = [Stopped(job, Verdict.CANCELLED, reason) for job in (*self._waiting.values(), *self._last)]
        self._waiting.clear()
        self._at_once.clear()
        self._schedule.clear()
        self._last.clear()
        for one in stopped:
            self._verdicts[one.job.id] = one.verdict
        return stopped

    def release_notified(self) -> list[Stopped]:
        """Let the next notified job wait its turn once all others have ended; return those that can't run.

        As in nox, a notified session does not bring along what it requires: that has to have run, and be green.
        """
        stopped: list[Stopped] = []
        while self._last and not self._waiting and not self._running:
            job = self._last.popleft()
            hindrance = next((needed for needed in job.requires if not self._ended_green(needed)), None)
            if hindrance is None:
                self._waiting[job.id] = job
                self._queue(job)
                break
            verdict = self._verdicts.get(hindrance)
            reason = f"{hindrance} {verdict.value}" if verdict else f"{hindrance}, which it requires, did not run"
            self._verdicts[job.id] = Verdict.BLOCKED
            stopped.append(Stopped(job, Verdict.BLOCKED, reason))
        return stopped

    def _queue(self, job: PlannedJob) -> None:
        """All that a job requires is green."""
        if job.id in self.instant:
            self._at_once.append(job)
        else:
            self._schedule.queue(job)

    def _block(self, job: str) -> list[Stopped]:
        """Take out all jobs that wait for a red one, directly or not."""
        stopped: list[Stopped] = []
        red = deque([job])
        while red:
            cause = red.popleft()
            for dependent in self._dependents.get(cause, ()):
                if self._waiting.pop(dependent.id, None) is not None:
                    reason = f"{cause} {self._verdicts[cause].value}"
                    self._verdicts[dependent.id] = Verdict.BLOCKED
                    stopped.append(Stopped(dependent, Verdict.BLOCKED, reason))
                    red.append(dependent.id)
        return stopped

    def _ended_green(self, job: str) -> bool:
        return job in self._verdicts and self._verdicts[job].green
