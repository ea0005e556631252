"""What keeps a gate from being a gate before any job runs: its triggers and its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isonox.github.jobs import NAME_LIMIT
from isonox.github.verify import scenarios
from isonox.github.verify.finding import Finding, found_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from isonox.github.verify.workflow_file import Job, Node, Workflow

_PENDING = "starts no run, so the required check stays pending, and the pull request can't be merged"
#: Not `pull_request_target`: that runs the workflow, and checks out the code, of the branch it goes to.
_PULL_REQUESTS = ("pull_request",)
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
    others = [repr(name) for name in workflow.jobs if name != gate]
    if others and not workflow.jobs[gate].needs:
        yield found_at(
            node,
            "needs",
            f"the gate {gate!r} does not need {', '.join(others)}",
            "it knows nothing of how they end",
            "name the job that needs the others, and judges them: --gate JOB",
        )
    name = node.text("name") or gate
    if "${{" in name or "matrix" in node.node("strategy"):
        yield found_at(
            node,
            "name",
            f"the gate {gate!r} has a name that changes",
            "a required check is required by its name",
            "give it a fixed name, and no matrix",
        )
    elif len(name) > NAME_LIMIT:
        yield found_at(
            node,
            "name",
            f"the name of the gate {gate!r} has {len(name)} characters",
            f"GitHub cuts check names at {NAME_LIMIT}, and a cut name can't be required",
            "give it a short name",
        )
    yield from of_its_name((job for job in workflow.jobs.values() if job.id != gate), name)
    yield from _overlooked(recorded)


def of_its_name(jobs: Iterable[Job], name: str) -> Iterator[Finding]:
    """Yield each job whose check has the name of the gate."""
    for job in jobs:
        if (job.node.text("name") or job.id).casefold() == name.casefold():
            yield found_at(
                job.node,
                "name",
                f"job {job.id!r} has the name of the gate, {name!r}",
                "branch protection knows a check by its name only",
                "call it something else",
            )


def _triggers(workflow: Workflow) -> Iterator[Finding]:
    names = [name for name in _PULL_REQUESTS if name in workflow.triggers]
    if not names:
        yield found_at(
            workflow.node,
            "on",
            "no pull request starts this workflow",
            "a check of it that is required stays pending on every pull request",
            "add `pull_request:` to `on`",
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
                yield _filter(trigger, key, f"`{key}` on {name}", f"a pull request {which} {_PENDING}")
        branch = scenarios.default_branch(workflow)
        if name in _PULL_REQUESTS and not scenarios.starts(trigger, branch):
            yield _filter(trigger, "branches", f"the branches of {name}", f"a pull request to {branch} {_PENDING}")
        types = trigger.get("types") or _NEEDED_TYPES  # which are GitHub's default
        missing = [one for one in _NEEDED_TYPES if name in _PULL_REQUESTS and one not in types]
        if missing:
            yield _filter(
                trigger,
                "types",
                f"`types` of {name} lack {', '.join(missing)}",
                f"a pull request after that {_PENDING}",
            )


def _filter(trigger: Node, key: str, what: str, why: str) -> Finding:
    fix = "remove it; where jobs should depend on what changed, give them an `if` that the gate knows of"
    return found_at(trigger, key, what, why, fix)


def _overlooked(jobs: Sequence[Job]) -> Iterator[Finding]:
    """Yield each `continue-on-error`."""
    for job in jobs:
        nodes = [(f"job {job.id!r}", job.node)]
        nodes += [(f"step {step.label!r} of job {job.id!r}", step.node) for step in job.every_step()]
        for name, node in nodes:
            if node.get("continue-on-error") not in (None, False, "false"):
                yield found_at(
                    node,
                    "continue-on-error",
                    f"continue-on-error on {name}",
                    "GitHub reports success when it fails: what needs it runs then, and only the record tells",
                    "remove it; where a failure is fine, declare the session with required=False",
                )
