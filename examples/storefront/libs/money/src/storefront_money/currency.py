"""The currencies that the storefront knows."""

from enum import StrEnum


class Currency(StrEnum):
    """A currency by its ISO 4217 code."""

    CHF = "CHF"
    EUR = "EUR"
    GBP = "GBP"
    JPY = "JPY"
    KWD = "KWD"
    USD = "USD"

    @property
    def digits(self) -> int:
        """Digits after the decimal point: the minor unit of ISO 4217."""
        return _DIGITS.get(self, 2)


_DIGITS = {Currency.JPY: 0, Currency.KWD: 3}
