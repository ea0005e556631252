"""`[tool.isonox]` of the root's pyproject.toml: facts about the repository, no behaviour."""

from __future__ import annotations

import math
import re
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from isonox.errors import ConfigurationErrors, GitError, did_you_mean
from isonox.model.config import Config, Licenses, Quarantined
from isonox.workspace import members, pyproject, pythons

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from isonox.workspace.pyproject import Document

_PYTHON = re.compile(r"3\.\d{1,2}(\.\d+)?t?|pypy-?3\.\d{1,2}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def load(root: Path, listed: Iterable[str] | None = None) -> Config:
    """Read the configuration of the repository at `root`; without a pyproject.toml it is all defaults.

    For `listed` see `members.find`.

    Raises:
        ConfigurationError: pyproject.toml is not valid TOML.
        ConfigurationErrors: Everything that is wrong with `[tool.isonox]`.
    """
    if not (root / members.FILE).is_file():
        return Config()
    document = pyproject.read(root / members.FILE, members.FILE)
    table = document.get("tool", "isonox")
    problems = [f"{members.FILE}: tool.isonox{message}" for message in _problems({} if table is None else table)]
    if problems:
        raise ConfigurationErrors(problems)
    config = msgspec.convert(table or {}, Config)
    if table is not None and "pythons" in table:
        return config
    return msgspec.structs.replace(config, pythons=_default_pythons(root, config, document, listed))


def _default_pythons(root: Path, config: Config, document: Document, listed: Iterable[str] | None) -> tuple[str, ...]:
    """Return what the root declares; a root that is no project has its packages speak for it."""
    if document.is_project:
        return pythons.declared(document)
    try:
        found = members.find(root, config.packages, listed)
    except GitError:
        return ()  # loading the packages asks git again, and reports it
    return pythons.union(pythons.declared(member) for member in found.documents.values())


def _problems(table: Any) -> Iterator[str]:
    """Yield all that is wrong, each as `.key: what`."""
    if not isinstance(table, dict):
        yield f": expected a table, got {_kind(table)}"
        return
    for key, value in table.items():
        if key in _CHECKS:
            yield from (f".{key}{message}" for message in _CHECKS[key](value))
        else:
            yield f".{key}: unknown key{did_you_mean(key, _CHECKS)}"


def _strings(value: Any) -> Iterator[str]:
    if not isinstance(value, list):
        yield f": expected a list of strings, got {_kind(value)}"
        return
    for index, item in enumerate(value):
        if not isinstance(item, str):
            yield f"[{index}]: expected a string, got {_kind(item)}"
        elif not item.strip():
            yield f"[{index}]: is empty"
        elif item in value[:index]:
            yield f"[{index}]: {item!r} is there twice"


def _pythons(value: Any) -> Iterator[str]:
    if not isinstance(value, list):
        yield f': expected a list of strings such as ["3.12"], got {_kind(value)}'
        return
    for index, item in enumerate(value):
        if isinstance(item, float | int) and not isinstance(item, bool):
            yield f'[{index}]: {item} is a number, and 3.10 would be 3.1: write it in quotes, such as "3.10"'
        elif not isinstance(item, str):
            yield f"[{index}]: expected a string, got {_kind(item)}"
        elif not _PYTHON.fullmatch(item):
            yield f'[{index}]: {item!r} is no Python version such as "3.12"'
        elif item in value[:index]:
            yield f"[{index}]: {item!r} is there twice"


def _variables(value: Any) -> Iterator[str]:
    found = list(_strings(value))
    yield from found
    if not found:
        yield from (
            f"[{index}]: {name!r} is no name of an environment variable"
            for index, name in enumerate(value)
            if not _VARIABLE.fullmatch(name)
        )


def _string(value: Any) -> Iterator[str]:
    if not isinstance(value, str):
        yield f": expected a string, got {_kind(value)}"
    elif not value.strip():
        yield ": is empty"


def _backend(value: Any) -> Iterator[str]:
    if value not in ("docker", "native", "given"):
        yield f': {value!r} is no backend of services: "docker", "native" or "given"'


def _branches(value: Any) -> Iterator[str]:
    yield from _strings(value)
    if value == []:
        yield ": names no branch, so nothing would ever be checked on a push"


def _boolean(value: Any) -> Iterator[str]:
    if not isinstance(value, bool):
        yield f": expected true or false, got {_kind(value)}"


def _codecov(value: Any) -> Iterator[str]:
    if not isinstance(value, bool) and value != "required":
        yield f': expected true, false or "required", got {_kind(value)}'


def _minutes(value: Any, unit: str = "minutes") -> Iterator[str]:
    if not isinstance(value, int | float) or isinstance(value, bool):
        yield f": expected a number of {unit}, got {_kind(value)}"
    elif not 0 < value < math.inf:  # TOML has inf and nan
        yield f": {value} must be more than 0 and finite"


def _seconds(value: Any) -> Iterator[str]:
    yield from _minutes(value, "seconds")


def _licenses(value: Any) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f": expected a table, got {_kind(value)}"
        return
    known = Licenses.__struct_fields__
    yield from (f".{key}: unknown key{did_you_mean(key, known)}" for key in value if key not in known)
    lists = [value.get("allow", []), value.get("deny", [])]
    found = [f".{key}{message}" for key, names in zip(known, lists, strict=False) for message in _strings(names)]
    yield from found
    if not found:
        yield from (f".deny: {name!r} is allowed as well" for name in lists[1] if name in lists[0])
    ignore = value.get("ignore", {})
    if not isinstance(ignore, dict):
        yield f".ignore: expected a table of package names and reasons, got {_kind(ignore)}"
        return
    for name, reason in ignore.items():
        if not isinstance(reason, str) or not reason.strip():
            yield f'.ignore.{name}: needs a reason, such as "vendored; reviewed by legal"'


def _quarantine(value: Any) -> Iterator[str]:
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        yield ": expected a list of tables, each written as [[tool.isonox.quarantine]]"
        return
    known = Quarantined.__struct_fields__
    for index, entry in enumerate(value):
        yield from (f"[{index}].{key}: unknown key{did_you_mean(key, known)}" for key in entry if key not in known)
        for key in known:
            found = entry.get(key)
            if key not in entry:
                yield f"[{index}]: has no {key!r}; test, owner, until and reason are needed"
            elif key != "until":
                yield from (f"[{index}].{key}{message}" for message in _string(found))
            elif not isinstance(found, date) or isinstance(found, datetime):
                yield f"[{index}].until: expected a date without quotes, such as 2026-12-31, got {_kind(found)}"
        if any(entry.get("test") == other.get("test") for other in value[:index]):
            yield f"[{index}].test: {entry.get('test')!r} is there twice"


_CHECKS: dict[str, Callable[[Any], Iterator[str]]] = {
    "packages": _strings,
    "pythons": _pythons,
    "ci": _strings,
    "pass-env": _variables,
    "licenses": _licenses,
    "runner": _string,
    "branches": _branches,
    "environment": _string,
    "codecov": _codecov,
    "codeql": _boolean,
    "timeout-minutes": _minutes,
    "target-minutes": _minutes,
    "set-up-seconds": _seconds,
    "remote-cache": _boolean,
    "affected": _boolean,
    "service-backend": _backend,
    "quarantine": _quarantine,
}


def _kind(value: Any) -> str:
    """Return TOML's word for the type of `value`."""
    match value:
        case bool():
            return "a boolean"
        case int() | float():
            return f"the number {value}"
        case str():
            return f"the string {value!r}"
        case list():
            return "a list"
        case dict():
            return "a table"
        case _:
            return "a date or time"
