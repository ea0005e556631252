"""Read a workflow and the local composite actions that it uses, with the line of every entry.

Source: https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax and, for actions,
https://docs.github.com/en/actions/reference/workflows-and-actions/metadata-syntax.
"""

from __future__ import annotations

import datetime as dt
import os
import re
from dataclasses import dataclass, field
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from isonox.errors import ConfigurationError, ConfigurationErrors, did_you_mean
from isonox.planning.graph import topological

if TYPE_CHECKING:
    from collections.abc import Iterator

#: GitHub: composite actions may be nested so deep.
ACTION_DEPTH = 10
#: Characters of a script's first line that stand for a step without a name.
LABEL = 60
_HINT = "name a file of .github/workflows: it has `on` and `jobs`"
_TAGGED = re.compile(r"[\s-]*(?P<key>[\w-]+):\s+(?P<value>!(?!!).*?)(?:\s+#.*)?")


class Node(dict[str, Any]):
    """A mapping of a file that knows its place.

    Attributes:
        file: Path for messages.
        line: Where it starts, counted from 1.
        lines: Where each entry starts.
    """

    def __init__(self, file: str, line: int = 1) -> None:
        super().__init__()
        self.file = file
        self.line = line
        self.lines: dict[str, int] = {}

    def at(self, key: str = "") -> tuple[str, int]:
        """Return file and line of an entry, or of the mapping if there is no such entry."""
        return self.file, self.lines.get(key, self.line)

    def node(self, key: str) -> Node:
        """Return an entry that is a mapping, or an empty one."""
        value = self.get(key)
        return value if isinstance(value, Node) else Node(*self.at(key))

    def text(self, key: str) -> str:
        """Return an entry as GitHub reads it where a text is wanted; empty if there is none."""
        return scalar_text(self.get(key))


def scalar_text(value: Any) -> str:
    """Return a scalar of a file as text: `true`, not `True`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


@dataclass(frozen=True, eq=False)
class Action:
    """A composite action of the repository."""

    node: Node
    steps: tuple[Step, ...]


@dataclass(frozen=True, eq=False)
class Step:
    """A step of a job or of a composite action.

    Attributes:
        action: The local composite action that it uses, if it uses one that was found.
    """

    node: Node
    action: Action | None = None

    @cached_property
    def uses(self) -> str:
        """The action without its version: `actions/checkout`."""
        return self.node.text("uses").partition("@")[0]

    @cached_property
    def id(self) -> str:
        """Its id, or an empty text."""
        return self.node.text("id")

    @cached_property
    def condition(self) -> str:
        """Its `if`, or an empty text."""
        return self.node.text("if")

    @cached_property
    def script(self) -> str:
        """Its `run`, or an empty text."""
        return self.node.text("run")

    @cached_property
    def label(self) -> str:
        """What GitHub calls it."""
        node = self.node
        run = node.text("run").strip().splitlines() or ["?"]
        short = run[0] if len(run[0]) <= LABEL else f"{run[0][: LABEL - 3]}..."
        return node.text("name") or node.text("id") or node.text("uses") or short


@dataclass(frozen=True, eq=False)
class Job:
    """A job of a workflow."""

    id: str
    node: Node
    needs: tuple[str, ...]
    steps: tuple[Step, ...]

    def every_step(self) -> Iterator[Step]:
        """Yield its steps, and after each that uses a local action, the action's."""
        pending = list(reversed(self.steps))
        while pending:
            step = pending.pop()
            yield step
            pending.extend(reversed(step.action.steps if step.action else ()))


@dataclass(frozen=True, eq=False)
class Workflow:
    """A workflow file.

    Attributes:
        file: Path for messages.
        source: Its lines.
        node: All of it.
        triggers: The events that start it, with their filters.
        jobs: In the file's order.
        sources: Lines of every file that was read, by path.
    """

    file: str
    source: tuple[str, ...]
    node: Node
    triggers: dict[str, Node]
    jobs: dict[str, Job]
    sources: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @cached_property
    def order(self) -> tuple[str, ...]:
        """Job ids, each after those that it needs."""
        return tuple(topological({job.id: job.needs for job in self.jobs.values()}))

    @cached_property
    def upstream(self) -> dict[str, tuple[str, ...]]:
        """For each job those that it needs, and what those need, and so on, in order."""
        found: dict[str, set[str]] = {}
        for name in self.order:
            needs = self.jobs[name].needs
            found[name] = set(needs).union(*(found[needed] for needed in needs))
        return {name: tuple(one for one in self.order if one in reached) for name, reached in found.items()}

    def shell(self, job: Job, step: Step) -> str:
        """Return the shell that a script names; on Windows there is another default, which has no pipefail to set."""
        nodes = (step.node, *(one.node("defaults").node("run") for one in (job.node, self.node)))
        named = next((found for node in nodes if (found := node.text("shell"))), "")
        return named or ("pwsh" if "windows" in scalar_text(job.node.get("runs-on")).lower() else "")


def load(path: Path, top: Path) -> Workflow:
    """Read a workflow.

    Args:
        path: The file.
        top: The repository's top folder, where local actions are looked for.

    Raises:
        ConfigurationError: The file can't be read, or GitHub would refuse it.
    """
    reader = _Reader(top)
    file = reader.name(path)
    if path.is_file() and path.suffix not in (".yml", ".yaml"):
        raise ConfigurationError(f"{file} is not a workflow", hint=_HINT)
    node = reader.mapping(path)
    if not {"on", "jobs"} & set(node):
        raise ConfigurationError(f"{file}:1: this is not a workflow: it has neither `on` nor `jobs`", hint=_HINT)
    problems: list[str] = []
    if "on" not in node:
        problems.append(f"{file}:1: there is no `on`: say which events start the workflow, such as `on: pull_request`")
    if not node.node("jobs"):
        problems.append(f"{file}:{node.at('jobs')[1]}: there are no `jobs`: a workflow needs at least one")
    jobs = {name: reader.job(name, node.node("jobs"), problems) for name in node.node("jobs")}
    problems.extend(_wrong_needs(jobs))
    if problems:
        raise ConfigurationErrors(problems)
    return Workflow(
        file=file,
        source=reader.sources[file],
        node=node,
        triggers=_triggers(node),
        jobs=jobs,
        sources=reader.sources,
    )


class _Reader:
    """Reads files of one repository, each at most once."""

    def __init__(self, top: Path) -> None:
        self.top = top.resolve()
        self.sources: dict[str, tuple[str, ...]] = {}
        self.actions: dict[Path, Action | None] = {}

    def name(self, path: Path) -> str:
        """Return how to call a file: from the current folder, or from the top if that is somewhere else."""
        whole, here = path.resolve(), Path.cwd()
        start = here if whole.is_relative_to(here) or here.is_relative_to(self.top) else self.top
        inside = whole.is_relative_to(here) or whole.is_relative_to(self.top)
        return Path(os.path.relpath(whole, start)).as_posix() if inside else str(path)

    def mapping(self, path: Path) -> Node:
        file = self.name(path)
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"can't read {file}: {getattr(error, 'strerror', None) or error}", hint=_HINT
            ) from error
        self.sources[file] = tuple(text.splitlines())
        try:
            data = YAML(typ="rt").load(text)
            node = _plain(data, file, {})
        except _LocalTagError as error:
            start = re.compile(rf"(?:^|[\s\[{{,]){re.escape(str(error))}")
            line = next((at for at, one in enumerate(self.sources[file], 1) if start.search(one)), 1)
            raise self.tag(file, line) from error
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            if mark and mark.line < len(self.sources[file]) and _TAGGED.fullmatch(self.sources[file][mark.line]):
                raise self.tag(file, mark.line + 1) from error
            where = f"{file}:{mark.line + 1}" if mark else file
            raise ConfigurationError(f"{where}: {error.problem or error.context}", hint="mend the YAML") from error
        except (YAMLError, RecursionError, ValueError) as error:
            raise ConfigurationError(f"{file}: this is no YAML: {error}", hint="mend the YAML") from error
        if not isinstance(node, Node):
            raise ConfigurationError(f"{file}:1: this is no mapping", hint=_HINT)
        return node

    def tag(self, file: str, line: int) -> ConfigurationError:
        """Return the error for a value that starts with an exclamation mark and no quote."""
        fix = "put the value into quotes"
        if match := _TAGGED.fullmatch(self.sources[file][line - 1]):
            value = f"${{{{ {match['value']} }}}}" if match["key"] == "if" else f'"{match["value"]}"'
            fix = f"write `{match['key']}: {value}`"
        return ConfigurationError(f"{file}:{line}: `!` starts a YAML tag here; {fix}")

    def job(self, name: str, jobs: Node, problems: list[str]) -> Job:
        node = jobs.node(name)
        file, line = jobs.at(name)
        if not ("runs-on" in node or "uses" in node):
            problems.append(f"{file}:{line}: job {name!r} has neither `runs-on` nor `uses`: say where it runs")
        needs = node.get("needs") or []
        needs = needs if isinstance(needs, list) else [needs]
        steps = node.get("steps") or ()
        if not isinstance(steps, (list, tuple)) or not all(isinstance(step, Node) for step in steps):
            problems.append(f"{file}:{node.at('steps')[1]}: the steps of job {name!r} are no list of mappings")
            steps = ()
        return Job(
            id=name, node=node, needs=tuple(scalar_text(one) for one in needs), steps=tuple(map(self.step, steps))
        )

    def step(self, node: Node, depth: int = 0) -> Step:
        uses = node.text("uses")
        local = uses.startswith(("./", "$/"))
        return Step(node, self.action(self.top / uses[2:], depth) if local and depth < ACTION_DEPTH else None)

    def action(self, folder: Path, depth: int) -> Action | None:
        """Return a composite action; None for another kind, or one that only exists in a running job."""
        if folder not in self.actions:
            self.actions[folder] = None  # also for an action that uses itself, which GitHub refuses
            path = next((one for name in ("action.yml", "action.yaml") if (one := folder / name).is_file()), None)
            node = self.mapping(path) if path else None
            if node is not None and node.node("runs").text("using") == "composite":
                steps = [one for one in node.node("runs").get("steps") or () if isinstance(one, Node)]
                self.actions[folder] = Action(node, tuple(self.step(one, depth + 1) for one in steps))
        return self.actions[folder]


class _LocalTagError(ValueError):
    """A value has a tag of the file's own, which GitHub refuses."""


def _plain(value: Any, file: str, seen: dict[int, Any]) -> Any:
    """Return data without ruamel's types; an alias gives the same object as its anchor."""
    tag = getattr(getattr(value, "tag", None), "value", None) or ""
    if tag.startswith("!"):
        raise _LocalTagError(tag)
    if isinstance(value, (CommentedMap, CommentedSeq)):
        if id(value) not in seen:
            if isinstance(value, CommentedMap):
                seen[id(value)] = _mapping(value, file, seen)
            else:
                seen[id(value)] = [_plain(item, file, seen) for item in value]
        return seen[id(value)]
    if value is None or isinstance(value, bool):
        return value
    for kind in (str, int, float):
        if isinstance(value, kind):
            return kind(value)
    return value.isoformat() if isinstance(value, dt.date) else str(value)


def _mapping(value: CommentedMap, file: str, seen: dict[int, Any]) -> Node:
    node = Node(file, value.lc.line + 1)
    for key, entry in value.items():
        name = "on" if key is True else scalar_text(key)  # `on` is a boolean in YAML 1.1
        node[name] = _plain(entry, file, seen)
        node.lines[name] = value.lc.key(key)[0] + 1 if key in (value.lc.data or {}) else node.line
        if isinstance(node[name], Node) and not node[name]:
            node[name].line = node.lines[name]
    return node


def _triggers(node: Node) -> dict[str, Node]:
    """Return the events by name, from any of the forms that `on` has."""
    given = node.get("on")
    if isinstance(given, Node):
        return {name: given.node(name) for name in given}
    names = given if isinstance(given, list) else [given]
    return {scalar_text(name): Node(*node.at("on")) for name in names}


def _wrong_needs(jobs: dict[str, Job]) -> Iterator[str]:
    unknown = False
    for job in jobs.values():
        file, line = job.node.at("needs")
        for name in job.needs:
            if name not in jobs:
                unknown = True
                yield f"{file}:{line}: job {job.id!r} needs {name!r}, which does not exist{did_you_mean(name, jobs)}"
    try:
        TopologicalSorter({} if unknown else {job.id: job.needs for job in jobs.values()}).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        file, line = jobs[circle[0]].node.at("needs")
        yield f"{file}:{line}: jobs need each other in a circle: {' -> '.join(reversed(circle))}"
