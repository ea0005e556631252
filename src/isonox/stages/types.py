"""The types stage: mypy on every Python that the workspace supports."""

from __future__ import annotations

import configparser
import re
from contextlib import nullcontext
from typing import TYPE_CHECKING, NamedTuple, Unpack

from isonox.model.workspace import Package
from isonox.sessions import interpreter, project
from isonox.sessions.declare import session as declare_session
from isonox.stages import outcome, sources
from isonox.stages.options import StageOptions, install_tools, pyproject, require_tools, with_defaults
from isonox.stages.options import pythons as default_pythons

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from isonox.sessions.session import Session

_ERROR = re.compile(r"^(?P<path>[^\s:][^:\n]*):(?P<line>\d+):(?:\d+:)* error: (?P<message>.+)$", re.MULTILINE)
_NOTHING = re.compile(r"^Success: no issues found in 0 source files", re.MULTILINE)

#: Where mypy looks for its configuration, first one wins; the section in the INI files is `[mypy]`.
_INI_FIRST = ("mypy.ini", ".mypy.ini")
_INI_LAST = ("setup.cfg",)
#: Settings that say what to check.
_TARGETS = ("files", "packages", "modules")


class _Check(NamedTuple):
    """One call of mypy, in a folder relative to the workspace root."""

    folder: str
    targets: tuple[str, ...]


def types(
    *,
    paths: Sequence[str] = (),
    pythons: Sequence[str] = (),
    group: str | None = None,
    **options: Unpack[StageOptions],
) -> None:
    """Declare the session `types`: mypy, once per Python, with the project installed.

    What is checked: what `files`, `packages` or `modules` of mypy's own configuration say; else `paths`; else the
    source and test folders of every package, package by package (one that has a mypy configuration of its own
    is checked by that). Arguments after `--` go to mypy; if they name paths, only those are checked.

    Args:
        paths: Files and folders to check.
        pythons: Versions to check for; those of the workspace by default.
        group: The dependency group that holds mypy and the stubs; by default "types", else "dev".
        options: As for `isonox.session`.
    """

    def run_types(session: Session) -> None:
        """Check types with mypy."""
        installed = install_tools(session, "types", group=group, tools=("mypy",), with_project=True)
        require_tools(session, installed, "mypy")
        checks = _checks(session, paths)
        if not checks:
            session.error(
                "there is nothing to check: no source or test folder was found; "
                "name some: [tool.mypy] files, or stages.types(paths=[...])"
            )
        failed = [(check, reason) for check in checks if (reason := _complaint(session, check))]
        if failed:
            where = f"in {len(failed)} of {len(checks)} packages: " if len(checks) > 1 else ""
            session.error(f"{where}{'; '.join(_described(check, reason, len(checks)) for check, reason in failed)}")

    declared = with_defaults(options)
    versions = list(pythons) or default_pythons()
    declare_session(name="types", python=versions, tags=["types"], **declared)(run_types)


def _checks(session: Session, paths: Sequence[str]) -> list[_Check]:
    """Decide what to check: see `types`."""
    root = session.root
    if sources.name_paths(session.posargs, root):
        return [_Check(".", ())]
    settings = _settings(root)
    if settings and settings.keys() & set(_TARGETS):
        return [_Check(".", ())]
    if paths:
        return [_Check(".", tuple(paths))]
    checks = []
    for package in project.workspace(root).packages or (Package(name="root", path="."),):
        code, tests = sources.of_package(root, package)
        targets = (*code, *tests)
        if package.path != "." and (own := _settings(root / package.path)) is not None:
            base = f"{package.path}/"
            inside = () if own.keys() & set(_TARGETS) else tuple(path.removeprefix(base) for path in targets)
            checks.append(_Check(package.path, inside))
        elif targets:
            checks.append(_Check(".", targets))
    return checks


def _complaint(session: Session, check: _Check) -> str:
    """Run mypy for the session's Python, with a cache of its own; return its last word if it is not content."""
    version = (interpreter.environment_interpreter(session).version or "").rpartition(".")[0]
    cache = session.cache_dir.absolute() / f"mypy-{session.name.replace('/', '-')}"
    argv = ["mypy", "--python-version", version, "--cache-dir", str(cache), *check.targets, *session.posargs]
    with nullcontext() if check.folder == "." else session.chdir(session.root / check.folder):
        done = outcome.run(session, *argv)
    output = done.output
    if check.folder != ".":
        output = _ERROR.sub(lambda match: f"{check.folder}/{match[0]}", output)
    outcome.report_findings(session, "mypy", output, _ERROR)
    if not done.failed and _NOTHING.search(output):
        return "mypy looked at no file: its own configuration excludes all of them"
    lines = output.split("\n") if done.failed else []
    return next((f"mypy: {line}" for line in reversed(lines) if line.strip()), f"mypy: {done}" if done.failed else "")


def _settings(folder: Path) -> dict[str, object] | None:
    """Return mypy's own settings of a folder, from the file that mypy itself would read; None if there are none."""
    for name in _INI_FIRST:
        if (found := _ini(folder / name)) is not None:
            return found
    table = pyproject(folder).get("tool", {}).get("mypy")
    if isinstance(table, dict):
        return table
    return next((found for name in _INI_LAST if (found := _ini(folder / name)) is not None), None)


def _ini(path: Path) -> dict[str, object] | None:
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read(path, encoding="utf-8")
        return dict(parser["mypy"])
    except (KeyError, configparser.Error, UnicodeDecodeError):
        return None


def _described(check: _Check, reason: str, count: int) -> str:
    where = check.folder if check.folder != "." else " ".join(check.targets)
    return f"{where}: {reason}" if count > 1 else reason
