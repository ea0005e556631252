"""The linters and formatters that isonox knows, and how it sees which of them a project uses."""

from __future__ import annotations

import configparser
import os
import re
from typing import TYPE_CHECKING, NamedTuple

from packaging.utils import canonicalize_name

from isonox.errors import ConfigurationError, did_you_mean
from isonox.stages import options, outcome
from isonox.stages.sources import import_roots

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from re import Pattern

    from isonox.sessions.session import Session

#: `path:line:column: message`, as flake8 and most others print it.
PLACE = re.compile(r"^(?P<path>[^\s:][^:\n]*):(?P<line>\d+):(?:\d+:)? (?P<message>.+)$", re.MULTILINE)
#: Ruff's default: the message, and below it ` --> path:line:column`.
ARROW = re.compile(r"^(?P<message>\S.*)\n\s*--> (?P<path>.+?):(?P<line>\d+):\d+$", re.MULTILINE)

_RUFF_NOTHING = re.compile(r"^warning: No Python files found", re.MULTILINE)


class Linter(NamedTuple):
    """One tool, as the `lint` and `format` stages run it.

    Attributes:
        distribution: What is installed.
        check: The command that only looks.
        fix: The command that repairs; empty where there is none.
        findings: What its problems look like in the output of `check`.
        tables: Tables of pyproject.toml, any of which means that the project uses the tool.
        files: Files, each with the section that means so; None where the file alone does.
        list_files: The command that prints which files it would look at, where `check` does not tell.
        nothing: What `check` prints, besides exiting with 0, when there was no file to look at.
        takes_paths: False for a tool that always looks at the whole project, by rules that must be configured.
    """

    name: str
    distribution: str
    check: tuple[str, ...]
    findings: tuple[Pattern[str], ...]
    tables: tuple[str, ...]
    files: tuple[tuple[str, str | None], ...] = ()
    fix: tuple[str, ...] = ()
    list_files: tuple[str, ...] = ()
    nothing: Pattern[str] | None = None
    takes_paths: bool = True


_RUFF_FILES = (("ruff.toml", None), (".ruff.toml", None))

#: In the order in which they run; for `format` it matters: imports first, then layout.
LINTERS = (
    Linter(
        name="ruff-check",
        distribution="ruff",
        check=("ruff", "check", "--force-exclude"),
        fix=("ruff", "check", "--force-exclude", "--fix-only"),
        findings=(ARROW, PLACE),
        tables=("ruff",),
        files=_RUFF_FILES,
        nothing=_RUFF_NOTHING,
    ),
    Linter(
        name="isort",
        distribution="isort",
        check=("isort", "--check-only", "--diff", "--skip-gitignore", "--filter-files"),
        fix=("isort", "--skip-gitignore", "--filter-files"),
        findings=(re.compile(r"^ERROR: (?P<path>.+?) (?P<message>Imports are incorrectly .*)$", re.MULTILINE),),
        tables=("isort",),
        files=((".isort.cfg", None), ("setup.cfg", "isort"), ("setup.cfg", "tool:isort"), ("tox.ini", "isort")),
        list_files=("isort", "--show-files", "--skip-gitignore", "--filter-files"),
    ),
    Linter(
        name="ruff-format",
        distribution="ruff",
        check=("ruff", "format", "--force-exclude", "--check"),
        fix=("ruff", "format", "--force-exclude"),
        findings=(ARROW, re.compile(r"^Would reformat: (?P<path>.+)$", re.MULTILINE)),
        tables=("ruff",),
        files=_RUFF_FILES,
        nothing=_RUFF_NOTHING,
    ),
    Linter(
        name="black",
        distribution="black",
        check=("black", "--check"),
        fix=("black",),
        findings=(re.compile(r"^would reformat (?P<path>.+)$", re.MULTILINE),),
        tables=("black",),
        nothing=re.compile(r"^No Python files are present", re.MULTILINE),
    ),
    Linter(
        name="flake8",
        distribution="flake8",
        check=("flake8", "--benchmark"),  # without it, flake8 does not say how many files it looked at
        findings=(PLACE,),
        tables=(),
        files=((".flake8", None), ("setup.cfg", "flake8"), ("tox.ini", "flake8")),
        nothing=re.compile(r"^0\s+total files processed", re.MULTILINE),
    ),
    Linter(
        name="import-linter",
        distribution="import-linter",
        check=("lint-imports",),
        findings=(re.compile(r"^(?P<message>.+) BROKEN$", re.MULTILINE),),
        tables=("importlinter",),
        files=((".importlinter", None), ("setup.cfg", "importlinter")),
        takes_paths=False,
    ),
)

#: One word for both of ruff's halves.
_ALIASES = {"ruff": ("ruff-check", "ruff-format")}


def named(tools: Sequence[str], *, stage: str) -> tuple[str, ...]:
    """Return the names of `LINTERS` that `tools` means.

    Raises:
        ConfigurationError: One is unknown.
    """
    known = {linter.name: (linter.name,) for linter in LINTERS} | _ALIASES
    for tool in tools:
        if tool not in known:
            raise ConfigurationError(
                f"{stage}: tools names {tool!r}, which isonox does not know{did_you_mean(tool, known)}",
                hint=f"known are {', '.join(known)}; another tool is a session of its own",
            )
    return tuple(name for tool in tools for name in known[tool])


def install(session: Session, *, group: str | None, tools: Sequence[str]) -> tuple[Linter, ...]:
    """Install the group and return the linters to run: those named, else those that the project uses.

    A project uses a linter that it configures, or that it lists in the group (unless it needs configuration).

    Raises:
        ConfigurationError: There is none, or one is not in the group.
    """
    installed_group = options.install_tools(session, "lint", group=group, tools=("ruff",))
    listed = options.listed(session.root, installed_group)
    chosen = [linter for linter in LINTERS if linter.name in tools] if tools else used(session.root, listed)
    if not chosen:
        raise ConfigurationError(
            "no linter is configured, and the dependency group "
            f"{installed_group!r} holds none that isonox knows: there is nothing to check with",
            hint=f"start with ruff: uv add --group {installed_group} ruff",
        )
    options.require_tools(session, installed_group, *(linter.distribution for linter in chosen))
    return tuple(chosen)


def used(root: Path, listed: set[str]) -> list[Linter]:
    """Return the linters that the project at `root` configures, and those whose distribution is in `listed`.

    One that needs configuration is used only if it has one.
    """
    settings = options.pyproject(root).get("tool", {})
    found = [
        linter
        for linter in LINTERS
        if (linter.takes_paths and canonicalize_name(linter.distribution) in listed)
        or any(table in settings for table in linter.tables)
        or any(_has_section(root / file, section) for file, section in linter.files)
    ]
    if any(linter.name == "black" for linter in found) and "format" not in settings.get("ruff", {}):
        # two formatters would undo each other's work
        found = [linter for linter in found if linter.name != "ruff-format"]
    return found


def _has_section(path: Path, section: str | None) -> bool:
    if section is None or not path.is_file():
        return path.is_file()
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):
        return False  # the tool that owns the file says it better
    return parser.has_section(section)


def everything(linter: Linter, files: Sequence[str]) -> list[str]:
    """Return the paths that mean all Python files of the repository to this linter.

    Flake8 does not read .gitignore, so it gets the top-level entries that hold files of the repository.
    """
    if linter.name == "flake8":
        return sorted({path.partition("/")[0] for path in files})
    return ["."]


def environment(session: Session, linter: Linter) -> dict[str, str] | None:
    """Return the variables that a linter needs: import-linter must find the packages, installed or not."""
    if linter.name != "import-linter":
        return None
    # COLUMNS keeps the names of contracts on one line, where the findings are read from
    return {"PYTHONPATH": os.pathsep.join(str(folder) for folder in import_roots(session)), "COLUMNS": "200"}


def looked_at_nothing(session: Session, linter: Linter, output: str, targets: Sequence[str]) -> bool:
    """Return whether a linter that is content had no file to look at."""
    if linter.list_files:
        return not outcome.run(session, *linter.list_files, *targets).output.strip()
    return bool(linter.nothing and linter.nothing.search(output))
