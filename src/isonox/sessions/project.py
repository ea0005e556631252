"""The workspace around a noxfile, read once per process."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from isonox.errors import ConfigurationError, StateError, did_you_mean
from isonox.model.config import Config
from isonox.model.workspace import Workspace
from isonox.system import files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from isonox.model.tree import Tree
    from isonox.model.workspace import Package
    from isonox.sessions.known import Project


class Named(NamedTuple):
    """A session of the noxfile, and the names under which nox knows it."""

    id: str
    name: str
    signatures: tuple[str, ...]


class Declared(msgspec.Struct, frozen=True, array_like=True):
    """What a run has read already, for the processes of its jobs.

    Attributes:
        packages: Names of those whose sessions are needed; None for all.
        sessions: All sessions, each a `Named`, for whoever asks.
        files: Those of the tree, sorted, each followed by a NUL: their names may be no text.
    """

    config: Config
    workspace: Workspace
    packages: frozenset[str] | None = None
    sessions: msgspec.Raw = msgspec.Raw(b"\x90")
    files: bytes = b""

    @classmethod
    def of(cls, found: Project, tree: Tree, packages: frozenset[str]) -> Declared:
        """Return what jobs for some packages need to know of a project."""
        sessions = [Named(one.id, one.stage, one.signatures) for one in found.pipeline.sessions]
        return cls(
            found.config,
            found.workspace,
            packages if len(packages) < len(found.workspace.packages) else None,
            msgspec.Raw(msgspec.msgpack.encode(sessions)),
            os.fsencode("\0".join(tree.paths)),
        )


_taken_over: dict[Path, Declared] = {}


def hand_over(path: Path, declared: Declared) -> None:
    """Write what is declared to a file, for `take_over`.

    Raises:
        StateError: It can't be written.
    """
    files.write_atomic(path, msgspec.msgpack.encode(declared))


def take_over(path: Path, folder: Path) -> None:
    """Take what is declared in `folder` from a file instead of reading every pyproject.toml again, if there is one."""
    try:
        _taken_over[folder] = msgspec.msgpack.decode(files.read_state(path), type=Declared)
    except (StateError, msgspec.DecodeError):
        return  # it is read as by a hand-typed nox


@functools.cache
def files_of(folder: Path) -> tuple[str, ...]:
    """Return the files that git saw in `folder` when the run began, sorted; nothing where that is not known."""
    found = os.fsdecode(_taken_over[folder].files) if folder in _taken_over else ""
    return tuple(found.split("\0")) if found else ()


def sessions_left_out(folder: Path) -> tuple[Named, ...]:
    """Return all sessions of the noxfile in `folder`, if only those of some packages were declared here."""
    declared = _taken_over.get(folder)
    if declared is None or declared.packages is None:
        return ()
    return msgspec.msgpack.decode(declared.sessions, type=tuple[Named, ...])


def root() -> Path:
    """Return the workspace's root: nox changes into the noxfile's folder before it runs the noxfile."""
    return Path.cwd()


@functools.cache
def config(folder: Path) -> Config:
    """Return `[tool.isonox]` of the workspace at `folder`."""
    if folder in _taken_over:
        return _taken_over[folder].config
    from isonox.workspace import config as reader  # noqa: PLC0415 - reads TOML, versions, specifiers

    return reader.load(folder)


@functools.cache
def workspace(folder: Path) -> Workspace:
    """Return the packages of the workspace at `folder`."""
    if folder in _taken_over:
        return _taken_over[folder].workspace
    from isonox.workspace import packages as reader  # noqa: PLC0415 - as above

    return reader.load(folder, config(folder))


def packages(asked: bool | Sequence[str], *, session: str) -> tuple[Package, ...]:  # noqa: FBT001 - nox's style
    """Return the packages that a per-package session is for: all, or those named.

    Raises:
        ConfigurationError: A name is no package of the workspace, or the workspace has none.
    """
    found = workspace(root())
    if isinstance(asked, bool):
        chosen = tuple(package for package in found.packages if package.installable) or found.packages
    else:
        unknown = [name for name in asked if name not in found.by_name]
        if unknown:
            raise ConfigurationError(
                f"session {session!r}: per_package names {unknown[0]!r}, which is no package of this workspace"
                + did_you_mean(unknown[0], found.by_name),
                hint="packages here: " + ", ".join(found.by_name),
            )
        chosen = tuple(found.by_name[name] for name in asked)
    if not chosen:
        raise ConfigurationError(
            f"session {session!r} is per package, but no package was found",
            hint='declare them: [tool.isonox] packages = ["libs/*"]',
        )
    needed = _taken_over[root()].packages if root() in _taken_over else None
    if needed is not None:  # nox wants one at least
        chosen = tuple(package for package in chosen if package.name in needed) or chosen[:1]
    return chosen
