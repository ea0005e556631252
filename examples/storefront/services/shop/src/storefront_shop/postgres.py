"""Products, baskets and orders in PostgreSQL."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from uuid import uuid4

from psycopg import Connection
from psycopg_pool import ConnectionPool

from storefront_catalog import Order, Product
from storefront_money import Currency, Money
from storefront_shop.errors import NotFoundError
from storefront_shop.repository import Basket

_PRODUCT = "SELECT sku, name, price_minor, currency FROM product"
_LINES = "SELECT sku, quantity FROM basket_line WHERE basket_id = %s ORDER BY picked"


class PostgresRepository:
    """A repository in a database that is migrated. Each method is a transaction.

    Args:
        pool: Connections to it.
    """

    def __init__(self, pool: ConnectionPool[Connection[Any]]) -> None:
        self._pool = pool
        self._mine: ContextVar[Connection[Any] | None] = ContextVar("connection", default=None)

    def offer(self, products: Iterable[Product]) -> None:
        """Sell these products, in this order, at these prices."""
        rows = [
            (product.sku, product.name, product.price.minor, product.price.currency, position)
            for position, product in enumerate(products)
        ]
        with self._transaction() as connection:
            connection.cursor().executemany(
                "INSERT INTO product (sku, name, price_minor, currency, position) VALUES (%s, %s, %s, %s, %s)"
                " ON CONFLICT (sku) DO UPDATE SET name = excluded.name, price_minor = excluded.price_minor,"
                " currency = excluded.currency, position = excluded.position",
                rows,
            )

    def products(self) -> tuple[Product, ...]:
        """See `Repository.products`."""
        with self._transaction() as connection:
            rows = connection.execute(f"{_PRODUCT} ORDER BY position")
            return tuple(_product(row) for row in rows)

    def product(self, sku: str) -> Product:
        """See `Repository.product`."""
        with self._transaction() as connection:
            return _product(_one(connection, f"{_PRODUCT} WHERE sku = %s", sku, "product"))

    def create_basket(self) -> Basket:
        """See `Repository.create_basket`."""
        basket = Basket(str(uuid4()))
        with self._transaction() as connection:
            connection.execute("INSERT INTO basket VALUES (%s)", [basket.id])
        return basket

    def basket(self, basket_id: str) -> Basket:
        """See `Repository.basket`."""
        with self._transaction() as connection:
            _one(connection, "SELECT id FROM basket WHERE id = %s", basket_id, "open basket")
            return _basket(connection, basket_id)

    def set_quantity(self, basket_id: str, sku: str, quantity: int) -> Basket:
        """See `Repository.set_quantity`."""
        with self._transaction() as connection:
            self.product(sku)
            _lock(connection, basket_id)
            if quantity:
                connection.execute(
                    "INSERT INTO basket_line (basket_id, sku, quantity) VALUES (%s, %s, %s)"
                    " ON CONFLICT (basket_id, sku) DO UPDATE SET quantity = excluded.quantity",
                    [basket_id, sku, quantity],
                )
            else:
                connection.execute(
                    "DELETE FROM basket_line WHERE basket_id = %s AND sku = %s", [basket_id, sku]
                )
            return _basket(connection, basket_id)

    def place_order(self, basket_id: str, order_for: Callable[[Basket], Order]) -> Order:
        """See `Repository.place_order`."""
        with self._transaction() as connection:
            try:
                _lock(connection, basket_id)
            except NotFoundError:
                if order := _order(connection, basket_id):
                    return order
                raise
            order = order_for(_basket(connection, basket_id))
            connection.execute(
                "INSERT INTO placed_order (id, document, placed_at) VALUES (%s, %s, %s)",
                [basket_id, order.to_json(), order.placed_at],
            )
            connection.execute("DELETE FROM basket WHERE id = %s", [basket_id])
            return order

    def order(self, order_id: str) -> Order:
        """See `Repository.order`."""
        with self._transaction() as connection:
            if order := _order(connection, order_id):
                return order
        raise NotFoundError(f"there is no order {order_id!r}")

    @contextmanager
    def _transaction(self) -> Iterator[Connection[Any]]:
        """Give the connection of the transaction that this thread is in, or begin one."""
        if connection := self._mine.get():
            yield connection
            return
        with self._pool.connection() as connection:
            token = self._mine.set(connection)
            try:
                yield connection
            finally:
                self._mine.reset(token)


def _lock(connection: Connection[Any], basket_id: str) -> None:
    """Let nobody else change this basket before the transaction ends."""
    _one(connection, "SELECT id FROM basket WHERE id = %s FOR UPDATE", basket_id, "open basket")


def _one(connection: Connection[Any], query: str, key: str, kind: str) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = connection.execute(query.encode(), [key]).fetchone()
    if row is None:
        raise NotFoundError(f"there is no {kind} {key!r}")
    return row


def _product(row: tuple[Any, ...]) -> Product:
    sku, name, minor, currency = row
    return Product(sku, name, Money(minor, Currency(currency)))


def _basket(connection: Connection[Any], basket_id: str) -> Basket:
    return Basket(basket_id, dict(connection.execute(_LINES, [basket_id]).fetchall()))


def _order(connection: Connection[Any], order_id: str) -> Order | None:
    row = connection.execute("SELECT document FROM placed_order WHERE id = %s", [order_id]).fetchone()
    return Order.from_json(row[0]) if row else None
