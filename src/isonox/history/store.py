"""`history.db`: how long each job took, and how often each test failed, over all runs of this checkout."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, NamedTuple

from isonox.errors import StateError
from isonox.model.verdict import Verdict
from isonox.system import files

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
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
CREATE TABLE IF NOT EXISTS tests (
    test TEXT PRIMARY KEY, runs INTEGER NOT NULL, failures INTEGER NOT NULL, flaky INTEGER NOT NULL,
    seen TEXT NOT NULL, failed TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS counted (job TEXT NOT NULL, run TEXT NOT NULL, PRIMARY KEY (job, run));
"""
_COUNT = """
INSERT INTO tests VALUES (?, 1, ?, ?, ?, ?) ON CONFLICT (test) DO UPDATE SET
    runs = runs + 1, failures = failures + excluded.failures, flaky = flaky + excluded.flaky,
    seen = max(seen, excluded.seen), failed = max(failed, excluded.failed)"""
#: Tests that have not run for so long are taken to be gone.
_FORGET_TESTS = "DELETE FROM tests WHERE seen < (SELECT date(max(seen), '-90 days') FROM tests)"
_FORGET = """
DELETE FROM durations WHERE job = :job AND run NOT IN (
    SELECT run FROM durations WHERE job = :job ORDER BY run DESC LIMIT :kept
)"""


class Counted(NamedTuple):
    """How often a test ran and failed.

    Attributes:
        test: Its node id, from the workspace's root.
        runs: Jobs that it ran in; what was run again in one of them does not count.
        failures: How often it failed there.
        flaky: How often it failed there, and passed when it was run again.
        seen: When a job last ran it: UTC, ISO 8601.
        failed: When it last failed; empty if it never did.
    """

    test: str
    runs: int
    failures: int
    flaky: int
    seen: str
    failed: str


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

    def count(self, record: Record, ran: Iterable[str], failed: Collection[str]) -> None:
        """Count the tests that a job ran; a job that was counted before is not counted again.

        Args:
            record: The job's.
            ran: The tests, by node id from the workspace's root.
            failed: Those that failed when they ran first.
        """
        flaky = {one.test for one in record.flaky}
        rows = [
            (test, test in failed, test in flaky, record.started, record.started if test in failed else "")
            for test in ran
        ]
        with self._open() as database:
            if database.execute("INSERT OR IGNORE INTO counted VALUES (?, ?)", (record.job, record.run)).rowcount:
                database.executemany(_COUNT, rows)
                database.execute(_FORGET_TESTS)

    def tests(self) -> list[Counted]:
        """Return how often each test ran and failed."""
        with self._open() as database:
            return [Counted(*row) for row in database.execute("SELECT * FROM tests ORDER BY test").fetchall()]

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
            database.execute("PRAGMA synchronous = OFF")  # as `files.write_atomic`: a power failure may damage it
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
    """Return the median: importing `statistics` for it takes longer than all the rest here."""
    ordered = sorted(seconds for (seconds,) in rows)
    half = len(ordered) // 2
    return (ordered[half] + ordered[-half - 1]) / 2 if ordered else None
