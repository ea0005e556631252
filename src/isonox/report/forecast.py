"""How long jobs will take on so many slots: the scheduler's order, played through without running anything."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from isonox.planning.graph import tail_lengths

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from isonox.model.plan import PlannedJob


def rest(jobs: Iterable[PlannedJob], slots: int, running: Mapping[str, float]) -> float:
    """Return the seconds until all is done, if every job takes what its estimate says.

    Args:
        jobs: The jobs that are not done yet; what they require beside these is done.
        slots: How many run at once.
        running: Seconds that each job which runs now has been running; one that is overdue could end any moment.
    """
    open_jobs = {job.id: job for job in jobs}
    seconds = {name: max(0.0, job.estimate_seconds - running.get(name, 0.0)) for name, job in open_jobs.items()}
    tails = tail_lengths(open_jobs.values(), seconds)
    missing = {name: sum(needed in open_jobs for needed in job.requires) for name, job in open_jobs.items()}
    dependents: dict[str, list[str]] = {name: [] for name in open_jobs}
    for name, job in open_jobs.items():
        for needed in job.requires:
            if needed in dependents:
                dependents[needed].append(name)

    ends = [(seconds[name], name) for name in open_jobs if name in running]
    ready = [(-tails[name], name) for name in open_jobs if name not in running and not missing[name]]
    heapq.heapify(ends)
    heapq.heapify(ready)
    now = 0.0
    while ends or ready:
        while ready and len(ends) < slots:
            name = heapq.heappop(ready)[1]
            heapq.heappush(ends, (now + seconds[name], name))
        now, ended = heapq.heappop(ends)
        for name in dependents[ended]:
            missing[name] -= 1
            if not missing[name]:
                heapq.heappush(ready, (-tails[name], name))
    return now
