"""`history.db`: how long each job took, over all runs of this checkout."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

from isonox.errors import StateError
from isonox.model.verdict import Verdict
from isonox.system import files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from isonox.model.record import Record

#: An estimate is the median of so many green runs.
WINDOW = 5
#: How many runs of each job are kept; what is older tells nothing about the next one.
KEPT = 50

_SCHEMA = """
CREATE TABLE IF NOT EXISTS durations (
    job TEXT NOT NULL, run TEXT NOT NULL, verdict TEXT NOT NULL, seconds REAL NOT NULL,
    PRIMARY KEY (job, run)
);
CREATE TABLE IF NOT EXISTS estimates (job TEXT PRIMARY KEY, seconds REAL NOT NULL);
CREATE TABLE IF NOT EXISTS set_ups (run TEXT PRIMARY KEY, seconds REAL NOT NULL);
"""
_FORGET = """
DELETE FROM durations WHERE job = :job AND run NOT IN (
    SELECT run FROM durations WHERE job = :job ORDER BY run DESC LIMIT :kept
)"""


class History:
    """The store of one workspace.

    Args:
        path: The database file; made on first use.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def of(cls, root: Path) -> History:
        """Return the store of the workspace at `root`."""
        return cls(files.state_directory(root) / "history.db")

    def add(self, records: Iterable[Record]) -> None:
        """Remember how long these jobs took."""
        rows = [(record.job, record.run, record.verdict.value, record.seconds) for record in records]
        with self._open() as database:
            database.executemany("INSERT OR REPLACE INTO durations VALUES (?, ?, ?, ?)", rows)
            database.executemany(_FORGET, [{"job": job, "kept": KEPT} for job, *_ in rows])
            estimates = [(job, seconds) for job, *_ in rows if (seconds := _median(database, job)) is not None]
            database.executemany("INSERT OR REPLACE INTO estimates VALUES (?, ?)", estimates)

    def add_set_up(self, run: str, seconds: float) -> None:
        """Remember how long the jobs of a run on GitHub took before their first session."""
        with self._open() as database:
            database.execute("INSERT OR REPLACE INTO set_ups VALUES (?, ?)", (run, seconds))

    def set_up(self) -> float | None:
        """Return the median of that over the last runs; None where there is none."""
        with self._open() as database:
            rows = database.execute("SELECT seconds FROM set_ups ORDER BY run DESC LIMIT ?", (WINDOW,)).fetchall()
        return _middle(rows)

    def durations(self) -> dict[str, float]:
        """Return the median seconds of each job's last green runs."""
        with self._open() as database:
            return dict(database.execute("SELECT job, seconds FROM estimates").fetchall())

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Open, and close whatever happens; a damaged file is set aside.

        Raises:
            StateError: The file can't be used now: locked, full disk, no permission.
        """
        try:
            try:
                database = self._connect()
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError:
                self._path.replace(self._path.with_suffix(".damaged"))
                database = self._connect()
            with contextlib.closing(database), database:
                yield database
        except sqlite3.Error as error:
            raise StateError(
                f"can't use {self._path}: {error}", hint="check the disk and the folder's permissions, or remove it"
            ) from error

    def _connect(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._path, timeout=10)
        try:
            database.executescript(_SCHEMA)
        except sqlite3.Error:
            database.close()
            raise
        return database


def _median(database: sqlite3.Connection, job: str) -> float | None:
    rows = database.execute(
        "SELECT seconds FROM durations WHERE job = ? AND verdict = ? ORDER BY run DESC LIMIT ?",
        (job, Verdict.PASSED.value, WINDOW),
    ).fetchall()
    return _middle(rows)


def _middle(rows: Sequence[tuple[float]]) -> float | None:
    import statistics  # noqa: PLC0415 - takes longer to import than all the rest here

    return statistics.median(seconds for (seconds,) in rows) if rows else None
