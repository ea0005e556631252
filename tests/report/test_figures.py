"""What a run came to, as data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from isonox.errors import ExitCode
from isonox.model.record import TestCounts
from isonox.model.verdict import Verdict
from isonox.report import figures

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from isonox.model.events import RunEnded
    from isonox.model.plan import PlannedJob
    from isonox.model.record import Record
    from isonox.sessions.run_directory import RunDirectory


@pytest.mark.parametrize("verdict", list(Verdict))
def test_a_run_is_green_exactly_when_every_verdict_is(
    ended: Callable[..., RunEnded],
    job: Callable[..., PlannedJob],
    record: Callable[..., Record],
    verdict: Verdict,
) -> None:
    """One job with each verdict, beside one that passed."""
    one, two = job("lint"), job("docs")

    run = figures.of_run(ended((one, record(one)), (two, record(two, verdict))))

    green = verdict in (Verdict.PASSED, Verdict.CACHED, Verdict.WAIVED)
    assert (ExitCode.OK if green else ExitCode.JOB_FAILED) == run.exit_code
    assert ("green" if green else "red") == run.word
    assert ([] if green else ["docs"]) == [row.job for row in run.red]


def test_a_job_without_a_record_is_missing_and_red(
    ended: Callable[..., RunEnded], job: Callable[..., PlannedJob]
) -> None:
    """Nothing is green because nothing was heard of it."""
    run = figures.of_run(ended((job("lint"), None)))

    assert Verdict.MISSING == run.rows[0].verdict
    assert "no record was found" == run.rows[0].note
    assert ExitCode.JOB_FAILED == run.exit_code


def test_an_interrupted_run_says_so(
    ended: Callable[..., RunEnded], job: Callable[..., PlannedJob], record: Callable[..., Record]
) -> None:
    """Even if everything that ran is green."""
    one = job("lint")

    run = figures.of_run(ended((one, record(one)), interrupted=True))

    assert ("interrupted", ExitCode.INTERRUPTED) == (run.word, run.exit_code)


def test_rows_are_grouped_by_stage_in_the_order_of_the_plan(
    ended: Callable[..., RunEnded], job: Callable[..., PlannedJob], record: Callable[..., Record]
) -> None:
    """A job that joined by notification stands with its stage, not at the end."""
    jobs = [job(name) for name in ("lint", "tests-3.11", "docs", "tests-3.12", "lint-late")]

    run = figures.of_run(ended(*((one, record(one)) for one in jobs)))

    assert ["lint", "lint-late", "tests-3.11", "tests-3.12", "docs"] == [row.job for row in run.rows]


def test_tests_are_summed_and_errors_are_failures(
    ended: Callable[..., RunEnded], job: Callable[..., PlannedJob], record: Callable[..., Record]
) -> None:
    """Jobs that count none do not matter."""
    counts = [TestCounts(passed=10, failed=1, errors=2), None, TestCounts(passed=5, skipped=3)]
    jobs = [job(f"tests-{n}") for n in range(3)]

    run = figures.of_run(ended(*((one, record(one, tests=c)) for one, c in zip(jobs, counts, strict=True))))

    assert TestCounts(passed=15, failed=1, errors=2, skipped=3) == run.tests
    assert "15 passed, 3 failed, 3 skipped" == run.tests_line


@pytest.mark.parametrize(
    ("counts", "expected"),
    [(None, ""), (TestCounts(), "0 passed, 0 failed"), (TestCounts(passed=7), "7 passed, 0 failed")],
)
def test_the_line_of_tests(
    ended: Callable[..., RunEnded],
    job: Callable[..., PlannedJob],
    record: Callable[..., Record],
    counts: TestCounts | None,
    expected: str,
) -> None:
    """Both figures always, skipped only when there are any; nothing where nobody counts tests."""
    one = job("tests")

    assert expected == figures.of_run(ended((one, record(one, tests=counts)))).tests_line


def test_wall_sum_and_critical_path(
    ended: Callable[..., RunEnded], job: Callable[..., PlannedJob], record: Callable[..., Record]
) -> None:
    """From what the records say, not from the estimates; what did not run is on no path."""
    lint = job("lint", estimate_seconds=999.0)
    tests = job("tests", requires=("lint",))
    docs = job("docs")
    late = job("late", requires=("tests",))

    run = figures.of_run(
        ended(
            (lint, record(lint, seconds=2.0)),
            (tests, record(tests, Verdict.FAILED, seconds=8.0)),
            (docs, record(docs, seconds=9.0)),
            (late, record(late, Verdict.BLOCKED, seconds=0.0)),
            seconds=10.5,
        )
    )

    assert (10.5, 19.0, 10.0) == (run.wall, run.sum, run.path_seconds)
    assert ("lint", "tests") == run.path


def test_jobs_that_never_started_are_told_from_those_that_took_no_time(
    ended: Callable[..., RunEnded], job: Callable[..., PlannedJob], record: Callable[..., Record]
) -> None:
    """They have no time, and stand before the causes among the red ones."""
    names = {
        "failed": (Verdict.FAILED, 0.0),
        "blocked": (Verdict.BLOCKED, 0.0),
        "waiting": (Verdict.CANCELLED, 0.0),
        "running": (Verdict.CANCELLED, 3.0),
    }

    run = figures.of_run(
        ended(*((job(name), record(job(name), verdict, seconds=time)) for name, (verdict, time) in names.items()))
    )

    assert {"failed": 0.0, "blocked": None, "waiting": None, "running": 3.0} == {
        row.job: row.seconds for row in run.rows
    }
    assert ["blocked", "waiting", "failed", "running"] == [row.job for row in run.red]


def test_a_note_is_the_reason_and_the_notes_on_one_line(
    ended: Callable[..., RunEnded], job: Callable[..., PlannedJob], record: Callable[..., Record]
) -> None:
    """Said twice is shown once, and no escape gets through."""
    one = job("lint")
    made = record(one, Verdict.FAILED, reason="exit\n\x1b[31m1", notes=("no lock", "exit 1"))

    assert "exit 1; no lock" == figures.of_run(ended((one, made))).rows[0].note


def test_only_red_jobs_bring_their_logs(
    ended: Callable[..., RunEnded],
    job: Callable[..., PlannedJob],
    record: Callable[..., Record],
    directory: RunDirectory,
) -> None:
    """A green job's output is in its file, not in the summary."""
    good, bad = job("good"), job("tests-3.12(a/b)")
    for one in (good, bad):
        directory.log_path(one.id).write_text(f"output of {one.id}\n")

    rows = figures.of_run(ended((good, record(good)), (bad, record(bad, Verdict.FAILED)))).rows

    assert [(), ("output of tests-3.12(a/b)",)] == [row.log for row in rows]
    assert [True, True] == [(directory.path.parents[2] / row.log_path).exists() for row in rows]


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
    one = job("tests", posargs=("-x",))

    run = figures.of_run(ended((one, record(one, Verdict.FAILED))))

    assert "nox -f ../../noxfile.py -s tests -- -x" == run.rows[0].repeat
    assert run.rows[0].log_path == f"{run.directory}/logs/tests.log"
    assert (below / run.directory).is_dir()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", ()),
        (b"\n \n\x1b[0m\n", ()),
        (b"one\n\n\ttwo  \r\nthree", ("one", "        two", "three")),
        (b"\x1b[31mred\x1b[0m \xff\xfe\n\x1b]8;;http://x\x07link\x1b]8;;\x07", ("red \ufffd\ufffd", "link")),
        (b"z" * 1000, ("z" * 400 + "…",)),
    ],
)
def test_the_end_of_any_log(tmp_path: Path, content: bytes, expected: tuple[str, ...]) -> None:
    """Lines that say nothing are left out, escapes too; lines that never end are cut."""
    log = tmp_path / "log"
    log.write_bytes(content)

    assert expected == figures.last_lines(log)


def test_the_end_of_a_huge_log_has_whole_lines(tmp_path: Path) -> None:
    """Only so many, and none that starts in its middle."""
    log = tmp_path / "log"
    with log.open("wb") as stream:
        stream.seek(100 * 1024 * 1024)
        stream.writelines(b"%07d %s\n" % (number, b"\xc3\xa9" * 1500) for number in range(24))

    lines = figures.last_lines(log)

    assert 21 == len(lines)
    assert [f"{number:07}" for number in range(3, 24)] == [line[:7] for line in lines]


def test_a_blocked_job_has_no_log_and_that_is_no_problem(
    ended: Callable[..., RunEnded], job: Callable[..., PlannedJob], record: Callable[..., Record]
) -> None:
    """There is no file."""
    one = job("late")

    assert () == figures.of_run(ended((one, record(one, Verdict.BLOCKED)))).rows[0].log
