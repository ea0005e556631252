"""How orders leave the shop."""

from pathlib import Path
from typing import Protocol

from storefront_catalog import Order


class Outbox(Protocol):
    """Takes orders to whoever fulfils them. An order may be sent more than once."""

    def send(self, order: Order) -> None:
        """Return when the order is safe; raise if it is not."""


class FileOutbox:
    """Appends orders to a file, one line of JSON each.

    Args:
        path: The file; it is made with the first order.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def send(self, order: Order) -> None:
        """See `Outbox.send`."""
        # Unbuffered: the line goes out in one write, so lines of several threads do not mix.
        with self._path.open("ab", buffering=0) as file:
            file.write(order.to_json().encode() + b"\n")
