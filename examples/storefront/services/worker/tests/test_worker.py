from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from storefront_catalog import Order
from storefront_worker.stockroom import FileStockroom
from storefront_worker.worker import Outcome, Worker


class MemoryQueue:
    """A queue that lasts as long as the test."""

    def __init__(self, *orders: Order) -> None:
        self.waiting = deque(orders)

    def process_next(self, handle: Callable[[Order], None]) -> bool:
        if not self.waiting:
            return False
        handle(self.waiting[0])
        self.waiting.popleft()
        return True


def outcomes(queue: MemoryQueue, stock: Path, receipts: Path) -> dict[str, Outcome]:
    worker = Worker(queue=queue, stockroom=FileStockroom(stock), receipts=receipts)
    return {order.id: outcome for order, outcome in worker.run()}


def test_orders_are_reserved_while_the_stock_lasts(tmp_path: Path, stock: Path, order: Order) -> None:
    orders = [replace(order, id=f"order-{number}") for number in (1, 2, 3)]

    result = outcomes(MemoryQueue(*orders), stock, tmp_path / "receipts")

    assert result == {
        "order-1": Outcome.RESERVED,
        "order-2": Outcome.RESERVED,
        "order-3": Outcome.OUT_OF_STOCK,
    }


def test_each_order_gets_a_receipt_or_a_notice(tmp_path: Path, stock: Path, order: Order) -> None:
    orders = [replace(order, id=f"order-{number}") for number in (1, 2, 3)]

    outcomes(MemoryQueue(*orders), stock, tmp_path / "receipts")

    texts = {path.name: path.read_text("utf-8") for path in (tmp_path / "receipts").iterdir()}
    assert sorted(texts) == ["order-1.txt", "order-2.txt", "order-3.txt"]
    assert texts["order-1.txt"].startswith("Receipt\nOrder order-1\n")
    assert texts["order-3.txt"].endswith("missing: 3 x TEA-01\n")


def test_an_order_that_comes_twice_is_reserved_once(tmp_path: Path, stock: Path, order: Order) -> None:
    outcomes(MemoryQueue(order), stock, tmp_path)
    after_the_first = stock.read_text("utf-8")

    result = outcomes(MemoryQueue(order), stock, tmp_path)

    assert result == {"order-1": Outcome.RESERVED}
    assert stock.read_text("utf-8") == after_the_first


def test_an_order_stays_in_the_queue_until_its_receipt_is_written(
    tmp_path: Path, stock: Path, order: Order
) -> None:
    queue = MemoryQueue(order)
    no_folder = tmp_path / "a-file"
    no_folder.touch()

    with pytest.raises(FileExistsError):
        outcomes(queue, stock, no_folder)

    assert list(queue.waiting) == [order]
    assert outcomes(queue, stock, tmp_path) == {"order-1": Outcome.RESERVED}
