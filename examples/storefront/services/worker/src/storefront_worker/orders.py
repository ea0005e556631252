"""How orders reach the worker."""

from collections.abc import Callable
from typing import Protocol

from redis import Redis, RedisError

from storefront_catalog import QUEUE, FormatError, Order
from storefront_worker.errors import WorkerError


class OrderQueue(Protocol):
    """Orders, oldest first. Each is delivered at least once: a crash can deliver it again."""

    def process_next(self, handle: Callable[[Order], None]) -> bool:
        """Pass the oldest order to `handle`; when that has returned, forget the order.

        Returns:
            Whether there was an order.
        """


class RedisQueue:
    """The orders of a list in Redis, to which the shop appends; for one worker at a time.

    Args:
        client: The Redis.
    """

    def __init__(self, client: Redis) -> None:
        self._client = client

    def process_next(self, handle: Callable[[Order], None]) -> bool:
        """See `OrderQueue.process_next`.

        Raises:
            WorkerError: The oldest entry is no order, or Redis can't be reached.
        """
        try:
            text = self._client.lindex(QUEUE, 0)
            if text is None:
                return False
            handle(Order.from_json(text))
            self._client.lpop(QUEUE)
        except FormatError as error:
            raise WorkerError(f"{QUEUE}: {error}") from error
        except RedisError as error:
            raise WorkerError(f"the queue can't be used: {error}") from error
        return True
