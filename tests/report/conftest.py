"""Example plans, records and runs, as small as a test wants them."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from isonox.model.events import RunEnded
from isonox.model.plan import Plan, PlannedJob, Selection
from isonox.model.record import Record
from isonox.model.verdict import Verdict
from isonox.sessions.run_directory import RunDirectory
from isonox.system import files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RUN = "20261121T104500Z-3fa94c"


@pytest.fixture
def job() -> Callable[..., PlannedJob]:
    """Make a job from its id; without more, it was never timed."""

    def make(name: str, **facts: Any) -> PlannedJob:
        usual = {"session": name, "stage": name.partition("-")[0], "estimate_seconds": 30.0, "estimate_from": "prior"}
        return PlannedJob(id=name, **{**usual, **facts})

    return make


@pytest.fixture
def plan() -> Callable[..., Plan]:
    """Make a plan from its jobs."""

    def make(*jobs: PlannedJob, **facts: Any) -> Plan:
        return Plan(**{"isonox": "0.1.0", "selection": Selection(), "jobs": jobs, **facts})

    return make


@pytest.fixture
def record() -> Callable[..., Record]:
    """Make a job's record; without more, it passed in a second."""

    def make(planned: PlannedJob, verdict: Verdict = Verdict.PASSED, **facts: Any) -> Record:
        usual = {"isonox": "0.1.0", "run": RUN, "started": "2026-11-21T10:45:00Z", "seconds": 1.0}
        return Record(job=planned.id, stage=planned.stage, verdict=verdict, **{**usual, **facts})

    return make


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunDirectory:
    """Make the folder of a run below the current folder."""
    monkeypatch.chdir(tmp_path)
    made = RunDirectory(tmp_path / files.STATE / "runs" / RUN)
    files.make_directory(made.path / "logs")
    return made


@pytest.fixture
def ended(directory: RunDirectory, plan: Callable[..., Plan]) -> Callable[..., RunEnded]:
    """Make a run that has ended from pairs of job and record; one without a record is lost."""

    def make(*done: tuple[PlannedJob, Record | None], **facts: Any) -> RunEnded:
        usual: dict[str, Any] = {"seconds": 10.0, "interrupted": False, "directory": directory.path}
        return RunEnded(
            plan=plan(*(job for job, _ in done)),
            records=tuple(record for _, record in done if record is not None),
            **{**usual, **facts},
        )

    return make


@pytest.fixture
def console() -> Callable[..., Console]:
    """Make a console that keeps what is printed; its text is in `console.file`."""

    def make(width: int = 100, **facts: Any) -> Console:
        return Console(**{"file": StringIO(), "width": width, "_environ": {}, **facts})

    return make
