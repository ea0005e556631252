"""What can happen to a job, and what the gate gets to see of it."""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from isonox.github import jobs
from isonox.github.gate import judge
from isonox.model.record import Record, TestCounts, blank_record
from isonox.model.verdict import Verdict

if TYPE_CHECKING:
    from isonox.model.plan import Plan

_WHEN = "2000-01-01T00:00:00Z"
_RUN = "verify"


class Kind(StrEnum):
    """What can happen to a job, as it reads behind the job's name."""

    PASSES = "passes"
    FAILS = "fails"
    NO_TESTS = "runs zero tests"
    NO_INTERPRETER = "lacks its interpreter"
    LOST = "loses its runner"
    TIMED_OUT = "runs out of time, which GitHub reports as failure"
    TIMED_OUT_CANCELLED = "runs out of time, which GitHub reports as cancelled"
    CANCELLED = "runs when the run is cancelled"
    RUN_CANCELLED = "is cancelled at its start"
    SKIPPED = "is skipped"
    RECORD_LOST = "passes, but its record gets lost"
    OTHER_COMMIT = "leaves a record of another commit"
    WAIVED = "is waived with a reason"
    CACHED = "is cached"


#: Sessions that end nox with an error.
RED = frozenset({Kind.FAILS, Kind.NO_TESTS, Kind.NO_INTERPRETER})
#: As good as passed.
BENIGN = frozenset({Kind.PASSES, Kind.WAIVED, Kind.CACHED})
#: What happens to a session rather than to the job that runs it.
OF_SESSIONS = (
    Kind.FAILS, Kind.NO_TESTS, Kind.NO_INTERPRETER, Kind.RECORD_LOST, Kind.OTHER_COMMIT, Kind.WAIVED, Kind.CACHED,
)  # fmt: skip
#: What ends a whole job.
OF_JOBS = (Kind.LOST, Kind.TIMED_OUT, Kind.TIMED_OUT_CANCELLED, Kind.CANCELLED)


class Fault(NamedTuple):
    """Something that happens, and where.

    Attributes:
        job: Id of the workflow job; empty for the whole run.
        instance: Which job of its matrix; -1 for all.
        session: The session, if it happens to one.
        step: Index of the step that fails, where it is no session's doing; -1 for none.
    """

    kind: Kind
    job: str = ""
    instance: int = 0
    session: str = ""
    step: int = -1


class Left(NamedTuple):
    """A session that ran, and what happened to it."""

    session: str
    kind: Kind = Kind.PASSES


class Facts:
    """A plan, and what the real gate says of what its sessions left.

    Args:
        plan: What CI plans.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.carriers = jobs.carriers(plan)
        self.outputs = dict(jobs.outputs(plan))
        self._records: dict[Left, Record] = {}
        self._judgements: dict[tuple[tuple[Left, ...], str], tuple[str, ...]] = {}

    @cached_property
    def requires(self) -> dict[str, tuple[str, ...]]:
        """What nox runs before each session where it is not told `--no-dependencies`."""
        return {job.session: job.requires for job in self.plan.jobs}

    def problems(self, left: tuple[Left, ...], results: str) -> tuple[str, ...]:
        """Return what the gate finds wrong; nothing if it is green.

        Args:
            left: Whose records arrived.
            results: What `--results` is given.
        """
        key = (left, results)
        if key not in self._judgements:
            self._judgements[key] = self._judged(left, results)
        return self._judgements[key]

    def _judged(self, left: tuple[Left, ...], results: str) -> tuple[str, ...]:
        parsed: dict[str, str] = {}
        for pair in results.split():
            name, _, result = pair.partition("=")
            if not (name and result) or name in parsed:
                return (f"--results: {pair!r} is not JOB=RESULT, once for each job",)
            parsed[name] = result
        records = [self._record(one) for one in left]
        found = judge(self.plan, records, parsed, self.carriers, run=_RUN, now=_WHEN)
        red = [f"{one.job} {one.verdict.value}: {one.reason}" for one in found.records if not one.verdict.green]
        return () if found.green else (*found.problems, *red)

    def _record(self, left: Left) -> Record:
        if left not in self._records:
            self._records[left] = self._made(left)
        return self._records[left]

    def _made(self, left: Left) -> Record:
        plan, name = self.plan, left.session
        verdict = Verdict.FAILED if left.kind in RED else Verdict.PASSED
        if name not in plan.by_id:
            return Record(
                isonox=plan.isonox, run=_RUN, job=name, stage="", verdict=verdict, commit=plan.commit, started=_WHEN
            )
        record = blank_record(plan, plan.by_id[name], verdict, left.kind.value, run=_RUN, started=_WHEN)
        match left.kind:
            case Kind.WAIVED:
                return msgspec.structs.replace(record, verdict=Verdict.WAIVED)
            case Kind.CACHED:
                return msgspec.structs.replace(record, verdict=Verdict.CACHED, from_run="an earlier run")
            case Kind.OTHER_COMMIT:
                return msgspec.structs.replace(record, commit="0" * 40)
            case Kind.NO_TESTS:
                return msgspec.structs.replace(record, tests=TestCounts())
        return record
