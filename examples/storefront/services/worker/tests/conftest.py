import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from redis import Redis

from storefront_catalog import QUEUE, Line, Order, Quote
from storefront_money import Currency, Money


@pytest.fixture
def order() -> Order:
    """Two mugs and three packets of tea, the tea with a discount."""
    return Order(
        id="order-1",
        placed_at=datetime(2026, 5, 4, 10, 30, tzinfo=UTC),
        quote=Quote(
            Currency.EUR,
            (
                Line(
                    sku="MUG-01",
                    name="Stoneware mug",
                    quantity=2,
                    unit_price=Money(1200, Currency.EUR),
                    net=Money(2400, Currency.EUR),
                ),
                Line(
                    sku="TEA-01",
                    name="Green tea",
                    quantity=3,
                    unit_price=Money(499, Currency.EUR),
                    net=Money(1347, Currency.EUR),
                ),
            ),
        ),
    )


@pytest.fixture
def stock(tmp_path: Path) -> Path:
    """A stock that covers the order twice."""
    path = tmp_path / "stock.json"
    path.write_text('{"on_hand": {"MUG-01": 9, "TEA-01": 6}}', "utf-8")
    return path


@pytest.fixture
def redis() -> Iterator[Redis]:
    """The Redis of the session, without orders."""
    with Redis.from_url(os.environ["REDIS_URL"]) as client:
        client.delete(QUEUE)
        yield client
