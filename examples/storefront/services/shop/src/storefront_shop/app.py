"""The HTTP service: routes, and the status codes of errors."""

from importlib.metadata import version

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse

from storefront_shop.errors import EmptyBasketError, NotFoundError
from storefront_shop.schemas import BasketOut, Health, OrderOut, ProductOut, QuantityIn
from storefront_shop.shop import Shop


def create_app(shop: Shop) -> FastAPI:
    """Return the service for a shop."""
    app = FastAPI(title="Storefront", version=version("storefront-shop"))
    app.include_router(_products(shop))
    app.include_router(_baskets(shop))
    app.include_router(_orders(shop))
    app.add_exception_handler(NotFoundError, _not_found)
    app.add_exception_handler(EmptyBasketError, _conflict)
    return app


def _products(shop: Shop) -> APIRouter:
    router = APIRouter()

    @router.get("/health")
    def health() -> Health:
        """Say whether the service works."""
        return Health(products=len(shop.repository.products()))

    @router.get("/products")
    def products() -> list[ProductOut]:
        """List all products."""
        return [ProductOut.of(product) for product in shop.repository.products()]

    @router.get("/products/{sku}")
    def product(sku: str) -> ProductOut:
        """Show a product."""
        return ProductOut.of(shop.repository.product(sku))

    return router


def _baskets(shop: Shop) -> APIRouter:
    router = APIRouter(prefix="/baskets")

    @router.post("", status_code=201)
    def create() -> BasketOut:
        """Open a basket."""
        basket = shop.repository.create_basket()
        return BasketOut.of(basket, shop.quote(basket))

    @router.get("/{basket_id}")
    def basket(basket_id: str) -> BasketOut:
        """Show an open basket."""
        found = shop.repository.basket(basket_id)
        return BasketOut.of(found, shop.quote(found))

    @router.put("/{basket_id}/lines/{sku}")
    def set_quantity(basket_id: str, sku: str, wanted: QuantityIn) -> BasketOut:
        """Set how many pieces of a product are in the basket; 0 takes them out."""
        changed = shop.repository.set_quantity(basket_id, sku, wanted.quantity)
        return BasketOut.of(changed, shop.quote(changed))

    @router.post("/{basket_id}/checkout", status_code=201)
    def checkout(basket_id: str) -> OrderOut:
        """Order what is in the basket. It may be repeated and gives the same order."""
        return OrderOut.of(shop.checkout(basket_id))

    return router


def _orders(shop: Shop) -> APIRouter:
    router = APIRouter(prefix="/orders")

    @router.get("/{order_id}")
    def order(order_id: str) -> OrderOut:
        """Show an order."""
        return OrderOut.of(shop.repository.order(order_id))

    return router


def _not_found(_request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, status_code=404)


def _conflict(_request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, status_code=409)
