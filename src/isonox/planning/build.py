"""Make the Plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isonox.model.plan import Plan, PlannedJob, ReasonKind
from isonox.planning.select import select

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from isonox.model.pipeline import Pipeline
    from isonox.model.plan import Reason, Selection

#: Seconds that a job is expected to take before it was ever seen.
PRIOR_SECONDS = 30.0


def build(  # noqa: PLR0913 - everything that a plan depends on, all named
    pipeline: Pipeline,
    selection: Selection,
    *,
    isonox: str,
    ci: Sequence[str] = (),
    durations: Mapping[str, float] | None = None,
    commit: str | None = None,
    dirty: bool = False,
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
        notes: Remarks that travel with the plan.

    Raises:
        UsageError: The selection names something unknown.
        NothingSelectedError: Nothing fits it.
    """
    selected = select(pipeline, selection, ci)
    known = durations or {}
    return Plan(
        isonox=isonox,
        commit=commit,
        dirty=dirty,
        noxfile=pipeline.noxfile,
        selection=selection,
        notes=tuple(notes),
        jobs=tuple(
            planned_job(pipeline, name, reasons, posargs=selection.posargs, durations=known)
            for name, reasons in selected.items()
        ),
    )


def planned_job(
    pipeline: Pipeline,
    name: str,
    reasons: Sequence[Reason],
    *,
    posargs: Sequence[str],
    durations: Mapping[str, float],
) -> PlannedJob:
    """Return the job for one session; also for one that joins a running plan by notification."""
    session = pipeline.by_id[name]
    return PlannedJob(
        id=session.id,
        session=session.id,
        stage=session.stage,
        python=session.python,
        package=session.package,
        tags=session.tags,
        requires=session.requires,
        reasons=tuple(reasons),
        required=session.facts.required,
        timeout_minutes=session.facts.timeout_minutes,
        posargs=tuple(posargs) if any(reason.kind is not ReasonKind.REQUIRED for reason in reasons) else (),
        estimate_seconds=round(durations.get(session.id, PRIOR_SECONDS), 3),
        estimate_from="history" if session.id in durations else "prior",
    )
