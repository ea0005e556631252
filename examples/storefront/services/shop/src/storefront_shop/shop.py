"""What the shop can do, whatever way it is asked."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from storefront_catalog import Order, PriceRule, Quote, quote
from storefront_money import Currency
from storefront_shop.errors import EmptyBasketError
from storefront_shop.outbox import Outbox
from storefront_shop.repository import Basket, Repository


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class PricedBasket:
    """An open basket and what it costs."""

    id: str
    quote: Quote


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """The shop.

    Attributes:
        repository: Where products, baskets and orders are kept.
        outbox: Where orders go.
        rules: The price rules, in order.
        currency: The currency of all prices.
        now: The clock.
    """

    repository: Repository
    outbox: Outbox
    rules: tuple[PriceRule, ...]
    currency: Currency
    now: Callable[[], datetime] = _now

    def create_basket(self) -> PricedBasket:
        """Return a new, empty basket."""
        return self._priced(self.repository.create_basket())

    def basket(self, basket_id: str) -> PricedBasket:
        """Return an open basket, or raise `NotFoundError`."""
        return self._priced(self.repository.basket(basket_id))

    def set_quantity(self, basket_id: str, sku: str, quantity: int) -> PricedBasket:
        """See `Repository.set_quantity`."""
        return self._priced(self.repository.set_quantity(basket_id, sku, quantity))

    def checkout(self, basket_id: str) -> Order:
        """Make an order of a basket and send it.

        It may be repeated, for instance after a failure to send: a basket makes one order, which has
        the basket's id, and is sent again.

        Raises:
            NotFoundError: There is no such basket.
            EmptyBasketError: There is nothing in it.
        """
        order = self.repository.place_order(basket_id, self._order_for)
        self.outbox.send(order)
        return order

    def _quote(self, basket: Basket) -> Quote:
        items = [(self.repository.product(sku), count) for sku, count in basket.quantities.items()]
        return quote(items, rules=self.rules, currency=self.currency)

    def _priced(self, basket: Basket) -> PricedBasket:
        return PricedBasket(basket.id, self._quote(basket))

    def _order_for(self, basket: Basket) -> Order:
        if not basket.quantities:
            raise EmptyBasketError(f"basket {basket.id!r} is empty")
        return Order(basket.id, self.now(), self._quote(basket))
