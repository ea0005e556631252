"""Tables in Markdown, and figures as a person reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: Below so many seconds, milliseconds are shown.
_SHORT = 2.0


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table whose first column is text and whose others are figures."""
    marks = ["---", *("---:" for _ in heads[1:])]
    lines = (f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in (heads, marks, *rows))
    return "\n".join(lines) + "\n"


def duration(seconds: float) -> str:
    """Return "87 ms", "3.42 s", "61.0 s"."""
    if seconds < _SHORT:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"  # noqa: PLR2004 - three digits


def span(values: Sequence[float]) -> str:
    """Return the shortest and the longest duration."""
    return f"{duration(min(values))} to {duration(max(values))}"


def factor(value: float | None) -> str:
    """Return "1.42", or a dash where there is nothing to compare with."""
    return "-" if value is None else f"{value:.2f}"
