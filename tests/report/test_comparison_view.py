"""A comparison, as people read it."""

from __future__ import annotations

import pytest

from isonox.history.comparison import Comparison, Difference, Value
from isonox.report.comparison_view import show


def said(field: str, first: Value, second: Value) -> list[str]:
    """Return how one difference reads."""
    difference = Difference(job="lint", field=field, first=first, second=second)
    comparison = Comparison(
        first="a", second="b", same=False, jobs=("lint",), differences=(difference,), allowed={"run": "the run's id"}
    )
    lines = show(comparison, verbose=False).splitlines()
    assert ["different: 1 of 1 job", "- a", "+ b", "", "lint"] == lines[:5]
    return lines[5:]


@pytest.mark.parametrize(
    ("first", "second", "line"),
    [
        ("1.0", "1.1", "  x: 1.0 -> 1.1"),
        (None, "1.1", "  x: none -> 1.1"),
        (True, False, "  x: yes -> no"),
        (0, -9, "  x: 0 -> -9"),
        ("\x1b[31mred\x1b[0m\nline", "", "  x: red line -> "),
    ],
)
def test_a_value_fits_in_a_line(first: Value, second: Value, line: str) -> None:
    """What comes from a record does nothing to the terminal."""
    assert [line.rstrip()] == [one.rstrip() for one in said("x", first, second)]


def test_words_that_differ_are_marked_and_the_middle_of_many_is_left_out() -> None:
    """As in `git diff --word-diff`; words with spaces are quoted."""
    first = ("ruff", "--old", *[f"{number}.py" for number in range(20)], "two words")
    second = ("ruff", *[f"{number}.py" for number in range(20)], "one")

    assert [
        "  commands.1.argv:",
        "    - ruff [---old-] 0.py 1.py 2.py … 17.py 18.py 19.py [-'two words'-]",
        "    + ruff 0.py 1.py 2.py … 17.py 18.py 19.py {+one+}",
    ] == said("commands.1.argv", first, second)


def test_a_command_of_one_run_only_is_cut_where_it_is_long() -> None:
    """It may name hundreds of files."""
    field, ours, theirs = said("commands.1.argv", tuple(f"{number}.py" for number in range(999)), None)

    assert ("  commands.1.argv:", "    + none") == (field, theirs)
    assert ours.startswith("    - 0.py 1.py ")
    assert len(ours) < 320
