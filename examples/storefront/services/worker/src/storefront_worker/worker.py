"""What happens to an order."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from storefront_catalog import Order, OutOfStockError
from storefront_worker.files import replace_text
from storefront_worker.orders import OrderQueue
from storefront_worker.receipts import notice, receipt
from storefront_worker.stockroom import Stockroom


class Outcome(StrEnum):
    """What became of an order."""

    RESERVED = "reserved"
    OUT_OF_STOCK = "out-of-stock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """Takes orders from a queue, one after the other.

    Attributes:
        queue: Where orders come from.
        stockroom: Where stock is reserved.
        receipts: A folder; each order's receipt or notice is written to `<order id>.txt` in it.
    """

    queue: OrderQueue
    stockroom: Stockroom
    receipts: Path

    def run(self) -> Iterator[tuple[Order, Outcome]]:
        """Handle all orders that wait, and yield each with its outcome.

        An order leaves the queue after its receipt is written. If the worker dies before that, the
        order comes again; it is reserved once and its receipt is the same.
        """
        done: list[tuple[Order, Outcome]] = []
        while self.queue.process_next(lambda order: done.append((order, self._handle(order)))):
            yield done.pop()

    def _handle(self, order: Order) -> Outcome:
        try:
            self.stockroom.reserve(order)
        except OutOfStockError as error:
            self._write(order, notice(order, str(error)))
            return Outcome.OUT_OF_STOCK
        self._write(order, receipt(order))
        return Outcome.RESERVED

    def _write(self, order: Order, text: str) -> None:
        self.receipts.mkdir(parents=True, exist_ok=True)
        replace_text(self.receipts / f"{order.id}.txt", text)
