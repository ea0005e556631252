"""How orders leave the shop."""

from typing import Protocol

from redis import Redis

from storefront_catalog import QUEUE, Order


class Outbox(Protocol):
    """Takes orders to whoever fulfils them. An order may be sent more than once."""

    def send(self, order: Order) -> None:
        """Return when the order is safe; raise if it is not."""


class RedisOutbox:
    """Appends orders to a list in Redis.

    Args:
        client: The Redis.
    """

    def __init__(self, client: Redis) -> None:
        self._client = client

    def send(self, order: Order) -> None:
        """See `Outbox.send`."""
        self._client.rpush(QUEUE, order.to_json())
