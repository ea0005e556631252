from dataclasses import replace
from pathlib import Path

import pytest

from storefront_catalog import Order
from storefront_worker.errors import WorkerError
from storefront_worker.orders import FileQueue


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "orders.jsonl"


def append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def process_all(queue: FileQueue) -> list[str]:
    handled: list[Order] = []
    while queue.process_next(handled.append):
        pass
    return [order.id for order in handled]


def test_without_a_file_there_are_no_orders(path: Path) -> None:
    assert process_all(FileQueue(path)) == []


def test_orders_come_oldest_first(path: Path, order: Order) -> None:
    append(path, order.to_json() + "\n" + replace(order, id="order-2").to_json() + "\n")

    assert process_all(FileQueue(path)) == ["order-1", "order-2"]


def test_another_process_goes_on_where_this_one_stopped(path: Path, order: Order) -> None:
    append(path, order.to_json() + "\n")
    assert process_all(FileQueue(path)) == ["order-1"]

    append(path, replace(order, id="order-2").to_json() + "\n")

    assert process_all(FileQueue(path)) == ["order-2"]


def test_an_order_that_could_not_be_handled_comes_again(path: Path, order: Order) -> None:
    append(path, order.to_json() + "\n")

    def fail(order: Order) -> None:
        raise RuntimeError(order.id)

    with pytest.raises(RuntimeError, match="order-1"):
        FileQueue(path).process_next(fail)

    assert process_all(FileQueue(path)) == ["order-1"]


def test_a_line_that_is_still_being_written_waits(path: Path, order: Order) -> None:
    text = order.to_json() + "\n"
    append(path, text[:40])
    assert process_all(FileQueue(path)) == []

    append(path, text[40:])

    assert process_all(FileQueue(path)) == ["order-1"]


def test_a_line_that_is_no_order_is_named(path: Path, order: Order) -> None:
    first = order.to_json() + "\n"
    append(path, first + "{}\n")
    queue = FileQueue(path)

    with pytest.raises(WorkerError, match=rf"orders\.jsonl, byte {len(first)}: wrong order: id"):
        process_all(queue)


def test_a_position_that_is_no_number_is_named(path: Path, order: Order) -> None:
    append(path, order.to_json() + "\n")
    path.with_name("orders.jsonl.position").write_text("here", "ascii")

    with pytest.raises(WorkerError, match=r"orders\.jsonl\.position"):
        process_all(FileQueue(path))
