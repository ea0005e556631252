"""What files say about a tool, read where the tool itself looks for it."""

from __future__ import annotations

import configparser
import contextlib
import tomllib
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Configuration(NamedTuple):
    """The configuration of a tool: the file, and what its section says."""

    path: Path
    values: Mapping[str, Any]


def sections(path: Path) -> dict[str, Any] | None:
    """Return the sections of an INI file or the tables of a TOML file, by name; None where there is no such file.

    What can't be read is passed over: the tool says it better.
    """
    if not path.is_file():
        return None
    if path.suffix == ".toml":
        with contextlib.suppress(tomllib.TOMLDecodeError, UnicodeDecodeError):
            return tomllib.loads(path.read_text(encoding="utf-8"))
        return {}
    parser = configparser.RawConfigParser(strict=False)
    with contextlib.suppress(configparser.Error, UnicodeDecodeError):
        parser.read(path, encoding="utf-8")
    return {name: dict(section) for name, section in parser.items()}


def table(found: Any, name: str) -> dict[str, Any] | None:
    """Return the table with this dotted name; None if there is none."""
    for key in name.split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else None


def of_tool(folder: Path, name: str, *files: tuple[str, str | None]) -> Configuration | None:
    """Return what a tool is configured by in a folder.

    Args:
        folder: Where to look.
        name: The tool's table below `[tool]` of pyproject.toml, with dots; empty if it has none.
        files: INI files that it reads, each with its section; None where the file alone means that the tool is used.
    """
    for file, section in (*files, ("pyproject.toml", f"tool.{name}")):
        found = sections(folder / file)
        values = {} if section is None else table(found, section)
        if found is not None and values is not None:
            return Configuration(folder / file, values)
    return None
