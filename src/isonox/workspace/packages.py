"""The workspace: every package of the repository and how they depend on each other."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from isonox.model.workspace import Package, Workspace
from isonox.workspace import edges, members, pythons
from isonox.workspace.lockfile import LOCK

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from isonox.model.config import Config
    from isonox.workspace.pyproject import Document


def load(root: Path, config: Config, listed: Iterable[str] | None = None) -> Workspace:
    """Find the packages of the repository at `root` and the edges between them; for `listed` see `members.find`.

    Raises:
        ConfigurationErrors: A glob matches nothing, or a named package's pyproject.toml is unusable.
        GitError: There is nothing but git to ask, and this is no repository.
    """
    found = members.find(root, config.packages, listed)
    packages = tuple(_package(root, path, document) for path, document in found.documents.items())
    connected, notes = edges.find(root, packages, found)
    read = (note for document in found.documents.values() for note in document.notes)
    return Workspace(
        packages=packages,
        edges=connected,
        notes=tuple(dict.fromkeys((*found.notes, *_shared_names(packages), *read, *notes))),
        lock=LOCK if (root / LOCK).is_file() else None,
    )


def _package(root: Path, path: str, document: Document) -> Package:
    directory = root.resolve().name if path == "." else PurePosixPath(path).name
    return Package(
        name=document.name or canonicalize_name(directory),
        path=path,
        requires_python=pythons.requires_python(document),
        installable=_installable(path, document),
    )


def _installable(path: str, document: Document) -> bool:
    """Return whether there is something to install; for a root by uv's rule: `tool.uv.package`, else a build system."""
    said = document.get("tool", "uv", "package")
    if isinstance(said, bool):
        return said
    return path != "." or bool(document.table("build-system")) or bool(document.table("tool", "poetry"))


def _shared_names(packages: Iterable[Package]) -> Iterator[str]:
    paths: dict[str, list[str]] = {}
    for package in packages:
        paths.setdefault(package.name, []).append(package.path)
    for name, used_by in paths.items():
        if len(used_by) > 1:
            yield f"the name {name!r} is used by {len(used_by)} packages: {', '.join(used_by)}"
