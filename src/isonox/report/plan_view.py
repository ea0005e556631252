"""What is to run, for people: the plan, the whole pipeline, the workspace, and one job explained."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from isonox.errors import UsageError, did_you_mean
from isonox.planning.graph import critical_path
from isonox.report import forecast, wording

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from isonox.model.pipeline import Pipeline, Session
    from isonox.model.plan import Plan, PlannedJob, Selection
    from isonox.model.workspace import Workspace

#: Names in one cell of a table; `explain` tells all of them.
_NAMES = 3

#: Wider than anything: these tables are data, and never wrapped.
_WIDTH = 100_000


def show_plan(plan: Plan, slots: int) -> str:
    """Return the plan as a table, and how long it should take.

    Args:
        plan: What would run.
        slots: How many jobs would run at once.
    """
    headings = ("job", "requires", "estimate", "why")
    cells = [
        (
            job.id,
            wording.some(job.requires, _NAMES),
            estimate(job),
            wording.some([str(reason) for reason in job.reasons], _NAMES),
        )
        for job in plan.jobs
    ]
    notes = [f"note: {wording.one_line(note)}" for note in plan.notes]
    return "\n".join([table(headings, cells), "", *_totals(plan, slots), *notes]) + "\n"


def show_pipeline(pipeline: Pipeline) -> str:
    """Return all sessions of the noxfile as a table; those that run by default have a `*`."""
    headings = ("", "session", "tags", "requires", "description")
    cells = [
        (
            "*" if session.default else "",
            session.id,
            wording.some(session.tags, _NAMES),
            wording.some(session.requires, _NAMES),
            session.description.strip().partition("\n")[0],
        )
        for session in pipeline.sessions
    ]
    default = sum(session.default for session in pipeline.sessions)
    totals = f"{wording.count(len(pipeline.sessions), 'session')} in {pipeline.noxfile}, {default} by default (*)"
    return f"{table(headings, cells)}\n\n{totals}\n"


def show_workspace(workspace: Workspace) -> str:
    """Return the packages as a table, with what they depend on in this workspace."""
    targets: dict[str, list[str]] = {package.name: [] for package in workspace.packages}
    for source, target in sorted(workspace.pairs):
        targets.setdefault(source, []).append(target)
    cells = [
        (package.name, package.path, package.requires_python or "", ", ".join(targets[package.name]))
        for package in workspace.packages
    ]
    totals = f"{wording.count(len(cells), 'package')}, {wording.count(len(workspace.pairs), 'dependency edge')}"
    lock = f", locked in {workspace.lock}" if workspace.lock else ", no lock"
    notes = [f"note: {wording.one_line(note)}" for note in workspace.notes]
    shown = table(("package", "path", "python", "depends on"), cells)
    return "\n".join([shown, "", totals + lock, *notes]) + "\n"


def explain(plan: Plan, pipeline: Pipeline, job: str) -> str:
    """Return why a job is in the plan or not, who needs it, how long it takes, and the facts that it runs under.

    Args:
        plan: What would run.
        pipeline: All sessions.
        job: A job of the plan, or any name that means exactly one session.

    Raises:
        UsageError: The name means no session, or several.
    """
    planned = plan.by_id.get(job)
    session = pipeline.by_id[planned.session] if planned else _session(pipeline, job)
    planned = planned or plan.by_id.get(session.id)
    facts = _planned(plan, planned) if planned else _not_planned(plan, session)
    lines = [wording.one_line(planned.id if planned else session.id), *_said(facts), *_said(_facts(session))]
    return "\n".join(lines) + "\n"


def estimate(job: PlannedJob) -> str:
    """Return how long a job should take, and how that is known."""
    known = {"history": "its last green runs", "prior": "a guess: never timed"}
    return f"{wording.span(job.estimate_seconds)} ({known.get(job.estimate_from, job.estimate_from)})"


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return cells under headings as plain text, never wrapped; columns where nothing stands are left out."""
    cells = [[wording.one_line(cell) for cell in row] for row in rows]
    used = [place for place in range(len(headings)) if any(row[place] for row in cells)]
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for place in used:
        made.add_column(headings[place], no_wrap=True)
    for row in cells:
        made.add_row(*(Text(row[place]) for place in used))
    stream = StringIO()
    Console(file=stream, width=_WIDTH, color_system=None, force_terminal=False).print(made)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())


def _totals(plan: Plan, slots: int) -> list[str]:
    seconds = {job.id: job.estimate_seconds for job in plan.jobs}
    path = critical_path(plan.jobs, seconds)
    guessed = sum(job.estimate_from == "prior" for job in plan.jobs)
    caveat = f" ({wording.count(guessed, 'job')} never timed)" if guessed else ""
    length = wording.span(sum(seconds[job] for job in path))
    return [
        f"{wording.count(len(plan.jobs), 'job')}: {wording.span(sum(seconds.values()))} one after the other{caveat}",
        f"critical path: {length}: {' -> '.join(wording.one_line(job) for job in path)}",
        f"about {wording.span(forecast.rest(plan.jobs, slots, {}))} with {slots} at once",
    ]


def _session(pipeline: Pipeline, name: str) -> Session:
    """Return the one session that `name` means."""
    if name in pipeline.by_id:
        return pipeline.by_id[name]
    found = [session for session in pipeline.sessions if name == session.stage or name in session.signatures]
    if len(found) == 1:
        return found[0]
    if found:
        several = wording.some([session.id for session in found], 10)
        raise UsageError(f"{name!r} means {len(found)} sessions", hint=f"name one of them: {several}")
    known = {known for session in pipeline.sessions for known in (session.id, session.stage)}
    raise UsageError(f"unknown job {name!r}{did_you_mean(name, known)}", hint="see what there is: isonox plan --all")


def _planned(plan: Plan, job: PlannedJob) -> dict[str, str]:
    outside = [needed for needed in job.requires if needed not in plan.by_id]
    return {
        "in the plan": "yes: " + (", ".join(map(str, job.reasons)) or "no reason was noted"),
        "requires": ", ".join(job.requires) or "nothing",
        "not in this plan": ", ".join(outside),
        "required by": ", ".join(other.id for other in plan.jobs if job.id in other.requires) or "nothing",
        "estimate": estimate(job),
        "arguments": " ".join(job.posargs),
        "fingerprint": job.fingerprint or "",
    }


def _not_planned(plan: Plan, session: Session) -> dict[str, str]:
    return {
        "in the plan": "no: " + _why_not(plan.selection, session) + "; and nothing in the plan requires it",
        "requires": ", ".join(session.requires) or "nothing",
    }


def _why_not(selection: Selection, session: Session) -> str:
    """Say which part of a selection leaves a session out, the first that does."""
    named = not selection.names or any(name == session.stage or name in session.signatures for name in selection.names)
    python = session.python if isinstance(session.python, str) else "none"
    if not named:
        return f"it was not asked for (asked: {', '.join(selection.names)})"
    if selection.tags and not set(selection.tags) & set(session.tags):
        return f"its tags ({', '.join(session.tags) or 'none'}) are not among {', '.join(selection.tags)}"
    if selection.packages and session.package not in selection.packages:
        return f"its package ({session.package or 'none'}) is not among {', '.join(selection.packages)}"
    if selection.pythons and session.python not in selection.pythons:
        return f"its Python ({python}) is not among {', '.join(selection.pythons)}"
    if session.default:
        return "it runs by default in nox, but `[tool.isonox] ci` does not name it"
    return "it does not run by default, and was not asked for"


def _facts(session: Session) -> dict[str, str]:
    facts = session.facts
    own = facts.environment == "declared"
    python = session.python if isinstance(session.python, str) else "the one that runs nox"
    return {
        "description": session.description.strip().partition("\n")[0],
        "stage": session.stage,
        "package": session.package or "",
        "python": "none: no environment is made" if session.python is False else python,
        "tags": ", ".join(session.tags),
        "timeout": f"{facts.timeout_minutes:g} min" if facts.timeout_minutes else "none",
        "environment": "declared: nothing else reaches it" if own else "inherited: whatever is set where it runs",
        "variables": ", ".join(facts.env),
        "secrets": ", ".join(facts.secrets),
        "inputs": ", ".join(facts.inputs),
        "artifacts": ", ".join(facts.artifacts),
        "cached": "yes" if facts.cache else "no",
        "required": "yes" if facts.required else "no: its failure is waived",
        "permissions": ", ".join(f"{name}: {value}" for name, value in facts.permissions.items()),
    }


def _said(facts: Mapping[str, str]) -> list[str]:
    """Return facts as indented lines; those that say nothing are left out."""
    return [f"  {name + ':':<17} {wording.one_line(text)}" for name, text in facts.items() if text]
