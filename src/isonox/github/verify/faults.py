"""What can happen to a job, and what the gate gets to see of it."""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from isonox.errors import UsageError
from isonox.github import jobs
from isonox.github.gate import judge, parsed_results
from isonox.model.record import Record, TestCounts, blank_record
from isonox.model.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Collection

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
    FORGED = "claims to be cached, and the store has no such result"
    ELSEWHERE = "is cached by a run that was not on GitHub"
    OUTDATED = "is cached for other inputs"


#: Sessions that end nox with an error.
RED = frozenset({Kind.FAILS, Kind.NO_TESTS, Kind.NO_INTERPRETER})
#: As good as passed.
BENIGN = frozenset({Kind.PASSES, Kind.WAIVED, Kind.CACHED})
#: What happens to a session rather than to the job that runs it.
OF_SESSIONS = (
    Kind.FAILS, Kind.NO_TESTS, Kind.NO_INTERPRETER, Kind.RECORD_LOST, Kind.OTHER_COMMIT, Kind.WAIVED, Kind.FORGED,
)  # fmt: skip
#: What happens to one that does not run, because its result is known.
OF_CACHED = (Kind.RECORD_LOST, Kind.OTHER_COMMIT, Kind.FORGED, Kind.ELSEWHERE, Kind.OUTDATED)
#: The store has no such result of a run on GitHub, whatever the record says.
_UNKNOWN = frozenset({Kind.FORGED, Kind.ELSEWHERE})
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
        plan: What CI plans when nothing is left out.
        cached: Ids of the jobs whose results the store has; None where there is no store yet.
        affected: Ids of the jobs that a change affects; None where that is not asked for.

    Attributes:
        plan: What has to have a verdict.
        has_store: Whether there is a store to restore.
        carriers: For each job of `plan`, the id of the workflow job that carries it.
    """

    def __init__(
        self, plan: Plan, cached: Collection[str] | None = None, affected: Collection[str] | None = None
    ) -> None:
        named = tuple(msgspec.structs.replace(job, fingerprint=job.id) for job in plan.jobs)
        self._whole = msgspec.structs.replace(plan, jobs=named)
        self.plan = self._whole
        if affected is not None:
            self.plan = msgspec.structs.replace(plan, jobs=tuple(job for job in named if job.id in affected))
        self.has_store = cached is not None
        self._cached = frozenset(cached or ())
        self._all_carriers = jobs.carriers(self._whole)
        self.carriers = {job.id: self._all_carriers[job.id] for job in self.plan.jobs}
        self._records: dict[Left, Record] = {}
        self._judgements: dict[Any, tuple[str, ...]] = {}
        self._matrices: dict[tuple[bool, bool], dict[str, str]] = {}

    @cached_property
    def requires(self) -> dict[str, tuple[str, ...]]:
        """What nox runs before each session where it is not told `--no-dependencies`."""
        return {job.id: job.requires for job in self._whole.jobs}

    def matrices(self, *, based: bool, restored: bool) -> dict[str, str]:
        """Return the outputs of `isonox plan --github`.

        Args:
            based: Whether it is told what the changes are against.
            restored: Whether it has the store.
        """
        key = based, restored
        if key not in self._matrices:
            left_out = {job.id for job in self._whole.jobs if job.id not in self._planned(based=based).by_id}
            left_out.update(self.known(based=based, restored=restored))
            self._matrices[key] = jobs.matrices(jobs.group(self._whole, known=left_out))
        return dict(self._matrices[key])

    def known(self, *, based: bool, restored: bool) -> tuple[str, ...]:
        """Return the planned jobs that need not run; for the arguments see `matrices`."""
        return tuple(job.id for job in self._planned(based=based).jobs if restored and job.id in self._cached)

    def problems(
        self, left: tuple[Left, ...], results: str, *, based: bool = False, restored: bool = False
    ) -> tuple[str, ...]:
        """Return what the gate finds wrong; nothing if it is green.

        Args:
            left: Whose records arrived.
            results: What `--results` is given.
            based: Whether it is told what the changes are against.
            restored: Whether it has the store.
        """
        key = (left, results, based, restored)
        if key not in self._judgements:
            known = set(self.known(based=based, restored=restored))
            known -= {one.session for one in left if one.kind in _UNKNOWN}
            self._judgements[key] = self._judged(left, results, self._planned(based=based), known)
        return self._judgements[key]

    def _planned(self, *, based: bool) -> Plan:
        return self.plan if based else self._whole

    def _judged(self, left: tuple[Left, ...], results: str, plan: Plan, known: set[str]) -> tuple[str, ...]:
        try:
            parsed = parsed_results(results)
        except UsageError as error:
            return (error.message,)
        records = [self._record(one) for one in left]
        carriers = {job.id: self._all_carriers[job.id] for job in plan.jobs}
        found = judge(plan, records, parsed, carriers, known=known, run=_RUN, now=_WHEN)
        red = [f"{one.job} {one.verdict.value}: {one.reason}" for one in found.records if not one.verdict.green]
        return () if found.green else (*found.problems, *red)

    def _record(self, left: Left) -> Record:
        if left not in self._records:
            self._records[left] = self._made(left)
        return self._records[left]

    def _made(self, left: Left) -> Record:
        plan, name = self._whole, left.session
        verdict = Verdict.FAILED if left.kind in RED else Verdict.PASSED
        if name not in plan.by_id:
            return Record(
                isonox=plan.isonox, run=_RUN, job=name, stage="", verdict=verdict, commit=plan.commit, started=_WHEN
            )
        record = blank_record(plan, plan.by_id[name], verdict, left.kind.value, run=_RUN, started=_WHEN)
        match left.kind:
            case Kind.WAIVED:
                return msgspec.structs.replace(record, verdict=Verdict.WAIVED)
            case Kind.CACHED | Kind.FORGED | Kind.ELSEWHERE | Kind.OUTDATED:
                named = "others" if left.kind is Kind.OUTDATED else name
                verdict = Verdict.CACHED
                return msgspec.structs.replace(record, verdict=verdict, from_run="an earlier run", fingerprint=named)
            case Kind.OTHER_COMMIT:
                return msgspec.structs.replace(record, commit="0" * 40)
            case Kind.NO_TESTS:
                return msgspec.structs.replace(record, tests=TestCounts())
        return record
