"""An order: what the shop hands to the worker."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError

from storefront_catalog.errors import FormatError
from storefront_catalog.pricing import Quote

#: The list in Redis through which orders go from the shop to the worker, oldest first.
QUEUE = "storefront:orders"


@dataclass(frozen=True, slots=True)
class Order:
    """A basket that was checked out.

    Attributes:
        id: Unique, and fit for a file name; an order that is handed over twice keeps its id.
        placed_at: When, with a time zone.
        quote: What was bought, for how much.
    """

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")]
    placed_at: AwareDatetime
    quote: Quote

    @property
    def quantities(self) -> Mapping[str, int]:
        """How many pieces of each product, by SKU."""
        pieces: Counter[str] = Counter()
        for line in self.quote.lines:
            pieces[line.sku] += line.quantity
        return pieces

    def to_json(self) -> str:
        """Return the order as one line of JSON."""
        return _JSON.dump_json(self).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> "Order":
        """Read what `to_json` wrote.

        Raises:
            FormatError: The text is no order; the message names the wrong values.
        """
        try:
            return _JSON.validate_json(text, strict=True)
        except ValidationError as error:
            raise FormatError.of("order", error) from error


_JSON = TypeAdapter(Order)
