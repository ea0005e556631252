"""Prices."""

from core import double


def price(amount: int) -> int:
    """Return what an amount costs."""
    return double(amount)
