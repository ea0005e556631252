"""What `isonox ci --json` prints: a whole run as one versioned JSON document."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Literal

import msgspec

from isonox.model.record import Record, TestCounts
from isonox.model.verdict import Verdict
from isonox.report.figures import of_run

if TYPE_CHECKING:
    from isonox.model.events import RunEnded
    from isonox.model.plan import Plan

RUN_VERSION = 1


class CriticalPath(msgspec.Struct, frozen=True, kw_only=True):
    """The longest way through the run: it could not have been shorter.

    Attributes:
        jobs: Their ids, first to last.
        seconds: What they took together.
    """

    jobs: tuple[str, ...]
    seconds: float


class Repeat(msgspec.Struct, frozen=True, kw_only=True):
    """How to look into a red job: its log, and the command line that runs it again."""

    job: str
    log: str
    command: str


class RunDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A run.

    Attributes:
        version: Version of this document's format.
        isonox: Version of isonox that made it.
        run: The run's id.
        plan: Hash of the plan as it ended, jobs that joined by notification included; see `plan_id`.
        verdict: The run as a whole.
        exit_code: What the command line exits with.
        directory: The run's folder, as seen from the current one.
        wall_seconds: From the first start to the last end.
        sum_seconds: All jobs one after the other.
        tests: Of all jobs together; null where no job counted any.
        verdicts: One for each job of the plan, in its order.
        repeat: One for each red job.
        records: What each job did, in the plan's order.
    """

    version: int = RUN_VERSION
    isonox: str
    run: str
    plan: str
    commit: str | None
    dirty: bool
    verdict: Literal["green", "red", "interrupted"]
    exit_code: int
    directory: str
    wall_seconds: float
    sum_seconds: float
    critical_path: CriticalPath
    tests: TestCounts | None
    verdicts: dict[str, Verdict]
    repeat: tuple[Repeat, ...]
    records: tuple[Record, ...]


def plan_id(plan: Plan) -> str:
    """Return a name for exactly this plan: the start of the SHA-256 of its JSON."""
    return hashlib.sha256(msgspec.json.encode(plan)).hexdigest()[:16]


def document(ended: RunEnded) -> RunDocument:
    """Return the document of a run that has just ended."""
    run = of_run(ended)
    return RunDocument(
        isonox=ended.plan.isonox,
        run=ended.directory.name,
        plan=plan_id(ended.plan),
        commit=ended.plan.commit,
        dirty=ended.plan.dirty,
        verdict=run.word,
        exit_code=int(run.exit_code),
        directory=run.directory,
        wall_seconds=round(ended.seconds, 3),
        sum_seconds=round(run.sum, 3),
        critical_path=CriticalPath(jobs=run.path, seconds=round(run.path_seconds, 3)),
        tests=run.tests,
        verdicts={record.job: record.verdict for record in ended.records},
        repeat=tuple(Repeat(job=row.record.job, log=row.log_path, command=row.repeat) for row in run.red),
        records=ended.records,
    )


def run_document(ended: RunEnded) -> bytes:
    """Return the document as JSON, indented."""
    return msgspec.json.format(msgspec.json.encode(document(ended)), indent=2)
