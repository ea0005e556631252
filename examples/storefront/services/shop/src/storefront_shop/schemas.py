"""The JSON of the API. Answers are read off the attributes of what the shop returns."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from storefront_money import Currency


class _Answer(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class Health(_Answer):
    """The service answers and reaches its storage."""

    status: Literal["ok"] = "ok"
    products: int


class MoneyOut(_Answer):
    """An amount. In JSON it is a string: not every reader keeps numbers exact."""

    amount: Decimal
    currency: Currency


class ProductOut(_Answer):
    """A product."""

    sku: str
    name: str
    price: MoneyOut


class LineOut(_Answer):
    """A line of a basket or order."""

    sku: str
    name: str
    quantity: int
    unit_price: MoneyOut
    net: MoneyOut


class QuoteOut(_Answer):
    """What something costs."""

    lines: list[LineOut]
    subtotal: MoneyOut
    discount: MoneyOut
    total: MoneyOut


class BasketOut(_Answer):
    """An open basket."""

    id: str
    quote: QuoteOut


class OrderOut(_Answer):
    """An order."""

    id: str
    placed_at: datetime
    quote: QuoteOut


class QuantityIn(BaseModel):
    """How many pieces of a product to have in a basket."""

    quantity: Annotated[int, Field(ge=0, le=99)]
