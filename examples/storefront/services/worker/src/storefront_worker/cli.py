"""The command line of the worker."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from storefront_catalog import CatalogError
from storefront_worker.errors import WorkerError
from storefront_worker.orders import FileQueue
from storefront_worker.stockroom import FileStockroom
from storefront_worker.worker import Worker


def main(arguments: Sequence[str] | None = None) -> int:
    """Handle all orders that wait; print one line for each: its id and what became of it.

    Args:
        arguments: The command line without the program's name; by default that of the process.

    Returns:
        The exit code: 0, or 2 if a file is missing or wrong.
    """
    options = _parser().parse_args(arguments)
    worker = Worker(
        queue=FileQueue(options.orders),
        stockroom=FileStockroom(options.stock),
        receipts=options.receipts,
    )
    try:
        for order, outcome in worker.run():
            print(order.id, outcome)
    except (WorkerError, CatalogError) as error:
        print(f"storefront-worker: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="storefront-worker",
        description="Handle the orders that wait: reserve stock and write receipts.",
    )
    parser.add_argument("orders", type=Path, help="the file that the shop appends orders to")
    parser.add_argument("--stock", type=Path, required=True, help="the stock, a JSON file")
    parser.add_argument("--receipts", type=Path, required=True, help="the folder for receipts")
    return parser
