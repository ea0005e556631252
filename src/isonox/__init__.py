"""isonox: one noxfile, two places, the same verdict. This is what a noxfile imports."""

from __future__ import annotations

import functools
import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType

    from isonox import services, stages
    from isonox.sessions.declare import session
    from isonox.sessions.session import Session

__all__ = ["Session", "services", "session", "stages"]

#: Where each public name lives; loaded on first use, so that the command line starts without nox.
_HOMES = {
    "Session": "isonox.sessions.session",
    "services": "isonox.services",
    "session": "isonox.sessions.declare",
    "stages": "isonox.stages",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'isonox' has no attribute {name!r}")
    _tell_errors()
    module = importlib.import_module(_HOMES[name])
    return module if name in ("services", "stages") else getattr(module, name)


@functools.cache
def _tell_errors() -> None:
    """Let plain nox end with an error's message and exit code: it lets what a noxfile raises be a traceback."""
    from isonox.errors import IsonoxError  # noqa: PLC0415 - the command line starts without

    before = sys.excepthook

    def tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not isinstance(error, IsonoxError):
            before(kind, error, trace)
            return
        sys.stderr.write(f"error: {error}\n")
        raise SystemExit(int(error.exit_code))

    sys.excepthook = tell
