"""The gate: green only if every planned job has a verdict that says so, and nothing contradicts it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from isonox.errors import UsageError
from isonox.github.jobs import PLAN
from isonox.model.record import Record, blank_record, doubt
from isonox.model.verdict import Verdict
from isonox.planning.graph import topological

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from isonox.model.plan import Plan, PlannedJob

#: GitHub's results of a workflow job, and what each says of a record that is not there.
_ENDED = {
    "success": "ended as success, but its record did not arrive: the artifact was lost",
    "failure": "failed before it left a record",
    "cancelled": "was cancelled before it left a record",
    "skipped": "was skipped",
}


_PAIRS = "for each job that the gate needs: JOB=${{ needs.JOB.result }}"


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a plan.

    Attributes:
        records: One for each planned job, in the plan's order.
        problems: What is wrong beside the jobs; any makes the gate red.
    """

    records: tuple[Record, ...]
    problems: tuple[str, ...]

    @property
    def green(self) -> bool:
        """Whether every planned job passed, was cached or was waived, and there is no problem."""
        return not self.problems and all(record.verdict.green for record in self.records)


def parsed_results(text: str) -> dict[str, str]:
    """Read `JOB=RESULT` pairs.

    Raises:
        UsageError: There is none, or one is none, or a job has two.
    """
    found: dict[str, str] = {}
    for pair in text.split():
        job, _, result = pair.partition("=")
        if not (job and result):
            raise UsageError(f"--results: {pair!r} is not JOB=RESULT", hint=_PAIRS)
        if job in found:
            raise UsageError(f"--results: {job!r} has more than one result")
        found[job] = result
    if not found:
        raise UsageError("--results is missing: how did the workflow jobs end?", hint=_PAIRS)
    return found


def judge(  # noqa: PLR0913 - everything that the gate knows
    plan: Plan,
    records: Iterable[Record],
    results: Mapping[str, str],
    carriers: Mapping[str, str],
    *,
    known: Collection[str] = (),
    run: str,
    now: str,
) -> Judgement:
    """Compare a plan with the records that arrived, and with how the workflow jobs ended.

    Args:
        plan: What had to run.
        records: What arrived, in any order.
        results: GitHub's result of each workflow job that the gate needs, by the job's id.
        carriers: For each planned job, the id of the workflow job that runs it.
        known: Fingerprints of results that the store has from GitHub; no other cached verdict is believed.
        run: Id of the run, for the records of jobs that left none.
        now: UTC, ISO 8601, for the same.
    """
    problems: list[str] = []
    judged: dict[str, Record] = {}
    for record in records:
        job = plan.by_id.get(record.job)
        if job is None:
            problems.append(f"there is a record of {record.job!r}, which is not in the plan")
        elif job.id in judged:
            problems.append(f"there is more than one record of {job.id!r}")
        elif reason := _of_something_else(plan, job, record) or _not_known(job, record, known):
            judged[job.id] = blank_record(plan, job, Verdict.MISSING, reason, run=run, started=now)
        else:
            judged[job.id] = _believed(record)
            problems.extend(_unplanned(plan, record))
    if len(judged) < len(plan.jobs):
        for name in topological({job.id: job.requires for job in plan.jobs}):
            if name not in judged:
                job = plan.by_id[name]
                verdict, reason = _absence(job, judged, results, carriers.get(name))
                judged[name] = blank_record(plan, job, verdict, reason, run=run, started=now)
    problems.extend(_contradictions(judged, results, carriers))
    return Judgement(records=tuple(judged[job.id] for job in plan.jobs), problems=tuple(dict.fromkeys(problems)))


def _of_something_else(plan: Plan, job: PlannedJob, record: Record) -> str:
    """Return why a record is not one of this plan's job, or an empty string."""
    if record.commit != plan.commit:
        there, here = ((commit or "none")[:7] for commit in (record.commit, plan.commit))
        return f"the record is of commit {there}, this run is of {here}"
    if record.posargs != job.posargs:
        there, here = (" ".join(words) or "none" for words in (record.posargs, job.posargs))
        return f"it ran with other arguments than planned: {there}, not {here}"
    return ""


def _not_known(job: PlannedJob, record: Record, known: Collection[str]) -> str:
    """Return why a cached verdict is not believed; empty where it is, or where the verdict is another."""
    if record.verdict is not Verdict.CACHED:
        return ""
    if not job.fingerprint or record.fingerprint != job.fingerprint:
        return "its verdict was cached for other inputs than the gate finds; if the runners differ, run all jobs again"
    return "" if job.fingerprint in known else "its cached verdict is not in the store"


def _believed(record: Record) -> Record:
    reason = doubt(record)
    return msgspec.structs.replace(record, verdict=Verdict.FAILED, reason=reason) if reason else record


def _unplanned(plan: Plan, record: Record) -> Iterator[str]:
    """Yield a problem for each session that a job notified and that has no place in the plan."""
    for notification in record.notified:
        if not any(job.id == notification.session for job in plan.jobs):
            yield (
                f"{record.job!r} notified {notification.session!r}, which is not in the plan, so nothing ran it; "
                f"to give it a place there, declare it with `requires=` the sessions that notify it"
            )


def _absence(
    job: PlannedJob, judged: Mapping[str, Record], results: Mapping[str, str], carrier: str | None
) -> tuple[Verdict, str]:
    """Return the verdict on a job without a record, and why; those that it requires are judged already."""
    for needed in job.requires:
        if needed in judged and not judged[needed].verdict.green:
            return Verdict.BLOCKED, f"{needed} {judged[needed].verdict.value}"
    if carrier is None:
        return Verdict.MISSING, "no workflow job carries it"
    if carrier not in results:
        return Verdict.MISSING, f"its workflow job {carrier!r} is not among the gate's needs"
    result = results[carrier]
    return Verdict.MISSING, f"its workflow job {carrier!r} {_ENDED.get(result, f'ended as {result!r}')}"


def _contradictions(
    judged: Mapping[str, Record], results: Mapping[str, str], carriers: Mapping[str, str]
) -> Iterator[str]:
    """Yield what the results of workflow jobs say against the gate, beside their records."""
    verdicts: dict[str, list[Verdict]] = {}
    for name, carrier in carriers.items():
        verdicts.setdefault(carrier, []).append(judged[name].verdict)
    for carrier in verdicts:
        if carrier not in results:
            yield f"the gate does not need {carrier!r}, so nobody knows how it ended"
    for name, result in results.items():
        if result not in _ENDED:
            yield f"workflow job {name!r} ended as {result!r}, which isonox does not know"
        elif name in verdicts:
            idle = all(verdict is Verdict.CACHED for verdict in verdicts[name])
            if all(verdict.green for verdict in verdicts[name]) and result != ("skipped" if idle else "success"):
                yield f"workflow job {name!r} ended as {result}, although all of its jobs are green"
        elif result != "success" and (result != "skipped" or name == PLAN):
            yield f"workflow job {name!r} ended as {result}"
