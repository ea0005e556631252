"""What customers get to read about their orders."""

from datetime import UTC

from storefront_catalog import Order
from storefront_money import Money


def receipt(order: Order) -> str:
    """Return the receipt for an order whose stock is reserved."""
    quote = order.quote
    rows = [
        *((f"{line.quantity} x {line.name}", line.unit_price * line.quantity) for line in quote.lines),
        *([("Discount", -quote.discount)] if quote.discount.minor else []),
        ("Total", quote.total),
    ]
    return _heading("Receipt", order) + _table(rows)


def notice(order: Order, reason: str) -> str:
    """Return the notice for an order that can't be fulfilled."""
    return _heading("Not in stock", order) + f"{reason}\n"


def _heading(title: str, order: Order) -> str:
    return f"{title}\nOrder {order.id}\n{order.placed_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC\n\n"


def _table(rows: list[tuple[str, Money]]) -> str:
    label_width = max(len(label) for label, _ in rows)
    amount_width = max(len(str(amount)) for _, amount in rows)
    return "".join(f"{label:<{label_width}}  {amount!s:>{amount_width}}\n" for label, amount in rows)
