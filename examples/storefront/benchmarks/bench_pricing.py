from datetime import UTC, datetime
from decimal import Decimal

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from storefront_catalog import BasketDiscount, BulkDiscount, Order, PriceRule, Product, Quote, quote
from storefront_money import Currency, Money


def price(pieces: int) -> Quote:
    products = [Product(f"SKU-{n}", f"Product {n}", Money(100 + n, Currency.EUR)) for n in range(pieces)]
    rules: list[PriceRule] = [
        BulkDiscount("SKU-5", 3, Decimal(10)),
        BasketDiscount(Money(5000, Currency.EUR), Decimal(5)),
    ]
    items = [(product, number % 7 + 1) for number, product in enumerate(products)]
    return quote(items, rules=rules, currency=Currency.EUR)


@pytest.mark.parametrize("pieces", [3, 100])
def test_pricing_a_basket(benchmark: BenchmarkFixture, pieces: int) -> None:
    assert benchmark(price, pieces).total.minor > 0


def test_reading_an_order(benchmark: BenchmarkFixture) -> None:
    order = Order("order-1", datetime(2026, 5, 4, 10, 30, tzinfo=UTC), price(20))

    assert benchmark(Order.from_json, order.to_json()) == order
