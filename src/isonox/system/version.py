"""Which isonox this is."""

from __future__ import annotations

import functools
import importlib.metadata


@functools.cache
def own_version() -> str:
    """Return the version of the installed isonox."""
    return importlib.metadata.version("isonox")
