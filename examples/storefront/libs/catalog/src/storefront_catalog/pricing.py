"""Price rules, and the quote that they make of a basket."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Protocol

from pydantic import Field

from storefront_catalog.product import Product
from storefront_money import Currency, Money, total


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Some pieces of one product.

    Attributes:
        sku: The product's id.
        name: The product's name.
        quantity: How many pieces; what reads an order from JSON holds it to the limit.
        unit_price: The price of one piece, before price rules.
        net: What the whole line costs, after price rules.
    """

    sku: str
    name: str
    quantity: Annotated[int, Field(gt=0)]
    unit_price: Money
    net: Money


@dataclass(frozen=True, slots=True)
class Quote:
    """What a basket costs.

    Attributes:
        currency: The currency of every amount.
        lines: One line per product.
    """

    currency: Currency
    lines: tuple[Line, ...]

    @property
    def subtotal(self) -> Money:
        """The sum before price rules."""
        return total((line.unit_price * line.quantity for line in self.lines), self.currency)

    @property
    def total(self) -> Money:
        """The sum to pay."""
        return total((line.net for line in self.lines), self.currency)

    @property
    def discount(self) -> Money:
        """What the price rules took off."""
        return self.subtotal - self.total


class PriceRule(Protocol):
    """Changes what lines cost."""

    def apply(self, lines: Sequence[Line]) -> tuple[Line, ...]:
        """Return the same lines, each with its new `net`."""


@dataclass(frozen=True, slots=True)
class BulkDiscount:
    """`percent` off one product from `minimum` pieces on."""

    sku: str
    minimum: int
    percent: Decimal

    def apply(self, lines: Sequence[Line]) -> tuple[Line, ...]:
        """See `PriceRule.apply`."""
        return tuple(
            replace(line, net=line.net - _percentage(line.net, self.percent))
            if line.sku == self.sku and line.quantity >= self.minimum
            else line
            for line in lines
        )


@dataclass(frozen=True, slots=True)
class BasketDiscount:
    """`percent` off the whole basket from a sum of `threshold` (above zero) on."""

    threshold: Money
    percent: Decimal

    def apply(self, lines: Sequence[Line]) -> tuple[Line, ...]:
        """See `PriceRule.apply`. Each line bears its part, so the lines still add up to the total."""
        whole = total((line.net for line in lines), self.threshold.currency)
        if whole < self.threshold:
            return tuple(lines)
        parts = _percentage(whole, self.percent).allocate([line.net.minor for line in lines])
        return tuple(replace(line, net=line.net - part) for line, part in zip(lines, parts, strict=True))


def quote(items: Iterable[tuple[Product, int]], *, rules: Iterable[PriceRule], currency: Currency) -> Quote:
    """Price a basket.

    Args:
        items: Products, and how many pieces of each.
        rules: Applied in this order, each to what the one before has left.
        currency: The currency of all prices.
    """
    lines = tuple(
        Line(
            sku=product.sku,
            name=product.name,
            quantity=quantity,
            unit_price=product.price,
            net=product.price * quantity,
        )
        for product, quantity in items
    )
    for rule in rules:
        lines = rule.apply(lines)
    return Quote(currency, lines)


def _percentage(amount: Money, percent: Decimal) -> Money:
    return amount.scaled(Fraction(percent) / 100)
