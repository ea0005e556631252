from dataclasses import replace
from pathlib import Path

import pytest

from storefront_catalog import Order
from storefront_worker.cli import main


@pytest.fixture
def command(tmp_path: Path, stock: Path, order: Order) -> list[str]:
    """The command line for two orders that wait."""
    orders = tmp_path / "orders.jsonl"
    orders.write_text(order.to_json() + "\n" + replace(order, id="order-2").to_json() + "\n", "utf-8")
    return [str(orders), "--stock", str(stock), "--receipts", str(tmp_path / "receipts")]


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
    command: list[str], order: Order, capsys: pytest.CaptureFixture[str]
) -> None:
    main(command)
    changed = replace(order, quote=replace(order.quote, lines=order.quote.lines[:1]))
    with Path(command[0]).open("a", encoding="utf-8") as file:
        file.write(changed.to_json() + "\n")
    capsys.readouterr()

    assert main(command) == 2

    assert "order order-1 is reserved for other quantities" in capsys.readouterr().err
