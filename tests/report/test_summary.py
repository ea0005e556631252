"""The summary at the end of a run, on a terminal and in a file."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import pytest

from isonox.model.record import TestCounts
from isonox.model.verdict import Verdict
from isonox.report import summary

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from isonox.model.events import RunEnded
    from isonox.model.plan import PlannedJob
    from isonox.model.record import Record
    from isonox.sessions.run_directory import RunDirectory


@pytest.fixture
def run(
    ended: Callable[..., RunEnded],
    job: Callable[..., PlannedJob],
    record: Callable[..., Record],
    directory: RunDirectory,
) -> RunEnded:
    """Make a run with every kind of verdict that has something to say."""
    lint, docs, audit = job("lint"), job("docs", requires=("tests-3.12(x='[red]')",)), job("audit")
    one = job("tests-3.11", requires=("lint",))
    two = job("tests-3.12(x='[red]')", requires=("lint",), posargs=("-k", "a b"))
    directory.log_path(two.id).write_bytes(b"collected 9 [items]\n\x1b[31mE  assert 1 == 2\x1b[0m \xff\n")
    return ended(
        (lint, record(lint, seconds=2.5)),
        (one, record(one, seconds=61.0, tests=TestCounts(passed=120, skipped=3), coverage_percent=91.26)),
        (
            two,
            record(
                two, Verdict.FAILED, seconds=8.0, reason="pytest exited with 1", tests=TestCounts(passed=8, failed=1)
            ),
        ),
        (docs, record(docs, Verdict.BLOCKED, seconds=0.0, reason="tests-3.12(x='[red]') failed")),
        (audit, record(audit, Verdict.WAIVED, seconds=1.0, reason="the advisory service does not answer")),
        seconds=64.0,
    )


def text(ended: RunEnded, console: Console) -> str:
    """Return what `write` prints."""
    summary.write(ended, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_whole_summary(run: RunEnded, console: Callable[..., Console]) -> None:
    """Verdicts by stage, causes, waivers, counts, tests, times, places; what is red stands near the end."""
    log = ".isonox/runs/20261121T104500Z-3fa94c/logs/tests-3.12(x=__red__)-d745dd7806.log"
    expected = f"""\
stage  job                    verdict  time    tests                  note
lint   lint                   passed   2.5s
tests  tests-3.11             passed   1m 01s  120 passed, 3 skipped
       tests-3.12(x='[red]')  failed   8.0s    8 passed, 1 failed     pytest exited with 1
docs   docs                   blocked                                 tests-3.12(x='[red]') failed
audit  audit                  waived   1.0s                           the advisory service does not answer

blocked docs: tests-3.12(x='[red]') failed
  repeat: nox -s docs

failed tests-3.12(x='[red]'): pytest exited with 1
  repeat: nox -s "tests-3.12(x='[red]')" -- -k "a b"
  log: {log}
  | collected 9 [items]
  | E  assert 1 == 2 \ufffd

waived audit: the advisory service does not answer

red: 5 jobs: passed 2, failed 1, waived 1, blocked 1
128 passed, 1 failed, 3 skipped
coverage: 91.3 % (tests-3.11)
time: 1m 04s for 1m 12s of jobs
critical path: 1m 04s: lint -> tests-3.11
records and logs: .isonox/runs/20261121T104500Z-3fa94c
"""

    assert expected == text(run, console(120))


def test_a_green_run_is_short(
    ended: Callable[..., RunEnded],
    job: Callable[..., PlannedJob],
    record: Callable[..., Record],
    console: Callable[..., Console],
) -> None:
    """Columns and lines that would be empty are not there."""
    one, two = job("lint"), job("docs", requires=("lint",))
    expected = """\
job   verdict  time
lint  passed   1.0s
docs  passed   1.0s

green: 2 jobs: passed 2
time: 2.0s for 2.0s of jobs
critical path: 2.0s: lint -> docs
records and logs: .isonox/runs/20261121T104500Z-3fa94c
"""

    assert expected == text(ended((one, record(one)), (two, record(two)), seconds=2.0), console())


@pytest.mark.parametrize("width", [30, 40, 79, 80, 200])
def test_the_table_fits_a_terminal_and_loses_nothing(
    run: RunEnded, console: Callable[..., Console], width: int
) -> None:
    """Long cells go on in the next line; verdicts and times stay whole."""
    table = text(run, console(width, force_terminal=True, color_system=None)).strip().partition("\n\n")[0]

    assert max(map(len, table.splitlines())) <= width
    assert re.search(r"\bblocked\b", table)
    assert re.search(r"\b1m 01s\b", table)
    assert "theadvisoryservicedoesnotanswer" in "".join(
        re.sub(r"^(waived +1\.0s)? +", "", line) for line in table.splitlines()
    ).replace(" ", "")


def test_lines_to_paste_are_never_wrapped(run: RunEnded, console: Callable[..., Console]) -> None:
    """Whatever the width: a broken command is no command."""
    said = text(run, console(20, force_terminal=True, color_system=None))

    assert """  repeat: nox -s "tests-3.12(x='[red]')" -- -k "a b"\n""" in said


@pytest.mark.parametrize(("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colour_only_where_it_is_wanted(
    run: RunEnded,
    console: Callable[..., Console],
    variables: dict[str, str],
    coloured: bool,  # noqa: FBT001 - parametrised
) -> None:
    """Without colour the same words are there."""
    said = text(run, console(120, force_terminal=True, color_system="standard", _environ=variables))

    assert coloured == bool(re.search(r"\x1b\[[0-9;]*3[0-9]m", said))
    assert "\n" + text(run, console(120)) == re.sub(r"\x1b\[[0-9;]*m", "", said)


def test_hundreds_of_jobs_that_never_started_do_not_hide_the_cause(
    ended: Callable[..., RunEnded],
    job: Callable[..., PlannedJob],
    record: Callable[..., Record],
    console: Callable[..., Console],
) -> None:
    """All are in the table; a few are spelt out, the others counted, and the cause comes last."""
    first = job("first")
    rest = [job(f"late({n})", stage="late", requires=("first",)) for n in range(300)]
    blocked = [(one, record(one, Verdict.BLOCKED, seconds=0.0, reason="first failed")) for one in rest]

    said = text(ended((first, record(first, Verdict.FAILED)), *blocked), console())

    assert 300 == len(re.findall(r"^(?:late)? +late\(\d+\) +blocked", said, re.MULTILINE))
    assert 10 == len(re.findall(r"^blocked late\(\d+\): first failed$", said, re.MULTILINE))
    assert said.index("and 290 more jobs that never started\n") < said.index("failed first\n  repeat: nox -s first\n")


def test_the_end_of_a_log_is_shown_once_and_only_its_end(
    ended: Callable[..., RunEnded],
    job: Callable[..., PlannedJob],
    record: Callable[..., Record],
    directory: RunDirectory,
    console: Callable[..., Console],
) -> None:
    """25 lines of 1000."""
    one = job("lint")
    directory.log_path("lint").write_text("".join(f"line {n}\n\n" for n in range(1000)))

    said = text(ended((one, record(one, Verdict.TIMED_OUT))), console())

    assert [f"  | line {n}" for n in range(975, 1000)] == re.findall(r"^  \|.*$", said, re.MULTILINE)


def test_a_red_job_without_output_says_so(
    ended: Callable[..., RunEnded],
    job: Callable[..., PlannedJob],
    record: Callable[..., Record],
    console: Callable[..., Console],
) -> None:
    """Nobody has to open an empty file."""
    one = job("lint")

    assert "/logs/lint.log (empty)\n" in text(ended((one, record(one, Verdict.MISSING))), console())


def test_a_stream_that_is_not_utf_8_gets_escapes(
    ended: Callable[..., RunEnded],
    job: Callable[..., PlannedJob],
    record: Callable[..., Record],
    console: Callable[..., Console],
) -> None:
    """The summary of a long run must not end in an encoding error."""
    one = job("tests(数)")
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")

    summary.write(ended((one, record(one, reason="\udcff"))), console(file=stream))

    assert rb"tests(\u6570)  passed   1.0s  \udcff" in raw.getvalue()
