"""The format of `uv.lock`, version 1: what is read of it, and nothing more."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

import msgspec
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from isonox.errors import LockError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOCK = "uv.lock"
VERSION = 1

#: Kinds of sources on this disk, as `source = { <kind> = <path> }` names them.
_LOCAL = ("editable", "directory", "virtual", "path")

#: A file of a package: of half of what is written, only the hash is wanted.
_ARTIFACT = re.compile(r'\{ url = "[^"\n]*", hash = ("[^"\n]*")[^}\n]*\}')


class Artifact(msgspec.Struct, frozen=True):
    """A source distribution or wheel."""

    hash: str | None = None


class LockedEdge(msgspec.Struct, frozen=True):
    """A dependency that was resolved; `version` and `source` are there where the name alone is ambiguous."""

    name: str
    version: str | None = None
    source: dict[str, str] | None = None
    extra: tuple[str, ...] = ()
    marker: str = ""


class LockedRequirement(msgspec.Struct, frozen=True):
    """A requirement as it was declared when the lock was written; a direct one has one of the last six."""

    name: str
    extras: tuple[str, ...] = ()
    specifier: str = ""
    marker: str = ""
    editable: str | None = None
    directory: str | None = None
    virtual: str | None = None
    path: str | None = None
    url: str | None = None
    git: str | None = None

    @property
    def is_direct(self) -> bool:
        """Whether it names a place instead of a version."""
        return any((self.editable, self.directory, self.virtual, self.path, self.url, self.git))


class Metadata(msgspec.Struct, frozen=True, rename="kebab"):
    """What a local package declared when the lock was written."""

    requires_dist: tuple[LockedRequirement, ...] = ()
    requires_dev: dict[str, tuple[LockedRequirement, ...]] = {}
    provides_extras: tuple[str, ...] = ()


class LockedPackage(msgspec.Struct, frozen=True, rename="kebab"):
    """One version of one package from one source."""

    name: str
    source: dict[str, str]
    version: str | None = None
    dependencies: tuple[LockedEdge, ...] = ()
    optional_dependencies: dict[str, tuple[LockedEdge, ...]] = {}
    dev_dependencies: dict[str, tuple[LockedEdge, ...]] = {}
    resolution_markers: tuple[str, ...] = ()
    group_requires_python: dict[str, str] = {}
    sdist: Artifact | None = None
    wheels: tuple[Artifact, ...] = ()
    metadata: Metadata = Metadata()

    @property
    def local_path(self) -> str | None:
        """Path relative to the lock, where the package is on this disk."""
        return next((self.source[kind] for kind in _LOCAL if kind in self.source), None)

    def edges(self) -> Iterator[LockedEdge]:
        """Yield every edge: own, of extras and of groups."""
        yield from self.dependencies
        for tables in (self.optional_dependencies, self.dev_dependencies):
            for edges in tables.values():
                yield from edges


class Manifest(msgspec.Struct, frozen=True, rename="kebab"):
    """What the whole workspace declared when the lock was written."""

    members: tuple[str, ...] = ()
    dependency_groups: dict[str, tuple[LockedRequirement, ...]] = {}
    constraints: tuple[LockedRequirement, ...] = ()
    overrides: tuple[LockedRequirement, ...] = ()


class Conflict(msgspec.Struct, frozen=True):
    """An extra or a group (or, with neither, a project) that can't be installed with others of its set."""

    package: str
    extra: str | None = None
    group: str | None = None


class LockDocument(msgspec.Struct, frozen=True, rename="kebab"):
    """The whole file."""

    version: int
    requires_python: str = ""
    conflicts: tuple[tuple[Conflict, ...], ...] = ()
    manifest: Manifest = Manifest()
    package: tuple[LockedPackage, ...] = ()

    @property
    def python(self) -> SpecifierSet:
        """The Pythons that the lock is good for."""
        return SpecifierSet(self.requires_python)

    @property
    def members(self) -> tuple[LockedPackage, ...]:
        """The workspace's own packages."""
        names = set(self.manifest.members)
        return tuple(
            package
            for package in self.package
            if package.local_path is not None and (package.name in names if names else package.local_path == ".")
        )


def read(path: Path) -> LockDocument:
    """Read a lock file.

    Raises:
        LockError: It is missing, no TOML, or of a format that isonox does not know.
    """
    try:
        raw = tomllib.loads(_ARTIFACT.sub(r"{ hash = \1 }", path.read_bytes().decode()))
    except FileNotFoundError as error:
        raise LockError(f"there is no {path.name} in {path.parent}", hint="write it with: uv lock") from error
    except OSError as error:
        raise LockError(f"{path.name} can't be read: {error.strerror or error}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        hint = "a merge conflict? take one side, then run: uv lock"
        raise LockError(f"{path.name} is not valid TOML: {error}", hint=hint) from error
    if raw.get("version") != VERSION:
        raise LockError(
            f"{path.name} has format version {raw.get('version')!r}; isonox reads version {VERSION}",
            hint="update isonox, or write the lock with a uv of its time",
        )
    try:
        document = msgspec.convert(raw, LockDocument)
        SpecifierSet(document.requires_python)
    except (msgspec.ValidationError, InvalidSpecifier) as error:
        raise LockError(f"{path.name} is damaged: {error}", hint="write it again with: uv lock") from error
    return document
