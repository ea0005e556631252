"""What coverage's JSON report says: how much of which files is covered, and where the gaps are."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from isonox.model.naming import some

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path


class Share(NamedTuple):
    """How much of something is covered.

    Attributes:
        covered: Lines and branches that ran.
        total: All of them.
    """

    covered: int
    total: int

    @property
    def percent(self) -> float:
        """Rounded down to two decimals: what is shown as 85 is no less. Nothing at all is covered whole."""
        return self.covered * 10_000 // self.total / 100 if self.total else 100.0

    def below(self, least: float) -> bool:
        """Return whether it is less than so many percent, without any rounding."""
        return self.covered * 100 < least * self.total

    def __str__(self) -> str:
        return f"{self.percent:g} %"


class Report:
    """The JSON report of a run.

    Args:
        path: The file that `coverage json` wrote.

    Attributes:
        files: What it says of each file; paths have slashes, and are relative to the root where they are below it.
    """

    def __init__(self, path: Path) -> None:
        document = json.loads(path.read_text(encoding="utf-8"))
        self.files: dict[str, dict[str, Any]] = {
            name.replace(os.sep, "/"): found for name, found in document["files"].items()
        }

    def share(self, paths: Iterable[str] | None = None) -> Share:
        """Return how much of these files is covered, as coverage itself counts; of all by default."""
        summaries = [self.files[path]["summary"] for path in (self.files if paths is None else paths)]
        return Share(
            sum(one["covered_lines"] + one.get("covered_branches", 0) for one in summaries),
            sum(one["num_statements"] + one.get("num_branches", 0) for one in summaries),
        )

    def gaps(self, paths: Iterable[str] | None = None) -> list[str]:
        """Return those of these files with code that no test ran, the largest gap first."""
        sizes = {path: self.share([path]) for path in (self.files if paths is None else paths)}
        open_ = [path for path, share in sizes.items() if share.covered < share.total]
        return sorted(open_, key=lambda path: (sizes[path].covered - sizes[path].total, path))

    def statements(self, path: str) -> list[int]:
        """Return the lines of a file on which its statements start."""
        found = self.files[path]
        return sorted([*found["executed_lines"], *found["missing_lines"]])

    def missing(self, path: str) -> list[int]:
        """Return those that did not run."""
        return list(self.files[path]["missing_lines"])

    def ranges(self, path: str, lines: Collection[int]) -> list[tuple[int, int]]:
        """Return statements of a file as ranges, first and last line; what lies between two is no other statement."""
        made: list[tuple[int, int]] = []
        going_on = False
        for line in self.statements(path):
            if line in lines:
                made.append((made.pop()[0] if going_on else line, line))
            going_on = line in lines
        return made


def spelled(ranges: Iterable[tuple[int, int]]) -> str:
    """Return ranges for people, as `some` does: `3-5, 9`."""
    return some([str(first) if first == last else f"{first}-{last}" for first, last in ranges], 10)
