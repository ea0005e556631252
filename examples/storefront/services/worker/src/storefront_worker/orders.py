"""How orders reach the worker."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from storefront_catalog import FormatError, Order
from storefront_worker.errors import WorkerError
from storefront_worker.files import replace_text


class OrderQueue(Protocol):
    """Orders, oldest first. Each is delivered at least once: a crash can deliver it again."""

    def process_next(self, handle: Callable[[Order], None]) -> bool:
        """Pass the oldest order to `handle`; when that has returned, forget the order.

        Returns:
            Whether there was an order.
        """


class FileQueue:
    """The orders of a file with one line of JSON each, to which the shop appends.

    How far it has come is kept beside the file, in `<name>.position`.

    Args:
        path: The file. Until it exists, there are no orders.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position_path = path.with_name(path.name + ".position")

    def process_next(self, handle: Callable[[Order], None]) -> bool:
        """See `OrderQueue.process_next`.

        Raises:
            WorkerError: The next line is no order, or the position is no number.
        """
        position = self._position()
        line = self._line_at(position)
        if not line.endswith(b"\n"):  # nothing, or a line that is still being written
            return False
        try:
            order = Order.from_json(line)
        except FormatError as error:
            raise WorkerError(f"{self._path}, byte {position}: {error}") from error
        handle(order)
        replace_text(self._position_path, f"{position + len(line)}\n")
        return True

    def _line_at(self, position: int) -> bytes:
        try:
            with self._path.open("rb") as file:
                file.seek(position)
                return file.readline()
        except FileNotFoundError:
            return b""

    def _position(self) -> int:
        try:
            return int(self._position_path.read_text("ascii"))
        except FileNotFoundError:
            return 0
        except ValueError as error:
            raise WorkerError(f"{self._position_path}: {error}") from error
