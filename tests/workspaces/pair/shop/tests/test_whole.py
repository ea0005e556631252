"""Tests of shop; the other package has a test module of the same name."""

from shop import price


def test_price() -> None:
    """Two of them cost four."""
    assert price(2) == 4
