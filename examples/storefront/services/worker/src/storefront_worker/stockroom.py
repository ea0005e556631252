"""Where the worker keeps the stock."""

from pathlib import Path
from typing import Protocol

from storefront_catalog import FormatError, Order, Stock
from storefront_worker.errors import WorkerError
from storefront_worker.files import replace_text


class Stockroom(Protocol):
    """Reserves stock for orders."""

    def reserve(self, order: Order) -> None:
        """Reserve all that was ordered, or nothing. An order that is reserved already stays so.

        Raises:
            OutOfStockError: There is too little of something.
            ReservationConflictError: The order's id is reserved for other quantities.
        """


class FileStockroom:
    """A stock that is kept in a JSON file, for one worker at a time.

    Args:
        path: The file: `{"on_hand": {"MUG-01": 20}}`. Reservations are written into it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def reserve(self, order: Order) -> None:
        """See `Stockroom.reserve`.

        Raises:
            WorkerError: The file is missing or wrong.
        """
        stock = self._load().reserve(order.id, order.quantities)
        replace_text(self._path, stock.to_json() + "\n")

    def _load(self) -> Stock:
        try:
            return Stock.from_json(self._path.read_bytes())
        except OSError as error:
            raise WorkerError(f"the stock can't be read: {error}") from error
        except FormatError as error:
            raise WorkerError(f"{self._path}: {error}") from error
