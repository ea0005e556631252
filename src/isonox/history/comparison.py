"""The differences between two runs: whether a run there and a run here are the same run."""

from __future__ import annotations

import difflib
import re
from itertools import zip_longest
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import msgspec

from isonox.model.plan import Plan
from isonox.model.record import Command, Record
from isonox.model.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from isonox.model.service import ServiceUse

COMPARISON_VERSION = 1

#: What of a record may differ between two runs that are the same, and why. Everything else is compared.
#: `commands.environment` is no field, but all commands that make the session's environment or install into one.
ALLOWED: dict[str, str] = {
    "version": "isonox reads one version of records only",
    "run": "the run's id",
    "started": "when it ran",
    "seconds": "how fast the machine is",
    "commands.seconds": "how fast the machine is",
    "commands.environment": "one that is there is not made anew; its interpreter and distributions are compared",
    "interpreter.path": "where it is installed; its version is compared",
    "platform.system": "the machine",
    "platform.release": "the machine",
    "platform.machine": "the machine",
    "environment.passed": "variables that say where things are on the machine",
    "environment.cores": "the machine, and what else ran on it",
    "places": "where things are on the machine",
    "services.backend": "how the server was started; its version is compared",
    "services.image": "as above",
    "services.seconds": "how fast the machine is",
    "services.problem": "words about the verdict, which is compared",
    "reason": "words about the verdict, which is compared",
    "split.evidence": "holds how long tests took; how many there are is compared",
    "split.seed": "of a random order, which is another one each time",
    "coverage_percent": "moves with timing and platform; the verdict on it is compared",
    "findings": "words of tools; the verdict is compared",
    "notes": "words for people",
    "written_by": "how the record came about",
    "from_run": "where a cached verdict comes from",
    "fingerprint": "holds the machine's interpreter and programs, which are compared",
    "traced": "whether a result may be used again, not what it is",
    "undeclared": "as above",
}

#: What a difference may hold.
Value = str | bool | int | float | tuple[str, ...] | None

#: Compared too, in ways of their own: for the run as a whole, as what joins two records, and in order.
_OTHERWISE = {"isonox", "commit", "dirty", "job", "commands"}

#: A path starts a word, or comes after one of these: `--file=/x`, `-I/x`, `a:/x`, `file:///x`.
_BEFORE = r"(^(?:-[A-Za-z])?|[=:,;'\"(\s@]|://)"
#: And it does not go on as another name.
_AFTER = r"(?![\w.-])"
#: Names that Python's `tempfile` makes up, in a folder for temporary files.
_MADE_UP = re.compile(r"(/tmp/|\{temporary\}/)tmp[a-z0-9_]{8}(?![\w.-])")
#: Where a workflow puts what other machines did of the run.
_FETCHED = re.compile(r"(?<=\{run\})/parts(?:/[^/]+)?(?=/artifacts/)")
#: Where a service answers, behind its password: the port is a free one, and a database has a random word in its name.
_SERVED = re.compile(r"(?<=:\*\*\*@)127\.0\.0\.1:\d+(?:/\w+_[0-9a-f]{8}\b)?")
#: Coverage data is named after host, process and a random word; how many there are depends on the workers.
_COVERAGE_DATA = re.compile(r"(?<![^/])\.coverage\.[^/]+$")


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One of the two runs.

    Attributes:
        name: What it is called.
        plan: Where there is one, its jobs are there, recorded or not.
    """

    name: str
    plan: Plan | None = None
    records: tuple[Record, ...]

    @property
    def verdicts(self) -> dict[str, Verdict]:
        """All jobs; one that was planned and left no record is missing, one that was cached has passed."""
        planned = self.plan.jobs if self.plan else ()
        return {
            **{job.id: Verdict.MISSING for job in planned},
            **{record.job: _as_run(record.verdict) for record in self.records},
        }


def _as_run(verdict: Verdict) -> Verdict:
    return Verdict.PASSED if verdict is Verdict.CACHED else verdict


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is not the same.

    Attributes:
        job: Null for the run as a whole.
        field: What it is, as records call it: "verdict", "distributions.ruff", "commands.2.argv" (counted from 1,
            without those that make the environment). It is "job" for one that only one run has, with its verdict.
        first: In the first run; null where there is none.
        second: In the second run.
    """

    job: str | None
    field: str
    first: Value
    second: Value


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two runs, compared. Paths in it start with the name of a place: `{root}/src`.

    Attributes:
        version: Version of this document's format.
        first: What the first run is called.
        second: What the second run is called.
        same: Whether there is no difference.
        jobs: What was compared.
        differences: For the run as a whole, then job by job.
        allowed: Fields of records that may differ, and do: the reason for each.
    """

    version: int = COMPARISON_VERSION
    first: str
    second: str
    same: bool
    jobs: tuple[str, ...]
    differences: tuple[Difference, ...]
    allowed: dict[str, str]


def compare(first: Side, second: Side, jobs: Collection[str] = ()) -> Comparison:
    """Return the differences between two runs.

    Args:
        first: One run.
        second: The other.
        jobs: Only these; all without any.
    """
    verdicts = first.verdicts, second.verdicts
    names = [name for name in {**verdicts[0], **verdicts[1]} if not jobs or name in jobs]
    records = [{record.job: record for record in side.records if record.job in names} for side in (first, second)]
    both = [(records[0][name], records[1][name]) for name in names if name in records[0] and name in records[1]]
    differences = []
    if both:
        differences += _unequal(None, *(_whole(by_job.values()) for by_job in records))
    for name in names:
        there = [side[name] for side in verdicts if name in side]
        if len(there) == 1 or not all(name in by_job for by_job in records):
            field = "verdict" if len(there) > 1 else "job"
            differences += _unequal(name, *({field: side.get(name)} for side in verdicts))
        else:
            differences += _in_job(*(by_job[name] for by_job in records))
    return Comparison(
        first=first.name,
        second=second.name,
        same=not differences,
        jobs=tuple(names),
        differences=tuple(differences),
        allowed={
            field: why
            for field, why in ALLOWED.items()
            if any(_at(one, field) != _at(other, field) for one, other in both)
        },
    )


def _whole(records: Collection[Record]) -> dict[str, Value]:
    """Return what is to be the same in all of a run."""
    return {
        "isonox": ", ".join(sorted({record.isonox for record in records})),
        "commit": ", ".join(sorted({record.commit or "none" for record in records})),
        "dirty": any(record.dirty for record in records),
    }


def _in_job(first: Record, second: Record) -> Iterator[Difference]:
    """Yield what differs between two records of one job."""
    first, second = (msgspec.structs.replace(one, verdict=_as_run(one.verdict)) for one in (first, second))
    if first.verdict is not second.verdict and "run" in (first.written_by, second.written_by):
        # Its session never ran on one side: all else follows from that.
        yield from _unequal(first.job, {"verdict": first.verdict}, {"verdict": second.verdict})
        return
    plain = _placeholders(first), _placeholders(second)
    yield from _unequal(first.job, dict(_flat("", first, plain[0])), dict(_flat("", second, plain[1])))
    ours, theirs = _commands(first, plain[0]), _commands(second, plain[1])
    matcher = difflib.SequenceMatcher(None, [argv for argv, _ in ours], [argv for argv, _ in theirs], autojunk=False)
    for _, begin, end, begin_there, end_there in matcher.get_opcodes():
        for place, (one, other) in enumerate(zip_longest(ours[begin:end], theirs[begin_there:end_there])):
            field = f"commands.{place + 1 + (begin if one else begin_there)}"
            yield from _unequal(first.job, *({f"{field}.argv": command and command[0]} for command in (one, other)))
            if one and other:
                yield from _unequal(first.job, {f"{field}.exit_code": one[1]}, {f"{field}.exit_code": other[1]})


def _unequal(job: str | None, first: Mapping[str, Value], second: Mapping[str, Value]) -> list[Difference]:
    return [
        Difference(job=job, field=field, first=first.get(field), second=second.get(field))
        for field in {**first, **second}
        if first.get(field) != second.get(field)
    ]


def _flat(field: str, value: Any, plain: Callable[[str], str]) -> Iterator[tuple[str, Value]]:
    """Yield everything of a record that is compared as it is, and what it is called."""
    if field in ALLOWED or field in _OTHERWISE:
        return
    parts: Iterable[tuple[str, Any]] = ()
    match value:
        case msgspec.Struct():
            parts = [(name, getattr(value, name)) for name in value.__struct_fields__]
        case dict():
            parts = value.items()
        case ():
            return  # the same as none at all
        case tuple() if field == "artifacts":
            yield field, tuple(sorted({_COVERAGE_DATA.sub(".coverage.{process}", name) for name in value}))
        case tuple() if field == "services":
            parts = [(f"{one.name}.{name}", fact) for one in value for name, fact in _compared(one)]
        case tuple():
            yield field, tuple(plain(one if isinstance(one, str) else _json(one)) for one in value)
        case str():
            yield field, plain(value)
        case _:
            yield field, value
    for name, part in parts:
        yield from _flat(f"{field}.{name}".lstrip("."), part, plain)


def _compared(service: ServiceUse) -> Iterator[tuple[str, Any]]:
    """Yield what is compared of a service."""
    for name in service.__struct_fields__:
        if f"services.{name}" not in ALLOWED:
            yield name, getattr(service, name)


def _json(value: msgspec.Struct) -> str:
    return msgspec.json.encode(value).decode()


def _commands(record: Record, plain: Callable[[str], str]) -> list[tuple[tuple[str, ...], int | None]]:
    """Return argv and exit code of what the session ran, but for what only makes its environment."""
    found = []
    for command in record.commands:
        if not _prepares(command):
            program, *words = map(plain, command.argv)
            if program.startswith(("/", "{nox}", "{home}", "{temporary}")):
                program = PurePath(program).name  # where it is depends on the machine
            found.append(((program, *words), command.exit_code))
    return found


def _prepares(command: Command) -> bool:
    """Return whether nox makes an environment with this, or it is pip, or uv as pip, and changes one."""
    argv = command.argv
    pip = PurePath(argv[0]).stem == "pip" or argv[1:2] == ("pip",) or argv[1:3] == ("-m", "pip")
    return command.phase == "environment" or (pip and not {"install", "sync", "uninstall"}.isdisjoint(argv))


def _placeholders(record: Record) -> Callable[[str], str]:
    """Return a function that puts the names of places into a text, where their paths on that machine are."""
    names: dict[str, str] = {}
    for name, path in record.places.items():
        names.setdefault(path.rstrip("/"), f"{{{name}}}")
    root = record.places.get("root", "")
    for name in ("environment", "environments"):  # nox names them from the root, too
        if (path := record.places.get(name, "")).startswith(f"{root}/"):
            names.setdefault(path.removeprefix(f"{root}/"), f"{{{name}}}")
    paths = sorted(filter(None, names), key=len, reverse=True)
    pattern = re.compile(f"{_BEFORE}({'|'.join(map(re.escape, paths))}){_AFTER}") if paths else None

    def plain(text: str) -> str:
        named = pattern.sub(lambda found: f"{found[1]}{names[found[2]]}", text) if pattern else text
        return _SERVED.sub("{service}", _FETCHED.sub("", _MADE_UP.sub(r"\1tmp{random}", named)))

    return plain


def _at(record: Record, field: str) -> Any:
    """Return what a record has under a name in `ALLOWED`; for a field of its commands, that of all of them."""
    if field == "commands.environment":
        return [command.argv for command in record.commands if _prepares(command)]
    value: Any = record
    for name in field.split("."):
        value = [getattr(one, name) for one in value] if isinstance(value, tuple) else getattr(value, name, None)
    return value
