from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from storefront_catalog import Order, Product, Quote
from storefront_money import Currency, Money
from storefront_shop.migrate import main, migrate
from storefront_shop.postgres import PostgresRepository
from storefront_shop.repository import Basket

pytestmark = pytest.mark.integration


@pytest.fixture
def repository(database: str) -> Iterator[PostgresRepository]:
    with ConnectionPool(database, min_size=2, max_size=2, open=True) as pool:
        yield PostgresRepository(pool)


def test_a_migrated_database_stays_as_it_is(
    database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert migrate(database) == []
    assert main() == 0
    monkeypatch.delenv("DATABASE_URL")

    assert main() == 2
    assert capsys.readouterr() == ("", "storefront-shop-migrate: DATABASE_URL is not set\n")


def test_every_migration_is_noted(database: str) -> None:
    with psycopg.connect(database) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM migration ORDER BY name")]

    assert names == ["0001_tables.sql", "0002_when_orders_were_placed.sql"]


def test_a_new_price_replaces_the_old_one(repository: PostgresRepository, tea: Product) -> None:
    dearer = Product(tea.sku, "Green tea, 150 g", Money(699, Currency.EUR))

    repository.offer([tea])
    repository.offer([dearer])

    assert repository.product(tea.sku) == dearer


def test_many_checkouts_at_once_make_one_order_and_need_no_more_connections(
    repository: PostgresRepository, tea: Product
) -> None:
    repository.offer([tea])
    basket = repository.create_basket()

    def order_for(basket: Basket) -> Order:
        repository.product(tea.sku)  # in the same transaction: there may be no other connection
        return Order(basket.id, datetime.now(UTC), Quote(Currency.EUR, ()))

    with ThreadPoolExecutor(8) as threads:
        orders = set(threads.map(lambda _: repository.place_order(basket.id, order_for).placed_at, range(8)))

    assert len(orders) == 1
