"""What a run came to, as data: every form of the summary is made from this."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from isonox.errors import ExitCode
from isonox.model.record import TestCounts
from isonox.model.verdict import Verdict
from isonox.planning.graph import critical_path
from isonox.report import wording
from isonox.sessions.run_directory import RunDirectory
from isonox.system import logs

if TYPE_CHECKING:
    from isonox.model.events import RunEnded
    from isonox.model.plan import PlannedJob
    from isonox.model.record import Record

HEADINGS = ("job", "verdict", "time", "tests")

#: Lines of a red job's log that the summary shows, and characters of each.
_LINES = 25
_LINE_LENGTH = 400

#: Bytes of a log's end that are searched for these lines.
_TAIL_BYTES = 64 * 1024

#: Jobs that are named where several have the same note.
_NAMES = 2


@dataclass(frozen=True, kw_only=True)
class Row:
    """One job of the run, its texts as single plain lines.

    Attributes:
        seconds: None for a job that never started.
        log: The last lines that a red job printed.
        repeat: The command line that runs it again.
    """

    name: str
    record: Record
    reason: str
    seconds: float | None
    log: tuple[str, ...]
    log_path: str
    repeat: str

    @property
    def verdict(self) -> Verdict:
        """How the job ended."""
        return self.record.verdict

    @property
    def cells(self) -> tuple[str, ...]:
        """What the table says under `HEADINGS`."""
        time = "" if self.seconds is None else wording.span(self.seconds)
        return (self.name, self.verdict.value, time, _tests(self.record.tests))


@dataclass(frozen=True, kw_only=True)
class Figures:
    """A whole run.

    Attributes:
        rows: Grouped by stage, stages and jobs in the noxfile's order.
        path: Jobs on the critical path, first to last.
        path_seconds: How long these took together: the run could not have been shorter.
        directory: The run's folder, as seen from the current one.
    """

    ended: RunEnded
    rows: tuple[Row, ...]
    path: tuple[str, ...]
    path_seconds: float
    directory: str

    @property
    def exit_code(self) -> ExitCode:
        """What the run as a whole comes to."""
        codes = {"green": ExitCode.OK, "red": ExitCode.JOB_FAILED, "interrupted": ExitCode.INTERRUPTED}
        return codes[self.word]

    @property
    def word(self) -> Literal["green", "red", "interrupted"]:
        """The run in one word."""
        return "interrupted" if self.ended.interrupted else "red" if self.red else "green"

    @cached_property
    def red(self) -> tuple[Row, ...]:
        """Jobs that make the run red; those that never started first, so that the causes stand last."""
        red = [row for row in self.rows if not row.verdict.green]
        return tuple(sorted(red, key=lambda row: row.seconds is not None))

    @property
    def waived(self) -> tuple[Row, ...]:
        """Jobs whose failure does not count, for a reason that is said every time."""
        return tuple(row for row in self.rows if row.verdict is Verdict.WAIVED)

    @property
    def notes(self) -> dict[str, str]:
        """What else the jobs have to say, each text with the names of all jobs that say it."""
        found: dict[str, dict[str, None]] = {}
        for row in self.rows:
            said_above = row in self.red or row in self.waived
            for text in row.record.notes if said_above else (row.reason, *row.record.notes):
                found.setdefault(wording.one_line(text), {})[row.name] = None
        return {text: wording.some(list(names), _NAMES) for text, names in found.items() if text}

    @property
    def sum(self) -> float:
        """Seconds of all jobs together: what one after the other would take."""
        return sum(row.seconds or 0.0 for row in self.rows)

    @property
    def tests(self) -> TestCounts | None:
        """The tests of all jobs; None where no job counted any."""
        counts = [record.tests for record in self.ended.records if record.tests is not None]
        outcomes = {name: sum(getattr(one, name) for one in counts) for name in TestCounts.__struct_fields__}
        return TestCounts(**outcomes) if counts else None

    @property
    def totals(self) -> list[tuple[str, str]]:
        """What the run came to, as labels and texts, the verdict first; the tests stand without a label."""
        found = Counter(row.verdict for row in self.rows)
        verdicts = ", ".join(f"{verdict.value} {found[verdict]}" for verdict in Verdict if found[verdict])
        lines = [(self.word, f"{wording.count(len(self.rows), 'job')}: {verdicts}")]
        if tests := self.tests:
            skipped = f", {tests.skipped} skipped" if tests.skipped else ""
            lines.append(("", f"{tests.passed} passed, {tests.failed + tests.errors} failed{skipped}"))
        for row in self.rows:
            if row.record.coverage_percent is not None:
                lines.append(("coverage", f"{row.record.coverage_percent:.1f} % ({row.name})"))
        lines.append(("time", f"{wording.span(self.ended.seconds)} for {wording.span(self.sum)} of jobs"))
        if self.path:
            path = " -> ".join(map(wording.one_line, self.path))
            lines.append(("critical path", f"{wording.span(self.path_seconds)}: {path}"))
        return [*lines, ("records and logs", self.directory)]


def of_run(ended: RunEnded) -> Figures:
    """Return the figures of a run that has just ended; reads the logs of its red jobs."""
    directory = RunDirectory(ended.directory)
    # A run's folder is `ROOT/.isonox/runs/ID`.
    noxfile = _from_here(directory.path.parents[2] / ended.plan.noxfile)
    jobs = ended.plan.jobs
    rows = [_row(job, record, directory, noxfile) for job, record in zip(jobs, ended.records, strict=True)]
    stages = list(dict.fromkeys(job.stage for job in jobs))
    seconds = {record.job: record.seconds for record in ended.records}
    path = tuple(job for job in critical_path(jobs, seconds) if seconds[job] > 0)
    return Figures(
        ended=ended,
        rows=tuple(sorted(rows, key=lambda row: stages.index(row.record.stage))),
        path=path,
        path_seconds=sum(seconds[job] for job in path),
        directory=_from_here(directory.path),
    )


def last_lines(log: Path) -> tuple[str, ...]:
    """Return the last lines of a log that say something, as plain text; none where there is no log."""
    lines = [line.expandtabs().rstrip() for line in logs.tail(log, _TAIL_BYTES).splitlines()]
    said = [line for line in lines if line][-_LINES:]
    return tuple(line if len(line) <= _LINE_LENGTH else f"{line[:_LINE_LENGTH]}…" for line in said)


def _row(job: PlannedJob, record: Record, directory: RunDirectory, noxfile: str) -> Row:
    started = record.seconds > 0 or record.verdict not in (Verdict.BLOCKED, Verdict.CANCELLED)
    log = directory.log_path(job.id)
    return Row(
        name=wording.one_line(job.id),
        record=record,
        reason=wording.one_line(record.reason),
        seconds=record.seconds if started else None,
        log=() if record.verdict.green else last_lines(log),
        log_path=_from_here(log),
        repeat=wording.repeat(job.session, job.posargs, noxfile),
    )


def _from_here(path: Path) -> str:
    """Return `path` as seen from the current folder."""
    try:
        return os.path.relpath(path)
    except ValueError:  # another drive
        return str(path)


def _tests(tests: TestCounts | None) -> str:
    if tests is None:
        return ""
    found = [(tests.passed, "passed"), (tests.failed + tests.errors, "failed"), (tests.skipped, "skipped")]
    return ", ".join(f"{number} {word}" for number, word in found if number) or "none"
