import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from httpx2 import Client

pytestmark = pytest.mark.api


@pytest.fixture
def shop() -> Iterator[Client]:
    """A client of the running shop."""
    with Client(base_url=os.environ["APP_URL"]) as client:
        yield client


def test_the_shop_is_healthy(shop: Client) -> None:
    assert shop.get("/health").json() == {"status": "ok", "products": 3}


def test_an_order_goes_all_its_way(shop: Client, tmp_path: Path) -> None:
    """From the basket through PostgreSQL and Redis to the worker's receipt."""
    basket = f"/baskets/{shop.post('/baskets').json()['id']}"
    shop.put(f"{basket}/lines/TEA-01", json={"quantity": 3})
    order = shop.post(f"{basket}/checkout").json()
    (tmp_path / "stock.json").write_text('{"on_hand": {"TEA-01": 60}}', "utf-8")

    worked = subprocess.run(  # noqa: S603 - our own worker
        ["storefront-worker", "--stock", tmp_path / "stock.json", "--receipts", tmp_path],  # noqa: S607
        check=True,
        capture_output=True,
        text=True,
    )

    assert f"{order['id']} reserved\n" in worked.stdout
    assert "13.47" in (tmp_path / f"{order['id']}.txt").read_text("utf-8")
    assert shop.get(f"/orders/{order['id']}").json() == order


def test_a_closed_basket_is_gone(shop: Client) -> None:
    basket = f"/baskets/{shop.post('/baskets').json()['id']}"
    shop.put(f"{basket}/lines/MUG-01", json={"quantity": 1})

    assert shop.post(f"{basket}/checkout").status_code == 201
    assert shop.get(basket).status_code == 404
    assert shop.post(f"{basket}/checkout").status_code == 201
