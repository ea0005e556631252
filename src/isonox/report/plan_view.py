"""What is to run, for people: the plan, the whole pipeline, the workspace, and one job explained."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

import msgspec
from rich.console import Console

from isonox.errors import UsageError, did_you_mean
from isonox.model.naming import count, some
from isonox.planning.graph import critical_path, lower_bound
from isonox.report import forecast, wording

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from isonox.model.pipeline import Facts, Pipeline, Session
    from isonox.model.plan import Plan, PlannedJob
    from isonox.model.workspace import Workspace

#: Names in one cell of a table; `explain` tells all of them.
_NAMES = 3

#: Where an estimate comes from.
_ORIGINS = {
    "history": "its last green runs",
    "stage": "others of its stage",
    "prior": "a guess: never timed",
}

#: Wider than anything: these tables are data, and never wrapped.
_WIDTH = 100_000


def show_plan(plan: Plan, slots: int, known: Collection[str] = ()) -> str:
    """Return the plan as a table, and how long it should take.

    Args:
        plan: What would run.
        slots: How many cores the jobs would share.
        known: Jobs whose results are known from earlier runs.
    """
    jobs = tuple(
        msgspec.structs.replace(job, estimate_seconds=0.0, weight=1, exclusive=False) if job.id in known else job
        for job in plan.jobs
    )
    cells = [
        (
            job.id,
            some(job.requires, _NAMES),
            _cores(job),
            "none: cached" if job.id in known else _estimate(job),
            some([*map(str, job.reasons)], _NAMES),
        )
        for job in plan.jobs
    ]
    seconds = {job.id: job.estimate_seconds for job in jobs}
    path = [job for job in critical_path(jobs, seconds) if job not in known]
    guessed = sum(job.estimate_from != "history" and job.id not in known for job in plan.jobs)
    caveat = f" ({count(guessed, 'job')} never timed)" if guessed else ""
    expected = wording.span(forecast.rest(jobs, slots, {}))
    least = wording.span(lower_bound(jobs, seconds, slots))
    number = f"{count(len(plan.jobs), 'job')}{f', {len(known)} cached' if known else ''}"
    totals = [
        f"{number}: {wording.span(sum(seconds.values()))} one after the other{caveat}",
        f"critical path: {wording.span(sum(seconds[job] for job in path))}: {' -> '.join(path) or 'none'}",
        f"about {expected} on {count(slots, 'core')}; no schedule beats {least}",
    ]
    return page(("job", "requires", "cores", "estimate", "why"), cells, totals, plan.notes)


def show_pipeline(pipeline: Pipeline) -> str:
    """Return all sessions of the noxfile as a table; those that run by default have a `*`."""
    cells = [
        (
            "*" if session.default else "",
            session.id,
            some(session.tags, _NAMES),
            some(session.requires, _NAMES),
            _first_line(session),
        )
        for session in pipeline.sessions
    ]
    default = sum(session.default for session in pipeline.sessions)
    totals = f"{count(len(cells), 'session')} in {pipeline.noxfile}, {default} by default (*)"
    return page(("", "session", "tags", "requires", "description"), cells, [totals])


def show_workspace(workspace: Workspace) -> str:
    """Return the packages as a table, with what they depend on in this workspace."""
    cells = []
    for package in workspace.packages:
        targets = sorted(target for source, target in workspace.pairs if source == package.name)
        cells.append((package.name, package.path, package.requires_python or "", ", ".join(targets)))
    lock = f"locked in {workspace.lock}" if workspace.lock else "no lock"
    edges = count(len(workspace.pairs), "dependency edge")
    totals = f"{count(len(cells), 'package')}, {edges}, {lock}"
    return page(("package", "path", "python", "depends on"), cells, [totals], workspace.notes)


def explain(plan: Plan, pipeline: Pipeline, job: str, result: Callable[[PlannedJob], str] = lambda _job: "") -> str:
    """Return why a job is in the plan or not, who needs it, how long it takes, and the facts that it runs under.

    Args:
        plan: What would run.
        pipeline: All sessions.
        job: A job of the plan, or any name that means exactly one session.
        result: Says whether the result of a planned job is known, or why not.

    Raises:
        UsageError: The name means no session, or several.
    """
    planned = plan.by_id.get(job)
    session = pipeline.by_id[planned.id] if planned else _session(pipeline, job)
    planned = planned or plan.by_id.get(session.id)
    known = {"result": result(planned)} if planned else {}
    facts = {**(_planned(plan, planned) if planned else _not_planned(plan, session)), **known, **_facts(session)}
    said = [f"  {name + ':':<17} {wording.one_line(text)}" for name, text in facts.items() if text]
    return "\n".join([wording.one_line(planned.id if planned else session.id), *said, ""])


def page(
    headings: Sequence[str], rows: Iterable[Sequence[str]], totals: Sequence[str], notes: Sequence[str] = ()
) -> str:
    """Return a table, never wrapped, with lines below."""
    stream = StringIO()
    Console(file=stream, width=_WIDTH, color_system=None, force_terminal=False).print(wording.table(headings, rows))
    below = map(wording.one_line, (*totals, *(f"note: {note}" for note in notes)))
    return "\n".join([*(line.rstrip() for line in stream.getvalue().splitlines()), "", *below, ""])


def _estimate(job: PlannedJob) -> str:
    return f"{wording.span(job.estimate_seconds)} ({_ORIGINS.get(job.estimate_from, job.estimate_from)})"


def _cores(job: PlannedJob | Facts) -> str:
    """Say how many cores it takes; nothing where it is one, as usual."""
    if job.exclusive:
        return "all, alone"
    return "" if job.weight == 1 else str(job.weight)


def _first_line(session: Session) -> str:
    return session.description.strip().partition("\n")[0]


def _session(pipeline: Pipeline, name: str) -> Session:
    """Return the one session that `name` means."""
    if name in pipeline.by_id:
        return pipeline.by_id[name]
    found = [session for session in pipeline.sessions if name in (session.stage, *session.signatures)]
    if len(found) == 1:
        return found[0]
    if found:
        several = some([session.id for session in found], 10)
        raise UsageError(f"{name!r} means {len(found)} sessions", hint=f"name one of them: {several}")
    known = {known for session in pipeline.sessions for known in (session.id, session.stage)}
    raise UsageError(f"unknown job {name!r}{did_you_mean(name, known)}", hint="see what there is: isonox plan --all")


def _planned(plan: Plan, job: PlannedJob) -> dict[str, str]:
    return {
        "in the plan": f"yes: {', '.join(map(str, job.reasons))}",
        "requires": ", ".join(job.requires) or "nothing",
        "not in this plan": ", ".join(needed for needed in job.requires if needed not in plan.by_id),
        "required by": ", ".join(other.id for other in plan.jobs if job.id in other.requires) or "nothing",
        "estimate": _estimate(job),
        "arguments": " ".join(job.posargs),
        "fingerprint": job.fingerprint or "",
    }


def _not_planned(plan: Plan, session: Session) -> dict[str, str]:
    """Say which part of the selection leaves a session out, the first that does."""
    asked = plan.selection
    parts: list[tuple[str, Sequence[str], Sequence[object]]] = [
        ("name", asked.names, (session.stage, *session.signatures)),
        ("tags", asked.tags, session.tags),
        ("package", asked.packages, (session.package,)),
        ("Python", asked.pythons, (session.python,)),
    ]
    why = "it does not run by default, and was not asked for"
    if session.default:
        why = "it runs by default in nox, but `[tool.isonox] ci` does not name it"
    if session.id in plan.unaffected:
        since = f"{asked.base} (merge base {(plan.merge_base or '')[:12]})"
        why = f"nothing that decides its result has changed since {since}"
    for part, wanted, own in reversed(parts):
        if wanted and not set(wanted) & set(own):
            has = ", ".join(dict.fromkeys(map(str, filter(None, own)))) or "none"
            why = f"its {part} ({has}), asked: {', '.join(wanted)}"
    return {
        "in the plan": f"no: {why}; and nothing in the plan requires it",
        "requires": ", ".join(session.requires) or "nothing",
    }


def _facts(session: Session) -> dict[str, str]:
    facts = session.facts
    python = "none: no environment is made" if session.python is False else session.python
    own = facts.environment == "declared"
    return {
        "description": _first_line(session),
        "stage": session.stage,
        "package": session.package or "",
        "python": str(python or ("the newest of the workspace" if own else "the one that runs nox")),
        "tags": ", ".join(session.tags),
        "cores": _cores(facts),
        "timeout": f"{facts.timeout_minutes:g} min" if facts.timeout_minutes else "none",
        "environment": "declared: nothing else reaches it" if own else "inherited: whatever is set where it runs",
        "variables": ", ".join(facts.env),
        "secrets": ", ".join(facts.secrets),
        "inputs": ", ".join(facts.inputs or ()),
        "artifacts": ", ".join(facts.artifacts),
        "cached": "yes" if facts.cache else "no",
        "required": "yes" if facts.required else "no: its failure is waived",
        "permissions": ", ".join(f"{name}: {value}" for name, value in facts.permissions.items()),
    }
