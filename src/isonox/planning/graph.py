"""Facts about a graph of jobs: what lies below, and the longest way through."""

from __future__ import annotations

from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from isonox.model.plan import PlannedJob


def topological(requires: Mapping[str, Sequence[str]]) -> list[str]:
    """Return ids so that each comes after those that it requires; the mapping must have no circle.

    Args:
        requires: For each id, the ids that it needs; ids outside of the mapping are passed over.
    """
    if not any(requires.values()):
        return list(requires)
    inside = {name: [needed for needed in needs if needed in requires] for name, needs in requires.items()}
    return list(TopologicalSorter(inside).static_order())


def tail_lengths(jobs: Iterable[PlannedJob], seconds: Mapping[str, float]) -> dict[str, float]:
    """Return, for each job, the seconds of the longest way from its start to the end of the run.

    Args:
        jobs: The jobs of a plan.
        seconds: How long each takes.
    """
    by_id = {job.id: job for job in jobs}
    tails = {job: seconds[job] for job in by_id}
    for job in reversed(topological({name: planned.requires for name, planned in by_id.items()})):
        for needed in by_id[job].requires:
            if needed in tails:
                tails[needed] = max(tails[needed], seconds[needed] + tails[job])
    return tails


def critical_path(jobs: Iterable[PlannedJob], seconds: Mapping[str, float]) -> tuple[str, ...]:
    """Return the ids on the longest way through, first to last; no run can be shorter than their sum."""
    jobs = tuple(jobs)
    tails = tail_lengths(jobs, seconds)
    dependents: dict[str, list[str]] = {job.id: [] for job in jobs}
    for job in jobs:
        for needed in job.requires:
            if needed in dependents:
                dependents[needed].append(job.id)
    path: list[str] = []
    candidates = [job.id for job in jobs]
    while candidates:
        path.append(max(candidates, key=lambda job: tails[job]))
        candidates = dependents[path[-1]]
    return tuple(path)


def lower_bound(jobs: Iterable[PlannedJob], seconds: Mapping[str, float], slots: int) -> float:
    """Return seconds that no schedule can beat.

    It is the most of three: the longest way through; all work spread evenly over the cores; and the jobs that need
    more than half of the cores, of which no two can run at once.

    Args:
        jobs: The jobs of a plan.
        seconds: How long each takes.
        slots: How many cores there are.
    """
    jobs = tuple(jobs)
    cores = {job.id: job.cores(slots) for job in jobs}
    path = max(tail_lengths(jobs, seconds).values(), default=0.0)
    work = sum(seconds[job] * taken for job, taken in cores.items()) / slots
    wide = sum(seconds[job] for job, taken in cores.items() if 2 * taken > slots)
    return max(path, work, wide)
