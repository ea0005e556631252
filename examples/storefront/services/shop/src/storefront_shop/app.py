"""The HTTP service: routes, and the status codes of errors."""

from importlib import resources
from importlib.metadata import version

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.types import Lifespan

from storefront_catalog import Order, Product
from storefront_shop.errors import EmptyBasketError, NotFoundError
from storefront_shop.schemas import BasketOut, Health, OrderOut, ProductOut, QuantityIn
from storefront_shop.shop import PricedBasket, Shop


def create_app(shop: Shop, *, lifespan: Lifespan[FastAPI] | None = None) -> FastAPI:
    """Return the service for a shop.

    Args:
        shop: The shop.
        lifespan: What is open while the service runs.
    """
    app = FastAPI(title="Storefront", version=version("storefront-shop"), lifespan=lifespan)
    app.include_router(_products(shop))
    app.include_router(_baskets(shop))
    app.include_router(_orders(shop))
    app.add_exception_handler(NotFoundError, _not_found)
    app.add_exception_handler(EmptyBasketError, _conflict)
    return app


def _products(shop: Shop) -> APIRouter:
    router = APIRouter()
    page = resources.files("storefront_shop").joinpath("page.html").read_text("utf-8")

    @router.get("/", response_class=HTMLResponse, include_in_schema=False)
    def index() -> str:
        """Show the page for customers."""
        return page

    @router.get("/health")
    def health() -> Health:
        """Say whether the service works."""
        return Health(products=len(shop.repository.products()))

    @router.get("/products", response_model=list[ProductOut])
    def products() -> tuple[Product, ...]:
        """List all products."""
        return shop.repository.products()

    @router.get("/products/{sku}", response_model=ProductOut)
    def product(sku: str) -> Product:
        """Show a product."""
        return shop.repository.product(sku)

    return router


def _baskets(shop: Shop) -> APIRouter:
    router = APIRouter(prefix="/baskets")

    @router.post("", status_code=201, response_model=BasketOut)
    def create() -> PricedBasket:
        """Open a basket."""
        return shop.create_basket()

    @router.get("/{basket_id}", response_model=BasketOut)
    def basket(basket_id: str) -> PricedBasket:
        """Show an open basket."""
        return shop.basket(basket_id)

    @router.put("/{basket_id}/lines/{sku}", response_model=BasketOut)
    def set_quantity(basket_id: str, sku: str, wanted: QuantityIn) -> PricedBasket:
        """Set how many pieces of a product are in the basket; 0 takes them out."""
        return shop.set_quantity(basket_id, sku, wanted.quantity)

    @router.post("/{basket_id}/checkout", status_code=201, response_model=OrderOut)
    def checkout(basket_id: str) -> Order:
        """Order what is in the basket. It may be repeated and gives the same order."""
        return shop.checkout(basket_id)

    return router


def _orders(shop: Shop) -> APIRouter:
    router = APIRouter(prefix="/orders")

    @router.get("/{order_id}", response_model=OrderOut)
    def order(order_id: str) -> Order:
        """Show an order."""
        return shop.repository.order(order_id)

    return router


def _not_found(_request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, status_code=404)


def _conflict(_request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, status_code=409)
