"""The run as a JSON document."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from isonox.errors import ExitCode
from isonox.model.record import TestCounts
from isonox.model.verdict import Verdict
from isonox.report import document
from isonox.sessions.run_directory import RunDirectory

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from isonox.model.events import RunEnded
    from isonox.model.plan import Plan, PlannedJob
    from isonox.model.record import Record


def test_the_document_says_everything_that_the_summary_says(
    ended: Callable[..., RunEnded], job: Callable[..., PlannedJob], record: Callable[..., Record]
) -> None:
    """Read back from its JSON."""
    one, two = job("lint"), job("tests(x='1')", requires=("lint",))
    passed = record(one, seconds=2.0, commit="abc")
    failed = record(two, Verdict.FAILED, seconds=3.5, tests=TestCounts(failed=1))

    made = msgspec.json.encode(document.of_run(ended((one, passed), (two, failed), seconds=6.0)))
    read = msgspec.json.decode(made, type=document.RunDocument)

    assert made.startswith(b'{"version":1,')
    assert ("0.1.0", "20261121T104500Z-3fa94c") == (read.isonox, read.run)
    assert ("red", 1) == (read.verdict, read.exit_code)
    assert {"lint": Verdict.PASSED, "tests(x='1')": Verdict.FAILED} == read.verdicts
    assert (6.0, 5.5) == (read.wall_seconds, read.sum_seconds)
    assert document.CriticalPath(jobs=("lint", "tests(x='1')"), seconds=5.5) == read.critical_path
    assert TestCounts(failed=1) == read.tests
    assert ["""nox -s "tests(x='1')\""""] == [repeat.command for repeat in read.repeat]
    assert (passed, failed) == read.records


@pytest.mark.parametrize("verdict", list(Verdict))
def test_a_run_is_green_exactly_when_every_verdict_is(
    ended: Callable[..., RunEnded], job: Callable[..., PlannedJob], record: Callable[..., Record], verdict: Verdict
) -> None:
    """One job with each verdict, beside one that passed; an interrupted run is neither."""
    one, two = job("lint"), job("docs")
    run = ended((one, record(one)), (two, record(two, verdict)))

    made = document.of_run(run)
    interrupted = document.of_run(msgspec.structs.replace(run, interrupted=True))

    green = verdict in (Verdict.PASSED, Verdict.CACHED, Verdict.WAIVED)
    assert (("green", ExitCode.OK) if green else ("red", ExitCode.JOB_FAILED)) == (made.verdict, made.exit_code)
    assert ([] if green else ["docs"]) == [repeat.job for repeat in made.repeat]
    assert ("interrupted", ExitCode.INTERRUPTED) == (interrupted.verdict, interrupted.exit_code)


def test_times_are_those_of_the_records_and_causes_stand_last(
    ended: Callable[..., RunEnded], job: Callable[..., PlannedJob], record: Callable[..., Record]
) -> None:
    """What did not run is on no path, and stands before what did among the red ones."""
    lint, docs = job("lint", estimate_seconds=999.0), job("docs")
    tests = job("tests", requires=("lint",))
    late = job("late", requires=("tests",))

    made = document.of_run(
        ended(
            (lint, record(lint, seconds=2.0)),
            (tests, record(tests, Verdict.FAILED, seconds=8.0, tests=TestCounts(passed=10, failed=1, errors=2))),
            (docs, record(docs, seconds=9.0, tests=TestCounts(passed=5, skipped=3))),
            (late, record(late, Verdict.BLOCKED, seconds=0.0)),
            seconds=10.5,
        )
    )

    assert (10.5, 19.0) == (made.wall_seconds, made.sum_seconds)
    assert document.CriticalPath(jobs=("lint", "tests"), seconds=10.0) == made.critical_path
    assert ["late", "tests"] == [repeat.job for repeat in made.repeat]
    assert TestCounts(passed=15, failed=1, errors=2, skipped=3) == made.tests


def test_a_run_is_measured_against_the_best_schedule_of_what_really_ran(
    ended: Callable[..., RunEnded], job: Callable[..., PlannedJob], record: Callable[..., Record]
) -> None:
    """Actual times on the cores that there were; what was cached took none, whatever its record says."""
    wide, narrow, hit = job("wide", weight="all"), job("narrow"), job("hit", requires=("narrow",))
    done = [
        (wide, record(wide, seconds=6.0)),
        (narrow, record(narrow, seconds=2.0)),
        (hit, record(hit, Verdict.CACHED, seconds=50.0, from_run="earlier")),
    ]

    here = document.of_run(ended(*done, seconds=8.0, slots=4))
    remote = document.of_run(ended(*done, seconds=8.0))

    assert (4, 6.5, 8.0) == (here.slots, here.lower_bound_seconds, here.sum_seconds)
    assert (None, None) == (remote.slots, remote.lower_bound_seconds)
    assert document.CriticalPath(jobs=("wide",), seconds=6.0) == here.critical_path


def test_paths_are_told_from_the_current_folder(
    ended: Callable[..., RunEnded],
    job: Callable[..., PlannedJob],
    record: Callable[..., Record],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From a folder below the root, the command and the logs are found from there."""
    below = tmp_path / "libs" / "api"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    one, two = job("tests", posargs=("-x",)), job("lint")
    run = ended((one, record(one, Verdict.FAILED)), (two, record(two, Verdict.MISSING)))
    RunDirectory(run.directory).log_path(one.id).touch()

    made = document.of_run(run)

    assert "nox -f ../../noxfile.py -s tests -- -x" == made.repeat[0].command
    assert made.repeat[1].log is None
    assert made.repeat[0].log == f"{made.directory}/logs/tests.log"
    assert (below / made.directory).is_dir()


def test_a_run_that_was_brought_here_is_looked_at_from_the_current_folder(
    ended: Callable[..., RunEnded],
    job: Callable[..., PlannedJob],
    record: Callable[..., Record],
    tmp_path: Path,
) -> None:
    """A downloaded run's folder says nothing about where the noxfile is."""
    one = job("tests")

    made = document.of_run(ended((one, record(one, Verdict.FAILED)), directory=tmp_path / "downloaded"))

    assert ("downloaded", "nox -s tests") == (made.directory, made.repeat[0].command)


def test_problems_make_a_run_red(
    ended: Callable[..., RunEnded], job: Callable[..., PlannedJob], record: Callable[..., Record]
) -> None:
    """Also one whose jobs are green."""
    one = job("tests")

    made = document.of_run(ended((one, record(one)), problems=("a record is damaged",)))

    assert ("red", ExitCode.JOB_FAILED, ()) == (made.verdict, made.exit_code, made.repeat)
    assert ("a record is damaged",) == made.problems


def test_the_plan_id_names_exactly_one_plan(plan: Callable[..., Plan], job: Callable[..., PlannedJob]) -> None:
    """The same plan has the same id, any other one another."""
    assert document.plan_id(plan(job("a"))) == document.plan_id(plan(job("a")))
    assert document.plan_id(plan(job("a"))) != document.plan_id(plan(job("a"), dirty=True))
