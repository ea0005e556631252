"""What can be wrong in the catalogue."""

from collections.abc import Mapping
from typing import Self

from pydantic import ValidationError


class CatalogError(Exception):
    """Root of this package's errors."""


class FormatError(CatalogError):
    """A text is no assortment, order or stock."""

    @classmethod
    def of(cls, kind: str, error: ValidationError) -> Self:
        """Name the wrong keys of a text that should be a `kind`."""
        problems = [
            f"{'.'.join(str(key) for key in problem['loc'])}: {problem['msg']}".removeprefix(": ")
            for problem in error.errors()
        ]
        return cls(f"wrong {kind}: " + "; ".join(problems))


class OutOfStockError(CatalogError):
    """The stock does not cover an order.

    Attributes:
        missing: How many pieces are missing, by SKU.
    """

    def __init__(self, missing: Mapping[str, int]) -> None:
        listed = ", ".join(f"{count} x {sku}" for sku, count in sorted(missing.items()))
        super().__init__(f"missing: {listed}")
        self.missing = dict(missing)


class ReservationConflictError(CatalogError):
    """An order id is reserved already, for other quantities."""
