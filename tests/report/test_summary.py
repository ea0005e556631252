"""The summary at the end of a run, on a terminal and in a file."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

import pytest
from rich.cells import cell_len

from isonox.model.record import TestCounts, Undeclared
from isonox.model.verdict import Verdict
from isonox.report import document, summary

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

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
        (lint, record(lint, seconds=2.5, notes=("no\nlock", "4 files", "no lock"))),
        (one, record(one, seconds=61.0, tests=TestCounts(passed=120, skipped=3), coverage_percent=91.26)),
        (
            two,
            record(
                two,
                Verdict.FAILED,
                seconds=8.0,
                reason="pytest exited with 1",
                notes=("no lock",),
                tests=TestCounts(passed=8, failed=1),
            ),
        ),
        (docs, record(docs, Verdict.BLOCKED, seconds=0.0, reason="tests-3.12(x='[red]') failed")),
        (
            audit,
            record(
                audit, Verdict.WAIVED, seconds=1.0, reason="the advisory service does not answer", notes=("no lock",)
            ),
        ),
        seconds=64.0,
    )


def text(ended: RunEnded, console: Console) -> str:
    """Return what `write` prints."""
    summary.write(ended, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_whole_summary(run: RunEnded, console: Callable[..., Console]) -> None:
    """Verdicts, causes, waivers, each note once, counts, tests, times, places."""
    log = ".isonox/runs/20261121T104500Z-3fa94c/logs/tests-3.12(x=__red__)-d745dd7806.log"
    expected = f"""\
job                    verdict  time    tests
lint                   passed   2.5s
tests-3.11             passed   1m 01s  120 passed, 3 skipped
tests-3.12(x='[red]')  failed   8.0s    8 passed, 1 failed
docs                   blocked
audit                  waived   1.0s

blocked docs: tests-3.12(x='[red]') failed
  repeat: nox -s docs

failed tests-3.12(x='[red]'): pytest exited with 1
  repeat: nox -s "tests-3.12(x='[red]')" -- -k "a b"
  log: {log}
  | collected 9 [items]
  | E  assert 1 == 2 \ufffd

waived audit: the advisory service does not answer

note lint, tests-3.12(x='[red]') and 1 more: no lock
note lint: 4 files

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


def test_what_was_used_and_not_declared_is_told(
    ended: Callable[..., RunEnded],
    job: Callable[..., PlannedJob],
    record: Callable[..., Record],
    console: Callable[..., Console],
) -> None:
    """Two things by name, the rest as a number; the same of several jobs once; in Markdown and in the document too."""
    read = Undeclared(kind="read", what="libs/data.json", hint='declare it: inputs=["libs/data.json"]')
    listed = Undeclared(kind="listed", what="libs", hint="...")
    wrote = Undeclared(kind="wrote", what="a\nb", hint="keep it")
    used: dict[str, dict[str, Any]] = {
        "tests-3.12": {"undeclared": (read,)},
        "tests-3.13": {"undeclared": (read,)},
        "docs": {"undeclared": (listed, read, wrote)},
        "lint": {"undeclared": (wrote,)},
        "old": {"fingerprint": "f"},
        "new": {"fingerprint": "f", "traced": True},
    }
    run = ended(*((job(name), record(job(name), **facts)) for name, facts in used.items()))
    reads = "read libs/data.json, which is none of its inputs: declare it: inputs=["
    expected = [
        f'not cached: tests-3.12, tests-3.13 {reads}"libs/data.json"]',
        "not cached: docs listed libs, read libs/data.json and 1 more, none of which is declared: ...",
        "not cached: lint wrote a b, which is one of its inputs: keep it",
        "not cached: old could not be traced, so what it used is not known",
    ]

    assert expected == [line for line in text(run, console(200)).splitlines() if line.startswith("not cached")]
    assert 4 == summary.markdown(run).count("**not cached**: ")
    assert ["tests-3.12", "tests-3.13", "docs", "lint", "old"] == list(document.of_run(run).not_cached)


def test_a_run_is_compared_with_the_best_schedule(
    ended: Callable[..., RunEnded],
    job: Callable[..., PlannedJob],
    record: Callable[..., Record],
    console: Callable[..., Console],
) -> None:
    """How many cores there were, and how near it came; nothing is said where no job took any time."""
    one, two, hit = job("lint"), job("docs"), job("hit")
    cached = record(hit, Verdict.CACHED, from_run="earlier")

    said = text(ended((one, record(one)), (two, record(two)), seconds=2.5, slots=1), console())

    assert "lower bound: 2.0s on 1 core; the run took 1.25 times that\n" in said
    assert "lower bound" not in text(ended((hit, cached), seconds=2.5, slots=1), console())


def test_jobs_are_grouped_by_stage_in_the_order_of_the_plan(
    ended: Callable[..., RunEnded],
    job: Callable[..., PlannedJob],
    record: Callable[..., Record],
    console: Callable[..., Console],
) -> None:
    """A job that joined by notification stands with its stage, not at the end."""
    jobs = [job(name) for name in ("lint", "tests-3.11", "docs", "tests-3.12", "lint-late")]

    table = text(ended(*((one, record(one)) for one in jobs)), console()).partition("\n\n")[0]

    assert ["job", "lint", "lint-late", "tests-3.11", "tests-3.12", "docs"] == [
        line.split()[0] for line in table.splitlines()
    ]


@pytest.mark.parametrize("width", [40, 60, 61, 200])
def test_a_job_is_folded_only_where_the_table_does_not_fit(
    run: RunEnded, console: Callable[..., Console], width: int
) -> None:
    """Nothing is lost in either case; verdicts and times stay whole."""
    table = text(run, console(width, force_terminal=True, color_system=None)).strip().partition("\n\n")[0]

    assert (width >= 61) == (6 == len(table.splitlines()))
    assert (width >= 61) == ("tests-3.12(x='[red]')  failed   8.0s    8 passed, 1 failed" in table)
    assert max(map(len, table.splitlines())) <= width
    assert {"blocked", "1m 01s", "8.0s", "skipped"} <= set(re.findall(r"1m 01s|[\w.]+", table))


@pytest.mark.parametrize("note", ["word " * 100, "长" * 300])
def test_a_note_takes_at_most_two_lines(
    ended: Callable[..., RunEnded],
    job: Callable[..., PlannedJob],
    record: Callable[..., Record],
    console: Callable[..., Console],
    note: str,
) -> None:
    """However long it is, and however long the ids of its jobs; where a cached job comes from is a note."""
    one, two = job("tests(" + "x" * 100 + ")"), job("docs")
    done = ended((one, record(one, notes=(note,))), (two, record(two, Verdict.CACHED, from_run="7")))

    said = text(done, console(60, force_terminal=True, color_system=None)).splitlines()
    long, short = [line for line in said if line.startswith("note")]

    assert 110 < cell_len(long) < 120
    assert long.startswith("note tests(xxx")
    assert long.endswith("…")
    assert note[:10].strip() in long
    assert "note docs: from run 7" == short


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

    assert 300 == len(re.findall(r"^late\(\d+\) +blocked", said, re.MULTILINE))
    assert 10 == len(re.findall(r"^blocked late\(\d+\): first failed$", said, re.MULTILINE))
    assert said.index("and 290 more jobs that never started\n") < said.index("failed first\n  repeat: nox -s first\n")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\n \n\x1b[0m\n", ()),
        (b"one\n\n\ttwo  \r\nthree", ("one", "        two", "three")),
        (b"\x1b[31mred\x1b[0m \xff\xfe\n\x1b]8;;http://x\x07link\x1b]8;;\x07", ("red \ufffd\ufffd", "link")),
        (b"z" * 1000, ("z" * 400 + "…",)),
        (b"".join(b"line %d\n\n" % number for number in range(30)), tuple(f"line {n}" for n in range(5, 30))),
    ],
)
def test_the_end_of_any_log(tmp_path: Path, content: bytes, expected: tuple[str, ...]) -> None:
    """25 lines that say something, without escapes; lines that never end are cut."""
    log = tmp_path / "log"
    log.write_bytes(content)

    assert expected == summary.last_lines(log)


def test_the_end_of_a_huge_log_has_whole_lines(tmp_path: Path) -> None:
    """Only so many, and none that starts in its middle."""
    log = tmp_path / "log"
    with log.open("wb") as stream:
        stream.seek(100 * 1024 * 1024)
        stream.writelines(b"%07d %s\n" % (number, b"\xc3\xa9" * 1500) for number in range(24))

    lines = summary.last_lines(log)

    assert [f"{number:07}" for number in range(3, 24)] == [line[:7] for line in lines]


def test_a_red_job_without_output_says_so(
    ended: Callable[..., RunEnded],
    job: Callable[..., PlannedJob],
    record: Callable[..., Record],
    console: Callable[..., Console],
    directory: RunDirectory,
) -> None:
    """Nobody has to open an empty file, or look for one that is not there."""
    one, two = job("lint"), job("docs")
    directory.log_path(one.id).touch()

    said = text(ended((one, record(one, Verdict.MISSING)), (two, record(two, Verdict.FAILED))), console())

    assert "/logs/lint.log (empty)\n" in said
    assert 1 == said.count("  log: ")


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

    assert rb"tests(\u6570)  passed   1.0s" in raw.getvalue()
    assert rb"note tests(\u6570): \udcff" in raw.getvalue()


def test_the_whole_markdown_document(
    ended: Callable[..., RunEnded],
    job: Callable[..., PlannedJob],
    record: Callable[..., Record],
    directory: RunDirectory,
) -> None:
    """Verdict, table, cause with its command and log, waiver, notes, figures."""
    one, two = job("tests(a|b)"), job("audit")
    directory.log_path(one.id).write_text("```\n<b>\n")
    failed = record(one, Verdict.FAILED, reason="a_b", tests=TestCounts(passed=1, failed=1), notes=("*",))
    expected = """\
## red: 2 jobs: failed 1, waived 1

| job | verdict | time | tests |
| --- | --- | --- | --- |
| tests\\(a\\|b\\) | failed | 1.0s | 1 passed, 1 failed |
| audit | waived | 1.0s |  |

### failed tests\\(a\\|b\\)

a\\_b

```text
nox -s "tests(a|b)"
```

<details><summary>end of its log</summary>

````text
```
<b>
````

</details>

**waived audit**: no answer

**note tests\\(a\\|b\\)**: \\*

- 1 passed, 1 failed
- **time**: 3.0s for 2.0s of jobs
- **critical path**: 1.0s: tests\\(a\\|b\\)
- **records and logs**: .isonox/runs/20261121T104500Z-3fa94c
"""

    run = ended((one, failed), (two, record(two, Verdict.WAIVED, reason="no answer")), seconds=3.0)

    assert expected == summary.markdown(run)


def test_the_markdown_of_a_run_on_github(
    ended: Callable[..., RunEnded],
    job: Callable[..., PlannedJob],
    record: Callable[..., Record],
    tmp_path: Path,
) -> None:
    """Problems come first, then causes; coverage, and where a cached job comes from; no word of logs."""
    late, tests, docs = job("late"), job("tests"), job("docs")
    expected = """\
## red: 3 jobs: passed 1, cached 1, blocked 1

**error**: workflow job 'plan' ended as failure

| job | verdict | time | tests | coverage |
| --- | --- | --- | --- | --- |
| late | blocked |  |  |  |
| tests | passed | 1.0s | 5 passed | 91.3 % |
| docs | cached |  |  |  |

### blocked late

lint failed

```text
nox -s late
```

**note docs**: from run 7

- 5 passed, 0 failed
- **coverage**: 91.3 % \\(tests\\)
- **time**: 3.0s for 1.0s of jobs
- **critical path**: 1.0s: tests
- **records**: run
"""

    run = ended(
        (late, record(late, Verdict.BLOCKED, seconds=0.0, reason="lint failed")),
        (tests, record(tests, tests=TestCounts(passed=5), coverage_percent=91.26)),
        (docs, record(docs, Verdict.CACHED, seconds=0.0, from_run="7")),
        directory=tmp_path / "run",
        problems=("workflow job 'plan' ended as failure",),
        seconds=3.0,
    )

    assert expected == summary.markdown(run)


def test_causes_stand_before_what_they_blocked(
    ended: Callable[..., RunEnded], job: Callable[..., PlannedJob], record: Callable[..., Record]
) -> None:
    """A page is read from its top; of hundreds of jobs that never started a few are spelt out."""
    first = job("first")
    rest = [job(f"late-{number}", stage="late") for number in range(300)]
    blocked = [(one, record(one, Verdict.BLOCKED, seconds=0.0, reason="first failed")) for one in rest]

    said = summary.markdown(ended(*blocked, (first, record(first, Verdict.FAILED))))

    assert ["failed first", "blocked late-0"] == re.findall(r"^### (.*)$", said, re.MULTILINE)[:2]
    assert 11 == said.count("### ")
    assert "\n\nand 290 more jobs that never started\n\n" in said


def test_markdown_fits_into_what_github_takes(
    ended: Callable[..., RunEnded],
    job: Callable[..., PlannedJob],
    record: Callable[..., Record],
    directory: RunDirectory,
) -> None:
    """What does not fit is left out whole, ends of logs first, and that is said."""
    jobs = [job(f"tests-{number:03}", stage="tests") for number in range(200)]
    for one in jobs:
        directory.log_path(one.id).write_text(f"{'€' * 400}\n" * 25, encoding="utf-8")
    failed = [(one, record(one, Verdict.FAILED, reason="red")) for one in jobs]
    endless = job("endless")

    said = summary.markdown(ended(*failed, (endless, record(endless, Verdict.FAILED, reason="x" * 2**20))))

    left_out = 200 + 1 - said.count("</details>")
    assert 2**20 - 50_000 < len(said.encode()) <= 2**20
    assert said.splitlines()[2].endswith(f"left out, ends of logs first: {left_out} of 404 parts")
    assert 200 == said.count("### failed tests-")
    assert "| endless | failed |" in said
    assert said.count("<details>") == said.count("</details>")
    assert said.endswith("- **records and logs**: .isonox/runs/20261121T104500Z-3fa94c\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain-3.12", "plain-3.12"),
        ("[x](y)", r"\[x\]\(y\)"),
        ("a|b\\", r"a\|b\\"),
        ("<img> @me #1", r"\<img\> \@me \#1"),
    ],
)
def test_escaped_text_means_itself(text: str, expected: str) -> None:
    """Links, cells, tags and mentions are text."""
    assert expected == summary.escape(text)


@pytest.mark.parametrize(("text", "fence"), [("x", "```"), ("`````", "``````"), ("a ``` b", "````")])
def test_a_fence_is_longer_than_what_it_holds(text: str, fence: str) -> None:
    """A log can't break out of its block."""
    assert f"{fence}text\n{text}\n{fence}" == summary.fenced(text)


def test_of_thousands_of_jobs_only_some_are_listed(
    ended: Callable[..., RunEnded],
    job: Callable[..., PlannedJob],
    record: Callable[..., Record],
    console: Callable[..., Console],
) -> None:
    """First those that did not simply pass, then the slowest; how many are left out is said."""
    jobs = [job(f"tests({number})") for number in range(100)]
    records = [record(one, seconds=float(place)) for place, one in enumerate(jobs)]
    records[0] = record(jobs[0], Verdict.FAILED, reason="no", seconds=0.5)
    records[99] = record(jobs[99], Verdict.CACHED, from_run="earlier")

    shown = text(ended(*zip(jobs, records, strict=True)), console())

    assert "tests(0) " in shown
    assert "tests(98) " in shown
    assert "tests(1) " not in shown
    assert "and 40 more jobs, passed or cached" in shown
