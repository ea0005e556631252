"""The run as a JSON document."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from isonox.errors import ExitCode
from isonox.model.record import TestCounts
from isonox.model.verdict import Verdict
from isonox.report import document

if TYPE_CHECKING:
    from collections.abc import Callable

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

    made = document.run_document(ended((one, passed), (two, failed), seconds=6.0))
    read = msgspec.json.decode(made, type=document.RunDocument)

    assert made.startswith(b'{\n  "version": 1,\n')
    assert ("0.1.0", "20261121T104500Z-3fa94c") == (read.isonox, read.run)
    assert ("red", 1) == (read.verdict, read.exit_code)
    assert {"lint": Verdict.PASSED, "tests(x='1')": Verdict.FAILED} == read.verdicts
    assert (6.0, 5.5) == (read.wall_seconds, read.sum_seconds)
    assert document.CriticalPath(jobs=("lint", "tests(x='1')"), seconds=5.5) == read.critical_path
    assert TestCounts(failed=1) == read.tests
    assert ["""nox -s "tests(x='1')\""""] == [repeat.command for repeat in read.repeat]
    assert (passed, failed) == read.records


@pytest.mark.parametrize(
    ("verdict", "interrupted", "expected"),
    [
        (Verdict.PASSED, False, ("green", ExitCode.OK)),
        (Verdict.TIMED_OUT, False, ("red", ExitCode.JOB_FAILED)),
        (Verdict.CANCELLED, True, ("interrupted", ExitCode.INTERRUPTED)),
    ],
)
def test_the_exit_verdict(  # noqa: PLR0913, PLR0917 - parametrised
    ended: Callable[..., RunEnded],
    job: Callable[..., PlannedJob],
    record: Callable[..., Record],
    verdict: Verdict,
    interrupted: bool,  # noqa: FBT001 - parametrised
    expected: tuple[str, ExitCode],
) -> None:
    """The same word and code as on the command line."""
    one = job("lint")

    made = document.document(ended((one, record(one, verdict)), interrupted=interrupted))

    assert expected == (made.verdict, made.exit_code)


def test_a_lost_record_is_a_missing_job(ended: Callable[..., RunEnded], job: Callable[..., PlannedJob]) -> None:
    """It has a verdict, and the run is red."""
    made = document.document(ended((job("lint"), None)))

    assert ({"lint": Verdict.MISSING}, "red", ()) == (made.verdicts, made.verdict, made.records)


def test_the_plan_id_names_exactly_one_plan(plan: Callable[..., Plan], job: Callable[..., PlannedJob]) -> None:
    """The same plan has the same id, any other one another."""
    assert document.plan_id(plan(job("a"))) == document.plan_id(plan(job("a")))
    assert document.plan_id(plan(job("a"))) != document.plan_id(plan(job("a"), dirty=True))
