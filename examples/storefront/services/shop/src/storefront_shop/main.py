"""The service as it runs: `uvicorn --factory storefront_shop.main:application`."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import resources
from typing import Any

from fastapi import FastAPI
from psycopg import Connection
from psycopg_pool import ConnectionPool
from redis import Redis

from storefront_catalog import Assortment
from storefront_shop.app import create_app
from storefront_shop.errors import ShopError
from storefront_shop.outbox import RedisOutbox
from storefront_shop.postgres import PostgresRepository
from storefront_shop.shop import Shop


def application() -> FastAPI:
    """Return the service with the assortment of this package.

    `DATABASE_URL` names the PostgreSQL database, which has to be migrated; `REDIS_URL` the Redis that
    orders are sent to.

    Raises:
        ShopError: One of them is not set.
    """
    text = resources.files("storefront_shop").joinpath("assortment.toml").read_text("utf-8")
    assortment = Assortment.parse(text)
    pool: ConnectionPool[Connection[Any]] = ConnectionPool(_setting("DATABASE_URL"), min_size=1, open=False)
    client = Redis.from_url(_setting("REDIS_URL"))
    repository = PostgresRepository(pool)

    @asynccontextmanager
    async def connected(_app: FastAPI) -> AsyncIterator[None]:
        with pool, client:
            repository.offer(assortment.products.values())
            yield

    shop = Shop(
        repository=repository,
        outbox=RedisOutbox(client),
        rules=assortment.rules,
        currency=assortment.currency,
    )
    return create_app(shop, lifespan=connected)


def _setting(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise ShopError(f"{name} is not set")
    return value
