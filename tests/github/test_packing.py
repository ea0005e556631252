"""Which sessions share a job: all of them once, in time where that can be, and for few billed minutes."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isonox.github import packing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from isonox.github.packing import Bins, Shape

#: Durations as they are: many short ones, some long ones, and some that are exactly a minute with their set-up.
SECONDS = st.floats(0, 30) | st.floats(0, 400) | st.sampled_from([0.0, 20.0, 40.0, 50.0, 60.0])
STAGE = st.lists(SECONDS, min_size=1, max_size=6)
SET_UP = st.sampled_from([0.0, 3.0, 10.0, 40.0])


def partitions(items: Sequence[int]) -> Iterator[Bins]:
    """Yield every way to let items share."""
    if not items:
        yield []
        return
    for rest in partitions(items[1:]):
        yield [[items[0]], *rest]
        for place, shared in enumerate(rest):
            yield [*rest[:place], [items[0], *shared], *rest[place + 1 :]]


def cost(bins: Bins, seconds: Sequence[float], set_up: float) -> tuple[float, int]:
    """Return the longest job and the billed minutes."""
    loads = [set_up + sum(seconds[number] for number in shared) for shared in bins]
    return max(loads), sum(map(packing.billed, loads))


def chain(longest: Mapping[str, float]) -> float:
    """A run whose stages need each other."""
    return sum(longest.values())


@pytest.mark.parametrize(("seconds", "minutes"), [(0, 1), (1, 1), (60, 1), (60.0001, 1), (60.1, 2), (3600, 60)])
def test_github_bills_whole_minutes(seconds: float, minutes: int) -> None:
    """Each job by itself.

    Source: https://docs.github.com/en/billing/concepts/product-billing/github-actions
    """
    assert minutes == packing.billed(seconds)


@given(STAGE, SET_UP, st.integers(1, 8))
def test_a_shape_has_every_session_once_and_is_what_it_says(seconds: list[float], set_up: float, most: int) -> None:
    """In few enough jobs; each further shape is slower and cheaper."""
    found = packing.shapes(seconds, set_up, most)

    for shape in found:
        assert list(range(len(seconds))) == sorted(number for shared in shape.bins for number in shared)
        assert len(shape.bins) <= most
        assert (shape.seconds, shape.minutes) == cost(shape.bins, seconds, set_up)
    rising = [shape.seconds for shape in found]
    falling = [(-shape.minutes, -len(shape.bins)) for shape in found]
    assert sorted(set(rising)) == rising
    assert sorted(set(falling)) == falling


@given(STAGE, SET_UP, st.integers(1, 20))
def test_a_stage_ends_in_time_where_any_packing_does(seconds: list[float], set_up: float, minutes: int) -> None:
    """And is never billed more than a job for each session, nor less than the best of all packings."""
    target = 60.0 * minutes
    every = [cost(bins, seconds, set_up) for bins in partitions(range(len(seconds)))]
    in_time = [billed for longest, billed in every if longest <= target]
    alone = cost([[number] for number in range(len(seconds))], seconds, set_up)

    shape = packing.choose({"a": packing.shapes(seconds, set_up, 256)}, chain, target)["a"]

    assert shape.seconds <= max(target, alone[0])
    assert min(in_time, default=1) <= shape.minutes <= alone[1]


@given(st.lists(STAGE, min_size=1, max_size=4), SET_UP, st.integers(1, 40))
def test_a_run_ends_in_time_where_a_job_for_each_session_does(
    stages: list[list[float]], set_up: float, minutes: int
) -> None:
    """No stage spends the time of another one."""
    shapes = {str(number): packing.shapes(seconds, set_up, 256) for number, seconds in enumerate(stages)}
    fastest = chain({name: set_up + max(stages[int(name)]) for name in shapes})

    chosen = packing.choose(shapes, chain, 60.0 * minutes)

    assert chain({name: shape.seconds for name, shape in chosen.items()}) <= max(60.0 * minutes, fastest) + 1e-6
    assert all(shape.minutes <= shapes[name][0].minutes for name, shape in chosen.items())


def test_nearly_every_packing_is_the_cheapest() -> None:
    """Of a thousand stages with up to six sessions; the others are a minute off."""
    chance = random.Random(3)  # noqa: S311 - durations, no secrets
    excess = []
    for _ in range(1000):
        seconds = [chance.uniform(0, chance.choice([30, 120, 400])) for _ in range(chance.randint(1, 6))]
        target = max(chance.choice([60, 180, 600]), 3 + max(seconds))
        every = [cost(bins, seconds, 3) for bins in partitions(range(len(seconds)))]
        best = min(billed for longest, billed in every if longest <= target)
        excess.append(packing.choose({"a": packing.shapes(seconds, 3, 256)}, chain, target)["a"].minutes - best)

    assert max(excess) <= 1
    assert sum(excess) <= 50


def test_a_minute_that_is_shared_is_paid_once() -> None:
    """Sixty sessions of half a second: 60 minutes in a job each, one in one job."""
    alone, *_, shared = packing.shapes([0.5] * 60, 3, 256)

    assert (60, 60) == (alone.minutes, len(alone.bins))
    assert (1, 1) == (shared.minutes, len(shared.bins))


def test_a_job_is_not_packed_to_its_end() -> None:
    """GitHub ends it after six hours, and a wide target is no reason to come near."""
    shapes: list[Shape] = packing.shapes([3600.0] * 10, 3, 256)

    assert [10, 4] == [len(shapes[0].bins), len(shapes[-1].bins)]


def test_more_sessions_than_jobs_are_spread_evenly() -> None:
    """A matrix has room for so many."""
    bins = packing.spread([10.0] * 10, 4)

    assert [2, 2, 3, 3] == sorted(map(len, bins))
