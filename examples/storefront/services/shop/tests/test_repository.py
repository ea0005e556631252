from datetime import UTC, datetime

import pytest

from storefront_catalog import Order, Product, Quote
from storefront_money import Currency
from storefront_shop.errors import NotFoundError
from storefront_shop.repository import Basket, Repository


def order_for(basket: Basket) -> Order:
    return Order(basket.id, datetime.now(UTC), Quote(Currency.EUR, ()))


def refuse(basket: Basket) -> Order:
    raise RuntimeError(basket.id)


def test_products_keep_their_order(repository: Repository, tea: Product, mug: Product) -> None:
    assert repository.products() == (tea, mug)
    assert repository.product("MUG-01") == mug


def test_a_quantity_replaces_the_one_before(repository: Repository) -> None:
    basket = repository.create_basket()

    repository.set_quantity(basket.id, "MUG-01", 1)
    repository.set_quantity(basket.id, "TEA-01", 2)
    changed = repository.set_quantity(basket.id, "MUG-01", 3)

    assert changed == repository.basket(basket.id)
    assert list(changed.quantities.items()) == [("MUG-01", 3), ("TEA-01", 2)]


def test_quantity_zero_takes_a_product_out(repository: Repository) -> None:
    basket = repository.create_basket()

    repository.set_quantity(basket.id, "MUG-01", 1)

    assert repository.set_quantity(basket.id, "MUG-01", 0).quantities == {}


def test_baskets_do_not_share_what_is_in_them(repository: Repository) -> None:
    first, second = repository.create_basket(), repository.create_basket()

    repository.set_quantity(first.id, "MUG-01", 1)

    assert repository.basket(second.id).quantities == {}


def test_an_order_closes_its_basket(repository: Repository) -> None:
    basket = repository.create_basket()

    order = repository.place_order(basket.id, order_for)

    assert repository.order(order.id) == order
    with pytest.raises(NotFoundError):
        repository.basket(basket.id)
    with pytest.raises(NotFoundError):
        repository.set_quantity(basket.id, "MUG-01", 1)


def test_a_closed_basket_keeps_its_order(repository: Repository) -> None:
    basket = repository.create_basket()
    order = repository.place_order(basket.id, order_for)

    assert repository.place_order(basket.id, refuse) == order


def test_a_basket_stays_open_when_no_order_can_be_made(repository: Repository) -> None:
    basket = repository.create_basket()

    with pytest.raises(RuntimeError):
        repository.place_order(basket.id, refuse)

    assert repository.basket(basket.id) == basket


def test_what_is_not_there_is_named(repository: Repository) -> None:
    basket = repository.create_basket()

    with pytest.raises(NotFoundError, match="no product 'CUP-01'"):
        repository.set_quantity(basket.id, "CUP-01", 1)
    with pytest.raises(NotFoundError, match="no open basket 'x'"):
        repository.place_order("x", order_for)
    with pytest.raises(NotFoundError, match="no order 'x'"):
        repository.order("x")
