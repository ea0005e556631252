"""Exact amounts of money."""

from storefront_money.currency import Currency
from storefront_money.errors import (
    AllocationError,
    CurrencyMismatchError,
    MoneyError,
    MoneyFormatError,
)
from storefront_money.money import Money, total

__all__ = [
    "AllocationError",
    "Currency",
    "CurrencyMismatchError",
    "Money",
    "MoneyError",
    "MoneyFormatError",
    "total",
]
