"""How much the cache may hold, and what goes when it holds more."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from isonox.cache.entry import DAY, SELECT, Bad, unpacked

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

#: Entries that were not used for so many seconds go, then the least recently used until the rest fits.
MAX_BYTES = 2 << 30
MAX_AGE_SECONDS = 30 * DAY


class Pruned(msgspec.Struct, frozen=True):
    """How much was removed."""

    entries: int = 0
    blobs: int = 0
    bytes: int = 0


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """How much there is.

    Attributes:
        path: The cache's folder.
        bytes: Of entries and files; a file of several entries counts once.
        oldest: When the oldest entry was stored, POSIX seconds.
        stages: Number of entries by stage.
    """

    path: str
    entries: int
    blobs: int
    bytes: int
    oldest: float | None
    stages: dict[str, int]


class Dropped(NamedTuple):
    """What went from the database, and the files that this leaves.

    Attributes:
        entries: How many went.
        bytes: How much, files not counted.
        held: Digests that entries refer to.
        freed: Digests that no entry refers to any more.
        problems: What was damaged; one line each.
    """

    entries: int
    bytes: int
    held: set[str]
    freed: set[str]
    problems: list[str]


def due(database: sqlite3.Connection, max_bytes: int, oldest: float, now: float) -> bool:
    """Return whether something may have to go; files of several entries count several times here."""
    size, used, expires = database.execute("SELECT total(size), min(used), min(expires) FROM entries").fetchone()
    return bool(size > max_bytes or (used is not None and used < oldest) or (expires is not None and expires <= now))


def drop(database: sqlite3.Connection, max_bytes: int, oldest: float, now: float) -> Dropped:
    """Remove what expired, what was not used since `oldest`, and the least recently used until the rest fits.

    An entry from the future (the clock went backwards) counts as the least recently used.
    """
    held: dict[str, int] = {}
    seen: set[str] = set()
    gone: list[tuple[int]] = []
    bad: list[Bad] = []
    kept = size = 0
    newest = database.execute(f"{SELECT} ORDER BY used > ?, used DESC, id DESC", (now + DAY,))
    for row, entry in unpacked(newest, bad):
        new = {one.digest: one.size for one in entry.artifacts if one.digest not in held}
        need = row.size + sum(new.values())
        seen.update(new)
        if row.used < oldest or entry.expired(now) or kept + need > max_bytes:
            gone.append((row.id,))
            size += row.size
        else:
            held.update(new)
            kept += need
    database.executemany("DELETE FROM entries WHERE id = ?", gone)
    return Dropped(len(gone), size, set(held), seen - set(held), discard(database, bad))


def discard(database: sqlite3.Connection, bad: Iterable[Bad]) -> list[str]:
    """Remove rows, and return a line for each."""
    lines = []
    for row in bad:
        for (job,) in database.execute("SELECT job FROM entries WHERE id = ?", (row.id,)).fetchall():
            lines.append(f"the cached result of {job} was removed: {row.why}")
        database.execute("DELETE FROM entries WHERE id = ?", (row.id,))
    return lines


def shrink(database: sqlite3.Connection) -> None:
    """Give space back to the disk where more than half of the file is unused."""
    (free,), (pages,) = (database.execute(f"PRAGMA {name}").fetchone() for name in ("freelist_count", "page_count"))
    if free > pages / 2:
        database.execute("VACUUM")


def usage(database: sqlite3.Connection, path: str) -> Usage:
    """Count what there is."""
    blobs: dict[str, int] = {}
    stages: Counter[str] = Counter()
    size, stored = 0, []
    for row, entry in unpacked(database.execute(SELECT), []):
        size += row.size
        blobs.update({one.digest: one.size for one in entry.artifacts})
        stages[entry.record.stage] += 1
        stored.append(entry.stored)
    return Usage(
        path=path,
        entries=len(stored),
        blobs=len(blobs),
        bytes=size + sum(blobs.values()),
        oldest=min(stored, default=None),
        stages=dict(sorted(stages.items())),
    )
