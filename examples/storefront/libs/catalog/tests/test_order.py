from dataclasses import replace
from datetime import UTC, datetime

import pytest

from storefront_catalog import FormatError, Line, Order, Quote
from storefront_money import Currency, Money

ORDER = Order(
    id="order-1",
    placed_at=datetime(2026, 5, 4, 10, 30, tzinfo=UTC),
    quote=Quote(
        Currency.EUR,
        (
            Line(
                sku="TEA-01",
                name="Green tea\nfrom Uji",
                quantity=3,
                unit_price=Money(499, Currency.EUR),
                net=Money(1347, Currency.EUR),
            ),
        ),
    ),
)


def test_an_order_knows_its_quantities() -> None:
    assert ORDER.quantities == {"TEA-01": 3}


def test_lines_of_one_product_are_counted_together() -> None:
    twice = replace(ORDER, quote=replace(ORDER.quote, lines=ORDER.quote.lines * 2))

    assert twice.quantities == {"TEA-01": 6}


def test_an_order_survives_json() -> None:
    assert Order.from_json(ORDER.to_json()) == ORDER


def test_an_order_is_one_line_of_json() -> None:
    assert len(ORDER.to_json().splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "Invalid JSON"),
        ("{}", "placed_at"),
        (ORDER.to_json().replace("order-1", "../order-1"), "id"),
        (ORDER.to_json().replace("1347", '"1347"'), r"quote\.lines\.0\.net\.minor"),
        (ORDER.to_json().replace('"quantity":3', '"quantity":0'), r"quote\.lines\.0\.quantity"),
        (ORDER.to_json().replace("10:30:00Z", "10:30:00"), "placed_at"),
        (ORDER.to_json().replace("EUR", "XYZ"), r"quote\.currency"),
    ],
)
def test_an_error_names_the_wrong_value(text: str, reason: str) -> None:
    with pytest.raises(FormatError, match=f"^wrong order: .*{reason}"):
        Order.from_json(text)
