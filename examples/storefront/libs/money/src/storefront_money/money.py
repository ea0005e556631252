"""An amount of money, counted in whole minor units (cents) so that nothing is ever rounded unasked."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, InvalidOperation
from fractions import Fraction
from functools import total_ordering
from typing import Self

from storefront_money.currency import Currency
from storefront_money.errors import AllocationError, CurrencyMismatchError, MoneyFormatError

#: Amounts that come from outside have at most this many digits before the decimal point.
MAX_WHOLE_DIGITS = 15

# Its own context: what a caller sets for the thread changes nothing here.
_CONTEXT = Context(prec=MAX_WHOLE_DIGITS + 5)

_TEXT = re.compile(r"(?P<number>[+-]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?) (?P<code>[A-Z]{3})")


@total_ordering
@dataclass(frozen=True, slots=True)
class Money:
    """An amount of one currency.

    Amounts are added, subtracted, compared, and multiplied by whole numbers. All of that is exact.
    `scaled` is the one place that rounds; `allocate` divides and loses nothing.

    Attributes:
        minor: The amount in minor units: 1250 is 12.50 EUR.
        currency: The currency.
    """

    minor: int
    currency: Currency

    @classmethod
    def of(cls, amount: Decimal | int | str, currency: Currency) -> Self:
        """Make an amount of major units: `Money.of("12.50", Currency.EUR)`.

        Raises:
            MoneyFormatError: `amount` is no number, too large, or finer than the minor unit.
        """
        try:
            exact = Decimal(amount)
        except InvalidOperation:
            raise MoneyFormatError(f"{amount!r} is no decimal number") from None
        if not exact.is_finite() or exact.adjusted() >= MAX_WHOLE_DIGITS:
            raise MoneyFormatError(f"{amount} is not below 10^{MAX_WHOLE_DIGITS} {currency}")
        in_units = exact.quantize(Decimal(1).scaleb(-currency.digits), context=_CONTEXT)
        if in_units != exact:
            raise MoneyFormatError(
                f"{amount} {currency} is finer than the currency, which has {currency.digits} decimals"
            )
        return cls(int(in_units.scaleb(currency.digits, context=_CONTEXT)), currency)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str` writes: `1,234.50 EUR`. The commas may be left out.

        Raises:
            MoneyFormatError: The text has another form, or the currency is unknown.
        """
        match = _TEXT.fullmatch(text)
        if match is None:
            raise MoneyFormatError(f"{text!r} is no amount; write it as 1,234.50 EUR")
        try:
            currency = Currency(match["code"])
        except ValueError:
            known = ", ".join(Currency)
            raise MoneyFormatError(f"{match['code']} is unknown; currencies are {known}") from None
        return cls.of(match["number"].replace(",", ""), currency)

    @property
    def amount(self) -> Decimal:
        """The amount in major units, with exactly the currency's decimals."""
        sign, digits, _ = Decimal(self.minor).as_tuple()
        return Decimal((sign, digits, -self.currency.digits))

    def scaled(self, factor: Decimal | Fraction) -> Self:
        """Return the amount times `factor`, rounded half to even to a whole minor unit."""
        return type(self)(round(self.minor * Fraction(factor)), self.currency)

    def allocate(self, weights: Sequence[int]) -> tuple[Self, ...]:
        """Divide the amount by weights; the parts add up to the whole.

        Each part is less than one minor unit from its exact share. The units left over by rounding
        down go to the parts that lost most by it, the earlier part first.

        Raises:
            AllocationError: A weight is negative, or none is positive.
        """
        whole = sum(weights)
        if whole <= 0 or min(weights) < 0:
            raise AllocationError(f"weights must be 0 or more, one of them positive: {list(weights)}")
        shares = [divmod(self.minor * weight, whole) for weight in weights]
        left_over = self.minor - sum(units for units, _ in shares)
        by_loss = sorted(range(len(shares)), key=lambda index: shares[index][1], reverse=True)
        raised = set(by_loss[:left_over])
        return tuple(
            type(self)(units + (index in raised), self.currency) for index, (units, _) in enumerate(shares)
        )

    def _units_of(self, other: "Money") -> int:
        if other.currency is not self.currency:
            raise CurrencyMismatchError(f"{self} and {other} are of different currencies")
        return other.minor

    def __add__(self, other: "Money") -> Self:
        return type(self)(self.minor + self._units_of(other), self.currency)

    def __sub__(self, other: "Money") -> Self:
        return type(self)(self.minor - self._units_of(other), self.currency)

    def __mul__(self, count: int) -> Self:
        return type(self)(self.minor * count, self.currency)

    def __neg__(self) -> Self:
        return type(self)(-self.minor, self.currency)

    def __lt__(self, other: "Money") -> bool:
        return self.minor < self._units_of(other)

    def __str__(self) -> str:
        return f"{self.amount:,f} {self.currency}"


def total(amounts: Iterable[Money], currency: Currency) -> Money:
    """Add up amounts of one currency; nothing adds up to zero."""
    return sum(amounts, start=Money(0, currency))
