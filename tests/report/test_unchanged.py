"""The summary of a run in which nothing had to run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isonox.model.record import TestCounts
from isonox.model.verdict import Verdict
from isonox.report import unchanged

if TYPE_CHECKING:
    from collections.abc import Callable

    from isonox.model.events import RunEnded
    from isonox.model.plan import PlannedJob
    from isonox.model.record import Record


def test_stages_tests_and_origins_are_counted(
    ended: Callable[..., RunEnded], job: Callable[..., PlannedJob], record: Callable[..., Record]
) -> None:
    """One line each; the runs that most verdicts come from are named."""
    names = ["lint", "tests(a)", "tests(b)", "coverage"]
    facts: list[dict[str, object]] = [
        {"from_run": "first"},
        {"from_run": "first", "tests": TestCounts(passed=3, skipped=1)},
        {"from_run": "second", "tests": TestCounts(passed=4)},
        {"from_run": "first", "coverage_percent": 91.25},
    ]
    known = [record(job(name), Verdict.CACHED, **more) for name, more in zip(names, facts, strict=True)]

    lines = unchanged.summary(ended(*zip(map(job, names), known, strict=True), seconds=0.25)).splitlines()

    assert "green: 4 jobs: cached 4" == lines[0]
    assert "7 passed, 0 failed, 1 skipped" == lines[2]
    assert "from runs: first (3), second (1)" == lines[3]
    assert "coverage: 91.2 %" == lines[4]
    assert lines[5].startswith("time: 0.25s")
