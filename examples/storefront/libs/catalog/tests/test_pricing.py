from decimal import Decimal

import pytest

from storefront_catalog import BasketDiscount, BulkDiscount, PriceRule, Product, Quote, quote
from storefront_money import Currency, Money


def eur(amount: str) -> Money:
    return Money.of(amount, Currency.EUR)


MUG = Product("MUG-01", "Stoneware mug", eur("12.00"))
TEA = Product("TEA-01", "Green tea", eur("4.99"))


def quote_of(*items: tuple[Product, int], rules: list[PriceRule]) -> Quote:
    return quote(items, rules=rules, currency=Currency.EUR)


def test_without_rules_the_total_is_the_sum_of_the_prices() -> None:
    result = quote_of((MUG, 2), (TEA, 1), rules=[])

    assert [line.net for line in result.lines] == [eur("24.00"), eur("4.99")]
    assert result.total == result.subtotal == eur("28.99")
    assert result.discount == eur("0")


def test_an_empty_basket_costs_nothing() -> None:
    result = quote_of(rules=[BasketDiscount(eur("50"), Decimal(5))])

    assert result.lines == ()
    assert result.total == eur("0")


@pytest.mark.parametrize(("quantity", "net"), [(2, "9.98"), (3, "13.47")])
def test_a_bulk_discount_begins_at_its_minimum(quantity: int, net: str) -> None:
    result = quote_of((TEA, quantity), (MUG, 5), rules=[BulkDiscount("TEA-01", 3, Decimal(10))])

    assert [line.net for line in result.lines] == [eur(net), eur("60.00")]


@pytest.mark.parametrize(("mugs", "total", "discount"), [(4, "48.00", "0.00"), (5, "57.00", "3.00")])
def test_a_basket_discount_begins_at_its_threshold(mugs: int, total: str, discount: str) -> None:
    result = quote_of((MUG, mugs), rules=[BasketDiscount(eur("60"), Decimal(5))])

    assert result.total == eur(total)
    assert result.discount == eur(discount)


def test_the_lines_bear_a_basket_discount_together() -> None:
    result = quote_of((MUG, 1), (TEA, 1), rules=[BasketDiscount(eur("1"), Decimal("2.5"))])

    assert [line.net for line in result.lines] == [eur("11.70"), eur("4.87")]
    assert result.discount == eur("0.42")


def test_rules_apply_one_after_the_other() -> None:
    half = BulkDiscount("MUG-01", 1, Decimal(50))
    large = BasketDiscount(eur("10"), Decimal(10))

    assert quote_of((MUG, 1), rules=[half, large]).total == eur("6.00")
    assert quote_of((MUG, 1), rules=[large, half]).total == eur("5.40")
