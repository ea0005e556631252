"""What is in the warehouse, and what of it is spoken for."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from storefront_catalog.errors import FormatError, OutOfStockError, ReservationConflictError

Pieces = Annotated[int, Field(ge=0)]


@dataclass(frozen=True, slots=True)
class Stock:
    """The stock at one moment. It never changes: `reserve` returns the next one.

    Attributes:
        on_hand: Pieces in the warehouse, by SKU.
        reservations: Pieces spoken for, by order id and SKU.
    """

    on_hand: Mapping[str, Pieces]
    reservations: Mapping[str, Mapping[str, Pieces]] = field(default_factory=dict)

    def available(self, sku: str) -> int:
        """Return how many pieces can still be reserved."""
        reserved = sum(quantities.get(sku, 0) for quantities in self.reservations.values())
        return self.on_hand.get(sku, 0) - reserved

    def reserve(self, order_id: str, quantities: Mapping[str, int]) -> "Stock":
        """Reserve all pieces of an order, or none. Reserving the same order again changes nothing.

        Args:
            order_id: The order.
            quantities: Pieces by SKU.

        Raises:
            OutOfStockError: There is too little of something.
            ReservationConflictError: The order is reserved with other quantities.
        """
        if order_id in self.reservations:
            if self.reservations[order_id] != quantities:
                raise ReservationConflictError(
                    f"order {order_id} is reserved for other quantities: "
                    f"{dict(self.reservations[order_id])}, not {dict(quantities)}"
                )
            return self
        missing = {
            sku: quantity - self.available(sku)
            for sku, quantity in quantities.items()
            if quantity > self.available(sku)
        }
        if missing:
            raise OutOfStockError(missing)
        return replace(self, reservations={**self.reservations, order_id: dict(quantities)})

    def to_json(self) -> str:
        """Return the stock as JSON, indented for people."""
        return _JSON.dump_json(self, indent=2).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> "Stock":
        """Read what `to_json` wrote, or `{"on_hand": {"MUG-01": 20}}` written by hand.

        Raises:
            FormatError: The text is no stock; the message names the wrong values.
        """
        try:
            return _JSON.validate_json(text, strict=True)
        except ValidationError as error:
            raise FormatError.of("stock", error) from error


_JSON = TypeAdapter(Stock)
