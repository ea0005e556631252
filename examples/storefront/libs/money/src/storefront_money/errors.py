"""What can be wrong with an amount of money."""


class MoneyError(ValueError):
    """Root of this package's errors."""


class MoneyFormatError(MoneyError):
    """A text or number is no amount of the currency."""


class CurrencyMismatchError(MoneyError):
    """Two amounts of different currencies were combined."""


class AllocationError(MoneyError):
    """An amount can't be divided by these weights."""
