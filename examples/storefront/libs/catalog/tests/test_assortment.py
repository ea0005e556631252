import pytest

from storefront_catalog import Assortment, FormatError, Product, quote
from storefront_money import Currency, Money

PRODUCT = """
currency = "EUR"
[[product]]
sku = "MUG-01"
name = "Stoneware mug"
price = 12.00
"""

BULK = """
[[bulk_discount]]
sku = "MUG-01"
minimum = 2
percent = 10
"""

BASKET = """
[basket_discount]
threshold = 40.00
percent = 2.5
"""


def test_a_file_gives_products_in_their_currency() -> None:
    assortment = Assortment.parse(PRODUCT)

    mug = Product("MUG-01", "Stoneware mug", Money(1200, Currency.EUR))
    assert assortment == Assortment(Currency.EUR, {"MUG-01": mug}, ())


def test_the_basket_discount_applies_after_the_bulk_discounts() -> None:
    assortment = Assortment.parse(PRODUCT + BASKET + BULK)
    mug = assortment.products["MUG-01"]

    result = quote([(mug, 4)], rules=assortment.rules, currency=assortment.currency)

    assert result.total == Money.parse("42.12 EUR")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("currency =", "at end of document"),
        ('currency = "EUR"', "product"),
        (PRODUCT.replace("EUR", "XYZ"), "currency"),
        (PRODUCT.replace("MUG-01", "mug 1"), r"product\.0\.sku"),
        (PRODUCT.replace("12.00", "-1"), r"product\.0\.price"),
        (PRODUCT.replace("12.00", "12.005"), "finer than the currency"),
        (PRODUCT + "colour = 1", r"product\.0\.colour"),
        (PRODUCT + PRODUCT.replace('currency = "EUR"', ""), r"product\.sku is given twice: MUG-01"),
        (PRODUCT + BULK.replace("MUG-01", "CUP-01"), r"bulk_discount\.sku is no product: CUP-01"),
        (PRODUCT + BULK.replace("10", "101"), r"bulk_discount\.0\.percent"),
        (PRODUCT + BASKET.replace("40.00", "0"), r"basket_discount\.threshold"),
    ],
)
def test_an_error_names_the_wrong_key(text: str, reason: str) -> None:
    with pytest.raises(FormatError, match=f"^wrong assortment: .*{reason}"):
        Assortment.parse(text)
