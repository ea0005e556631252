"""The service as it runs: `uvicorn --factory storefront_shop.main:application`."""

import os
from importlib import resources
from pathlib import Path

from fastapi import FastAPI

from storefront_catalog import Assortment
from storefront_shop.app import create_app
from storefront_shop.outbox import FileOutbox
from storefront_shop.repository import InMemoryRepository
from storefront_shop.shop import Shop


def application() -> FastAPI:
    """Return the service with the assortment of this package.

    `STOREFRONT_ORDERS` names the file that orders are appended to; without it, `orders.jsonl` in
    the current folder.
    """
    text = resources.files("storefront_shop").joinpath("assortment.toml").read_text("utf-8")
    assortment = Assortment.parse(text)
    return create_app(
        Shop(
            repository=InMemoryRepository(assortment.products.values()),
            outbox=FileOutbox(Path(os.environ.get("STOREFRONT_ORDERS", "orders.jsonl"))),
            rules=assortment.rules,
            currency=assortment.currency,
        )
    )
