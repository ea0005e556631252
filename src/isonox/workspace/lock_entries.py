"""What one installation takes from the lock: to install it, and to know when that changes. No session is needed."""

from __future__ import annotations

import contextlib
import hashlib
from typing import TYPE_CHECKING, NamedTuple

from isonox.workspace.lock import SourceKind
from isonox.workspace.markers import environment_for

if TYPE_CHECKING:
    from pathlib import Path

    from isonox.model.record import Installation
    from isonox.workspace.lock import Lock, Pinned

#: Local packages that are installed from their folder.
_FOLDERS = (SourceKind.EDITABLE, SourceKind.DIRECTORY)

#: Which decide what is installed with a local package: its dependencies, scripts and metadata.
_METADATA = ("pyproject.toml", "setup.cfg", "setup.py")


class Entries(NamedTuple):
    """What is installed.

    Attributes:
        locked: By version, hash-checked.
        folders: Local packages, from their folders.
        others: Git, direct URLs, files: by exact references, but without hashes to check.
        digest: A hash of all of it, and of the metadata of the local packages.
    """

    locked: tuple[Pinned, ...]
    folders: tuple[Pinned, ...]
    others: tuple[Pinned, ...]
    digest: str

    @property
    def names(self) -> set[str]:
        """Normalised names of everything."""
        return {pin.name for pins in (self.locked, self.folders, self.others) for pin in pins}

    def requirements(self) -> str:
        """Return the locked ones as a requirements file with hashes."""
        return "".join(f"{pin.line()}\n" for pin in self.locked)


def digest(lock: Lock, root: Path, installation: Installation) -> str:
    """Return a hash that changes with anything that an installation would install.

    Args:
        lock: The lock of the workspace.
        root: The workspace's root, from which local packages are read.
        installation: What is asked for, and on which Python.

    Raises:
        LockError: The lock lacks a group or an extra, or is not for that Python.
    """
    return entries(lock, root, installation).digest


def entries(lock: Lock, root: Path, installation: Installation) -> Entries:
    """Return what an installation takes from the lock; the arguments are those of `digest`."""
    pinned = _pinned(lock, installation)
    locked = tuple(pin for pin in pinned if pin.hashes and pin.path is None)
    folders = tuple(pin for pin in pinned if pin.kind in _FOLDERS)
    others = tuple(pin for pin in pinned if pin not in locked and pin not in folders)
    found = hashlib.sha256()
    for pins in (locked, others):
        found.update("".join(f"{pin.line()}\n" for pin in pins).encode() + b"\0")
    for pin in folders:
        found.update(f"\0{pin.name}\0{pin.path}\0".encode())
        for name in _METADATA:
            with contextlib.suppress(FileNotFoundError):
                found.update(name.encode() + hashlib.sha256((root / str(pin.path) / name).read_bytes()).digest())
    return Entries(locked, folders, others, found.hexdigest())


def _pinned(lock: Lock, installation: Installation) -> tuple[Pinned, ...]:
    package, extras = installation.package, installation.extras
    environment = environment_for(installation.python)
    found = list(
        lock.requirements(
            groups=installation.groups,
            extras=extras if package is None else (),
            environment=environment,
            include_project=False,
        )
    )
    projects = () if not installation.project else lock.members if package is None else (package,)
    for name in projects:
        own = extras if package is not None else ()
        found += lock.requirements(name, extras=own, environment=environment, include_project=True)
    return tuple({(pin.name, pin.version): pin for pin in found}.values())
