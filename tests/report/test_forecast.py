"""How long the rest of a run should take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isonox.model.plan import PlannedJob
from isonox.planning.graph import lower_bound
from isonox.report import forecast

if TYPE_CHECKING:
    from collections.abc import Callable


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


def test_cores_are_counted_not_jobs(job: Callable[..., PlannedJob]) -> None:
    """Two jobs with two cores each, one that wants them all, and one that wants to be alone."""
    jobs = [
        job("pair", estimate_seconds=10.0, weight=2),
        job("other-pair", estimate_seconds=10.0, weight=2),
        job("all", estimate_seconds=5.0, weight="all"),
        job("alone", estimate_seconds=3.0, exclusive=True),
    ]

    assert forecast.rest(jobs, 4, {}) == pytest.approx(18.0)
    assert forecast.rest(jobs, 4, {"alone": 1.0}) == pytest.approx(17.0)


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


@given(
    st.lists(
        st.tuples(st.integers(1, 9), st.sampled_from([1, 1, 1, 2, "all"]), st.sets(st.integers(0, 14))), max_size=15
    ),
    st.integers(1, 4),
)
def test_no_run_beats_the_lower_bound_and_none_of_narrow_jobs_takes_twice_as_long(
    drawn: list[tuple[int, Literal["all"] | int, set[int]]], slots: int
) -> None:
    """R. L. Graham, "Bounds on Multiprocessing Timing Anomalies" (1969): never 2 - 1/cores times the best or more."""
    jobs = [
        PlannedJob(
            id=f"j{i}",
            session=f"j{i}",
            stage="s",
            requires=tuple(f"j{k}" for k in needs if k < i),
            estimate_seconds=seconds,
            estimate_from="history",
            weight=weight,
        )
        for i, (seconds, weight, needs) in enumerate(drawn)
    ]
    bound = lower_bound(jobs, {planned.id: planned.estimate_seconds for planned in jobs}, slots)

    taken = forecast.rest(jobs, slots, {})

    assert bound <= taken + 1e-9
    if all(planned.weight == 1 for planned in jobs):
        assert taken <= (2 - 1 / slots) * bound + 1e-9
