"""How even shards are on a real suite, beside pytest-split's algorithms on the same durations.

    python -m benchmarks.split RUN SECOND

Two runs of one suite are needed, each a folder `.isonox/runs/<id>` whose session ran its tests with `shards=1`. Tests
are split by what the first one recorded; how long the shards would have taken is read from the second one, in which the
noise of the machine hits all shards alike. It needs pytest-split beside isonox.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from benchmarks.table import table
from isonox.model.split import FILE, Evidence
from isonox.planning import shards

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    #: Given tests in the order of their collection, their durations, and a number: the tests of each shard.
    Split = Callable[[Sequence[str], Mapping[str, float], int], list[list[str]]]

COUNTS = (2, 4, 6, 8)
#: One test in so many is taken for new: its duration is not known.
_NEW = 5


class _Item(NamedTuple):
    """As much of a pytest item as pytest-split looks at."""

    nodeid: str


def recorded(run: Path) -> Evidence:
    """Return what a run's only session left."""
    (path,) = run.glob(f"artifacts/*/{FILE}")
    return msgspec.json.decode(path.read_bytes(), type=Evidence)


def ways() -> dict[str, Split]:
    """Return each way to split."""
    algorithms: Any = importlib.import_module("pytest_split.algorithms").Algorithms
    found: dict[str, Split] = {
        "isonox, by test": shards.assigned,
        "isonox, by class": lambda tests, durations, count: shards.assigned(tests, durations, count, shards.CLASS),
        "isonox, by module": lambda tests, durations, count: shards.assigned(tests, durations, count, shards.MODULE),
    }
    for algorithm in algorithms:
        found[f"pytest-split, {algorithm.name}"] = _of_pytest_split(algorithm.value)
    return found


def _of_pytest_split(algorithm: Any) -> Split:
    def split(tests: Sequence[str], durations: Mapping[str, float], count: int) -> list[list[str]]:
        groups = algorithm(count, [_Item(test) for test in tests], dict(durations))
        return [[item.nodeid for item in group.selected] for group in groups]

    return split


def figures(first: Evidence, second: Evidence, left_out: str) -> str:
    """Return a table: for each way and number of shards, the longest shard divided by the mean."""
    tests = [test for test in first.ran if test in second.ran and not (left_out and left_out in test)]
    every = {test: first.ran[test] for test in tests}
    known = {test: seconds for place, (test, seconds) in enumerate(every.items()) if place % _NEW}
    rows = []
    for name, split in ways().items():
        for durations, what in ((every, ""), (known, f", one test in {_NEW} new")):
            found = [split(tests, durations, count) for count in COUNTS]
            rows.append([f"{name}{what}", *(_ratio(one, second.ran) for one in found)])
    total = sum(second.ran[test] for test in tests)
    heads = [f"{len(tests)} tests, {total:.1f} s", *(f"{count} shards" for count in COUNTS)]
    predicted = ["isonox, by test, as predicted", *(_ratio(shards.assigned(tests, every, n), every) for n in COUNTS)]
    return table(heads, [predicted, *rows])


def _ratio(found: Sequence[Sequence[str]], seconds: Mapping[str, float]) -> str:
    return f"{shards.balance(sum(seconds[test] for test in members) for members in found):.3f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="How even shards are, beside pytest-split's algorithms.")
    parser.add_argument("first", type=Path, help="the run whose durations decide")
    parser.add_argument("second", type=Path, help="the run that tells how long the shards take")
    parser.add_argument("--leave-out", default="", help="a text in the ids of tests that are left out")
    given = parser.parse_args()
    sys.stdout.write(figures(recorded(given.first), recorded(given.second), given.leave_out))


if __name__ == "__main__":
    main()
