"""How long jobs will take on so many slots: the scheduler's order, played through without running anything."""

from __future__ import annotations

import heapq
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

from isonox.planning.graph import tail_lengths

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from isonox.model.plan import PlannedJob


def rest(jobs: Collection[PlannedJob], slots: int, running: Mapping[str, float]) -> float:
    """Return the seconds until all is done, if every job takes what its estimate says.

    Args:
        jobs: The jobs that are not done yet; what they require beside these is done.
        slots: How many run at once.
        running: Seconds that each job which runs now has been running; one that is overdue could end any moment.
    """
    seconds = {job.id: max(0.0, job.estimate_seconds - running.get(job.id, 0.0)) for job in jobs}
    tails = tail_lengths(jobs, seconds)
    graph = TopologicalSorter({job.id: [needed for needed in job.requires if needed in seconds] for job in jobs})
    graph.prepare()
    ready: list[tuple[bool, float, str]] = []
    ends: list[tuple[float, str]] = []
    now = 0.0
    while graph.is_active():
        for name in graph.get_ready():
            heapq.heappush(ready, (name not in running, -tails[name], name))
        while ready and len(ends) < slots:
            name = heapq.heappop(ready)[-1]
            heapq.heappush(ends, (now + seconds[name], name))
        now, ended = heapq.heappop(ends)
        graph.done(ended)
    return now
