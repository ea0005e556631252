"""How orders leave the shop."""

import os
from pathlib import Path
from threading import Lock
from typing import Protocol

from storefront_catalog import Order


class Outbox(Protocol):
    """Takes orders to whoever fulfils them. An order may be sent more than once."""

    def send(self, order: Order) -> None:
        """Return when the order is safe; raise if it is not."""


class FileOutbox:
    """Appends orders to a file, one line of JSON each; for one process, which may have several threads.

    Args:
        path: The file; it is made with the first order.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()

    def send(self, order: Order) -> None:
        """See `Outbox.send`."""
        with self._lock, self._path.open("ab") as file:
            file.write(order.to_json().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
