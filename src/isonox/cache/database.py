"""`results.db`: opened for each question, so that a process holds nothing; begun anew when it is damaged."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import TYPE_CHECKING, TypeVar

from isonox.errors import StateError
from isonox.system import files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_Answer = TypeVar("_Answer")

#: Format of the tables. A database of another format is emptied.
#: 1: the first.
#: 2: an index of what decides whether something has to go, so that nobody reads the entries for it.
FORMAT = 2

#: Seconds to wait for another process.
_PATIENCE = 10

_ENTRIES = """
CREATE TABLE entries (
    id INTEGER PRIMARY KEY AUTOINCREMENT, fingerprint TEXT NOT NULL UNIQUE, job TEXT NOT NULL, stored REAL NOT NULL,
    used REAL NOT NULL, expires REAL, size INTEGER NOT NULL, payload BLOB NOT NULL
)"""
_JOBS = "CREATE INDEX entries_job ON entries (job, stored)"
_BOUNDS = "CREATE INDEX entries_bounds ON entries (used, expires, size)"
_MEMOS = """
CREATE TABLE memos (
    kind TEXT NOT NULL, key TEXT NOT NULL, used REAL NOT NULL, value BLOB NOT NULL, PRIMARY KEY (kind, key)
)"""

#: The last is "no such table" and its like. A file that only sqlite takes for read-only is damaged, too.
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}

_HINTS = {
    sqlite3.SQLITE_BUSY: "another isonox is writing: try again when it is done",
    sqlite3.SQLITE_FULL: "the disk is full: free some space and run again",
    sqlite3.SQLITE_READONLY: "check the owner and the permissions of that folder",
    sqlite3.SQLITE_CANTOPEN: "check the owner and the permissions of that folder",
}


class Damage(Exception):  # noqa: N818 - it is no error yet: what is left is set aside, and the question asked again
    """The database can't be believed."""


class Database:
    """A database file.

    Args:
        path: Made on first use.
        problems: Gets a line for each database that was set aside.

    Attributes:
        aside: Where the last damaged one is kept.
    """

    def __init__(self, path: Path, problems: list[str]) -> None:
        self.path = path
        self._problems = problems
        self.aside = path.with_suffix(".damaged")

    def read(self, work: Callable[[sqlite3.Connection], _Answer], otherwise: _Answer) -> _Answer:
        """Return what is found, or `otherwise` where there is no database, or none that is whole.

        Raises:
            StateError: It can't be used now: locked, no permission.
        """
        if not self.path.exists():
            return otherwise
        try:
            return self._ask(work)
        except Damage:
            return otherwise

    def write(self, work: Callable[[sqlite3.Connection], _Answer]) -> _Answer:
        """Do all of it, or nothing.

        Raises:
            StateError: It can't be used now: locked, full disk, no permission.
        """

        def whole(database: sqlite3.Connection) -> _Answer:
            database.execute("BEGIN IMMEDIATE")
            answer = work(database)
            database.commit()
            return answer

        for _ in range(2):
            with contextlib.suppress(Damage):
                return self._ask(whole)
        raise StateError(f"{self.path} is damaged again and again", hint="check the disk")

    def _ask(self, work: Callable[[sqlite3.Connection], _Answer]) -> _Answer:
        try:
            opened = self._identity()
            try:
                with self._connected() as database:
                    return work(database)
            except (Damage, UnicodeDecodeError) as error:  # the latter: what sqlite says of a name that is damaged
                self._set_aside(opened)
                raise Damage from error
            except sqlite3.Error as error:
                code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the rest is detail
                if code not in _DAMAGE and not (code == sqlite3.SQLITE_READONLY and os.access(self.path, os.W_OK)):
                    hint = _HINTS.get(code, "check the disk, or remove it: the cache is not needed")
                    raise StateError(f"can't use {self.path}: {error}", hint=hint) from error
                self._set_aside(opened)
                raise Damage from error
        except OSError as error:
            raise files.state_error(error, f"can't use {self.path}") from error

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        if not self._identity():
            with self._lock(), contextlib.closing(self._opened()) as database:
                self._prepare(database)
        with contextlib.closing(self._opened()) as database:
            database.execute("PRAGMA synchronous = NORMAL")
            if _format(database) != FORMAT:
                with self._lock():
                    self._prepare(database)
            yield database

    def _opened(self) -> sqlite3.Connection:
        database = sqlite3.connect(self.path, timeout=_PATIENCE, isolation_level=None)
        database.text_factory = lambda raw: raw.decode(errors="replace")
        return database

    def _prepare(self, database: sqlite3.Connection) -> None:
        """Empty a database that has another format; one process at a time."""
        found = _format(database)
        if found == FORMAT:
            return
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("BEGIN IMMEDIATE")
        tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        for (name,) in database.execute(tables).fetchall():
            database.execute(f'DROP TABLE "{name}"')
        for statement in (_ENTRIES, _JOBS, _BOUNDS, _MEMOS):
            database.execute(statement)
        database.execute(f"PRAGMA user_version = {FORMAT}")
        database.commit()
        if found:
            self._problems.append(f"the cache had format {found}, this isonox has {FORMAT}: it begins anew")

    def _identity(self) -> tuple[int, int] | None:
        """Return which file it is; None for one that is missing or empty."""
        try:
            state = self.path.stat()
        except FileNotFoundError:
            return None
        return (state.st_dev, state.st_ino) if state.st_size else None

    def _set_aside(self, opened: tuple[int, int] | None) -> None:
        """Move the damaged file away, unless another process did."""
        with self._lock():
            if opened is None or opened != self._identity():
                return
            self.path.replace(self.aside)
            for suffix in ("-wal", "-shm"):
                self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        self._problems.append(f"{self.path} is damaged: it is kept as {self.aside.name}, and the cache begins anew")

    def _lock(self) -> contextlib.AbstractContextManager[object]:
        import filelock  # noqa: PLC0415 - needed in few runs only

        return filelock.FileLock(self.path.with_suffix(".lock"), timeout=_PATIENCE)


def _format(database: sqlite3.Connection) -> int:
    (found,) = database.execute("PRAGMA user_version").fetchone()
    return int(found)
