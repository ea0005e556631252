"""Who gets the cores next.

The most urgent job goes first. A job is as urgent as the longest way from its start to the end of the run, times the
cores that it takes: a wide one finds its place the easier the earlier it comes. Among jobs of one core that is
"longest critical path first".

Where the first in line needs more cores than are free, it gets a promise: the time when enough of the running jobs
should have ended. Another job passes it only if it should end by then, or takes cores that the first will leave over
("EASY backfilling" of batch schedulers; Lifka, "The ANL/IBM SP Scheduling System", 1995). A promise moves back only
when something more urgent starts, however late the running jobs are: estimates that are wrong let a wide job wait for
what started before the promised time, and for nothing else.
"""

from __future__ import annotations

import bisect
from typing import TYPE_CHECKING

import msgspec

from isonox.planning.graph import tail_lengths

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from isonox.model.plan import PlannedJob


class _Gap(msgspec.Struct):
    """What the first in line leaves to others: the free cores `until` it may start, and `spare` ones for longer."""

    until: float
    spare: int

    def takes(self, cores: int, end: float) -> bool:
        """Return whether a job may have so many cores until then; spare ones are spent."""
        if end <= self.until:
            return True
        if cores > self.spare:
            return False
        self.spare -= cores
        return True


class Schedule:
    """The cores of a machine, and the jobs in line for them: no process, no clock.

    Times are seconds since any fixed moment.

    Args:
        jobs: All jobs of the run, for how urgent each is; one that comes later is as urgent as it is long.
        slots: How many cores there are.
        seconds: How long each job should take.
    """

    def __init__(self, jobs: Iterable[PlannedJob], slots: int, seconds: Mapping[str, float]) -> None:
        self._tails = tail_lengths(jobs, seconds)
        self._slots = self._free = slots
        self._seconds = seconds
        self._line: list[tuple[float, int, PlannedJob]] = []  # sorted; a serial number keeps equals in order
        self._serial = 0
        self._running: dict[str, tuple[float, int]] = {}
        self._promise: tuple[str, float] | None = None

    def queue(self, job: PlannedJob) -> None:
        """Let a job stand in line: all that it requires is green."""
        urgency = self._tails.get(job.id, job.estimate_seconds) * job.cores(self._slots)
        bisect.insort(self._line, (-urgency, self._serial, job))
        self._serial += 1

    def clear(self) -> None:
        """Send everybody in line away."""
        self._line.clear()

    def occupy(self, job: PlannedJob, now: float) -> None:
        """Let a job have its cores from now on, whoever is in line."""
        cores = job.cores(self._slots)
        self._running[job.id] = now + self._seconds.get(job.id, job.estimate_seconds), cores
        self._free -= cores

    def release(self, job: str) -> None:
        """Take the cores of a job that has ended; one that had none gives none."""
        if job in self._running:
            self._free += self._running.pop(job)[1]

    def start(self, now: float) -> list[PlannedJob]:
        """Return the jobs that get cores now, and let them have these."""
        started: list[PlannedJob] = []
        gap: _Gap | None = None
        for place in tuple(self._line):
            if self._free <= 0:
                break
            job = place[-1]
            cores = job.cores(self._slots)
            if cores > self._free:
                gap = gap or self._gap_before(job, now)
                continue
            if gap is None:
                self._promise = None
            elif not gap.takes(cores, now + self._seconds.get(job.id, job.estimate_seconds)):
                continue
            self._line.remove(place)
            self.occupy(job, now)
            started.append(job)
        return started

    def _gap_before(self, job: PlannedJob, now: float) -> _Gap:
        """Promise a start to the first in line, as early as the running jobs should let it.

        It counts on as few of them as it has to: others that should end at the same moment may be late.
        """
        needed = job.cores(self._slots)
        free, begin = self._free, now
        for end, cores in sorted(self._running.values()):
            free, begin = free + cores, max(now, end)
            if free >= needed:
                break
        if self._promise is None or self._promise[0] != job.id:
            self._promise = job.id, begin
        return _Gap(until=min(begin, self._promise[1]), spare=free - needed)
