"""Environments that sessions share: each is made once, never changed, and kept while somebody uses it.

    .nox/.shared/<python>-<hash>/isonox.json      which folder is the environment, and what it holds
                                 <number>/        the environment
                                 <number>/in-use  locked, beside others, by every session that runs in it
                 locks/<python>-<hash>.lock       locked by whoever makes it

Each attempt has a folder of its own: what a killed one left running can't write into the next one's.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import shutil
import sys
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from isonox.errors import StateError
from isonox.system import clock, files

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

#: Below nox's folder of environments; no session's environment has a name that starts with a dot.
NAME = ".shared"

_STAMP, _IN_USE, _LOCKS, _PRUNED = "isonox.json", "in-use", "locks", "pruned"

_DAY = 24 * 60 * 60

#: Seconds after which an environment that nobody has used is removed.
_KEPT = 14 * _DAY


class Made(NamedTuple):
    """What an environment holds.

    Attributes:
        distributions: Name and version of everything that is installed.
        sites: The folders in which it is.
    """

    distributions: dict[str, str]
    sites: tuple[Path, ...]


class Held(NamedTuple):
    """An environment that is kept until this is released."""

    folder: Path
    distributions: dict[str, str]
    descriptor: int

    def release(self) -> None:
        """Let it go."""
        with contextlib.suppress(OSError):
            os.close(self.descriptor)


class _Stamp(msgspec.Struct, frozen=True, kw_only=True):
    """Written when an environment is finished.

    Attributes:
        key: Of everything that it was made from.
        sites: As in `Made`, relative to the environment.
        found: The distributions' own folders, which tell whether somebody has changed it since.
    """

    key: str
    folder: str
    distributions: dict[str, str]
    sites: tuple[str, ...]
    found: tuple[str, ...]


def environment(place: Path, key: str, make: Callable[[Path], Made]) -> Held:
    """Return the environment of a place; it is made if it is not there, or is no longer as it was made.

    Args:
        place: `.nox/.shared/<python>-<hash>`.
        key: The whole key of what is wanted.
        make: Makes it in a folder that does not exist.

    Raises:
        StateError: The folder can't be written.
    """
    if held := _hold(place, key):
        return held
    with locked(_lock(place), f"another session is making the environment {place.name}"):
        if held := _hold(place, key):
            return held
        _clear(place)
        folder = place / secrets.token_hex(2)
        try:
            made = make(folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        _finish(folder, key, made)
    _prune(place.parent)
    if held := _hold(place, key):
        return held
    raise StateError(f"the environment {place} was changed while it was made", hint="run it again")


@contextlib.contextmanager
def locked(path: Path, waiting: str) -> Iterator[None]:
    """Hold the lock in a file; where another process has it, say why this one waits."""
    import filelock  # noqa: PLC0415 - from then on it does something at each fork, and most jobs lock nothing

    files.make_directory(path.parent)
    lock = filelock.FileLock(path)
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        logging.getLogger("nox").warning("Waiting: %s.", waiting)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _hold(place: Path, key: str) -> Held | None:
    """Return the environment if it is finished and as it was made, kept for this process."""
    stamp = _read(place)
    if stamp is None or stamp.key != key:
        return None
    folder = place / stamp.folder
    descriptor = _open(folder, fcntl.LOCK_SH)
    if descriptor is None:
        return None
    if _read(place) == stamp and _found(folder / site for site in stamp.sites) == stamp.found:
        with contextlib.suppress(OSError):
            os.utime(place / _STAMP)
        return Held(folder, stamp.distributions, descriptor)
    os.close(descriptor)
    return None


def _open(folder: Path, lock: int) -> int | None:
    """Lock an environment and return the descriptor that holds the lock; None if it is gone, or in use."""
    try:
        descriptor = os.open(folder / _IN_USE, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, lock)
    except BaseException as error:
        os.close(descriptor)
        if isinstance(error, BlockingIOError):
            return None
        raise
    return descriptor


def _finish(folder: Path, key: str, made: Made) -> None:
    (folder / _IN_USE).touch()
    stamp = _Stamp(
        key=key,
        folder=folder.name,
        distributions=made.distributions,
        sites=tuple(site.relative_to(folder).as_posix() for site in made.sites),
        found=_found(made.sites),
    )
    files.write_atomic(folder.parent / _STAMP, msgspec.json.encode(stamp))


def _clear(place: Path) -> bool:
    """Remove what is in a place; return False if a session is using it, which keeps its folder then."""
    if not place.exists():
        return True
    files.remove(place / _STAMP)  # whoever locks a folder looks for that again
    gone = True
    for folder in [path for path in place.iterdir() if path.is_dir()]:
        finished = (folder / _IN_USE).exists()
        descriptor = _open(folder, fcntl.LOCK_EX | fcntl.LOCK_NB) if finished else None
        if finished and descriptor is None:
            gone = False
            continue
        shutil.rmtree(folder, ignore_errors=True)
        if descriptor is not None:
            os.close(descriptor)
    return gone


def _prune(pool: Path) -> None:
    """Remove, once a day, what has not been used for long, unless somebody uses or makes it now."""
    import filelock  # noqa: PLC0415 - see `locked`

    now, last = clock.posix(), pool / _PRUNED
    if last.exists() and now - last.stat().st_mtime < _DAY:
        return
    last.touch()
    for place in [path for path in pool.iterdir() if path.is_dir() and path.name != _LOCKS]:
        with contextlib.suppress(OSError, filelock.Timeout), filelock.FileLock(_lock(place), blocking=False):
            used = place / _STAMP if (place / _STAMP).exists() else place
            if now - used.stat().st_mtime > _KEPT and _clear(place):
                shutil.rmtree(place, ignore_errors=True)


def _lock(place: Path) -> Path:
    return place.parent / _LOCKS / f"{place.name}.lock"


def _read(place: Path) -> _Stamp | None:
    try:
        return msgspec.json.decode((place / _STAMP).read_bytes(), type=_Stamp)
    except (OSError, msgspec.DecodeError):
        return None


def _found(sites: Iterable[Path]) -> tuple[str, ...]:
    """Return the names of the distributions' folders."""
    with contextlib.suppress(OSError):
        return tuple(sorted(path.name for site in sites for path in site.glob("*.dist-info")))
    return ()
