"""What the storefront sells."""

from dataclasses import dataclass

from storefront_money import Money


@dataclass(frozen=True, slots=True)
class Product:
    """A product.

    Attributes:
        sku: The stock keeping unit: the product's id.
        name: The name that customers see.
        price: The price of one piece, before price rules.
    """

    sku: str
    name: str
    price: Money
