"""Order, longest ways, critical path."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isonox.model.plan import PlannedJob
from isonox.planning.graph import critical_path, lower_bound, tail_lengths, topological


def job(name: str, *requires: str, **facts: Any) -> PlannedJob:
    """A planned job of one second."""
    return PlannedJob(
        id=name, session=name, stage=name, requires=requires, estimate_seconds=1, estimate_from="prior", **facts
    )


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, list[str]]:
    """Random graphs without circles."""
    size = draw(st.integers(1, 12))
    names = [f"j{i}" for i in range(size)]
    return {
        name: sorted(draw(st.sets(st.sampled_from(names[i + 1 :])))) if names[i + 1 :] else []
        for i, name in enumerate(names)
    }


@given(graphs())
def test_topological_order_puts_requirements_first(graph: dict[str, list[str]]) -> None:
    """Each id comes once, after all that it requires."""
    order = topological(graph)

    assert sorted(graph) == sorted(order)
    assert all(order.index(needed) < order.index(name) for name, needs in graph.items() for needed in needs)


@given(graphs(), st.data())
def test_critical_path_is_the_longest_chain(graph: dict[str, list[str]], data: st.DataObject) -> None:
    """It is a chain of `requires`, and as long as the longest tail."""
    jobs = [job(name, *needs) for name, needs in graph.items()]
    seconds = {name: float(data.draw(st.integers(1, 9))) for name in graph}

    path = critical_path(jobs, seconds)

    assert max(tail_lengths(jobs, seconds).values()) == sum(seconds[name] for name in path)
    assert all(first in graph[second] for first, second in pairwise(path))


def test_requirements_outside_of_the_plan_do_not_count() -> None:
    """A selection may leave out what a session requires."""
    assert critical_path([job("a", "elsewhere")], {"a": 1.0}) == ("a",)


@pytest.mark.parametrize(
    ("jobs", "expected"),
    [
        ([], 0.0),
        ([job("long"), job("short"), job("after", "long")], 13.0),
        ([job("long", weight=2), job("short", weight="all"), job("after", weight="all")], 12.0),
        ([job("long", weight=3), job("short", exclusive=True), job("after", weight="all")], 17.0),
        ([job("long", weight=3), job("short", weight=3), job("after", weight=2)], 14.0),
    ],
)
def test_no_schedule_beats_the_lower_bound(jobs: list[PlannedJob], expected: float) -> None:
    """On four cores: the longest way, the work over the cores, or what can't run side by side."""
    seconds = {"long": 10.0, "short": 4.0, "after": 3.0}

    assert lower_bound(jobs, seconds, 4) == expected
