"""Which package of the workspace depends on which."""

from __future__ import annotations

import os.path
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from isonox.errors import LockError
from isonox.model.workspace import Edge, EdgeKind
from isonox.workspace import declared, lockfile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from isonox.model.workspace import Package
    from isonox.workspace.declared import Declared
    from isonox.workspace.members import Found
    from isonox.workspace.pyproject import Document

_DYNAMIC = {"dependencies", "optional-dependencies"}


def find(root: Path, packages: tuple[Package, ...], found: Found) -> tuple[tuple[Edge, ...], tuple[str, ...]]:
    """Return the edges between `packages`, sorted, and notes on what could not be read.

    A requirement that names another package is an edge of the kind of the place that declares it, whether or
    not a released version of that package would do. Where only a path tells, it is a `SOURCE`; where metadata
    is dynamic and only uv.lock knows, a `LOCK`. A package's edges to itself are dropped, cycles are kept.
    """
    root = Path(os.path.abspath(root))  # noqa: PTH100 - resolve() would follow links, and paths are compared
    by_name = {package.name: package.name for package in packages}
    by_path = {_normal(root / package.path): package.name for package in packages}
    inherited = _source_paths(found.root, root) if found.root else {}
    edges: set[Edge] = set()
    by_path_only: set[tuple[str, str]] = set()
    dynamic: list[Package] = []
    for package in packages:
        document, folder = found.documents[package.path], root / package.path
        sources = inherited | _source_paths(document, folder)
        for requirement in declared.read(document, folder):
            if requirement.name in by_name:
                edges.add(Edge(source=package.name, target=by_name[requirement.name], kind=requirement.kind))
            else:
                targets = (by_path.get(_normal(path)) for path in _paths(requirement, sources))
                by_path_only.update((package.name, target) for target in targets if target)
        if _is_dynamic(document):
            dynamic.append(package)
    known = {(edge.source, edge.target) for edge in edges}
    edges.update(Edge(source=s, target=t, kind=EdgeKind.SOURCE) for s, t in by_path_only - known)
    locked, notes = _locked(root, dynamic, by_path)
    edges.update(Edge(source=s, target=t, kind=EdgeKind.LOCK) for s, t in locked - known - by_path_only)
    return tuple(sorted(edge for edge in edges if edge.source != edge.target)), notes


def _normal(path: Path) -> str:
    return os.path.normpath(path)


def _paths(requirement: Declared, sources: dict[str, list[Path]]) -> Iterator[Path]:
    if requirement.path is not None:
        yield requirement.path
    if requirement.name is not None:
        yield from sources.get(requirement.name, [])


def _source_paths(document: Document, folder: Path) -> dict[str, list[Path]]:
    """Return the paths of `[tool.uv.sources]` by name; an entry is a table, or a list of tables by marker."""

    def paths(value: Any) -> Iterator[Path]:
        for entry in value if isinstance(value, list) else [value]:
            if isinstance(entry, dict) and isinstance(entry.get("path"), str):
                yield folder / entry["path"]

    sources = document.table("tool", "uv", "sources")
    return {canonicalize_name(name): list(paths(value)) for name, value in sources.items()}


def _is_dynamic(document: Document) -> bool:
    if document.get("project") is None and document.get("tool", "poetry") is None:
        return True
    return not _DYNAMIC.isdisjoint(document.strings("project", "dynamic"))


def _locked(
    root: Path, dynamic: list[Package], by_path: dict[str, str]
) -> tuple[set[tuple[str, str]], tuple[str, ...]]:
    """Return what uv.lock knows of packages whose own files do not say what they need."""
    if not dynamic or not (root / lockfile.LOCK).is_file():
        return set(), ()
    try:
        lock = lockfile.read(root / lockfile.LOCK)
    except LockError as error:
        return set(), (f"{error.message}; edges of packages with dynamic metadata may be missing",)
    names = {package.path: package.name for package in dynamic}
    local = {package.name: path for package in lock.package if (path := package.local_path) is not None}
    pairs: set[tuple[str, str]] = set()
    for package in lock.package:
        if (source := names.get(package.local_path or "")) is None:
            continue
        targets = (by_path.get(_normal(root / local[edge.name])) for edge in package.edges() if edge.name in local)
        pairs.update((source, target) for target in targets if target)
    return pairs, ()
