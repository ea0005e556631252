"""Plans and records on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isonox.errors import StateError
from isonox.model.plan import Plan, Selection
from isonox.model.record import Record
from isonox.model.verdict import Verdict
from isonox.sessions import run_directory
from isonox.sessions.run_directory import RunDirectory, file_name
from isonox.system import run_folders

if TYPE_CHECKING:
    from pathlib import Path


def record(job: str) -> Record:
    """The record of a job that passed."""
    return Record(isonox="1", run="r", job=job, stage="s", verdict=Verdict.PASSED, started="2026-01-01T00:00:00Z")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Plan and records survive; the latest run is found."""
    directory = RunDirectory.create(tmp_path)
    plan = Plan(isonox="1", selection=Selection(), jobs=())
    jobs = ["tests-3.12(a/b)", "tests-3.12(a:b)", "x" * 300, "../up", "ünï"]

    directory.write_plan(plan)
    for job in jobs:
        directory.write_record(record(job))

    assert plan == directory.read_plan()
    assert sorted(jobs) == sorted(found.job for found in directory.read_records())
    assert record("../up") == directory.read_record("../up")
    assert directory.read_record("never") is None
    latest = run_directory.latest(tmp_path)
    assert latest is not None
    assert directory.id == latest.id
    assert list(directory.path.rglob("*.tmp")) == []


@given(st.sets(st.text(min_size=1, max_size=200), min_size=2, max_size=5))
def test_different_jobs_have_different_legal_file_names(jobs: set[str]) -> None:
    """No separator, no surprise for Windows, never the same for two ids."""
    names = {file_name(job) for job in jobs}

    assert len(jobs) == len(names)
    assert all(not set('/\\:*?"<>|\0') & set(name) and name not in (".", "..") for name in names)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"version": 1, "is', "is damaged"),
        (b'{"version": 99}', "has format 99"),
        (b"\xff\xfe", "is damaged"),
    ],
)
def test_damaged_and_foreign_documents_are_named(tmp_path: Path, content: bytes, message: str) -> None:
    """Never a traceback, never half a record."""
    directory = RunDirectory.create(tmp_path)
    (directory.path / "records" / "lint.json").write_bytes(content)

    with pytest.raises(StateError, match=message):
        directory.read_record("lint")


def test_old_runs_are_forgotten(tmp_path: Path) -> None:
    """State stays bounded; a run of today may still be going on, and is kept whatever their number."""
    folder = tmp_path / ".isonox" / "runs"
    for day in range(1, 29):
        (folder / f"202601{day:02}T000000Z-aaaaaa").mkdir(parents=True)
    for _ in range(5):
        newest = RunDirectory.create(tmp_path)

    kept = [run.id for run in run_directory.runs(tmp_path)]
    assert run_folders.KEPT_RUNS == len(kept)
    assert newest.id in kept
    assert ["20260104T000000Z-aaaaaa", 5] == [kept[0], sum(not name.startswith("202601") for name in kept)]


def test_state_that_cannot_be_made_is_an_error_with_a_hint(tmp_path: Path) -> None:
    """A file is in the way; with read-only folders it is the same path through the code."""
    (tmp_path / ".isonox").write_text("in the way")

    with pytest.raises(StateError, match="can't create"):
        RunDirectory.create(tmp_path)


def test_what_other_machines_did_is_part_of_the_run(tmp_path: Path) -> None:
    """A workflow fetches artifacts into `parts`: one right there, several each into a folder."""
    run = RunDirectory.at(tmp_path / "run")
    places = {
        "own": run,
        "alone": RunDirectory(run.path / "parts"),
        "of-many": RunDirectory(run.path / "parts/records.x.0"),
    }
    for job, place in places.items():
        place.write_record(record(job))
        (place.artifacts_path(job)).mkdir(parents=True)

    assert sorted(places) == [one.job for one in run.read_records()]
    assert {job: place.artifacts_path(job) for job, place in places.items()} == {
        job: run.kept_artifacts(job) for job in places
    }
    assert run.artifacts_path("nowhere") == run.kept_artifacts("nowhere")
