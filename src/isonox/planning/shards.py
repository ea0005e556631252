"""Which shard runs which test. Pure, and without anything but the standard library.

Every shard of a session works this out for itself, in the session's own Python: 3.8 or newer reads this file, without
isonox. The answer depends on the set of tests, on their durations, and on how many shards there are, and on
nothing else; in particular not on the order in which tests were collected.

The longest unit goes first, always to the shard that has least to do ("longest processing time first"; Graham, "Bounds
on Multiprocessing Timing Anomalies", 1969). No shard gets more than 4/3 of what is possible, and with hundreds of tests
the shards hardly differ.
"""

from __future__ import annotations

import heapq
import json
import math

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: pytest-split's file, in the folder that pytest runs in.
FILE = ".test_durations"

#: What stays together: nothing, the tests of a class (functions stay alone), or those of a file.
TEST, CLASS, MODULE = "test", "class", "module"
WAYS = (TEST, CLASS, MODULE)

#: Seconds of a test about which nothing is known, where nothing is known of any.
_UNKNOWN = 1.0


def parsed(content: bytes) -> dict[str, float]:
    """Read the content of `.test_durations`: seconds by node id, as pytest-split writes it.

    Raises:
        ValueError: It is something else.
    """
    try:
        found = json.loads(content.decode("utf-8"))
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise ValueError(f"it is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError("it is no table of node ids and seconds")  # noqa: TRY004 - the content is wrong, no argument
    for test, seconds in found.items():
        known = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
        if not known or not math.isfinite(seconds) or seconds < 0:
            raise ValueError(f"the duration of {test!r} is {json.dumps(seconds)[:40]}, and no number of seconds")
    return {test: float(seconds) for test, seconds in found.items()}


def unit(test: str, by: str) -> str:
    """Return the name of what a test stays together with: itself, its class, or its file.

    Args:
        test: A node id: `tests/test_cart.py::TestTotal::test_sum[a::b]`. What is in brackets may hold anything.
        by: One of `WAYS`.
    """
    file, _, rest = test.partition("::")
    if by == MODULE:
        return file
    inside = rest.partition("[")[0].rpartition("::")[0]
    return f"{file}::{inside}" if by == CLASS and inside else test


def estimated(tests: Iterable[str], durations: Mapping[str, float]) -> dict[str, float]:
    """Return how long each test should take.

    One that is not known takes the mean of the same function with other parameters; else of its file; else of all.
    """
    tests = list(tests)
    if all(test in durations for test in tests):
        return {test: durations[test] for test in tests}
    means = _means(durations)
    return {
        test: durations[test] if test in durations else next(means[key] for key in (*_kin(test), "") if key in means)
        for test in tests
    }


def _means(durations: Mapping[str, float]) -> dict[str, float]:
    sums: dict[str, list[float]] = {}
    for test, seconds in durations.items():
        for key in (*_kin(test), ""):
            known = sums.setdefault(key, [0.0, 0])
            known[0] += seconds
            known[1] += 1
    return {"": _UNKNOWN, **{key: total / number for key, (total, number) in sums.items()}}


def _kin(test: str) -> tuple[str, str]:
    """Return names for a test's function and its file."""
    file, _, rest = test.partition("::")
    return f"{file}::{rest.partition('[')[0]}", f"{file}::"


def assigned(tests: Iterable[str], durations: Mapping[str, float], count: int, by: str = TEST) -> list[list[str]]:
    """Return the tests of each shard; every test is in exactly one.

    Args:
        tests: Node ids, in any order; one that is there twice counts once.
        durations: Seconds of tests that were recorded.
        count: How many shards.
        by: What stays together: one of `WAYS`.
    """
    seconds = estimated(sorted(set(tests)), durations)
    units: dict[str, list[str]] = {}
    for test in seconds:
        units.setdefault(unit(test, by), []).append(test)
    loads = {name: sum(seconds[test] for test in members) for name, members in units.items()}
    shards: list[list[str]] = [[] for _ in range(count)]
    heap = [(0.0, 0, place) for place in range(count)]
    for name in sorted(units, key=lambda name: (-loads[name], name)):
        load, held, place = heap[0]
        shards[place] += units[name]
        heapq.heapreplace(heap, (load + loads[name], held + len(units[name]), place))
    return shards


def number(durations: Mapping[str, float], *, set_up: float, target: float | None, most: int) -> int:
    """Return into how many shards to split.

    As few as let each of them end within the target; without one, as many as pay: a shard's tests take at least as long
    as its set-up. More than pay there are never, nor more than the longest test lets help.

    Args:
        durations: Seconds of the tests; without any, there is one shard.
        set_up: Seconds that a shard takes before its first test.
        target: Seconds that a shard may take, its set-up included.
        most: How many shards there may be.
    """
    total, longest = sum(durations.values()), max(durations.values(), default=0.0)
    if not total:
        return 1
    pays = max(1, min(most, math.ceil(total / longest), int(total / set_up)))
    if target is None:
        return pays
    return pays if target <= set_up else min(pays, max(1, math.ceil(total / (target - set_up))))


def balance(seconds: Iterable[float]) -> float:
    """Return how much longer the longest shard takes than the mean: 1.0 where all take the same."""
    seconds = list(seconds)
    total = sum(seconds)
    return max(seconds) * len(seconds) / total if total else 1.0
