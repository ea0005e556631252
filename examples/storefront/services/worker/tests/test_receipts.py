from dataclasses import replace

from storefront_catalog import Order
from storefront_worker.receipts import notice, receipt


def test_a_receipt_adds_up(order: Order) -> None:
    assert receipt(order) == (
        "Receipt\n"
        "Order order-1\n"
        "2026-05-04 10:30 UTC\n"
        "\n"
        "2 x Stoneware mug  24.00 EUR\n"
        "3 x Green tea      14.97 EUR\n"
        "Discount           -1.50 EUR\n"
        "Total              37.47 EUR\n"
    )


def test_without_a_discount_there_is_no_line_for_it(order: Order) -> None:
    mugs = replace(order, quote=replace(order.quote, lines=order.quote.lines[:1]))

    assert receipt(mugs).splitlines()[4:] == [
        "2 x Stoneware mug  24.00 EUR",
        "Total              24.00 EUR",
    ]


def test_a_notice_gives_the_reason(order: Order) -> None:
    assert notice(order, "missing: 1 x MUG-01") == (
        "Not in stock\nOrder order-1\n2026-05-04 10:30 UTC\n\nmissing: 1 x MUG-01\n"
    )
