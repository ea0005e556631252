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
    from collections.abc import Mapping, Sequence

    from isonox.model.events import RunEnded
    from isonox.model.plan import Plan, PlannedJob
    from isonox.model.record import Record

#: Lines of a red job's log that the summary shows.
TAIL_LINES = 25

#: Bytes of a log's end that are searched for these lines, and characters that are shown of each.
_TAIL_BYTES = 64 * 1024
_LINE_LENGTH = 400


@dataclass(frozen=True, kw_only=True)
class Row:
    """One job of the run.

    Attributes:
        note: The verdict's reason and the record's notes, one line.
        seconds: None for a job that never started.
        log: The last lines that it printed.
        repeat: The command line that runs it again.
    """

    job: str
    stage: str
    verdict: Verdict
    note: str
    seconds: float | None
    tests: TestCounts | None
    coverage: float | None
    log: tuple[str, ...]
    log_path: str
    repeat: str

    @property
    def name(self) -> str:
        """The job's id as it is shown: one plain line."""
        return wording.one_line(self.job)


@dataclass(frozen=True)
class Figures:
    """A whole run.

    Attributes:
        rows: Grouped by stage, stages and jobs in the noxfile's order.
        wall: Seconds from the first start to the last end.
        path: Jobs on the critical path, first to last.
        path_seconds: How long these took together: the run could not have been shorter.
        directory: The run's folder, as seen from the current one.
    """

    rows: tuple[Row, ...]
    wall: float
    path: tuple[str, ...]
    path_seconds: float
    interrupted: bool
    directory: str

    @property
    def exit_code(self) -> ExitCode:
        """What the run as a whole comes to."""
        if self.interrupted:
            return ExitCode.INTERRUPTED
        return ExitCode.JOB_FAILED if self.red else ExitCode.OK

    @property
    def word(self) -> Literal["green", "red", "interrupted"]:
        """The run in one word: green, red or interrupted."""
        return "interrupted" if self.interrupted else "red" if self.red else "green"

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
    def sum(self) -> float:
        """Seconds of all jobs together: what one after the other would take."""
        return sum(row.seconds or 0.0 for row in self.rows)

    @property
    def verdicts(self) -> dict[Verdict, int]:
        """How many jobs ended in which verdict; verdicts that did not occur are left out."""
        found = Counter(row.verdict for row in self.rows)
        return {verdict: found[verdict] for verdict in Verdict if found[verdict]}

    @cached_property
    def tests(self) -> TestCounts | None:
        """The tests of all jobs; None where no job counted any."""
        counts = [row.tests for row in self.rows if row.tests is not None]
        if not counts:
            return None
        return TestCounts(
            passed=sum(one.passed for one in counts),
            failed=sum(one.failed for one in counts),
            skipped=sum(one.skipped for one in counts),
            errors=sum(one.errors for one in counts),
        )

    @property
    def tests_line(self) -> str:
        """The tests in one line, `12 passed, 0 failed, 1 skipped`; errors are failures. Empty without tests."""
        if self.tests is None:
            return ""
        skipped = f", {self.tests.skipped} skipped" if self.tests.skipped else ""
        return f"{self.tests.passed} passed, {self.tests.failed + self.tests.errors} failed{skipped}"


def figures(  # noqa: PLR0913 - everything that they depend on, all named
    plan: Plan,
    records: Sequence[Record],
    *,
    seconds: float,
    interrupted: bool,
    directory: Path,
    here: Path,
    tails: Mapping[str, Sequence[str]],
) -> Figures:
    """Put together what a run came to. Pure: logs were read before.

    Args:
        plan: What was to run, jobs that joined by notification included.
        records: What did; a job of the plan without one is missing, and red.
        seconds: Wall time.
        interrupted: Whether the user stopped the run.
        directory: The run's folder, `ROOT/.isonox/runs/ID`.
        here: The folder that paths are told from.
        tails: The last lines of the logs of red jobs.
    """
    known = {record.job: record for record in records}
    place = _Place(RunDirectory(directory), here, plan.noxfile)
    rows = [_row(job, known.get(job.id), place, tuple(tails.get(job.id, ()))) for job in plan.jobs]
    stages = {stage: position for position, stage in enumerate(dict.fromkeys(row.stage for row in rows))}
    recorded = {job.id: row.seconds or 0.0 for job, row in zip(plan.jobs, rows, strict=True)}
    path = tuple(job for job in critical_path(plan.jobs, recorded) if recorded[job] > 0)
    return Figures(
        rows=tuple(sorted(rows, key=lambda row: stages[row.stage])),
        wall=seconds,
        path=path,
        path_seconds=sum(recorded[job] for job in path),
        interrupted=interrupted,
        directory=_seen_from(here, directory),
    )


def of_run(ended: RunEnded) -> Figures:
    """Return the figures of a run that has just ended; reads the logs of its red jobs."""
    directory = RunDirectory(ended.directory)
    red = [record.job for record in ended.records if not record.verdict.green]
    return figures(
        ended.plan,
        ended.records,
        seconds=ended.seconds,
        interrupted=ended.interrupted,
        directory=ended.directory,
        here=Path.cwd(),
        tails={job: last_lines(directory.log_path(job)) for job in red},
    )


def last_lines(log: Path, limit: int = TAIL_LINES) -> tuple[str, ...]:
    """Return the last lines of a log that say something, as plain text; none where there is no log."""
    lines = [line.expandtabs().rstrip() for line in logs.tail(log, _TAIL_BYTES).splitlines()]
    said = [line for line in lines if line]
    return tuple(line if len(line) <= _LINE_LENGTH else f"{line[:_LINE_LENGTH]}…" for line in said[-limit:])


@dataclass(frozen=True)
class _Place:
    directory: RunDirectory
    here: Path
    noxfile: str

    @property
    def noxfile_from_here(self) -> str:
        """The noxfile's path from the current folder; a run's folder is `ROOT/.isonox/runs/ID`."""
        return _seen_from(self.here, self.directory.path.parents[2] / self.noxfile)


def _seen_from(here: Path, path: Path) -> str:
    """Return `path` relative to `here`."""
    try:
        return os.path.relpath(path, here)
    except ValueError:  # another drive
        return str(path)


def _row(job: PlannedJob, record: Record | None, place: _Place, log: tuple[str, ...]) -> Row:
    remarks = (record.reason, *record.notes) if record else ("no record was found",)
    said = [wording.one_line(remark) for remark in remarks]
    return Row(
        job=job.id,
        stage=job.stage,
        verdict=record.verdict if record else Verdict.MISSING,
        note="; ".join(dict.fromkeys(remark for remark in said if remark)),
        seconds=_seconds(record) if record else None,
        tests=record.tests if record else None,
        coverage=record.coverage_percent if record else None,
        log=log,
        log_path=_seen_from(place.here, place.directory.log_path(job.id)),
        repeat=wording.repeat(job.session, job.posargs, place.noxfile_from_here),
    )


def _seconds(record: Record) -> float | None:
    """Return how long a job took; None if it never started."""
    started = record.seconds > 0 or record.verdict not in (Verdict.BLOCKED, Verdict.CANCELLED)
    return record.seconds if started else None
