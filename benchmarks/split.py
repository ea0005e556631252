"""How even shards are on a real suite, beside pytest-split's algorithms on the same durations.

    python -m benchmarks.split RUN LATER [LATER ...]

Runs of one suite are needed, each a folder `.isonox/runs/<id>`. Tests are split by what the first one recorded. How
long the shards would have taken is read from the later ones: the median of each test's times, so that the noise of the
machine counts less. With the first run as the later one, what is left is the error of the split itself. It needs
pytest-split beside isonox.
"""

from __future__ import annotations

import argparse
import importlib
import statistics
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


def recorded(run: Path) -> dict[str, float]:
    """Return the seconds of each test of a run, whole or in shards."""
    left = [msgspec.json.decode(path.read_bytes(), type=Evidence) for path in run.glob(f"artifacts/*/{FILE}")]
    return {test: seconds for one in left for test, seconds in one.ran.items()}


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


def figures(first: Mapping[str, float], later: Sequence[Mapping[str, float]]) -> str:
    """Return a table: for each way and number of shards, the longest shard divided by the mean."""
    tests = sorted(test for test in first if all(test in one for one in later))
    every = {test: first[test] for test in tests}
    known = {test: seconds for place, (test, seconds) in enumerate(every.items()) if place % _NEW}
    real = {test: statistics.median(one[test] for one in later) for test in tests}
    rows = []
    for name, split in ways().items():
        for durations, what in ((every, ""), (known, f", one test in {_NEW} new")):
            found = [split(tests, durations, count) for count in COUNTS]
            rows.append([f"{name}{what}", *(_ratio(one, real) for one in found)])
    heads = [f"{len(tests)} tests, {sum(real.values()):.1f} s", *(f"{count} shards" for count in COUNTS)]
    return table(heads, rows)


def _ratio(found: Sequence[Sequence[str]], seconds: Mapping[str, float]) -> str:
    return f"{shards.balance(sum(seconds[test] for test in members) for members in found):.3f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="How even shards are, beside pytest-split's algorithms.")
    parser.add_argument("first", type=Path, help="the run whose durations decide")
    parser.add_argument("later", type=Path, nargs="+", help="the runs that tell how long the shards take")
    given = parser.parse_args()
    sys.stdout.write(figures(recorded(given.first), [recorded(run) for run in given.later]))


if __name__ == "__main__":
    main()
