from dataclasses import replace

import pytest
from redis import Redis

from storefront_catalog import QUEUE, Order
from storefront_worker.errors import WorkerError
from storefront_worker.orders import RedisQueue

pytestmark = pytest.mark.integration


def process_all(queue: RedisQueue) -> list[str]:
    handled: list[Order] = []
    while queue.process_next(handled.append):
        pass
    return [order.id for order in handled]


def test_at_first_there_are_no_orders(redis: Redis) -> None:
    assert process_all(RedisQueue(redis)) == []


def test_orders_come_oldest_first_and_once(redis: Redis, order: Order) -> None:
    redis.rpush(QUEUE, order.to_json())
    redis.rpush(QUEUE, replace(order, id="order-2").to_json())

    assert process_all(RedisQueue(redis)) == ["order-1", "order-2"]
    assert process_all(RedisQueue(redis)) == []


def test_an_order_that_could_not_be_handled_comes_again(redis: Redis, order: Order) -> None:
    redis.rpush(QUEUE, order.to_json())

    def fail(order: Order) -> None:
        raise RuntimeError(order.id)

    with pytest.raises(RuntimeError, match="order-1"):
        RedisQueue(redis).process_next(fail)

    assert process_all(RedisQueue(redis)) == ["order-1"]


def test_an_entry_that_is_no_order_is_named(redis: Redis, order: Order) -> None:
    redis.rpush(QUEUE, order.to_json(), "{}")

    with pytest.raises(WorkerError, match="storefront:orders: wrong order: id"):
        process_all(RedisQueue(redis))


def test_a_redis_that_refuses_is_said_so(redis: Redis) -> None:
    redis.set(QUEUE, "no list")

    with pytest.raises(WorkerError, match="the queue can't be used: WRONGTYPE"):
        process_all(RedisQueue(redis))
