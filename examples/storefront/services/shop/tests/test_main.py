from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from storefront_catalog import Order
from storefront_shop.main import application


def test_the_service_sells_its_assortment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    orders = tmp_path / "orders.jsonl"
    monkeypatch.setenv("STOREFRONT_ORDERS", str(orders))
    client = TestClient(application())

    placed = []
    for quantity in (1, 2):
        basket = f"/baskets/{client.post('/baskets').json()['id']}"
        for product in client.get("/products").json():
            client.put(f"{basket}/lines/{product['sku']}", json={"quantity": quantity})
        placed.append(client.post(f"{basket}/checkout").json())

    written = [Order.from_json(line) for line in orders.read_text("utf-8").splitlines()]
    assert [order.id for order in written] == [order["id"] for order in placed]
    assert [str(order.quote.total) for order in written] == ["48.92 EUR", "97.83 EUR"]


def test_orders_go_to_the_current_folder_unless_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STOREFRONT_ORDERS", raising=False)
    monkeypatch.chdir(tmp_path)
    client = TestClient(application())

    basket = f"/baskets/{client.post('/baskets').json()['id']}"
    client.put(f"{basket}/lines/MUG-01", json={"quantity": 1})
    client.post(f"{basket}/checkout")

    assert (tmp_path / "orders.jsonl").exists()
