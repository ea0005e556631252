import os

import pytest
from fastapi.testclient import TestClient
from redis import Redis

from storefront_catalog import QUEUE, Order
from storefront_shop.errors import ShopError
from storefront_shop.main import application


@pytest.mark.integration
@pytest.mark.usefixtures("database")
def test_the_service_sells_its_assortment() -> None:
    placed = []
    with Redis.from_url(os.environ["REDIS_URL"]) as redis, TestClient(application()) as client:
        redis.delete(QUEUE)
        for quantity in (1, 2):
            basket = f"/baskets/{client.post('/baskets').json()['id']}"
            for sku in ("MUG-01", "POT-01", "TEA-01"):
                client.put(f"{basket}/lines/{sku}", json={"quantity": quantity})
            placed.append(client.post(f"{basket}/checkout").json())
        sent = [Order.from_json(text) for text in redis.lrange(QUEUE, 0, -1)]

    assert [order.id for order in sent] == [order["id"] for order in placed]
    assert [str(order.quote.total) for order in sent] == ["48.92 EUR", "97.83 EUR"]


@pytest.mark.parametrize("missing", ["DATABASE_URL", "REDIS_URL"])
def test_what_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    for name in ("DATABASE_URL", "REDIS_URL"):
        monkeypatch.setenv(name, "redis://localhost")
    monkeypatch.delenv(missing)

    with pytest.raises(ShopError, match=f"{missing} is not set"):
        application()
