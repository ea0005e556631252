"""Where the shop keeps products, baskets and orders."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Protocol, TypeVar
from uuid import uuid4

from storefront_catalog import Order, Product
from storefront_shop.errors import NotFoundError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Basket:
    """What a customer has picked.

    Attributes:
        id: Unique; nobody can guess it, so who knows it may use the basket.
        quantities: Pieces by SKU, each at least 1, in the order in which they were picked.
    """

    id: str
    quantities: Mapping[str, int] = field(default_factory=dict)


class Repository(Protocol):
    """The shop's storage. Several threads use it at once, so each method happens as a whole."""

    def products(self) -> tuple[Product, ...]:
        """Return all products, in the order in which customers see them."""

    def product(self, sku: str) -> Product:
        """Return one product, or raise `NotFoundError`."""

    def create_basket(self) -> Basket:
        """Return a new, empty basket."""

    def basket(self, basket_id: str) -> Basket:
        """Return an open basket, or raise `NotFoundError`."""

    def set_quantity(self, basket_id: str, sku: str, quantity: int) -> Basket:
        """Put `quantity` pieces into a basket in place of those that it has; 0 takes them out.

        Returns:
            The basket as it is then.

        Raises:
            NotFoundError: There is no such open basket, or no such product.
        """

    def place_order(self, basket_id: str, order_for: Callable[[Basket], Order]) -> Order:
        """Close a basket and store the order for it. A closed basket keeps the order it has.

        Args:
            basket_id: The basket.
            order_for: Makes the order. It may look up products. If it raises, the basket stays open.

        Raises:
            NotFoundError: There never was such a basket.
        """

    def order(self, order_id: str) -> Order:
        """Return an order, or raise `NotFoundError`."""


class InMemoryRepository:
    """A repository that lasts as long as the process.

    Args:
        products: What is sold.
    """

    def __init__(self, products: Iterable[Product]) -> None:
        self._products = {product.sku: product for product in products}
        self._baskets: dict[str, Basket] = {}
        self._orders: dict[str, Order] = {}
        self._lock = Lock()

    def products(self) -> tuple[Product, ...]:
        """See `Repository.products`."""
        return tuple(self._products.values())

    def product(self, sku: str) -> Product:
        """See `Repository.product`."""
        return _found(self._products, sku, "product")

    def create_basket(self) -> Basket:
        """See `Repository.create_basket`."""
        basket = Basket(str(uuid4()))
        self._baskets[basket.id] = basket
        return basket

    def basket(self, basket_id: str) -> Basket:
        """See `Repository.basket`."""
        return _found(self._baskets, basket_id, "open basket")

    def set_quantity(self, basket_id: str, sku: str, quantity: int) -> Basket:
        """See `Repository.set_quantity`."""
        self.product(sku)
        with self._lock:
            basket = self.basket(basket_id)
            quantities = {**basket.quantities, sku: quantity}
            kept = {sku: count for sku, count in quantities.items() if count > 0}
            self._baskets[basket_id] = replace(basket, quantities=kept)
            return self._baskets[basket_id]

    def place_order(self, basket_id: str, order_for: Callable[[Basket], Order]) -> Order:
        """See `Repository.place_order`."""
        with self._lock:
            if basket_id not in self._orders:
                self._orders[basket_id] = order_for(self.basket(basket_id))
                del self._baskets[basket_id]
            return self._orders[basket_id]

    def order(self, order_id: str) -> Order:
        """See `Repository.order`."""
        return _found(self._orders, order_id, "order")


def _found(rows: Mapping[str, T], key: str, kind: str) -> T:
    if key not in rows:
        raise NotFoundError(f"there is no {kind} {key!r}")
    return rows[key]
