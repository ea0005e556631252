"""Tables in Markdown."""

from __future__ import annotations

import pytest

from benchmarks.table import duration, factor, span, table


def test_a_table() -> None:
    """Figures are right-aligned; a bar in a cell does not end it."""
    assert "| tool | time |\n| --- | ---: |\n| a\\|b | 1 s |\n" == table(["tool", "time"], [["a|b", "1 s"]])


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0123, "12 ms"), (1.9, "1900 ms"), (3.416, "3.42 s"), (61.04, "61.0 s")]
)
def test_durations_have_three_digits_at_most(seconds: float, text: str) -> None:
    """Milliseconds while they are few."""
    assert text == duration(seconds)


def test_a_span_goes_from_the_shortest_to_the_longest() -> None:
    """In whatever order they came."""
    assert "5 ms to 3.00 s" == span([0.02, 3, 0.005])


def test_a_factor_that_is_not_known_is_a_dash() -> None:
    """It is not zero."""
    assert ("1.50", "-") == (factor(1.5), factor(None))
