"""Reading `pyproject.toml`: only the parts that say what a package is called and what it needs."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidName, NormalizedName, canonicalize_name

from isonox.errors import ConfigurationError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Table = dict[str, Any]

_LINE = re.compile(r"^(.*) \(at line (\d+), column \d+\)$", re.DOTALL)


class Document:
    """A parsed TOML file that notes what it can't make sense of instead of failing.

    Args:
        shown: The file's path as a person knows it, relative to the workspace root.
        data: Its content.
    """

    def __init__(self, shown: str, data: Table) -> None:
        self.shown = shown
        self.data = data
        self._notes: dict[str, None] = {}

    @property
    def notes(self) -> tuple[str, ...]:
        """What was passed over so far, in order, each once."""
        return tuple(self._notes)

    def note(self, message: str) -> None:
        """Remember `message` with the file's path before it."""
        self._notes[f"{self.shown}: {message}"] = None

    def adopt(self, notes: Iterable[str]) -> None:
        """Remember notes of a file beside this one, as they are."""
        self._notes.update(dict.fromkeys(notes))

    def table(self, *keys: str) -> Table:
        """Return the table at `keys`; empty if there is none."""
        value = self.get(*keys)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.note(f"{'.'.join(keys)} is no table; passed over")
            return {}
        return value

    def strings(self, *keys: str) -> list[str]:
        """Return the list of strings at `keys`; empty if there is none."""
        value = self.get(*keys)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.note(f"{'.'.join(keys)} is no list of strings; passed over")
            return []
        return value

    def get(self, *keys: str) -> Any:
        """Return whatever is at `keys`, or None."""
        value: Any = self.data
        for key in keys:
            if not isinstance(value, dict):
                return None
            value = value.get(key)
        return value

    @property
    def is_project(self) -> bool:
        """Whether the file describes a project, not only the settings of tools."""
        return any(isinstance(self.get(*keys), dict) for keys in (("project",), ("tool", "poetry"), ("build-system",)))

    @property
    def declared_name(self) -> str | None:
        """The project's name as written, from `[project]` or else `[tool.poetry]`."""
        for name in (self.get("project", "name"), self.get("tool", "poetry", "name")):
            if isinstance(name, str):
                return name
        return None

    @property
    def name(self) -> NormalizedName | None:
        """The project's name, normalised (PEP 503); None if none, or no valid one, is declared."""
        if self.declared_name is None:
            return None
        try:
            return canonicalize_name(self.declared_name, validate=True)
        except InvalidName:
            return None

    def requirement(self, text: str, where: str) -> Requirement | None:
        """Parse one PEP 508 string; an invalid one is noted with `where`, the key that holds it."""
        try:
            return Requirement(text)
        except InvalidRequirement:
            self.note(f"{where}: {text!r} is no valid requirement; passed over")
            return None

    def groups(self) -> dict[NormalizedName, tuple[str, ...]]:
        """Return `[dependency-groups]` with every `include-group` resolved (PEP 735), names normalised."""
        raw = {canonicalize_name(name): entries for name, entries in self.table("dependency-groups").items()}
        return {name: tuple(self._group(name, raw, ())) for name in raw}

    def _group(
        self, name: NormalizedName, raw: dict[NormalizedName, Any], path: tuple[NormalizedName, ...]
    ) -> list[str]:
        where = f"dependency-groups.{name}"
        if name in path:
            self.note(f"{where} includes itself: {' -> '.join((*path, name))}")
            return []
        if not isinstance(raw[name], list):
            self.note(f"{where} is no list; passed over")
            return []
        found: list[str] = []
        for entry in raw[name]:
            if isinstance(entry, str):
                found.append(entry)
            elif isinstance(entry, dict) and isinstance(entry.get("include-group"), str):
                included = canonicalize_name(entry["include-group"])
                if included in raw:
                    found.extend(self._group(included, raw, (*path, name)))
                else:
                    self.note(f"{where} includes {included!r}, which does not exist{did_you_mean(included, raw)}")
            else:
                self.note(f"{where}: {entry!r} is neither a requirement nor an include-group; passed over")
        return list(dict.fromkeys(found))


def read(path: Path, shown: str) -> Document:
    """Read a TOML file; `shown` is its path in messages.

    Raises:
        ConfigurationError: It can't be read, or is not valid TOML; with the line.
    """
    try:
        text = path.read_bytes().decode()
        return Document(shown, tomllib.loads(text))
    except OSError as error:
        raise ConfigurationError(f"{shown}: can't be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{shown}: not valid TOML: no UTF-8 at byte {error.start}") from error
    except tomllib.TOMLDecodeError as error:
        message, line = str(error), text.count("\n") + 1
        if match := _LINE.match(message):
            message, line = match[1], int(match[2])
        raise ConfigurationError(f"{shown}:{line}: not valid TOML: {message}") from error
