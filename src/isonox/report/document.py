"""What `isonox ci --json` prints: a whole run as one versioned JSON document."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from isonox.model.record import Record, TestCounts
from isonox.model.split import Whole
from isonox.model.verdict import Verdict
from isonox.planning.graph import critical_path, lower_bound
from isonox.report import wording
from isonox.sessions.messages import SEED_VARIABLE, SHARD_VARIABLE
from isonox.sessions.run_directory import RunDirectory
from isonox.system import files

if TYPE_CHECKING:
    from collections.abc import Iterable

    from isonox.model.events import RunEnded
    from isonox.model.plan import Plan, PlannedJob

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
    """How to look into a red job.

    Attributes:
        log: What it printed; null where that is not in the run's folder.
        command: The command line that runs it again.
    """

    job: str
    log: str | None
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
        problems: What went wrong beside the jobs, such as a record that could not be written or read; any makes the
            run red.
        directory: The run's folder, as seen from the current one.
        wall_seconds: From the first start to the last end.
        sum_seconds: All jobs one after the other; one that was cached takes no time.
        slots: How many cores the jobs shared; null where each had a machine of its own.
        lower_bound_seconds: What no schedule of these jobs on these cores could beat; null without `slots`.
        tests: Of all jobs together; null where no job counted any.
        splits: The sessions that were split, each of whose tests ran in exactly one shard.
        verdicts: One for each job of the plan, in its order.
        repeat: One for each red job.
        not_cached: For each job that passed and whose verdict is not used again because of what it used, that.
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
    problems: tuple[str, ...]
    directory: str
    wall_seconds: float
    sum_seconds: float
    slots: int | None
    lower_bound_seconds: float | None
    critical_path: CriticalPath
    tests: TestCounts | None
    splits: tuple[Whole, ...] = ()
    verdicts: dict[str, Verdict]
    repeat: tuple[Repeat, ...]
    not_cached: dict[str, str]
    records: tuple[Record, ...]


def plan_id(plan: Plan) -> str:
    """Return a name for exactly this plan: the start of the SHA-256 of its JSON."""
    return hashlib.sha256(msgspec.json.encode(plan)).hexdigest()[:16]


def of_run(ended: RunEnded) -> RunDocument:
    """Return the document of a run that has just ended; the summary is made from it, too."""
    directory = RunDirectory(ended.directory)
    noxfile = _from_here(_root(directory.path) / ended.plan.noxfile)
    seconds = {record.job: _worked(record) for record in ended.records}
    jobs = [job for job in ended.plan.jobs if seconds[job.id] > 0 or job.requires]  # others count for nothing
    path = tuple(job for job in critical_path(jobs, seconds) if seconds[job] > 0)
    red = [record for record in ended.records if not record.verdict.green]
    repeat = []
    for record in sorted(red, key=has_started):
        job = ended.plan.by_id[record.job]
        command = wording.repeat(job.session, job.posargs, noxfile, _given(job, record))
        log = directory.log_path(job.id)
        repeat.append(Repeat(job=job.id, log=_from_here(log) if log.exists() else None, command=command))
    verdict: Literal["green", "red"] = "red" if red or ended.problems else "green"
    return RunDocument(
        isonox=ended.plan.isonox,
        run=directory.id,
        plan=plan_id(ended.plan),
        commit=ended.plan.commit,
        dirty=ended.plan.dirty,
        verdict="interrupted" if ended.interrupted else verdict,
        exit_code=int(ended.exit_code),
        problems=ended.problems,
        directory=_from_here(directory.path),
        wall_seconds=round(ended.seconds, 3),
        sum_seconds=round(sum(seconds.values()), 3),
        slots=ended.slots,
        lower_bound_seconds=round(lower_bound(jobs, seconds, ended.slots), 3) if ended.slots else None,
        critical_path=CriticalPath(jobs=path, seconds=round(sum(seconds[job] for job in path), 3)),
        tests=_tests(ended.records),
        splits=ended.splits,
        verdicts={record.job: record.verdict for record in ended.records},
        repeat=tuple(repeat),
        not_cached={record.job: text for record in ended.records if (text := wording.undeclared(record))},
        records=ended.records,
    )


def _given(job: PlannedJob, record: Record) -> dict[str, str]:
    """Return the variables that make a session do what this job did: its shard, and the seed of its random order."""
    given = {SHARD_VARIABLE: job.shard} if job.shard else {}
    seed = record.split.seed if record.split else None
    return given if seed is None else {**given, SEED_VARIABLE: str(seed)}


def has_started(record: Record) -> bool:
    """Return whether a job ran at all, however short."""
    return record.seconds > 0 or record.verdict not in (Verdict.BLOCKED, Verdict.CANCELLED)


def _worked(record: Record) -> float:
    return 0.0 if record.verdict is Verdict.CACHED else record.seconds


def _tests(records: Iterable[Record]) -> TestCounts | None:
    counts = [record.tests for record in records if record.tests is not None]
    outcomes = {name: sum(getattr(one, name) for one in counts) for name in TestCounts.__struct_fields__}
    return TestCounts(**outcomes) if counts else None


def _root(directory: Path) -> Path:
    """Return the workspace's root: a run's folder is `ROOT/.isonox/runs/ID`, unless it was brought here."""
    return next((parent.parent for parent in directory.parents if parent.name == files.STATE), Path.cwd())


def _from_here(path: Path) -> str:
    """Return `path` as seen from the current folder."""
    try:
        return os.path.relpath(path)
    except ValueError:  # another drive
        return str(path)
