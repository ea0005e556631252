"""Durations of earlier runs."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

import msgspec
import pytest

from isonox.errors import StateError
from isonox.history.store import KEPT, WINDOW, History
from isonox.model.record import Record
from isonox.model.verdict import Verdict

if TYPE_CHECKING:
    from pathlib import Path


def record(run: int, seconds: float, verdict: Verdict = Verdict.PASSED) -> Record:
    """What `tests` did in a run."""
    return Record(
        isonox="1", run=f"r{run:03}", job="tests", stage="tests", verdict=verdict, started="", seconds=seconds
    )


def test_the_estimate_is_the_median_of_the_last_green_runs(tmp_path: Path) -> None:
    """One slow run does not spoil it; red and old runs do not count."""
    history = History.of(tmp_path)

    history.add([record(0, 99.0)])
    history.add([record(1 + number, float(number)) for number in range(WINDOW)])
    history.add([record(50, 0.1, Verdict.FAILED), record(51, 0.0, Verdict.CANCELLED)])

    assert {"tests": 2.0} == history.durations()


def test_the_set_up_is_the_median_of_the_last_runs_on_github(tmp_path: Path) -> None:
    """None before the first; a run that was repeated counts once."""
    history = History.of(tmp_path)
    assert history.set_up() is None

    for number in (0, *range(WINDOW + 1)):
        history.add_set_up(f"github-{number}", 10.0 * number)

    assert 30.0 == history.set_up()


def test_old_runs_are_forgotten(tmp_path: Path) -> None:
    """Those of each job by itself: what travels with every run on GitHub must not grow without end."""
    history = History.of(tmp_path)
    history.add([msgspec.structs.replace(record(0, 1.0), job="docs")])

    for number in range(KEPT + 5):
        history.add([record(number, 1.0)])

    with contextlib.closing(sqlite3.connect(tmp_path / ".isonox" / "history.db")) as database:
        counts = dict(database.execute("SELECT job, count(*) FROM durations GROUP BY job").fetchall())
    assert {"docs": 1, "tests": KEPT} == counts


def test_a_damaged_database_is_set_aside(tmp_path: Path) -> None:
    """Estimates are worth no failure, and the old file is kept."""
    history = History.of(tmp_path)
    (tmp_path / ".isonox" / "history.db").write_bytes(b"this is no database at all, not in the least" * 50)

    history.add([record(1, 3.0)])

    assert {"tests": 3.0} == history.durations()
    assert (tmp_path / ".isonox" / "history.damaged").exists()


def test_a_database_that_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    """With the path."""
    (tmp_path / "history.db").mkdir()

    with pytest.raises(StateError, match=r"can't use .*history\.db"):
        History(tmp_path / "history.db").durations()
