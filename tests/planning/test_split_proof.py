"""A split is proved by what its shards collected and ran: every fault is named."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from isonox.model.split import Evidence
from isonox.planning import split_proof

TESTS = tuple(f"tests/test_a.py::test_{number}" for number in range(6))


def left(count: int = 3, **changes: dict[str, Any]) -> dict[str, Evidence]:
    """What shards leave that take every `count`th test; `changes` are by shard, as `second={...}`."""
    found = {}
    for index, name in enumerate(("first", "second", "third")[:count]):
        mine = tuple(range(index, len(TESTS), count))
        made = Evidence(
            job=f"tests#{index + 1}/{count}",
            shard=f"{index + 1}/{count}",
            collected=TESTS,
            executed=mine,
            seconds=(1.0,) * len(mine),
            durations="d",
        )
        found[made.shard] = msgspec.structs.replace(made, **changes.get(name, {}))
    return found


def test_a_whole_split_is_proved() -> None:
    """And its balance told."""
    whole = split_proof.whole("tests", left(second={"seconds": (2.0, 2.0)}))

    assert [] == split_proof.problems("tests", 3, left())
    assert ("tests", 3, 6, (2.0, 4.0, 2.0), 1.5) == msgspec.structs.astuple(whole)


def test_a_lost_shard_is_named() -> None:
    """Which, and nothing else."""
    there = left()
    del there["2/3"]

    assert ["tests: shard 2/3 left no evidence of the tests that it ran"] == split_proof.problems("tests", 3, there)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"executed": (0, 1, 4), "seconds": (1.0,) * 3}, f"1 test ran in two shards (1/3 and 2/3): {TESTS[0]}"),
        ({"executed": (1,), "seconds": (1.0,)}, f"1 test ran in no shard: {TESTS[4]}"),
        ({"executed": (), "seconds": ()}, f"2 tests ran in no shard: {TESTS[1]}, {TESTS[4]}"),
        ({"collected": (*TESTS, "new")}, "shards 1/3 and 2/3 collected different tests: new; run all shards again"),
        ({"durations": "others"}, "shards 1/3 and 2/3 were split by different durations; run all shards again"),
        ({"by": "module"}, "shards 1/3 and 2/3 were split by different durations; run all shards again"),
        ({"shard": "1/3"}, "2/3 says that it is shard 1/3"),
        ({"shard": ""}, "2/3 says that it is shard none"),
    ],
)
def test_what_a_shard_did_otherwise_is_named(changes: dict[str, Any], message: str) -> None:
    """One shard is enough."""
    (found,) = split_proof.problems("tests", 3, left(second=changes))

    assert found.startswith(f"tests: {message}")


def test_many_lost_tests_are_counted() -> None:
    """The first few are named."""
    nothing: dict[str, Any] = {"executed": (), "seconds": ()}

    (found,) = split_proof.problems("tests", 2, left(2, first=nothing, second={"executed": (5,), "seconds": (1.0,)}))

    assert f"tests: 5 tests ran in no shard: {', '.join(TESTS[:3])} and 2 more" == found


@pytest.mark.parametrize(
    "changes",
    [{"seconds": ()}, {"executed": (1, 1)}, {"executed": (1, 6)}, {"executed": (-1, 1)}],
)
def test_a_document_that_contradicts_itself_is_no_evidence(changes: dict[str, Any]) -> None:
    """Whoever wrote it."""
    assert "" == split_proof.damage(left()["2/3"])
    assert split_proof.damage(left(second=changes)["2/3"])
