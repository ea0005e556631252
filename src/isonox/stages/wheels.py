"""What is inside of a wheel: the modules that it provides, and its name."""

from __future__ import annotations

import importlib.machinery
import zipfile
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from packaging.utils import parse_wheel_filename

_EXTENSIONS = (".py", *importlib.machinery.EXTENSION_SUFFIXES, ".so", ".pyd")


class Content(NamedTuple):
    """What a wheel installs.

    Attributes:
        name: The project's normalised name.
        modules: Importable top-level names; where a folder is a namespace package, the packages inside of it.
        file_count: Everything in the archive.
    """

    name: str
    modules: tuple[str, ...]
    file_count: int


def read(path: Path) -> Content:
    """Read a wheel's table of contents."""
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
    installed = [place for name in names if (place := _installed(PurePosixPath(name))) is not None]
    packages = {place.parent for place in installed if place.stem == "__init__" and place.suffix in _EXTENSIONS}
    modules = {found for place in installed if (found := _top(place, packages))}
    return Content(parse_wheel_filename(path.name)[0], tuple(sorted(modules)), len(names))


def _installed(name: PurePosixPath) -> PurePosixPath | None:
    """Return where a file lands below site-packages, or None (`x.data/scripts`, `x.dist-info`)."""
    first = name.parts[0]
    if first.endswith(".data"):
        return PurePosixPath(*name.parts[2:]) if name.parts[1] in ("purelib", "platlib") else None
    return None if first.endswith(".dist-info") else name


def _top(place: PurePosixPath, packages: set[PurePosixPath]) -> str | None:
    """Return the outermost importable name that a file belongs to, or None for data."""
    for folder in reversed(place.parents):  # outermost first
        if folder in packages:
            return _dotted(folder)
    if place.suffix not in _EXTENSIONS:
        return None
    return _dotted(place.with_name(place.name.partition(".")[0]))


def _dotted(path: PurePosixPath) -> str | None:
    return ".".join(path.parts) if all(part.isidentifier() for part in path.parts) else None
