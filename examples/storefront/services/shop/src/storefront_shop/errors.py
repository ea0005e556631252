"""What can go wrong in the shop."""


class ShopError(Exception):
    """Root of this package's errors."""


class NotFoundError(ShopError):
    """There is no such product, basket or order."""


class EmptyBasketError(ShopError):
    """A basket with nothing in it can't be checked out."""
