"""The command line of the worker."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from redis import Redis

from storefront_catalog import CatalogError
from storefront_worker.errors import WorkerError
from storefront_worker.orders import RedisQueue
from storefront_worker.stockroom import FileStockroom
from storefront_worker.worker import Worker


def main(arguments: Sequence[str] | None = None) -> int:
    """Handle all orders that wait; print one line for each: its id and what became of it.

    Args:
        arguments: The command line without the program's name; by default that of the process.

    Returns:
        The exit code: 0, or 2 if a file or the queue is missing or wrong.
    """
    options = _parser().parse_args(arguments)
    url = os.environ.get("REDIS_URL")
    if not url:
        print("storefront-worker: REDIS_URL is not set", file=sys.stderr)
        return 2
    with Redis.from_url(url) as client:
        return _run(client, options)


def _run(client: Redis, options: argparse.Namespace) -> int:
    worker = Worker(
        queue=RedisQueue(client),
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
        description="Handle the orders that wait in REDIS_URL: reserve stock and write receipts.",
    )
    parser.add_argument("--stock", type=Path, required=True, help="the stock, a JSON file")
    parser.add_argument("--receipts", type=Path, required=True, help="the folder for receipts")
    return parser
