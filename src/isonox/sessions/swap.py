"""Replace a part of nox for a while: nox has no plugin interface."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def swapped(owner: object, name: str, replacement: Any) -> Iterator[None]:
    """Make `owner.name` the replacement while the context is open.

    Raises:
        AttributeError: This nox has no such part; `tests/sessions/test_hook.py` names the release that isonox knows.
    """
    original = getattr(owner, name)
    setattr(owner, name, replacement)
    try:
        yield
    finally:
        setattr(owner, name, original)
