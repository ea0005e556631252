import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from threading import Lock
from typing import TypeVar
from uuid import uuid4

import pytest
from psycopg_pool import ConnectionPool

from storefront_catalog import Order, Product
from storefront_money import Currency, Money
from storefront_shop.errors import NotFoundError
from storefront_shop.migrate import migrate
from storefront_shop.postgres import PostgresRepository
from storefront_shop.repository import Basket, Repository

T = TypeVar("T")

MUG = Product("MUG-01", "Stoneware mug", Money(1200, Currency.EUR))
TEA = Product("TEA-01", "Green tea", Money(499, Currency.EUR))


@pytest.fixture
def mug() -> Product:
    return MUG


@pytest.fixture
def tea() -> Product:
    return TEA


@pytest.fixture(scope="session")
def database() -> str:
    """The URL of a migrated database."""
    url = os.environ["DATABASE_URL"]
    migrate(url)
    return url


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.integration)])
def repository(request: pytest.FixtureRequest) -> Iterator[Repository]:
    """An empty repository that sells tea and mugs: one in memory, and the real one."""
    if request.param == "memory":
        yield MemoryRepository([TEA, MUG])
        return
    with ConnectionPool(request.getfixturevalue("database"), min_size=1, max_size=4, open=True) as pool:
        with pool.connection() as connection:
            connection.execute("TRUNCATE product, basket, basket_line, placed_order")
        made = PostgresRepository(pool)
        made.offer([TEA, MUG])
        yield made


class MemoryRepository:
    """A repository that lasts as long as a test: for what has nothing to do with storage."""

    def __init__(self, products: Iterable[Product]) -> None:
        self._products = {product.sku: product for product in products}
        self._baskets: dict[str, Basket] = {}
        self._orders: dict[str, Order] = {}
        self._lock = Lock()

    def products(self) -> tuple[Product, ...]:
        return tuple(self._products.values())

    def product(self, sku: str) -> Product:
        return found(self._products, sku, "product")

    def create_basket(self) -> Basket:
        basket = Basket(str(uuid4()))
        self._baskets[basket.id] = basket
        return basket

    def basket(self, basket_id: str) -> Basket:
        return found(self._baskets, basket_id, "open basket")

    def set_quantity(self, basket_id: str, sku: str, quantity: int) -> Basket:
        self.product(sku)
        with self._lock:
            basket = self.basket(basket_id)
            quantities = {**basket.quantities, sku: quantity}
            kept = {sku: count for sku, count in quantities.items() if count > 0}
            self._baskets[basket_id] = replace(basket, quantities=kept)
            return self._baskets[basket_id]

    def place_order(self, basket_id: str, order_for: Callable[[Basket], Order]) -> Order:
        with self._lock:
            if basket_id not in self._orders:
                self._orders[basket_id] = order_for(self.basket(basket_id))
                del self._baskets[basket_id]
            return self._orders[basket_id]

    def order(self, order_id: str) -> Order:
        return found(self._orders, order_id, "order")


def found(rows: Mapping[str, T], key: str, kind: str) -> T:
    if key not in rows:
        raise NotFoundError(f"there is no {kind} {key!r}")
    return rows[key]
