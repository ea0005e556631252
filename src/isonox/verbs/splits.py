"""What the shards of a run left, read and judged: for the summary, and for the gate."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from isonox.errors import StateError
from isonox.model import split
from isonox.model.shard import Shard
from isonox.model.verdict import Verdict
from isonox.planning import split_proof
from isonox.system import files

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from isonox.model.plan import Plan, PlannedJob
    from isonox.model.record import Record
    from isonox.model.split import Evidence, Whole
    from isonox.sessions.run_directory import RunDirectory

_RAN = (Verdict.PASSED, Verdict.CACHED)


class Judged(NamedTuple):
    """What became of the sessions that were split.

    Attributes:
        wholes: The sessions whose every test ran in exactly one shard.
        problems: What is wrong with the others; any makes the run red.
        broken: The jobs of these others: their verdicts are not used again.
    """

    wholes: tuple[Whole, ...] = ()
    problems: tuple[str, ...] = ()
    broken: frozenset[str] = frozenset()


def judged(plan: Plan, records: Iterable[Record], directory: RunDirectory) -> Judged:
    """Judge each session of a plan whose shards are all in it, and passed: others are red, or were asked for in part.

    Args:
        plan: What ran.
        records: As they ended.
        directory: The run's folder, which has the artifacts.
    """
    by_job = {record.job: record for record in records}
    sessions: dict[str, list[PlannedJob]] = {}
    for job in plan.jobs:
        if job.shard:
            sessions.setdefault(job.session, []).append(job)
    wholes, problems, broken = [], [], set[str]()
    for session, jobs in sessions.items():
        mine = [by_job[job.id] for job in jobs if job.id in by_job and by_job[job.id].verdict in _RAN]
        count = Shard.parse(jobs[0].shard).count
        if len(mine) < count or not any(record.split for record in mine):
            continue  # a session of the noxfile's own says nothing of tests
        left, found = _read(session, jobs, by_job, directory)
        found = found or split_proof.problems(session, count, left) or _untested(session, mine)
        if found:
            problems += found
            broken |= {job.id for job in jobs}
        else:
            wholes.append(split_proof.whole(session, left))
    return Judged(tuple(wholes), tuple(problems), frozenset(broken))


def _read(
    session: str, jobs: Sequence[PlannedJob], by_job: Mapping[str, Record], directory: RunDirectory
) -> tuple[dict[str, Evidence], list[str]]:
    """Return what the shards left, in their order, and why it can't be read."""
    left: dict[str, Evidence] = {}
    problems = []
    for job in jobs:
        if by_job[job.id].split:
            try:
                left[job.shard] = read(directory, by_job[job.id])
            except StateError as error:
                problems.append(f"{session}: what shard {job.shard} ran is not known: {error}")
    return left, problems


def read(directory: RunDirectory, record: Record) -> Evidence:
    """Return what a job left to show which tests ran.

    Raises:
        StateError: It is not there, can't be read, or is not what the job left.
    """
    path = directory.kept_artifacts(record.job) / split.FILE
    content = files.read_state(path)
    try:
        evidence = msgspec.json.decode(content, type=split.Evidence)
    except msgspec.DecodeError as error:
        raise StateError(f"{path} is damaged: {error}", hint="run again") from error
    if record.split and record.split.evidence not in ("", hashlib.sha256(content).hexdigest()):
        raise StateError(f"{path} is not what {record.job} left", hint="run again")
    if reason := split_proof.damage(evidence):
        raise StateError(f"{path} is no evidence: {reason}", hint="run again")
    return evidence


def _untested(session: str, records: Iterable[Record]) -> list[str]:
    """Return that nothing was tested, where every shard had nothing but tests that were skipped."""
    counts = [record.tests for record in records if record.tests]
    if any(one.passed for one in counts):
        return []
    return [f"{session}: nothing was tested: every test was skipped ({sum(one.skipped for one in counts)})"]
