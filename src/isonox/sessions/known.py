"""What the noxfile and pyproject.toml say, from the last time that they were read, while nothing of it has changed.

Reading them means importing nox and running the noxfile. What that looked at is kept beside the result; as long as it
is the same, so is the result.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from typing import TYPE_CHECKING, Protocol

import msgspec

from isonox.errors import StateError
from isonox.model.config import Config
from isonox.model.pipeline import Pipeline
from isonox.model.workspace import Workspace
from isonox.system import machine

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

    from isonox.model.tree import Tree

_KIND = "project"


class Project(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Everything that is declared.

    Attributes:
        isonox: The version of isonox.
        config: `[tool.isonox]`.
        workspace: Packages and edges.
        pipeline: Every session of the noxfile.
        noxfile: Hash of the noxfile's statements that are common to all sessions.
        declarations: Hash of the statement at each line at which a session is declared, of those that stand for
            themselves (see `isonox.cache.statements`).
        modules: Files of the workspace that the noxfile imports or reads, and folders that it lists (with a slash).
        variables: Names of environment variables that the noxfile asks for while it is loaded.
        absent: Files of the workspace that it would import if they were there, and folders (with a slash).
    """

    isonox: str
    config: Config
    workspace: Workspace
    pipeline: Pipeline
    noxfile: str
    declarations: dict[int, str]
    modules: tuple[str, ...]
    variables: tuple[str, ...]
    absent: tuple[str, ...]


class Sources(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What a project was read from.

    Attributes:
        key: A hash of all of it.
        files: Relative to the root.
        variables: Names of environment variables.
    """

    key: str
    files: tuple[str, ...]
    variables: tuple[str, ...]


class Memory(Protocol):
    """Where results are kept."""

    def recall(self, kind: str, key: str) -> bytes | None:
        """Return what was kept, if it still is."""

    def recall_many(self, kind: str, keys: Collection[str]) -> dict[str, bytes]:
        """Return what was kept, by key."""

    def remember(self, kind: str, key: str, value: bytes) -> None:
        """Keep something."""


def last(memory: Memory, noxfile: str) -> tuple[Sources, Project] | None:
    """Return the project that was read last, and from what; None where that was not kept."""
    with contextlib.suppress(StateError, msgspec.DecodeError):  # then it is read as if for the first time
        if found := memory.recall(_KIND, f"{noxfile}:sources"):
            sources = msgspec.msgpack.decode(found, type=Sources)
            if kept := memory.recall(_KIND, sources.key):
                return sources, msgspec.msgpack.decode(kept, type=Project)
    return None


def is_current(sources: Sources, root: Path, tree: Tree, environ: Mapping[str, str]) -> bool:
    """Return whether nothing has changed from which a project was read."""
    return sources.key == key(root, tree, sources.files, sources.variables, environ)


def remember(memory: Memory, noxfile: str, sources: Sources, project: Project) -> None:
    """Keep a project; one that can't be kept is read again next time."""
    with contextlib.suppress(StateError):
        memory.remember(_KIND, sources.key, msgspec.msgpack.encode(project))
        memory.remember(_KIND, f"{noxfile}:sources", msgspec.msgpack.encode(sources))


def key(root: Path, tree: Tree, files: Iterable[str], variables: Iterable[str], environ: Mapping[str, str]) -> str:
    """Return a hash of what a project is read from, as it is now."""
    lines = [machine.installation(), *(f"{name}={environ.get(name)!r}" for name in variables)]
    lines += [f"{path}\0{tree.files.get(path) or machine.content(os.path.join(root, path))}" for path in files]  # noqa: PTH118 - "folder/" stays so
    lines += manifests(tree)
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def manifests(tree: Tree) -> list[str]:
    """Return the files from which packages are read, each with its id."""
    return [f"{path}\0{tree.files[path]}" for path in tree.manifests]
