"""Arithmetic that the shop needs."""


def double(number: int) -> int:
    """Return twice the number."""
    return 2 * number


def half(number: int) -> int:
    """Return half of the number, rounded down."""
    return number // 2
