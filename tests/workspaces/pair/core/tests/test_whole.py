"""Tests of core; the other package has a test module of the same name."""

from core import double


def test_double() -> None:
    """Twice two is four."""
    assert double(2) == 4
