"""The assortment file: what is sold, at what price, by which price rules."""

import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from storefront_catalog.errors import FormatError
from storefront_catalog.pricing import BasketDiscount, BulkDiscount, PriceRule
from storefront_catalog.product import Product
from storefront_money import Currency, Money, MoneyFormatError

Percent = Annotated[Decimal, Field(gt=0, le=100)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Product(_Table):
    sku: Annotated[str, Field(pattern=r"^[A-Z0-9]+(-[A-Z0-9]+)*$")]
    name: Annotated[str, Field(min_length=1)]
    price: Annotated[Decimal, Field(ge=0)]


class _Bulk(_Table):
    sku: str
    minimum: Annotated[int, Field(ge=2)]
    percent: Percent


class _Basket(_Table):
    threshold: Annotated[Decimal, Field(gt=0)]
    percent: Percent


class _File(_Table):
    currency: Currency
    product: Annotated[list[_Product], Field(min_length=1)]
    bulk_discount: list[_Bulk] = []
    basket_discount: _Basket | None = None


@dataclass(frozen=True, slots=True)
class Assortment:
    """Everything that is sold.

    Attributes:
        currency: The currency of all prices.
        products: Products by SKU, in the file's order.
        rules: Price rules, in the order in which they apply: bulk discounts, then the basket's.
    """

    currency: Currency
    products: Mapping[str, Product]
    rules: tuple[PriceRule, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an assortment file.

        Args:
            text: TOML with `currency`, `[[product]]`, and optionally `[[bulk_discount]]` and
                `[basket_discount]`.

        Raises:
            FormatError: The text is no TOML, or a value is wrong; the message names its key.
        """
        try:
            file = _File.model_validate(tomllib.loads(text, parse_float=Decimal))
            return cls(file.currency, _products(file), _rules(file))
        except ValidationError as error:
            raise FormatError.of("assortment", error) from error
        except (tomllib.TOMLDecodeError, MoneyFormatError) as error:
            raise FormatError(f"wrong assortment: {error}") from error


def _products(file: _File) -> dict[str, Product]:
    twice = [sku for sku, count in Counter(row.sku for row in file.product).items() if count > 1]
    if twice:
        raise FormatError(f"wrong assortment: product.sku is given twice: {', '.join(twice)}")
    return {row.sku: Product(row.sku, row.name, Money.of(row.price, file.currency)) for row in file.product}


def _rules(file: _File) -> tuple[PriceRule, ...]:
    known = {row.sku for row in file.product}
    unknown = [row.sku for row in file.bulk_discount if row.sku not in known]
    if unknown:
        raise FormatError(f"wrong assortment: bulk_discount.sku is no product: {', '.join(unknown)}")
    rules: list[PriceRule] = [BulkDiscount(row.sku, row.minimum, row.percent) for row in file.bulk_discount]
    if file.basket_discount is not None:
        threshold = Money.of(file.basket_discount.threshold, file.currency)
        rules.append(BasketDiscount(threshold, file.basket_discount.percent))
    return tuple(rules)
