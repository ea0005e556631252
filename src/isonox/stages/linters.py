"""The linters and formatters that isonox knows, and how it sees which of them a project uses."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from packaging.utils import canonicalize_name

from isonox.errors import ConfigurationError
from isonox.sessions.arguments import check
from isonox.stages import configuration, options, outcome
from isonox.stages.sources import import_roots

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from re import Pattern

    from isonox.sessions.session import Session

#: `path:line:column: message`.
_PLACE = re.compile(r"^(?P<path>[^\s:][^:\n]*):(?P<line>\d+):(?:\d+:)? (?P<message>.+)$", re.MULTILINE)
#: `would reformat path`, or a message with ` --> path:line:column` below it.
_LAYOUT = re.compile(
    r"^(?:[Ww]ould reformat:?|(?P<message>[\w-]+: .+)\n *-->) (?P<path>[^:\n]+)(?::(?P<line>\d+))?", re.MULTILINE
)
_RUFF_NOTHING = re.compile(r"^warning: No Python files found", re.MULTILINE)
_RUFF_FILES = (("ruff.toml", None), (".ruff.toml", None))


class Linter(NamedTuple):
    """One tool, as the `lint` and `format` stages run it.

    Attributes:
        check: The command that only looks.
        finding: What its problems look like in the output of `check`.
        fix: The command that repairs; empty where there is none.
        table: The table of pyproject.toml that means that the project uses the tool.
        files: Files that mean so, each with the section that does; None where the file alone does.
        nothing: What `check` prints, besides exiting with 0, when there was no file to look at.
        list_files: The command that prints which files it would look at, where `check` does not tell.
        takes_paths: False for a tool that always looks at the whole project, by rules that must be configured.
    """

    name: str
    check: tuple[str, ...]
    finding: Pattern[str]
    fix: tuple[str, ...] = ()
    table: str = ""
    files: tuple[tuple[str, str | None], ...] = ()
    nothing: Pattern[str] | None = None
    list_files: tuple[str, ...] = ()
    takes_paths: bool = True

    @property
    def distribution(self) -> str:
        """What is installed."""
        return "ruff" if self.table == "ruff" else self.name


#: In the order in which they run; for `format` it matters: imports first, then layout.
LINTERS = (
    Linter(
        name="ruff-check",
        # it may be configured to mend, and to say nothing about the rest
        check=("ruff", "check", "--no-fix", "--no-fix-only", "--force-exclude", "--output-format=concise"),
        finding=_PLACE,
        fix=("ruff", "check", "--force-exclude", "--fix-only"),
        table="ruff",
        files=_RUFF_FILES,
        nothing=_RUFF_NOTHING,
    ),
    Linter(
        name="isort",
        check=("isort", "--check-only", "--diff", "--skip-gitignore", "--filter-files"),
        finding=re.compile(r"^ERROR: (?P<path>.+?) (?P<message>Imports are incorrectly .*)$", re.MULTILINE),
        fix=("isort", "--skip-gitignore", "--filter-files"),
        table="isort",
        files=((".isort.cfg", None), ("setup.cfg", "isort"), ("setup.cfg", "tool:isort"), ("tox.ini", "isort")),
        list_files=("isort", "--show-files", "--skip-gitignore", "--filter-files"),
    ),
    Linter(
        name="ruff-format",
        check=("ruff", "format", "--force-exclude", "--check"),
        finding=_LAYOUT,
        fix=("ruff", "format", "--force-exclude"),
        table="ruff",
        files=_RUFF_FILES,
        nothing=_RUFF_NOTHING,
    ),
    Linter(
        name="black",
        check=("black", "--check"),
        finding=_LAYOUT,
        fix=("black",),
        table="black",
        nothing=re.compile(r"^No Python files are present", re.MULTILINE),
    ),
    Linter(
        name="flake8",
        check=("flake8", "--benchmark"),  # without it, flake8 does not say how many files it looked at
        finding=_PLACE,
        files=((".flake8", None), ("setup.cfg", "flake8"), ("tox.ini", "flake8")),
        nothing=re.compile(r"^0\s+total files processed", re.MULTILINE),
    ),
    Linter(
        name="import-linter",
        check=("lint-imports",),
        finding=re.compile(r"^(?P<message>.+) BROKEN$", re.MULTILINE),
        table="importlinter",
        files=((".importlinter", None), ("setup.cfg", "importlinter")),
        takes_paths=False,
    ),
)

#: What they look at and are configured by, as long as their configuration names no other files (see `choose`). Ruff's
#: part is what `ruff config include` says.
INPUTS = (
    "**/*.py", "**/*.pyi", "**/*.pyw", "**/*.ipynb", "**/*.md", "**/pyproject.toml", "**/ruff.toml", "**/.ruff.toml",
    "**/.gitignore", "**/.ignore", "**/.editorconfig", "setup.cfg", "tox.ini", ".flake8", ".isort.cfg", ".importlinter",
    ".github/**",
)  # fmt: skip
#: Settings that name other files, in `[tool.*]` of pyproject.toml and in files of the tools' own.
_CHOOSING = {"include", "extend-include", "extend"}
_CHOOSES = re.compile(r"^\s*(?:include|extend-include|extend|filename|settings_file)\s*=", re.MULTILINE)

#: What `tools` may name: each linter, and one word for both of ruff's halves.
_NAMES = {linter.name: (linter.name,) for linter in LINTERS} | {"ruff": ("ruff-check", "ruff-format")}


def choose(root: Path) -> bool:
    """Return whether a linter is configured to look at other files than it does by itself."""
    tables = options.pyproject(root).get("tool", {})
    files = [root / name for linter in LINTERS for name, _ in linter.files]
    return any(_CHOOSING & tables.get(linter.table, {}).keys() for linter in LINTERS) or any(
        _CHOOSES.search(path.read_text(encoding="utf-8", errors="replace")) for path in files if path.is_file()
    )


def named(tools: Sequence[str], *, stage: str) -> tuple[str, ...]:
    """Return the names of `LINTERS` that `tools` means.

    Raises:
        ConfigurationError: One is unknown.
    """
    for tool in tools:
        check(f"{stage}: tools", tool, _NAMES)
    return tuple(name for tool in tools for name in _NAMES[tool])


def install(session: Session, *, group: str | None, tools: Sequence[str]) -> tuple[Linter, ...]:
    """Install the group and return the linters to run: those named, else those that the project uses.

    A project uses a linter that it configures, or that it lists in the group (unless it needs configuration).

    Raises:
        ConfigurationError: There is none, or one is not in the group.
    """
    installed = options.install_tools(session, "lint", group=group)
    listed = options.listed(session.root, installed)
    chosen = [linter for linter in LINTERS if linter.name in tools] if tools else used(session.root, listed)
    if not chosen:
        raise ConfigurationError(
            f"no linter is configured, and the dependency group {installed!r} holds none that isonox knows",
            hint=f"start with ruff: uv add --group {installed} ruff",
        )
    options.require_tools(session, installed, *(linter.distribution for linter in chosen))
    return tuple(chosen)


def used(root: Path, listed: set[str]) -> list[Linter]:
    """Return the linters that the project at `root` configures, and those whose distribution is in `listed`.

    One that needs configuration is used only if it has one.
    """
    found = [
        linter
        for linter in LINTERS
        if (linter.takes_paths and canonicalize_name(linter.distribution) in listed)
        or configuration.of_tool(root, linter.table, *linter.files)
    ]
    if any(linter.name == "black" for linter in found) and not configuration.of_tool(root, "ruff.format"):
        # two formatters would undo each other's work
        found = [linter for linter in found if linter.name != "ruff-format"]
    return found


def targets(linter: Linter, chosen: Sequence[str], files: Sequence[str]) -> Sequence[str]:
    """Return the paths to give to a linter: those that were chosen, else what means all files of the repository.

    Flake8 does not read .gitignore, so it gets the top-level entries that hold files of the repository. Isort opens
    every file whose suffix it does not know, ignored ones too, so it gets the files themselves.
    """
    if not linter.takes_paths:
        return ()
    own = {
        "flake8": sorted({path.partition("/")[0] for path in files}),
        "isort": [path for path in files if not path.endswith(".ipynb")],
    }
    return chosen or own.get(linter.name) or ["."]


def look(session: Session, linter: Linter, paths: Sequence[str]) -> str:
    """Run a linter's check and return what is wrong; looking at nothing is, unless paths were given by hand."""
    env = None
    if linter.name == "import-linter":  # it must find the packages; and names of contracts stay on one line
        env = {"PYTHONPATH": os.pathsep.join(map(str, import_roots(session.root))), "COLUMNS": "200"}
    check = linter.check
    if linter.name == "black" and (found := configuration.of_tool(session.root, "black")) and found.values.get("quiet"):
        check += ("--verbose",)  # else it tells neither what is wrong nor that it found no file
    done = outcome.run(session, *check, *paths, env=env)
    outcome.report_matches(session, linter.name, done.output, linter.finding)
    if done.failed:
        return linter.name
    nothing = bool(linter.nothing and linter.nothing.search(done.output))
    if linter.list_files:
        nothing = not outcome.run(session, *linter.list_files, *paths).output.strip()
    if nothing:
        session.note(f"{linter.name} found no file to look at: its own configuration excludes all of them")
    return linter.name if nothing and not session.posargs else ""
