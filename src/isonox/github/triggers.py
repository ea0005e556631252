"""What keeps a gate from being a gate before any job runs: its triggers and its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isonox.github import scenarios
from isonox.github.finding import Finding
from isonox.github.jobs import NAME_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from isonox.github.workflow_file import Job, Workflow

_PENDING = "starts no run, so the required check stays pending, and the pull request can't be merged"
_PULL_REQUESTS = ("pull_request", "pull_request_target")
#: Without these, a pull request gets no check, or keeps the one of an older commit.
_NEEDED_TYPES = ("opened", "synchronize", "reopened")


def findings(workflow: Workflow, gate: str, recorded: Sequence[Job]) -> Iterator[Finding]:
    """Yield what is wrong with the gate beside what it decides.

    Args:
        workflow: The file.
        gate: Id of the gate's job.
        recorded: The jobs that leave records, so that the gate sees what GitHub is told to overlook.
    """
    yield from _triggers(workflow)
    node = workflow.jobs[gate].node
    file, line = node.at("name")
    name = node.text("name") or gate
    if "${{" in name or "matrix" in node.node("strategy"):
        yield Finding(
            file=file,
            line=line,
            what=f"the gate {gate!r} has a name that changes",
            why="a required check is required by its name",
            fix="give it a fixed name, and no matrix",
        )
    elif len(name) > NAME_LIMIT:
        yield Finding(
            file=file,
            line=line,
            what=f"the name of the gate {gate!r} has {len(name)} characters",
            why=f"GitHub cuts check names at {NAME_LIMIT}, and a cut name can't be required",
            fix="give it a short name",
        )
    yield from _overlooked(recorded)


def _triggers(workflow: Workflow) -> Iterator[Finding]:
    names = [name for name in _PULL_REQUESTS if name in workflow.triggers]
    if not names:
        file, line = workflow.node.at("on")
        yield Finding(
            file=file,
            line=line,
            what="no pull request starts this workflow",
            why="a check of it that is required stays pending on every pull request",
            fix="add `pull_request:` to `on`",
        )
    for name in (*names, *(one for one in ("merge_group",) if one in workflow.triggers)):
        trigger = workflow.triggers[name]
        for key in ("paths", "paths-ignore", "branches-ignore"):
            if key in trigger:
                shown = ", ".join(map(str, found if isinstance(found := trigger[key], list) else [found]))
                which = {
                    "paths": f"that changes nothing of {shown}",
                    "paths-ignore": f"that changes only {shown}",
                    "branches-ignore": f"to {shown}",
                }[key]
                yield _finding(trigger.at(key), f"`{key}` on {name}", f"a pull request {which} {_PENDING}")
        branch = scenarios.default_branch(workflow)
        if name in _PULL_REQUESTS and not scenarios.starts(trigger, branch):
            yield _finding(trigger.at("branches"), f"the branches of {name}", f"a pull request to {branch} {_PENDING}")
        types = trigger.get("types") or _NEEDED_TYPES  # which are GitHub's default
        missing = [one for one in _NEEDED_TYPES if name in _PULL_REQUESTS and one not in types]
        if missing:
            yield _finding(
                trigger.at("types"),
                f"`types` of {name} lack {', '.join(missing)}",
                f"a pull request after that {_PENDING}",
            )


def _finding(place: tuple[str, int], what: str, why: str) -> Finding:
    fix = "remove it; where jobs should depend on what changed, give them an `if` that the gate knows of"
    return Finding(file=place[0], line=place[1], what=what, why=why, fix=fix)


def _overlooked(jobs: Sequence[Job]) -> Iterator[Finding]:
    """Yield each `continue-on-error`."""
    for job in jobs:
        nodes = [(f"job {job.id!r}", job.node)]
        nodes += [(f"step {step.label!r} of job {job.id!r}", step.node) for step in job.every_step()]
        for name, node in nodes:
            if node.get("continue-on-error") not in (None, False, "false"):
                file, line = node.at("continue-on-error")
                yield Finding(
                    file=file,
                    line=line,
                    what=f"continue-on-error on {name}",
                    why="GitHub reports success when it fails: what needs it runs then, and only the record tells",
                    fix="remove it; where a failure is fine, declare the session with required=False",
                )
