"""The JSON of the API."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field

from storefront_catalog import Line, Order, Product, Quote
from storefront_money import Money
from storefront_shop.repository import Basket


class Health(BaseModel):
    """The service answers and reaches its storage."""

    status: Literal["ok"] = "ok"
    products: int


class MoneyOut(BaseModel):
    """An amount. It is a string, for JSON numbers are not exact everywhere."""

    amount: str
    currency: str

    @classmethod
    def of(cls, money: Money) -> Self:
        """Show an amount."""
        return cls(amount=str(money.amount), currency=money.currency)


class ProductOut(BaseModel):
    """A product."""

    sku: str
    name: str
    price: MoneyOut

    @classmethod
    def of(cls, product: Product) -> Self:
        """Show a product."""
        return cls(sku=product.sku, name=product.name, price=MoneyOut.of(product.price))


class LineOut(BaseModel):
    """A line of a basket or order."""

    sku: str
    name: str
    quantity: int
    unit_price: MoneyOut
    net: MoneyOut

    @classmethod
    def of(cls, line: Line) -> Self:
        """Show a line."""
        return cls(
            sku=line.sku,
            name=line.name,
            quantity=line.quantity,
            unit_price=MoneyOut.of(line.unit_price),
            net=MoneyOut.of(line.net),
        )


class QuoteOut(BaseModel):
    """What something costs."""

    lines: list[LineOut]
    subtotal: MoneyOut
    discount: MoneyOut
    total: MoneyOut

    @classmethod
    def of(cls, quote: Quote) -> Self:
        """Show a quote."""
        return cls(
            lines=[LineOut.of(line) for line in quote.lines],
            subtotal=MoneyOut.of(quote.subtotal),
            discount=MoneyOut.of(quote.discount),
            total=MoneyOut.of(quote.total),
        )


class BasketOut(BaseModel):
    """An open basket."""

    id: str
    quote: QuoteOut

    @classmethod
    def of(cls, basket: Basket, quote: Quote) -> Self:
        """Show a basket and what it costs."""
        return cls(id=basket.id, quote=QuoteOut.of(quote))


class OrderOut(BaseModel):
    """An order."""

    id: str
    placed_at: datetime
    quote: QuoteOut

    @classmethod
    def of(cls, order: Order) -> Self:
        """Show an order."""
        return cls(id=order.id, placed_at=order.placed_at, quote=QuoteOut.of(order.quote))


class QuantityIn(BaseModel):
    """How many pieces of a product to have in a basket."""

    quantity: Annotated[int, Field(ge=0, le=99)]
