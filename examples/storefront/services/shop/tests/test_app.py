from datetime import UTC, datetime
from decimal import Decimal

import pytest
from fastapi.testclient import TestClient

from storefront_catalog import BulkDiscount, Order
from storefront_money import Currency
from storefront_shop.app import create_app
from storefront_shop.repository import Repository
from storefront_shop.shop import Shop

MUG_JSON = {
    "sku": "MUG-01",
    "name": "Stoneware mug",
    "price": {"amount": "12.00", "currency": "EUR"},
}


class ListOutbox:
    """Keeps what was sent; fails while it is `closed`."""

    def __init__(self) -> None:
        self.sent: list[Order] = []
        self.closed = False

    def send(self, order: Order) -> None:
        if self.closed:
            raise OSError("the outbox is closed")
        self.sent.append(order)


@pytest.fixture
def outbox() -> ListOutbox:
    return ListOutbox()


@pytest.fixture
def client(repository: Repository, outbox: ListOutbox) -> TestClient:
    shop = Shop(
        repository=repository,
        outbox=outbox,
        rules=(BulkDiscount("TEA-01", 3, Decimal(10)),),
        currency=Currency.EUR,
        now=lambda: datetime(2026, 5, 4, 10, 30, tzinfo=UTC),
    )
    return TestClient(create_app(shop), raise_server_exceptions=False)


@pytest.fixture
def basket(client: TestClient) -> str:
    """The address of a new basket."""
    return f"/baskets/{client.post('/baskets').json()['id']}"


def test_health_counts_the_products(client: TestClient) -> None:
    response = client.get("/health")

    assert (response.status_code, response.json()) == (200, {"status": "ok", "products": 2})


def test_products_are_listed(client: TestClient) -> None:
    response = client.get("/products")

    assert response.status_code == 200
    assert response.json()[1] == MUG_JSON
    assert [product["sku"] for product in response.json()] == ["TEA-01", "MUG-01"]


def test_a_product_has_a_page_of_its_own(client: TestClient) -> None:
    assert client.get("/products/MUG-01").json() == MUG_JSON


def test_the_page_for_customers_is_html(client: TestClient) -> None:
    response = client.get("/")

    assert response.headers["content-type"].startswith("text/html")
    assert "<title>Storefront</title>" in response.text


def test_a_new_basket_is_empty(client: TestClient) -> None:
    response = client.post("/baskets")

    assert response.status_code == 201
    assert response.json()["quote"]["lines"] == []
    assert response.json()["quote"]["total"] == {"amount": "0.00", "currency": "EUR"}


def test_a_basket_shows_what_it_costs(client: TestClient, basket: str) -> None:
    client.put(f"{basket}/lines/MUG-01", json={"quantity": 1})
    changed = client.put(f"{basket}/lines/TEA-01", json={"quantity": 3})

    assert changed.status_code == 200
    assert client.get(basket).json() == changed.json()
    quote = changed.json()["quote"]
    assert quote["lines"][1] == {
        "sku": "TEA-01",
        "name": "Green tea",
        "quantity": 3,
        "unit_price": {"amount": "4.99", "currency": "EUR"},
        "net": {"amount": "13.47", "currency": "EUR"},
    }
    assert quote["subtotal"]["amount"] == "26.97"
    assert quote["discount"]["amount"] == "1.50"
    assert quote["total"]["amount"] == "25.47"


@pytest.mark.parametrize("quantity", [-1, 100, 1.5, "many", None])
def test_a_quantity_is_a_number_from_0_to_99(client: TestClient, basket: str, quantity: object) -> None:
    response = client.put(f"{basket}/lines/MUG-01", json={"quantity": quantity})

    assert response.status_code == 422
    assert client.get(basket).json()["quote"]["lines"] == []


def test_checkout_sends_the_order(client: TestClient, basket: str, outbox: ListOutbox) -> None:
    client.put(f"{basket}/lines/MUG-01", json={"quantity": 2})

    response = client.post(f"{basket}/checkout")

    assert response.status_code == 201
    order = response.json()
    assert order["placed_at"] == "2026-05-04T10:30:00Z"
    assert order["quote"]["total"] == {"amount": "24.00", "currency": "EUR"}
    assert client.get(f"/orders/{order['id']}").json() == order
    assert [(sent.id, sent.quantities) for sent in outbox.sent] == [(order["id"], {"MUG-01": 2})]


def test_checkout_of_an_empty_basket_is_a_conflict(client: TestClient, basket: str) -> None:
    response = client.post(f"{basket}/checkout")

    assert response.status_code == 409
    assert "is empty" in response.json()["detail"]
    assert client.get(basket).status_code == 200


def test_checkout_can_be_repeated_when_sending_failed(
    client: TestClient, basket: str, outbox: ListOutbox
) -> None:
    client.put(f"{basket}/lines/MUG-01", json={"quantity": 2})
    outbox.closed = True
    assert client.post(f"{basket}/checkout").status_code == 500
    outbox.closed = False

    first, second = client.post(f"{basket}/checkout"), client.post(f"{basket}/checkout")

    assert first.status_code == second.status_code == 201
    assert first.json() == second.json()
    assert {order.id for order in outbox.sent} == {first.json()["id"]}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/products/CUP-01"),
        ("GET", "/baskets/none"),
        ("POST", "/baskets/none/checkout"),
        ("GET", "/orders/none"),
    ],
)
def test_what_does_not_exist_is_not_found(client: TestClient, method: str, path: str) -> None:
    response = client.request(method, path)

    assert response.status_code == 404
    assert response.json()["detail"].startswith("there is no ")


def test_a_product_that_is_not_sold_does_not_get_into_a_basket(client: TestClient, basket: str) -> None:
    response = client.put(f"{basket}/lines/CUP-01", json={"quantity": 1})

    assert response.status_code == 404
    assert response.json() == {"detail": "there is no product 'CUP-01'"}
