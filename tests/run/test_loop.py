"""The loop with a fake executor: what it does with exit codes, records, overtime and notifications."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from isonox.errors import ExitCode, StateError
from isonox.model.events import Event, JobAdded, JobEnded, JobStarted, RunEnded, RunStarted
from isonox.model.plan import Plan, PlannedJob, Selection
from isonox.model.record import Notification, Record, TestCounts
from isonox.model.verdict import Verdict
from isonox.run import loop as loop_module
from isonox.run.loop import Loop
from isonox.sessions.run_directory import RunDirectory

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest


def job(name: str, *requires: str, **facts: Any) -> PlannedJob:
    """A planned job."""
    return PlannedJob(
        id=name, session=name, stage=name, requires=requires, estimate_seconds=1, estimate_from="prior", **facts
    )


@dataclass
class FakeExecutor:
    """Ends each job at once with a given exit code, or never; writes the record that a session would write.

    Args:
        directory: Where records go.
        exits: Exit code by job; None for a job that runs until it is killed.
        leaves: Record by job, for those that leave one.
    """

    directory: RunDirectory
    exits: dict[str, int | None] = field(default_factory=dict)
    leaves: dict[str, Record] = field(default_factory=dict)
    ends: dict[str, Callable[[str, int], None]] = field(default_factory=dict)
    interrupted: list[str] = field(default_factory=list)

    def start(self, job: PlannedJob, on_end: Callable[[str, int], None]) -> None:
        """See `Executor.start`."""
        if job.id == "unstartable":
            raise StateError("no log for you")
        if job.id in self.leaves:
            self.directory.write_record(self.leaves[job.id])
        code = self.exits.get(job.id, 0)
        self.ends[job.id] = on_end
        if code is not None:
            on_end(job.id, code)

    def interrupt(self, job: str) -> None:
        """See `Executor.interrupt`."""
        self.interrupted.append(job)

    def kill(self, job: str) -> None:
        """See `Executor.kill`."""
        self.ends[job](job, -9)

    def close(self) -> None:
        """See `Executor.close`."""


def record(name: str, verdict: Verdict = Verdict.PASSED, **facts: Any) -> Record:
    """What a session leaves."""
    return Record(isonox="1", run="r", job=name, stage=name, verdict=verdict, started="2026-01-01T00:00:00Z", **facts)


def run(
    folder: Path, jobs: list[PlannedJob], *, fail_fast: bool = False, **executor: Any
) -> tuple[RunEnded, list[Event], FakeExecutor, RunDirectory]:
    """Run jobs with a fake executor; return what came of it."""
    directory = RunDirectory.create(folder)
    fake = FakeExecutor(directory, **executor)
    events: list[Event] = []
    loop = Loop(
        plan=Plan(isonox="1", selection=Selection(posargs=("-x",)), jobs=tuple(jobs)),
        directory=directory,
        executor=fake,
        slots=2,
        fail_fast=fail_fast,
        joining=lambda name, reasons, posargs: job(name, reasons=tuple(reasons), posargs=tuple(posargs)),
        subscribers=(events.append,),
    )
    return loop.run(), events, fake, directory


def verdicts(ended: RunEnded) -> dict[str, tuple[str, str]]:
    """Verdict and reason by job."""
    return {found.job: (found.verdict.value, found.reason) for found in ended.records}


def test_record_and_exit_code_have_to_agree(tmp_path: Path) -> None:
    """A green record with a red exit is red; no record with a green exit is missing; neither is believed alone."""
    ended, events, _, directory = run(
        tmp_path,
        [
            job("fine"),
            job("idle"),
            job("liar"),
            job("mute"),
            job("dead"),
            job("informs", required=False),
            job("unstartable"),
        ],
        exits={"liar": 3, "dead": -11, "informs": 1},
        leaves={"fine": record("fine"), "idle": record("idle", tests=TestCounts()), "liar": record("liar")},
    )

    found = verdicts(ended)
    assert ("passed", "") == found["fine"]
    assert ("failed", "no test was run") == found["idle"]
    assert ("failed", "the session ended well, but its nox process did not: exit 3") == found["liar"]
    assert "missing" == found["mute"][0]
    assert ("failed", "killed by signal 11 (SIGSEGV)") == found["dead"]
    assert ("waived", "not required; it failed: exit 1") == found["informs"]
    assert ("failed", "could not be started: no log for you") == found["unstartable"]
    assert found == {r.job: (r.verdict.value, r.reason) for r in directory.read_records()}
    assert isinstance(events[0], RunStarted)
    assert isinstance(events[-1], RunEnded)
    assert 7 == sum(isinstance(event, JobEnded) for event in events)


def test_a_damaged_record_is_red_and_kept_as_a_problem(tmp_path: Path) -> None:
    """Never a traceback, never green."""
    directory = RunDirectory.create(tmp_path)
    fake = FakeExecutor(directory)
    (directory.path / "records" / "a.json").write_text("{")
    loop = Loop(
        plan=Plan(isonox="1", selection=Selection(), jobs=(job("a"),)),
        directory=directory,
        executor=fake,
        slots=1,
        joining=lambda name, *_: job(name),
    )

    ended = loop.run()

    assert "missing" == verdicts(ended)["a"][0]
    assert "is damaged" in ended.problems[0]
    assert ExitCode.JOB_FAILED == ended.exit_code
    assert ExitCode.JOB_FAILED == msgspec.structs.replace(ended, records=()).exit_code


def test_notified_jobs_join_the_plan_once(tmp_path: Path) -> None:
    """With the notifier's arguments, or those of the run; the stored plan has them too."""
    ended, events, _, directory = run(
        tmp_path,
        [job("a"), job("b")],
        leaves={
            "a": record("a", notified=(Notification(session="report"), Notification(session="b"))),
            "b": record("b", notified=(Notification(session="report", posargs=("y",)),)),
            "report": record("report"),
        },
    )

    assert ["a", "b", "report"] == [found.job for found in ended.records]
    added = [event.job for event in events if isinstance(event, JobAdded)]
    assert [("report", ("-x",), "notified-by a")] == [(j.id, j.posargs, str(j.reasons[0])) for j in added]
    assert ["a", "b", "report"] == [planned.id for planned in directory.read_plan().jobs]


def test_a_job_that_outstays_its_timeout_is_ended_from_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The session enforces its timeout itself; this is for one that can't any more."""
    monkeypatch.setattr(loop_module, "OVERTIME", 0.0)

    ended, _, _, _ = run(tmp_path, [job("stuck", timeout_minutes=0.001)], exits={"stuck": None})

    assert ("timed-out", "timed out after 0.001 min, and did not stop by itself") == verdicts(ended)["stuck"]


def test_fail_fast_asks_running_jobs_to_stop_and_then_ends_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that wait are cancelled at once."""
    monkeypatch.setattr(loop_module, "PATIENCE", 0.0)

    ended, events, fake, _ = run(
        tmp_path, [job("long"), job("red"), job("waits")], fail_fast=True, exits={"long": None, "red": 1}
    )

    assert ["long"] == fake.interrupted
    assert {"long": "cancelled", "red": "failed", "waits": "cancelled"} == {
        name: verdict for name, (verdict, _) in verdicts(ended).items()
    }
    assert 2 == sum(isinstance(event, JobStarted) for event in events)
