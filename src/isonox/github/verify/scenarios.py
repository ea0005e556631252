"""In which situations a workflow runs: the events that start it, and what nobody can know before it runs.

Sources: https://docs.github.com/en/actions/reference/workflows-and-actions/events-that-trigger-workflows and, for
filters, https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#filter-pattern-cheat-sheet
"""

from __future__ import annotations

import json
import math
import re
from itertools import chain, product
from typing import TYPE_CHECKING, Any, NamedTuple

from isonox.github.verify import templates, values
from isonox.github.verify.expressions import ExpressionError
from isonox.github.verify.workflow_file import Node

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from isonox.github.verify.expressions import Expression
    from isonox.github.verify.values import Value
    from isonox.github.verify.workflow_file import Job, Step, Workflow
    from isonox.model.plan import Plan

#: Outputs that nobody can know are tried in all combinations up to this number, then one at a time.
COMBINATIONS = 16

_SHA = "c0ffee" + "0" * 34
_LITERAL = r"'((?:[^']|'')*)'"
#: Entries of a job that decide whether and how it runs.
_DECIDES = frozenset({"if", "strategy", "continue-on-error"})
#: Entries of a job that matter to how it ends, and actions whose inputs do.
_READ = ("if", "strategy", "continue-on-error", "env", "outputs")
_MODELLED = frozenset({"actions/upload-artifact", "actions/download-artifact", "re-actors/alls-green"})
#: Entries of an action with expressions, and entries that never have any.
_EVALUATED = ("runs", "outputs")
_PROSE = frozenset({"description", "deprecationMessage"})
#: Mappings whose keys are somebody's names.
_NAMED = frozenset({"env", "with", "outputs", "matrix"})
#: A text that looks at how other jobs ended.
JUDGES = re.compile(r"\bneeds\s*\.\s*[\w*-]+\s*\.\s*result\b|\btoJSON\(\s*needs\s*\)|\bneeds\s*\.\s*\*", re.IGNORECASE)


class Scenario(NamedTuple):
    """A situation.

    Attributes:
        label: For messages: "pull_request from a fork, if changes.docs is 'false'".
        github: The context.
        outputs: What steps with an id put out that is not modelled: by job, then step (empty for the outputs of a
            reusable workflow), then name.
        cached: Ids of the jobs whose results the store has; None where there is no store yet.
        affected: Ids of the jobs that the changes affect; None where nobody asks.
    """

    label: str
    github: Mapping[str, Value]
    outputs: Mapping[str, Mapping[str, dict[str, Value]]]
    cached: tuple[str, ...] | None = None
    affected: tuple[str, ...] | None = None


class _Site(NamedTuple):
    """Where something is read that decides what runs."""

    path: tuple[str, ...]
    text: str
    read: str


class _Free(NamedTuple):
    job: str
    step: str
    name: str
    values: tuple[str, ...]


def scenarios(workflow: Workflow, known: frozenset[tuple[str, str]]) -> list[Scenario]:
    """Return every situation that matters to the gate.

    Args:
        workflow: The workflow.
        known: Steps whose outputs are modelled, as job and step id.
    """
    free = list(_free(workflow, known))
    if math.prod(len(one.values) for one in free) <= COMBINATIONS:
        choices = list(product(*(one.values for one in free)))
    else:
        first = tuple(one.values[0] for one in free)
        choices = [first]
        for number, one in enumerate(free):
            choices.extend((*first[:number], value, *first[number + 1 :]) for value in one.values[1:])
    found = []
    for label, github in _events(workflow):
        for chosen in choices:
            outputs: dict[str, dict[str, dict[str, Value]]] = {}
            said = []
            for one, value in zip(free, chosen, strict=True):
                outputs.setdefault(one.job, {}).setdefault(one.step, {})[one.name] = value
                said.append(f"{one.job}.{one.name} is {value!r}")
            found.append(Scenario(", ".join([label, *(said if len(choices) > 1 else ())]), github, outputs))
    return found


def varied(scenario: Scenario, plan: Plan, *, stored: bool, based: bool) -> Iterator[Scenario]:
    """Yield a scenario with every kind of store and change that matters.

    Args:
        scenario: An event.
        plan: What CI plans.
        stored: Whether results of earlier runs let jobs be left out.
        based: Whether what changed does.
    """
    names = tuple(job.id for job in plan.jobs)
    some = names[::2]
    yield scenario
    if stored:
        for label, cached in (("every other job", some), ("every job", names)):
            yield scenario._replace(label=f"{scenario.label}, {label} cached", cached=cached)
    if based and look_up(scenario.github, "github.event.pull_request"):
        affected = tuple(job.id for job in plan.part(some).jobs)
        yield scenario._replace(label=f"{scenario.label}, nothing affected", affected=())
        yield scenario._replace(label=f"{scenario.label}, some jobs affected", affected=affected)
        if stored:
            label = f"{scenario.label}, some jobs affected and all cached"
            yield scenario._replace(label=label, affected=affected, cached=names)


def default_branch(workflow: Workflow) -> str:
    """Return the branch whose pushes the workflow checks, by its filter; "main" if that does not tell."""
    patterns = _patterns(workflow.triggers.get("push", Node(workflow.file)), "branches")
    for name in ("main", "master", *(one for one in patterns if re.fullmatch(r"[\w./-]+", one))):
        if _passes(patterns, name):
            return name
    return "main"


def starts(trigger: Node, branch: str) -> bool:
    """Return whether an event on a branch passes the filters for branches (that for tags alone lets no branch by)."""
    branches, ignored = _patterns(trigger, "branches"), _patterns(trigger, "branches-ignore")
    if not branches and not ignored:
        return not (_patterns(trigger, "tags") or _patterns(trigger, "tags-ignore"))
    return _passes(branches, branch) if branches else not _passes(ignored, branch)


def texts(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield every text in data, with the keys that lead to it."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, entry in value.items():
            yield from texts(entry, (*path, key))
    elif isinstance(value, list):
        for entry in value:
            yield from texts(entry, path)


def expressions_in(path: tuple[str, ...], text: str) -> tuple[Expression, ...]:
    """Return the expressions in a text; an `if` needs no braces around one."""
    is_condition = path[-1:] == ("if",) and not _NAMED & set(path)
    return templates.in_condition(text) if is_condition or "${{" in text else ()


def by_event(job: Job) -> bool:
    """Return whether nothing but the event decides if a job runs, once those that it needs are green."""
    found = expressions_in(("if",), job.node.text("if"))
    return all(
        "failure" not in one.calls and all(f"{read}.".startswith("github.") for read in one.reads) for one in found
    )


def wrong_expressions(workflow: Workflow) -> tuple[str, ...]:
    """Return a message with its place for each expression in a workflow and its actions that GitHub would refuse."""
    actions = [step.action.node for job in workflow.jobs.values() for step in job.every_step() if step.action]
    nodes = (workflow.node.node("jobs"), workflow.node, *(node.node(key) for node in actions for key in _EVALUATED))
    return tuple(dict.fromkeys(wrong for node in nodes for wrong in _wrong(node, (), node.at())))


def _wrong(value: Any, path: tuple[str, ...], place: tuple[str, int]) -> Iterator[str]:
    if isinstance(value, Node):
        for key, entry in value.items():
            if key not in _PROSE and (path or key != "jobs"):
                yield from _wrong(entry, (*path, key), value.at(key))
    elif isinstance(value, list):
        for entry in value:
            yield from _wrong(entry, path, place)
    elif isinstance(value, str):
        try:
            for one in expressions_in(path, value):
                one.check()
        except ExpressionError as error:
            yield f"{place[0]}:{place[1]}: {error}"


def reads(workflow: Workflow) -> tuple[str, ...]:
    """Return what the workflow reads of the context `github` where it matters to the gate: names with dots."""
    found: set[str] = set()
    for job in workflow.jobs.values():
        steps = [entry for step in job.every_step() for entry in texts(step.node) if step.action or _matters(step)]
        for path, text in (
            *steps,
            *texts({key: job.node.get(key) for key in _READ}),
            *texts(workflow.node.node("env")),
        ):
            found.update(read for one in expressions_in(path, text) for read in one.reads)
    return tuple(sorted(read for read in found if read.partition(".")[0] == "github"))


def _matters(step: Step) -> bool:
    return "uses" not in step.node or step.uses in _MODELLED


def look_up(context: Mapping[str, Value], read: str) -> Value:
    """Return the value of a dotted name in the context `github`."""
    value: Value = dict(context)
    for name in read.split(".")[1:]:
        if name == "*":
            break
        value = values.member(value, name)
    return value


def _patterns(trigger: Node, key: str) -> list[str]:
    given = trigger.get(key) or []
    return [str(one) for one in (given if isinstance(given, list) else [given])]


def _passes(patterns: list[str], name: str) -> bool:
    passes = False
    for pattern in patterns:
        if re.fullmatch(_regex(pattern.removeprefix("!")), name):
            passes = not pattern.startswith("!")
    return passes


def _regex(pattern: str) -> str:
    signs = {"**": ".*", "*": "[^/]*"}
    parts = re.findall(r"\*\*|[*?+]|\[[^]]*\]|\\.|.", pattern)
    return "".join(signs.get(part, part if part[0] in "?+[\\" else re.escape(part)) for part in parts)


def _events(workflow: Workflow) -> Iterator[tuple[str, dict[str, Value]]]:
    branch = default_branch(workflow)
    triggers = workflow.triggers
    for name in ("pull_request", "pull_request_target"):
        if name in triggers and starts(triggers[name], branch):
            yield name, _pull_request(workflow, name, branch, fork=False)
            yield f"{name} from a fork", _pull_request(workflow, name, branch, fork=True)
    if "push" in triggers and starts(triggers["push"], branch):
        yield f"push to {branch}", _context(workflow, "push", f"refs/heads/{branch}", branch)
    if "merge_group" in triggers:
        ref = f"refs/heads/gh-readonly-queue/{branch}/pr-1-{_SHA}"
        group: dict[str, Value] = {"base_ref": f"refs/heads/{branch}", "head_ref": ref, "head_sha": _SHA}
        yield "merge_group", _context(workflow, "merge_group", ref, branch, {"merge_group": group})


def _pull_request(workflow: Workflow, name: str, branch: str, *, fork: bool) -> dict[str, Value]:
    source: dict[str, Value] = {"full_name": "somebody/repository" if fork else "owner/repository", "fork": fork}
    pull: dict[str, Value] = {
        "number": 1,
        "draft": False,
        "labels": [],
        "title": "A change",
        "user": {"login": "somebody"},
        "head": {"ref": "topic", "sha": _SHA, "repo": source},
        "base": {"ref": branch, "sha": _SHA, "repo": {"full_name": "owner/repository", "fork": False}},
    }
    ref = "refs/pull/1/merge" if name == "pull_request" else f"refs/heads/{branch}"
    event: dict[str, Value] = {"pull_request": pull, "number": 1, "action": "synchronize"}
    return _context(workflow, name, ref, branch, event) | {"head_ref": "topic", "base_ref": branch}


def _context(
    workflow: Workflow, name: str, ref: str, branch: str, event: dict[str, Value] | None = None
) -> dict[str, Value]:
    repository: dict[str, Value] = {"full_name": "owner/repository", "default_branch": branch, "fork": False}
    return {
        "event_name": name,
        "event": {"repository": repository, **(event or {})},
        "ref": ref,
        "ref_name": ref.removeprefix("refs/heads/").removeprefix("refs/"),
        "ref_type": "branch",
        "head_ref": "",
        "base_ref": "",
        "repository": "owner/repository",
        "repository_owner": "owner",
        "actor": "somebody",
        "triggering_actor": "somebody",
        "sha": _SHA,
        "run_id": "1",
        "run_number": "1",
        "run_attempt": "1",
        "workflow": workflow.node.text("name") or workflow.file,
        "server_url": "https://github.com",
    }


def _free(workflow: Workflow, known: frozenset[tuple[str, str]]) -> Iterator[_Free]:
    """Yield the outputs that decide what runs and that nobody knows."""
    deciding = {job.id: list(_deciding(job)) for job in workflow.jobs.values()}
    for job in workflow.jobs.values():
        prefix = f"needs.{job.id}.outputs.".lower()
        handed: dict[str, list[_Site]] = {}
        for site in chain.from_iterable(deciding.values()):
            if site.read.startswith(prefix):
                handed.setdefault(site.read.removeprefix(prefix), []).append(site)
        if "uses" in job.node:
            yield from (_Free(job.id, "", name, _values(found, workflow)) for name, found in handed.items())
            continue
        readers: dict[str, list[_Site]] = {}
        for site in deciding[job.id]:
            readers.setdefault(site.read, []).append(site)
        for path, text in texts(job.node.get("outputs")):
            for read in (read for one in expressions_in(path, text) for read in one.reads):
                readers.setdefault(read, []).extend(handed.get(path[0].lower(), ()))
        steps = {name.lower(): name for step in job.steps if (name := step.id)}
        for read, found in readers.items():
            match = re.fullmatch(r"steps\.([^.]+)\.outputs\.([^.]+)", read)
            if match and found and match[1] in steps and (job.id, steps[match[1]]) not in known:
                yield _Free(job.id, steps[match[1]], match[2], _values(found, workflow))


def _deciding(job: Job) -> Iterator[_Site]:
    """Yield every context value that decides whether a job runs, and in one that judges others, whether a step does."""
    judging = any(JUDGES.search(text) for _, text in texts(job.node.get("steps")))
    for path, text in texts(job.node):
        if path[0] in _DECIDES or (judging and path[0] == "steps"):
            for one in expressions_in(path, text):
                yield from (_Site(path, text, read) for read in one.reads)


def _values(sites: list[_Site], workflow: Workflow) -> tuple[str, ...]:
    """Return what an output might be, as far as its readers tell: a matrix, a text that is compared, a boolean."""
    compared = []
    for path, text, read in sites:
        if path[:2] == ("strategy", "matrix"):
            every = " ".join(other for job in workflow.jobs.values() for _, other in texts(job.node))
            keys = sorted({name.removeprefix("matrix.") for name in re.findall(r"\bmatrix\.[\w-]+", every)})
            rows = [dict.fromkeys(keys, word) for word in ("one", "two")]
            shapes = {"matrix": {"include": rows}, "include": rows}
            return (json.dumps(shapes.get(path[-1], ["one", "two"])),)
        name = re.escape(read)
        found = re.findall(rf"{name}\s*[!=]=\s*{_LITERAL}|{_LITERAL}\s*[!=]=\s*{name}", text, re.IGNORECASE)
        compared += [left or right for left, right in found]
        compared += re.findall(rf"contains\(\s*{name}\s*,\s*{_LITERAL}", text, re.IGNORECASE)
    return tuple(dict.fromkeys(("true", *compared, "false")))
