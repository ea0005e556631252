"""How long the rest of a run should take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from isonox.report import forecast

if TYPE_CHECKING:
    from collections.abc import Callable

    from isonox.model.plan import PlannedJob


@pytest.mark.parametrize(("slots", "expected"), [(1, 40.0), (2, 20.0), (4, 10.0), (100, 10.0)])
def test_independent_jobs_share_the_slots(job: Callable[..., PlannedJob], slots: int, expected: float) -> None:
    """Four jobs of ten seconds."""
    jobs = [job(name, estimate_seconds=10.0) for name in "abcd"]

    assert expected == forecast.rest(jobs, slots, {})


def test_a_chain_takes_its_sum_whatever_the_slots(job: Callable[..., PlannedJob]) -> None:
    """Nothing can run beside it."""
    jobs = [
        job("last", requires=("middle",), estimate_seconds=3.0),
        job("middle", requires=("first", "elsewhere"), estimate_seconds=2.0),
        job("first", estimate_seconds=1.0),
    ]

    assert forecast.rest(jobs, 8, {}) == pytest.approx(6.0)


def test_the_longest_way_goes_first(job: Callable[..., PlannedJob]) -> None:
    """As the scheduler does it: two slots, and the chain of 10 must not wait for the short ones."""
    jobs = [
        job("short-1", estimate_seconds=4.0),
        job("short-2", estimate_seconds=4.0),
        job("long", estimate_seconds=5.0),
        job("longer", requires=("long",), estimate_seconds=5.0),
    ]

    assert forecast.rest(jobs, 2, {}) == pytest.approx(10.0)


def test_running_jobs_count_only_what_is_left(job: Callable[..., PlannedJob]) -> None:
    """One is overdue and could end any moment, one needs four seconds more."""
    jobs = [job("overdue", estimate_seconds=10.0), job("half", estimate_seconds=10.0)]

    assert forecast.rest(jobs, 2, {"overdue": 99.0, "half": 6.0}) == pytest.approx(4.0)


def test_nothing_left_takes_no_time() -> None:
    """An empty plan ends at once."""
    assert forecast.rest([], 4, {}) == 0.0
