"""The counter."""

from sortedcontainers import SortedList


def total(prices: list[int]) -> int:
    """Return the sum of the prices in cents."""
    return sum(SortedList(prices))


def main() -> None:
    """Print the total of an example."""
    print(total([150, 250]))
