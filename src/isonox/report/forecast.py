"""How long jobs will take on so many cores: the schedule, played through without running anything."""

from __future__ import annotations

import heapq
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

from isonox.planning.schedule import Schedule

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from isonox.model.plan import PlannedJob


def rest(jobs: Collection[PlannedJob], slots: int, running: Mapping[str, float]) -> float:
    """Return the seconds until all is done, if every job takes what its estimate says.

    Args:
        jobs: The jobs that are not done yet; what they require beside these is done.
        slots: How many cores there are.
        running: Seconds that each job which runs now has been running; one that is overdue could end any moment.
    """
    by_id = {job.id: job for job in jobs}
    seconds = {job.id: max(0.0, job.estimate_seconds - running.get(job.id, 0.0)) for job in jobs}
    schedule = Schedule(jobs, slots, seconds)
    graph = TopologicalSorter({job.id: [needed for needed in job.requires if needed in seconds] for job in jobs})
    graph.prepare()
    ends: list[tuple[float, str]] = []
    now = 0.0
    while graph.is_active():
        started = []
        for job in (by_id[name] for name in graph.get_ready()):
            if job.id in running:
                schedule.occupy(job, now)
                started.append(job)
            else:
                schedule.queue(job)
        started += schedule.start(now)
        for job in started:
            heapq.heappush(ends, (now + seconds[job.id], job.id))
        now, ended = heapq.heappop(ends)
        schedule.release(ended)
        graph.done(ended)
    return now
