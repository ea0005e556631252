"""Which sessions share a job on GitHub, so that a run ends in time and few minutes are billed. Pure.

GitHub bills each job by whole minutes: sessions of a few seconds that share a job share one minute and one set-up.
Source: https://docs.github.com/en/billing/concepts/product-billing/github-actions
"""

from __future__ import annotations

import heapq
import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

#: What shares a job: indices of sessions.
Bins = list[list[int]]

_MINUTE = 60
#: Seconds that rounding may add.
_NOTHING = 1e-6
#: Minutes that sessions may share a job for: GitHub ends it after 360, and estimates may be wrong.
_MOST_MINUTES = 240


class Shape(NamedTuple):
    """One way to pack the sessions of a stage.

    Attributes:
        seconds: Its longest job, set-up included.
        minutes: Billed for all of its jobs.
        bins: What shares a job.
    """

    seconds: float
    minutes: int
    bins: Bins


def billed(seconds: float) -> int:
    """Return the minutes that GitHub bills for a job; less than a millisecond more does not count."""
    return max(1, math.ceil(round(seconds / _MINUTE, 5)))


def spread(seconds: Sequence[float], most: int) -> Bins:
    """Return one job for each session; with more sessions than jobs, no job takes much longer than another."""
    if len(seconds) <= most:
        return [[number] for number in range(len(seconds))]
    bins: Bins = [[] for _ in range(most)]
    loads = [(0.0, place) for place in range(most)]
    for number in _longest_first(seconds):
        load, place = loads[0]
        bins[place].append(number)
        heapq.heapreplace(loads, (load + seconds[number], place))
    return [sorted(shared) for shared in bins]


def shapes(seconds: Sequence[float], set_up: float, most: int) -> list[Shape]:
    """Return the ways to pack a stage that are worth it, from the fastest to the cheapest.

    The fastest takes as long as a job for each session, and costs no more. Each further one takes longer, and is
    billed fewer minutes, or as many in fewer jobs.

    Args:
        seconds: Of each session, at least one.
        set_up: Seconds that each job takes before its first session.
        most: How many jobs there may be.
    """
    shortest, longest = set_up + max(seconds), set_up + sum(seconds)
    sizes = [shortest, *(size for size in _sizes(longest) if size > shortest)]
    bins = [spread(seconds, most), *(_filled(seconds, set_up, size, most) for size in sizes)]
    tried = [_shape(one, seconds, set_up) for one in bins if one]
    found: list[Shape] = []
    for shape in sorted(tried, key=lambda shape: (shape.seconds, shape.minutes, len(shape.bins))):
        if not found or _cost(shape) < _cost(found[-1]):
            found.append(shape)
    return found


def choose(
    stages: Mapping[str, Sequence[Shape]], wall: Callable[[Mapping[str, float]], float], target: float
) -> dict[str, Shape]:
    """Choose a shape for each stage: the run ends within the target if it can, and few minutes are billed.

    It begins with the fastest of each, and as long as the run stays within the target, takes the step that saves the
    most minutes for each second that it adds.

    Args:
        stages: The shapes of each stage, as `shapes` returns them.
        wall: Returns the seconds of a run, given the longest job of each stage.
        target: Seconds.
    """
    at = dict.fromkeys(stages, 0)
    while True:
        seconds = {name: stages[name][place].seconds for name, place in at.items()}
        now = wall(seconds)
        steps = []
        for name, place in at.items():
            for later, shape in enumerate(stages[name][place + 1 :], place + 1):
                then = wall({**seconds, name: shape.seconds})
                if then <= max(target, now):
                    steps.append((_worth(stages[name][place], shape, then - now), name, later))
        if not steps:
            return {name: stages[name][place] for name, place in at.items()}
        _, name, later = max(steps)
        at[name] = later


def _cost(shape: Shape) -> tuple[int, int]:
    return shape.minutes, len(shape.bins)


def _worth(now: Shape, then: Shape, added: float) -> tuple[float, int]:
    """Return how good a step is: the minutes that it saves for each second that it adds, then the jobs."""
    return (now.minutes - then.minutes) / max(added, 1.0), len(now.bins) - len(then.bins)


def _sizes(longest: float) -> Iterator[float]:
    """Yield sizes to try: whole minutes, growing faster and faster."""
    minutes = 1
    while minutes < min(_MOST_MINUTES, longest / _MINUTE):
        yield minutes * _MINUTE
        minutes += 1 + minutes // 10
    yield min(_MOST_MINUTES * _MINUTE, longest)


def _longest_first(seconds: Sequence[float]) -> list[int]:
    return sorted(range(len(seconds)), key=lambda number: -seconds[number])


def _filled(seconds: Sequence[float], set_up: float, limit: float, most: int) -> Bins:
    """Pack into jobs up to a limit: the longest session first, where it adds the fewest minutes and leaves least room.

    Where that is as cheap, it joins others. Nothing is returned where it takes too many jobs.
    """
    bins: Bins = []
    loads: list[float] = []
    for number in _longest_first(seconds):
        own = seconds[number]
        best, cost = len(bins), (billed(set_up + own), 0.0)
        for place, load in enumerate(loads):
            if load + own <= limit + _NOTHING:
                cost, best = min((cost, best), ((billed(load + own) - billed(load), -load), place))
        if best == most:
            return []
        if best == len(bins):
            bins.append([])
            loads.append(set_up)
        bins[best].append(number)
        loads[best] += own
    return sorted(sorted(shared) for shared in bins)


def _shape(bins: Bins, seconds: Sequence[float], set_up: float) -> Shape:
    loads = [set_up + sum(seconds[number] for number in shared) for shared in bins]
    return Shape(max(loads), sum(map(billed, loads)), bins)
