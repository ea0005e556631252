"""The types stage: mypy on every Python that the workspace supports."""

from __future__ import annotations

import re
from contextlib import nullcontext
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple, Unpack

from isonox.model.workspace import Package
from isonox.sessions import interpreter, project
from isonox.sessions.arguments import checked
from isonox.sessions.declare import session as declare_session
from isonox.stages import configuration, outcome, sources
from isonox.stages.options import StageOptions, install_tools, with_inputs
from isonox.stages.options import pythons as default_pythons

if TYPE_CHECKING:
    from collections.abc import Sequence

    from isonox.sessions.session import Session

_ERROR = re.compile(r"^(?P<path>[^\s:][^:\n]*):(?P<line>\d+):(?:\d+:)* error: (?P<message>.+)$", re.MULTILINE)
_NOTHING = re.compile(r"^Success: no issues found in 0 source files", re.MULTILINE)

#: Where mypy looks for its configuration, besides pyproject.toml.
_FILES = (("mypy.ini", "mypy"), (".mypy.ini", "mypy"), ("setup.cfg", "mypy"))
_INPUTS = (
    "**/*.py", "**/*.pyi", "**/py.typed", "**/pyproject.toml", "**/mypy.ini", "**/.mypy.ini", "**/setup.cfg"
)  # fmt: skip
#: Settings that say what to check.
_TARGETS = ("files", "packages", "modules")


class _Check(NamedTuple):
    """One call of mypy, in a folder relative to the workspace root."""

    folder: str
    targets: tuple[str, ...]


@checked
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
        install_tools(session, "types", "mypy", group=group, with_project=True)
        checks = _checks(session, paths)
        if not checks:
            session.error(
                "there is nothing to check: no source or test folder was found; "
                "name some: [tool.mypy] files, or stages.types(paths=[...])"
            )
        outcome.judge(session, (_complaint(session, check, single=len(checks) == 1) for check in checks))

    versions = list(pythons) or default_pythons()
    declare_session(name="types", python=versions, tags=["types"], **with_inputs(options, *_INPUTS))(run_types)


def _checks(session: Session, paths: Sequence[str]) -> list[_Check]:
    """Decide what to check: see `types`."""
    root = session.root
    if sources.name_paths(session.posargs, root):
        return [_Check(".", ())]
    own = configuration.of_tool(root, "mypy", *_FILES)
    if own and own.values.keys() & set(_TARGETS):
        return [_Check(".", ())]
    if paths:
        return [_Check(".", tuple(paths))]
    checks = []
    for package in project.workspace(root).packages or (Package(name="root", path="."),):
        code, tests = sources.of_package(root, package)
        targets = (*code, *tests)
        own = configuration.of_tool(root / package.path, "mypy", *_FILES) if package.path != "." else None
        if own:
            base = f"{package.path}/"
            inside = () if own.values.keys() & set(_TARGETS) else tuple(path.removeprefix(base) for path in targets)
            checks.append(_Check(package.path, inside))
        elif targets:
            checks.append(_Check(".", targets))
        elif package.installable:
            session.note(f"{package.name}: no Python code and no tests were found below {package.path}: not checked")
    return checks


def _complaint(session: Session, check: _Check, *, single: bool) -> str:
    """Run mypy for the session's Python, with a cache of its own; return its last word if it is not content."""
    version = (interpreter.environment_interpreter(session).version or "").rpartition(".")[0]
    cache = session.cache_dir.absolute() / f"mypy-{session.name.replace('/', '-')}"
    argv = ["mypy", "--python-version", version, "--cache-dir", str(cache), *check.targets, *session.posargs]
    with nullcontext() if check.folder == "." else session.chdir(session.root / check.folder):
        done = outcome.run(session, *argv)
    for found in _ERROR.finditer(done.output):
        path = str(PurePosixPath(check.folder, found["path"]))
        outcome.report(session, "mypy", found["message"], path, int(found["line"]))
    word = f"mypy: {done.last_line}" if done.failed else ""
    if not done.failed and _NOTHING.search(done.output):
        word = "mypy looked at no file: its own configuration excludes all of them"
    where = check.folder if check.folder != "." else " ".join(check.targets)
    return word if single or not word else f"{where}: {word}"
