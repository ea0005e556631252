"""Pipeline: what is refused, and what a circle looks like."""

from itertools import pairwise

import pytest

from isonox.errors import ConfigurationErrors, CycleError
from isonox.model.pipeline import Pipeline, Session


def session(identity: str, *requires: str) -> Session:
    """A session called by its id."""
    return Session(id=identity, stage=identity, requires=requires)


def test_keeps_the_order_of_the_noxfile() -> None:
    """Stages come as they were declared, each once."""
    sessions = (
        session("b"),
        session("a"),
        Session(id="b-3.12", stage="b"),
    )

    pipeline = Pipeline.validated(sessions)

    assert pipeline.stages == ("b", "a")
    assert list(pipeline.by_id) == ["b", "a", "b-3.12"]


def test_all_wrong_requires_are_reported_at_once_with_suggestions() -> None:
    """Every unknown name is named, with the closest known one."""
    with pytest.raises(ConfigurationErrors) as caught:
        Pipeline.validated((session("lint", "tests"), session("test"), session("docs", "biuld"), session("build")))

    assert len(caught.value.problems) == 2
    assert "did you mean 'test'?" in caught.value.problems[0]
    assert "did you mean 'build'?" in caught.value.problems[1]


def test_two_sessions_with_one_id_are_refused() -> None:
    """Nox would run only one of them."""
    with pytest.raises(ConfigurationErrors, match="two sessions are called 'lint'"):
        Pipeline.validated((session("lint"), session("lint")))


@pytest.mark.parametrize(
    ("edges", "members"),
    [
        ({"a": ["a"]}, {"a"}),
        ({"a": ["b"], "b": ["c"], "c": ["d"], "d": ["b"]}, {"b", "c", "d"}),
        ({"x": [], "a": ["x", "b"], "b": ["x", "a"]}, {"a", "b"}),
    ],
)
def test_a_circle_is_printed_whole(edges: dict[str, list[str]], members: set[str]) -> None:
    """The error shows the way round, the first id again at the end."""
    with pytest.raises(CycleError) as caught:
        Pipeline.validated(session(name, *requires) for name, requires in edges.items())

    cycle = caught.value.cycle
    assert (members, cycle[0]) == (set(cycle), cycle[-1])
    assert all(second in edges[first] for first, second in pairwise(cycle))
    assert " -> ".join(cycle) in str(caught.value)


def test_a_long_chain_is_no_circle() -> None:
    """Thousands of sessions in a row are fine: no recursion."""
    names = [f"s{i}" for i in range(5000)]
    sessions = [session(name, *names[i + 1 : i + 2]) for i, name in enumerate(names)]

    assert len(Pipeline.validated(sessions).sessions) == 5000
