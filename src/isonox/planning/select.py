"""Which sessions a selection means, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isonox.errors import NothingSelectedError, UsageError, did_you_mean
from isonox.model.plan import Reason, ReasonKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from isonox.model.pipeline import Pipeline, Session
    from isonox.model.plan import Selection


def select(
    pipeline: Pipeline,
    selection: Selection,
    ci: Sequence[str] = (),
    affected: Mapping[str, Reason] | None = None,
) -> dict[str, list[Reason]]:
    """Return the selected session ids with their reasons, what they require included, in the noxfile's order.

    Args:
        pipeline: All sessions.
        selection: What was asked for.
        ci: What a selection without names means (`[tool.isonox] ci`); without it, the noxfile's defaults.
        affected: Only these, and what they require, each with the reason; None for no such restriction.

    Raises:
        UsageError: A name, tag, package or Python is unknown.
        NothingSelectedError: Everything is known, but no session fits all of it.
    """
    _check_known(pipeline, selection, ci)
    reasons: dict[str, list[Reason]] = {}
    names = selection.names or tuple(ci)
    for session in pipeline.sessions:
        reason = _asked(session, names) if names else _default(session)
        if reason and _fits(session, selection):
            reasons[session.id] = [reason]
    if not reasons:
        raise NothingSelectedError(
            f"no session of {pipeline.noxfile} fits the selection",
            hint="see what there is: isonox plan --all",
        )
    if affected is not None:
        reasons = {name: [*given, affected[name]] for name, given in reasons.items() if name in affected}
    _add_required(pipeline, reasons)
    order = {session.id: position for position, session in enumerate(pipeline.sessions)}
    return dict(sorted(reasons.items(), key=lambda item: order[item[0]]))


def _asked(session: Session, names: Sequence[str]) -> Reason | None:
    for name in names:
        if name == session.stage or name in session.signatures:
            return Reason(kind=ReasonKind.ASKED, detail=name)
    return None


def _default(session: Session) -> Reason | None:
    return Reason(kind=ReasonKind.DEFAULT) if session.default else None


def _fits(session: Session, selection: Selection) -> bool:
    return (
        (not selection.tags or bool(set(selection.tags) & set(session.tags)))
        and (not selection.packages or session.package in selection.packages)
        and (not selection.pythons or session.python in selection.pythons)
    )


def _add_required(pipeline: Pipeline, reasons: dict[str, list[Reason]]) -> None:
    """Add what the selected sessions require, and what that requires, with the reason."""
    frontier = list(reasons)
    while frontier:
        source = pipeline.by_id[frontier.pop()]
        for needed in source.requires:
            if needed not in reasons:
                reasons[needed] = []
                frontier.append(needed)
            reasons[needed].append(Reason(kind=ReasonKind.REQUIRED, detail=source.id))


def _check_known(pipeline: Pipeline, selection: Selection, ci: Sequence[str]) -> None:
    sessions = pipeline.sessions
    signatures = {name for session in sessions for name in (session.stage, *session.signatures)}
    known = [
        ("session", selection.names, signatures),
        ("session in [tool.isonox] ci", ci, signatures),
        ("tag", selection.tags, {tag for session in sessions for tag in session.tags}),
        ("package", selection.packages, {session.package for session in sessions if session.package}),
        (
            "Python",
            selection.pythons,
            {session.python for session in sessions if isinstance(session.python, str)},
        ),
    ]
    problems = [
        f"unknown {what} {name!r}{did_you_mean(name, names)}"
        for what, asked, names in known
        for name in asked
        if name not in names
    ]
    if problems:
        raise UsageError("; ".join(problems), hint="see what there is: isonox plan --all")
