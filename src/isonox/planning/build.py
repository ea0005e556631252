"""Make the Plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isonox.model.plan import Plan, PlannedJob, ReasonKind
from isonox.model.shard import session_of
from isonox.planning.estimates import Estimates
from isonox.planning.select import select

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from isonox.model.pipeline import Pipeline
    from isonox.model.plan import Reason, Selection
    from isonox.planning.affected import Affected


def build(  # noqa: PLR0913 - everything that a plan depends on, all named
    pipeline: Pipeline,
    selection: Selection,
    *,
    isonox: str,
    ci: Sequence[str] = (),
    durations: Mapping[str, float] | None = None,
    commit: str | None = None,
    dirty: bool = False,
    affected: Affected | None = None,
    notes: Sequence[str] = (),
) -> Plan:
    """Return the plan for one selection.

    Args:
        pipeline: All sessions.
        selection: What was asked for.
        isonox: Version of isonox, for the document.
        ci: What a selection without names means; see `select`.
        durations: Expected seconds of jobs that were seen before.
        commit: Full hash of HEAD.
        dirty: Whether the working tree differs from it.
        affected: What changed since the selection's base, and what that concerns: the others are left out.
        notes: Remarks that travel with the plan.

    Raises:
        UsageError: The selection names something unknown.
        NothingSelectedError: Nothing fits it.
    """
    selected = select(pipeline, selection, ci)
    unaffected: tuple[str, ...] = ()
    if affected is not None:
        wanted, selected = selected, select(pipeline, selection, ci, affected.reasons)
        unaffected = tuple(name for name in wanted if name not in selected)
        notes = (*notes, affected.note(len(wanted) - len(unaffected), len(wanted)))
    estimates = Estimates(pipeline, durations or {})
    return Plan(
        isonox=isonox,
        commit=commit,
        dirty=dirty,
        noxfile=pipeline.noxfile,
        selection=selection,
        merge_base=affected.changes.merge_base if affected else None,
        unaffected=unaffected,
        notes=tuple(notes),
        jobs=tuple(
            planned_job(pipeline, name, reasons, posargs=selection.posargs, estimates=estimates)
            for name, reasons in selected.items()
        ),
    )


def planned_job(
    pipeline: Pipeline,
    name: str,
    reasons: Sequence[Reason],
    *,
    posargs: Sequence[str],
    estimates: Estimates,
) -> PlannedJob:
    """Return the job for one session; also for one that joins a running plan by notification."""
    session = pipeline.by_id[name]
    estimate = estimates.of(session)
    return PlannedJob(
        id=session.id,
        session=session_of(session.id) if session.shard else session.id,
        shard=session.shard,
        stage=session.stage,
        python=session.python,
        package=session.package,
        tags=session.tags,
        requires=session.requires,
        reasons=tuple(reasons),
        required=session.facts.required,
        timeout_minutes=session.facts.timeout_minutes,
        posargs=tuple(posargs) if any(reason.kind is not ReasonKind.REQUIRED for reason in reasons) else (),
        estimate_seconds=round(estimate.seconds, 3),
        estimate_from=estimate.origin,
        weight=session.facts.weight,
        exclusive=session.facts.exclusive,
    )
