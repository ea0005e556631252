"""isonox: one noxfile, two places, the same verdict. This is what a noxfile imports."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
    from isonox.errors import tell_uncaught  # noqa: PLC0415 - the command line starts without

    tell_uncaught()
    module = importlib.import_module(_HOMES[name])
    return module if name in ("services", "stages") else getattr(module, name)
