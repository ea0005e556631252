"""Prove that a split lost nothing: every shard is there, all saw the same tests, and each test ran in exactly one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isonox.model.naming import count, some
from isonox.model.shard import Shard
from isonox.model.split import Evidence, Whole
from isonox.planning.shards import balance

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

#: So many tests are named; of more, their number is told.
_NAMED = 3

_AGAIN = "run all shards again: isonox ci --no-cache"


def damage(evidence: Evidence) -> str:
    """Return what makes a document no evidence; empty where it is one."""
    places = evidence.executed
    if len(places) != len(evidence.seconds) or len(set(places)) != len(places):
        return "it contradicts itself"
    if any(not 0 <= place < len(evidence.collected) for place in (*places, *evidence.failed)):
        return "it names tests that it did not collect"
    return ""


def problems(session: str, count: int, left: Mapping[str, Evidence]) -> list[str]:
    """Return what is wrong with a split whose jobs are all green; nothing if it is proved.

    Args:
        session: The session's id.
        count: Into how many shards it is split.
        left: What the jobs left, by the shard that each was planned as.
    """
    wanted = [str(Shard(index, count)) for index in range(1, count + 1)]
    if missing := [shard for shard in wanted if shard not in left]:
        return [f"{session}: shard {', '.join(missing)} left no evidence of the tests that it ran"]
    found = [
        f"{session}: {name} says that it is shard {left[name].shard or 'none'}"
        for name in wanted
        if left[name].shard != name
    ]
    found += _differing(session, wanted, left)
    if found:
        return found
    return [*_twice(session, wanted, left), *_never(session, wanted, left)]


def _differing(session: str, wanted: Sequence[str], left: Mapping[str, Evidence]) -> Iterable[str]:
    """Yield why the shards did not split the same thing, or not in the same way."""
    first = left[wanted[0]]
    for name in wanted[1:]:
        other = left[name]
        if odd := set(first.collected) ^ set(other.collected):
            different = some(sorted(odd), _NAMED)
            yield f"{session}: shards {wanted[0]} and {name} collected different tests: {different}; {_AGAIN}"
        elif (first.durations, first.by) != (other.durations, other.by):
            yield f"{session}: shards {wanted[0]} and {name} were split by different durations; {_AGAIN}"


def _twice(session: str, wanted: Sequence[str], left: Mapping[str, Evidence]) -> Iterable[str]:
    ran: dict[str, str] = {}
    twice: dict[str, str] = {}
    for name in wanted:
        for test in left[name].ran:
            if test in ran:
                twice.setdefault(test, f"{ran[test]} and {name}")
            ran[test] = name
    if twice:
        shards = next(iter(twice.values()))
        tests = count(len(twice), "test")
        yield f"{session}: {tests} ran in two shards ({shards}): {some(sorted(twice), _NAMED)}"


def _never(session: str, wanted: Sequence[str], left: Mapping[str, Evidence]) -> Iterable[str]:
    ran = {test for name in wanted for test in left[name].ran}
    if lost := set(left[wanted[0]].collected) - ran:
        tests = count(len(lost), "test")
        yield f"{session}: {tests} ran in no shard: {some(sorted(lost), _NAMED)}"


def whole(session: str, left: Mapping[str, Evidence]) -> Whole:
    """Return what the shards of a session took together; `left` is in their order."""
    seconds = tuple(round(sum(one.seconds), 3) for one in left.values())
    tests = len({test for one in left.values() for test in one.collected})
    return Whole(session=session, shards=len(left), tests=tests, seconds=seconds, balance=round(balance(seconds), 4))
