"""Write workflows and actions as YAML: the same bytes for the same data, whatever is installed."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from isonox.github.workflow import Action, Job, Step, Triggers, Uses, Workflow

#: Text that every YAML parser reads as that same text when it is not quoted. Quoted is everything else, so also
#: numbers, words such as `yes`, and what could be a comment or a mapping.
_PLAIN = re.compile(
    r"(?:[A-Za-z_/$]|\.(?=[A-Za-z/]))[\w./$@{}()=!&|'<>*+^,-]*(?: [\w./$@{}()=!&|'\"<>*+^,`-]+)*", re.ASCII
)
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", ".nan", ".inf"})
_NEWLINE = "\n"
#: Characters that YAML allows, but treats as line ends or refuses in places; JSON's escapes are YAML's, too.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")


class Commented(NamedTuple):
    """A mapping, or a scalar that needs no quotes, with a comment behind it."""

    value: Any
    comment: str


class Note(NamedTuple):
    """A value with comment lines above its key."""

    text: str
    value: Any


class Inline(tuple[str, ...]):
    """A list that is written on one line."""

    __slots__ = ()


def workflow(data: Workflow) -> str:
    """Return a workflow as YAML."""
    document: dict[str, Any] = {
        "name": data.name,
        "on": _triggers(data.triggers),
        "permissions": {},
        "concurrency": Note(
            "A new push to a pull request cancels its outdated run; nothing else is ever cancelled.",
            {
                "group": "isonox-${{ github.workflow }}-${{ github.event.pull_request.number || github.run_id }}",
                "cancel-in-progress": "${{ github.event_name == 'pull_request' }}",
            },
        ),
    }
    if data.env:
        document["env"] = data.env
    run = {"shell": "bash"} | ({"working-directory": data.working_directory} if data.working_directory else {})
    document["defaults"] = {"run": Commented(run, "with pipefail")}
    document["jobs"] = {job.id: Note(job.comment, _job(job)) for job in data.jobs}
    return "".join(f"{line}\n" for line in _document(document, spread=("jobs",)))


def action(data: Action) -> str:
    """Return a composite action as YAML."""
    inputs = {
        name: {"description": one.description}
        | ({"required": True} if one.default is None else {"default": one.default})
        for name, one in data.inputs.items()
    }
    runs = {"using": "composite", "steps": [_step(step, in_action=True) for step in data.steps]}
    document = {"name": data.name, "description": data.description, "inputs": inputs, "runs": runs}
    return "".join(f"{line}\n" for line in _document(document))


def _triggers(triggers: Triggers) -> dict[str, Any]:
    found: dict[str, Any] = {
        "push": {"branches": Inline(triggers.branches)},
        "pull_request": None,
        "merge_group": None,
    }
    if triggers.dispatch:
        found["workflow_dispatch"] = None
    if triggers.cron:
        found["schedule"] = [{"cron": triggers.cron}]
    return found


def _job(job: Job) -> dict[str, Any]:
    found: dict[str, Any] = {"name": job.name}
    if job.needs:
        found["needs"] = Inline(job.needs)
    if job.condition:
        found["if"] = job.condition
    found["runs-on"] = job.runs_on
    found["timeout-minutes"] = job.timeout_minutes
    found["permissions"] = {one.scope: Commented(one.level, one.reason) for one in job.permissions}
    if job.environment:
        found["environment"] = {"name": job.environment, "deployment": Commented("false", "secrets, no deployment")}
    if job.outputs:
        found["outputs"] = job.outputs
    if job.matrix:
        matrix = job.matrix.expression or {"include": list(job.matrix.include)}
        found["strategy"] = {"fail-fast": False, "matrix": matrix}
    found["steps"] = [_step(step) for step in job.steps]
    return found


def _step(step: Step, *, in_action: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = {"name": step.name}
    if step.id:
        found["id"] = step.id
    if step.condition:
        found["if"] = step.condition
    if step.uses:
        found["uses"] = _uses(step.uses)
        if step.with_:
            found["with"] = step.with_
        return found
    if in_action:
        found["shell"] = "bash"  # an action has no defaults
    if step.working_directory:
        found["working-directory"] = step.working_directory
    if step.env:
        found["env"] = step.env
    found["run"] = f"{step.run}\n"  # as a block: a script needs no quotes then
    return found


def _uses(uses: Uses) -> Any:
    return Commented(uses.action, uses.version) if uses.version else uses.action


def _document(data: Mapping[str, Any], spread: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the lines of a document; a blank line parts blocks, and the entries of those in `spread`."""
    for key, value in data.items():
        if not isinstance(value, str):
            yield ""
        if key in spread:
            yield f"{key}:"
            for number, (name, entry) in enumerate(value.items()):
                if number:
                    yield ""
                yield from _entry(name, entry, 1)
        else:
            yield from _entry(key, value, 0)


def _entry(key: str, value: Any, depth: int) -> Iterator[str]:
    """Yield the lines of one entry of a mapping."""
    pad = "  " * depth
    if isinstance(value, Note):
        if value.text:
            yield f"{pad}# {value.text}"
        value = value.value
    name = key if key == "on" and not depth else scalar(key)  # a boolean of YAML 1.1; nobody quotes it, nor does GitHub
    match value:
        case Commented(dict() as inner, comment):
            yield f"{pad}{name}: # {comment}"
            yield from _mapping(inner, depth + 1)
        case Commented(inner, comment):
            yield f"{pad}{name}: {inner} # {comment}"
        case Inline():
            yield f"{pad}{name}: [{', '.join(_flow(one) for one in value)}]"
        case None | dict() | list():
            yield f"{pad}{name}:{' {}' if value == {} else ''}"
            yield from _items(value, depth + 1) if isinstance(value, list) else _mapping(value or {}, depth + 1)
        case str() if _is_block(value):
            yield f"{pad}{name}: {'|' if value[-1] == _NEWLINE else '|-'}"
            yield from (f"{pad}  {line}" if line else "" for line in value.removesuffix("\n").split("\n"))
        case _:
            yield f"{pad}{name}: {scalar(value)}"


def _mapping(value: Mapping[str, Any], depth: int) -> Iterator[str]:
    for key, entry in value.items():
        yield from _entry(key, entry, depth)


def _items(value: list[dict[str, Any]], depth: int) -> Iterator[str]:
    """Yield the lines of a list of mappings, each with a dash before its first line."""
    for item in value:
        for number, line in enumerate(_mapping(item, depth + 1)):
            yield f"{'  ' * depth}- {line[2 * depth + 2 :]}" if number == 0 else line


def _is_block(text: str) -> bool:
    """Return whether text may be written as a block: several lines without anything that needs escapes."""
    body = text.removesuffix("\n")
    return (
        "\n" in text
        and bool(body)
        and not body.startswith((" ", "\n", "\t"))
        and not body.endswith("\n")
        and not _CONTROL.search(text)
    )


def scalar(value: Any) -> str:
    """Return a scalar, quoted where it has to be."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return str(value)
    if _PLAIN.fullmatch(value) and value.casefold() not in _WORDS:
        return value
    return _quoted(value)


def _flow(value: str) -> str:
    """Return a scalar for a list on one line, where braces and commas mean something."""
    return value if re.fullmatch(r"[A-Za-z_][\w./-]*", value) and value.casefold() not in _WORDS else _quoted(value)


def _quoted(value: str) -> str:
    """Return text in double quotes; YAML reads the escapes of JSON."""
    return _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(value, ensure_ascii=False))
