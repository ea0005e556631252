import json
from dataclasses import replace
from pathlib import Path

import pytest

from storefront_catalog import Order, OutOfStockError
from storefront_worker.errors import WorkerError
from storefront_worker.stockroom import FileStockroom


def test_reservations_last(stock: Path, order: Order) -> None:
    FileStockroom(stock).reserve(order)
    FileStockroom(stock).reserve(order)
    FileStockroom(stock).reserve(replace(order, id="order-2"))

    assert json.loads(stock.read_text("utf-8")) == {
        "on_hand": {"MUG-01": 9, "TEA-01": 6},
        "reservations": {
            "order-1": {"MUG-01": 2, "TEA-01": 3},
            "order-2": {"MUG-01": 2, "TEA-01": 3},
        },
    }


def test_too_little_stock_leaves_the_file_alone(stock: Path, order: Order) -> None:
    stock.write_text('{"on_hand": {"MUG-01": 9}}', "utf-8")

    with pytest.raises(OutOfStockError):
        FileStockroom(stock).reserve(order)

    assert stock.read_text("utf-8") == '{"on_hand": {"MUG-01": 9}}'


def test_a_missing_file_is_named(tmp_path: Path, order: Order) -> None:
    with pytest.raises(WorkerError, match=r"the stock can't be read: .*nowhere\.json"):
        FileStockroom(tmp_path / "nowhere.json").reserve(order)


def test_a_wrong_file_is_named(stock: Path, order: Order) -> None:
    stock.write_text("{}", "utf-8")

    with pytest.raises(WorkerError, match=r"stock\.json: wrong stock: on_hand"):
        FileStockroom(stock).reserve(order)
