"""Where the shop keeps products, baskets and orders."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from storefront_catalog import Order, Product


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
