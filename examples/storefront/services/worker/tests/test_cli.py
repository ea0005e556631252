from dataclasses import replace
from pathlib import Path

import pytest
from redis import Redis

from storefront_catalog import QUEUE, Order
from storefront_worker.cli import main

pytestmark = pytest.mark.integration


@pytest.fixture
def command(redis: Redis, tmp_path: Path, stock: Path, order: Order) -> list[str]:
    """The command line for two orders that wait."""
    redis.rpush(QUEUE, order.to_json(), replace(order, id="order-2").to_json())
    return ["--stock", str(stock), "--receipts", str(tmp_path / "receipts")]


def test_each_order_is_a_line_of_output(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command) == 0

    assert capsys.readouterr() == ("order-1 reserved\norder-2 reserved\n", "")


def test_orders_are_handled_once(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main(command)
    capsys.readouterr()

    assert main(command) == 0
    assert capsys.readouterr() == ("", "")


def test_a_missing_stock_is_an_error_on_standard_error(
    command: list[str], stock: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stock.unlink()

    assert main(command) == 2

    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("storefront-worker: the stock can't be read: ")


def test_an_order_id_used_twice_stops_the_worker(
    command: list[str], redis: Redis, order: Order, capsys: pytest.CaptureFixture[str]
) -> None:
    main(command)
    changed = replace(order, quote=replace(order.quote, lines=order.quote.lines[:1]))
    redis.rpush(QUEUE, changed.to_json())
    capsys.readouterr()

    assert main(command) == 2

    assert "order order-1 is reserved for other quantities" in capsys.readouterr().err


def test_without_a_queue_there_is_nothing_to_do(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("REDIS_URL")

    assert main(command) == 2
    assert capsys.readouterr().err == "storefront-worker: REDIS_URL is not set\n"
