"""Which isonox this is."""

from __future__ import annotations

import functools
from pathlib import Path

#: What names of folders end in that say what is installed; the version comes before.
_INSTALLED = ".dist-info"

#: The folder of isonox's source.
PACKAGE = Path(__file__).parents[1]


@functools.cache
def own_version() -> str:
    """Return the version of the installed isonox."""
    if (found := identity()).endswith(_INSTALLED):
        return found.removeprefix("isonox-").removesuffix(_INSTALLED)
    import importlib.metadata  # noqa: PLC0415 - takes longer than everything else that an unchanged run does

    return importlib.metadata.version("isonox")


@functools.cache
def identity() -> str:
    """Return what changes with each isonox: its version where it is installed, else a hash of its source."""
    installed = PACKAGE.parent
    if installed.name in ("site-packages", "dist-packages"):
        found = [path.name for path in installed.glob(f"isonox-*{_INSTALLED}")]
        if found:
            return found[0]
    import hashlib  # noqa: PLC0415 - only where isonox is being worked on

    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        digest.update(f"{path.relative_to(PACKAGE)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
