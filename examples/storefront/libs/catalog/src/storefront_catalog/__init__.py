"""Products, price rules, stock and orders."""

from storefront_catalog.assortment import Assortment
from storefront_catalog.errors import (
    CatalogError,
    FormatError,
    OutOfStockError,
    ReservationConflictError,
)
from storefront_catalog.order import QUEUE, Order
from storefront_catalog.pricing import BasketDiscount, BulkDiscount, Line, PriceRule, Quote, quote
from storefront_catalog.product import Product
from storefront_catalog.stock import Stock

__all__ = [
    "QUEUE",
    "Assortment",
    "BasketDiscount",
    "BulkDiscount",
    "CatalogError",
    "FormatError",
    "Line",
    "Order",
    "OutOfStockError",
    "PriceRule",
    "Product",
    "Quote",
    "ReservationConflictError",
    "Stock",
    "quote",
]
