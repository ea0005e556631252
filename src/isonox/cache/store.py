"""Results of jobs, kept to be used again: `.isonox/cache/`, a database of entries and the files that they refer to.

An entry is written after its files, in one transaction: killed in between, there is a file that nothing refers to.
What is read is verified; what is damaged is removed, and counts as not there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from isonox.cache import pruning
from isonox.cache.blobs import Blobs, UnfitError
from isonox.cache.database import Damage, Database
from isonox.cache.entry import DAY, SELECT, Bad, Entry, checksum, pack, unpacked
from isonox.cache.pruning import MAX_AGE_SECONDS, MAX_BYTES, Pruned, Usage
from isonox.errors import DamagedEntryError
from isonox.system import clock, files

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable
    from pathlib import Path

#: Bounds of what is remembered.
MAX_MEMOS = 1000
MAX_MEMO_BYTES = 64 << 20

#: The kind of what the store itself remembers.
_OWN = "store"

#: A file that no entry refers to stays for so many seconds: another run may be about to write its entry.
_GRACE = 3600.0

_LISTED = "IN (SELECT value FROM json_each(?))"  # a list as one parameter: there is a limit to their number
_INSERT = (
    "INSERT OR REPLACE INTO entries (fingerprint, job, stored, used, expires, size, payload)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_TOUCH = f"UPDATE entries SET used = ? WHERE fingerprint {_LISTED}"  # noqa: S608 - constants  # nosec B608
_FORGET = (
    "DELETE FROM memos WHERE rowid IN (SELECT id FROM (SELECT rowid AS id, row_number() OVER newest AS count,"
    " sum(length(value)) OVER newest AS size FROM memos WINDOW newest AS (ORDER BY used DESC, rowid DESC))"
    " WHERE count > ? OR size > ?)"
)


class Store:
    """The cache of one workspace. Every method raises a StateError where it can't be used now.

    Args:
        root: The workspace's. Nothing is made there before something is stored.

    Attributes:
        path: The cache's folder.
        problems: What was damaged, or could not be stored: one line each.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self.path = root / files.STATE / "cache"
        self.problems: list[str] = []
        self._database = Database(self.path / "results.db", self.problems)
        self._blobs = Blobs(self.path / "blobs")
        self._used: dict[str, float] = {}

    @classmethod
    def of(cls, root: Path) -> Store:
        """Return the cache of the workspace at `root`."""
        return cls(root)

    def find(
        self, fingerprints: Collection[str], *, now: float, origins: Collection[str] = ("local", "github")
    ) -> dict[str, Entry]:
        """Return the entries that can be used, by fingerprint.

        Left out are those that expired, come from elsewhere, or are from the future (the clock went backwards).

        Args:
            fingerprints: What to look for.
            now: POSIX seconds.
            origins: Who may have run it.
        """
        wanted = set(fingerprints)
        found: dict[str, Entry] = {}
        bad: list[Bad] = []
        for row, entry in unpacked(self._read(f"{SELECT} WHERE fingerprint {_LISTED}", _list(wanted)), bad):
            if entry.fingerprint not in wanted:
                bad.append(Bad(row.id, "it is damaged"))
            elif why := self._blobs.lack(entry.artifacts):
                bad.append(Bad(row.id, why))
            elif entry.origin in origins and entry.stored <= now + DAY and not entry.expired(now):
                found[entry.fingerprint] = entry
                self._used[entry.fingerprint] = row.used
        self._discard(bad)
        return found

    def latest(self, job: str) -> Entry | None:
        """Return the newest entry of a job, whether it can be used or not: it tells what the job depended on."""
        rows = self._read(f"{SELECT} WHERE job = ? ORDER BY stored DESC, id DESC LIMIT 3", job)
        return next((entry for _, entry in unpacked(rows, [])), None)

    def add(self, entry: Entry, folder: Path | None = None) -> Entry | None:
        """Store one result; see `add_many`. None where it can't be stored."""
        return next(iter(self.add_many([(entry, folder)])), None)

    def add_many(self, results: Iterable[tuple[Entry, Path | None]]) -> tuple[Entry, ...]:
        """Store results, each with the folder of its artifacts: copy all files, then write all entries at once.

        Returns:
            The entries, with their artifacts. One is missing where it can't be stored (a link to somewhere else, a
            name that is not UTF-8); `problems` says why.
        """
        files.state_directory(self._root)
        stored, rows = [], []
        for entry, folder in results:
            try:
                made = msgspec.structs.replace(entry, artifacts=self._blobs.keep(folder) if folder else ())
                payload = pack(made)
            except (UnfitError, UnicodeEncodeError) as error:
                self.problems.append(f"the result of {entry.job} was not stored: {error}")
                continue
            size = len(payload) + sum(artifact.size for artifact in made.artifacts)
            times = (made.stored, made.stored, made.expires)
            rows.append((made.fingerprint, made.job, *times, size, payload))
            stored.append(made)
        if rows:
            files.make_directory(self.path)
            self._database.write(lambda db: db.executemany(_INSERT, rows))
        return tuple(stored)

    def restore(self, entry: Entry, folder: Path) -> None:
        """Copy an entry's artifacts into a folder that is new or empty, and verify them.

        Raises:
            DamagedEntryError: One is not what was stored. The entry and the folder are removed.
            StateError: The folder can't be written, or is not empty.
        """
        try:
            self._blobs.restore(entry.artifacts, folder)
        except UnfitError as error:
            self._write("DELETE FROM entries WHERE fingerprint = ?", entry.fingerprint)
            raise DamagedEntryError(
                f"the cached result of {entry.job} is damaged: {error}", hint="run again: it is removed from the cache"
            ) from error
        except OSError as error:
            raise files.state_error(error, f"can't restore the cached result of {entry.job} into {folder}") from error

    def touch(self, fingerprints: Collection[str], now: float) -> None:
        """Note that entries were used; at most once a day, so that most runs write nothing."""
        if old := [name for name in fingerprints if abs(now - self._used.get(name, 0)) > DAY]:
            self._write(_TOUCH, now, _list(old))
            self._used.update(dict.fromkeys(old, now))

    def remember(self, kind: str, key: str, value: bytes) -> None:
        """Keep what is quicker read than made; what was not used for longest is forgotten."""
        files.state_directory(self._root)
        files.make_directory(self.path)
        row = (kind, key, clock.posix(), _sum(kind, key, value) + value)

        def write(database: sqlite3.Connection) -> None:
            database.execute("INSERT OR REPLACE INTO memos VALUES (?, ?, ?, ?)", row)
            database.execute(_FORGET, (MAX_MEMOS, MAX_MEMO_BYTES))

        self._database.write(write)

    def recall(self, kind: str, key: str) -> bytes | None:
        """Return what was kept; None where there is nothing."""
        return self.recall_many(kind, [key]).get(key)

    def recall_many(self, kind: str, keys: Collection[str]) -> dict[str, bytes]:
        """Return what was kept, by key."""
        these = f"kind = ? AND key {_LISTED}"
        rows = self._read(f"SELECT key, used, value FROM memos WHERE {these}", kind, _list(keys))  # noqa: S608 - constants  # nosec B608
        found = {
            key: value[4:]
            for key, _, value in rows
            if isinstance(value, bytes) and value[:4] == _sum(kind, key, value[4:])
        }
        now = clock.posix()
        if len(found) < len(rows):
            self.problems.append(f"what was remembered as {kind!r} is damaged; it was removed")
            self._write(f"DELETE FROM memos WHERE {these}", kind, _list(set(keys) - set(found)))  # noqa: S608 - constants  # nosec B608
        if any(abs(now - used) > DAY for _, used, *_ in rows):
            self._write(f"UPDATE memos SET used = ? WHERE {these}", now, kind, _list(found))  # noqa: S608 - constants  # nosec B608
        return found

    def prune(self, *, max_bytes: int = MAX_BYTES, max_age_seconds: float = MAX_AGE_SECONDS, now: float) -> Pruned:
        """Remove what expired, what was not used for long, and the least recently used until the rest fits.

        Args:
            max_bytes: How much may stay.
            max_age_seconds: How long an entry may stay unused.
            now: POSIX seconds.
        """
        oldest = now - max_age_seconds
        due = abs(now - float(self.recall(_OWN, "swept") or 0)) > DAY
        if self._database.read(lambda db: due or pruning.due(db, max_bytes, oldest, now), otherwise=False):
            return self._drop(max_bytes, oldest, now, _GRACE)
        return Pruned()

    def empty(self, now: float) -> Pruned:
        """Remove everything."""
        blobs, size = self._blobs.sweep((), (), now=now, grace=0)  # first: a full disk has no room for a transaction
        files.remove(self._database.aside)
        self._write("DELETE FROM memos")
        dropped = self._drop(0, now, now, 0) if self._database.path.exists() else Pruned()
        return Pruned(dropped.entries, blobs, size + dropped.bytes)

    def _drop(self, max_bytes: int, oldest: float, now: float, grace: float) -> Pruned:
        dropped = self._database.write(lambda db: pruning.drop(db, max_bytes, oldest, now))
        self.problems += dropped.problems
        blobs, size = self._blobs.sweep(dropped.held, dropped.freed, now=now, grace=grace)
        self._database.read(pruning.shrink, None)
        self.remember(_OWN, "swept", repr(now).encode())
        return Pruned(dropped.entries, blobs, dropped.bytes + size)

    def verify(self) -> list[str]:
        """Look at every entry and into every file; remove what is damaged, and return a line for each."""
        before = len(self.problems)
        bad: list[Bad] = []
        for row, entry in unpacked(self._database.read(_all_rows, []), bad):
            if why := self._blobs.lack(entry.artifacts) or self._blobs.fault(entry.artifacts):
                bad.append(Bad(row.id, why))
        self._discard(bad)
        return self.problems[before:]

    def usage(self) -> Usage:
        """Count what there is."""
        path = str(self.path)
        nothing = Usage(path=path, entries=0, blobs=0, bytes=0, oldest=None, stages={})
        return self._database.read(lambda db: pruning.usage(db, path), nothing)

    def _discard(self, bad: list[Bad]) -> None:
        if bad:
            self.problems += self._database.write(lambda db: pruning.discard(db, bad))

    def _read(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return self._database.read(lambda db: db.execute(query, values).fetchall(), [])

    def _write(self, statement: str, *values: object) -> None:
        if self._database.path.exists():
            self._database.write(lambda db: db.execute(statement, values))


def _all_rows(database: sqlite3.Connection) -> list[tuple[Any, ...]]:
    """Return every row of a database that is whole.

    Raises:
        Damage: It is not.
    """
    if database.execute("PRAGMA integrity_check(1)").fetchone() != ("ok",):
        raise Damage
    return database.execute(SELECT).fetchall()


def _sum(kind: str, key: str, value: bytes) -> bytes:
    return checksum(f"{kind}\0{key}\0".encode() + value)


def _list(names: Iterable[str]) -> str:
    return msgspec.json.encode(list(names)).decode()
