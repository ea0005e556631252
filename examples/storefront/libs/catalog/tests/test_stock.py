import pytest

from storefront_catalog import FormatError, OutOfStockError, ReservationConflictError, Stock

STOCK = Stock({"MUG-01": 5, "TEA-01": 1})


def test_what_is_reserved_is_not_available() -> None:
    stock = STOCK.reserve("a", {"MUG-01": 2}).reserve("b", {"MUG-01": 1, "TEA-01": 1})

    assert (stock.available("MUG-01"), stock.available("TEA-01")) == (2, 0)
    assert stock.available("CUP-01") == 0


def test_an_order_is_reserved_whole_or_not_at_all() -> None:
    with pytest.raises(OutOfStockError, match="missing: 1 x CUP-01, 2 x TEA-01") as caught:
        STOCK.reserve("a", {"MUG-01": 2, "TEA-01": 3, "CUP-01": 1})

    assert caught.value.missing == {"TEA-01": 2, "CUP-01": 1}
    assert STOCK.available("MUG-01") == 5


def test_the_last_piece_can_be_reserved() -> None:
    assert STOCK.reserve("a", {"TEA-01": 1}).available("TEA-01") == 0


def test_reserving_an_order_again_changes_nothing() -> None:
    once = STOCK.reserve("a", {"TEA-01": 1})

    assert once.reserve("a", {"TEA-01": 1}) == once


def test_an_order_id_stands_for_one_set_of_quantities() -> None:
    once = STOCK.reserve("a", {"TEA-01": 1})

    with pytest.raises(ReservationConflictError, match="order a is reserved for other quantities"):
        once.reserve("a", {"TEA-01": 2})


def test_a_stock_survives_json() -> None:
    stock = STOCK.reserve("a", {"MUG-01": 2})

    assert Stock.from_json(stock.to_json()) == stock


def test_a_stock_written_by_hand_needs_no_reservations() -> None:
    assert Stock.from_json('{"on_hand": {"MUG-01": 5, "TEA-01": 1}}') == STOCK


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[]", "Input should be an object"),
        ("{}", "on_hand: Field required"),
        ('{"on_hand": {"MUG-01": -1}}', r"on_hand\.MUG-01: .* greater than or equal to 0"),
        ('{"on_hand": {"MUG-01": "5"}}', r"on_hand\.MUG-01: "),
    ],
)
def test_an_error_names_the_wrong_key(text: str, reason: str) -> None:
    with pytest.raises(FormatError, match=f"^wrong stock: {reason}"):
        Stock.from_json(text)
