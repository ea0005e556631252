"""The build stage: what is published can be built, installed and imported."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shlex
import shutil
import sys
import tempfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple, Unpack

import nox.virtualenv
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

from isonox.errors import ConfigurationError
from isonox.sessions import trace
from isonox.sessions.arguments import checked
from isonox.sessions.commands import active_job
from isonox.sessions.declare import session as declare_session
from isonox.stages import outcome, sources
from isonox.stages.options import StageOptions, install_tools, pyproject, run_time, with_inputs
from isonox.workspace import lock, lockfile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from isonox.sessions.session import Session


#: What decides how a package is built, beside itself. Build backends run in an environment without PYTHONPATH, so they
#: are not seen reading.
_INPUTS = (lockfile.LOCK, "pyproject.toml#tool.uv", "**/.gitignore", "**/.hgignore", "LICEN[CS]E*", "README*")
#: What uv says, in one word or another, of what neither its cache nor a cached page of the index has.
_NOT_CACHED = re.compile(r"\bnetwork\b|\boffline\b|no solution found", re.IGNORECASE)
#: What is printed by a module's import that came to its end.
_IMPORTED = "imported"
#: What twine finds wrong, its lines not broken.
_COMPLAINT = re.compile(r"^(?:WARNING|ERROR) +(.+?) *$", re.MULTILINE)
#: Parts of build backends that take the version from git's tags.
_FROM_GIT = {
    "dunamai", "flit-scm", "hatch-vcs", "poetry-dynamic-versioning", "setuptools-git-versioning", "setuptools-scm",
    "uv-dynamic-versioning", "versioneer", "versioningit",
}  # fmt: skip


@checked
def build(
    *,
    per_package: bool | Sequence[str] = False,
    group: str | None = None,
    python: str | None = None,
    **options: Unpack[StageOptions],
) -> None:
    """Declare the session `build`: build, check, install and import what would be published.

    A source distribution is built, and from it a wheel, as `python -m build` does; the build backend is taken in the
    version that the lock has, if it has one. Twine checks both. Then the wheel and what the lock says that it needs
    are installed in a new environment, and every top-level module of the wheel is imported there. Both files are
    kept in `dist` among the artifacts. With uv, nothing is asked of the package index that the lock decides and uv's
    cache holds; workspace packages that are installed beside are built with the lock's versions, too. Arguments
    after `--` go to `python -m build`.

    Args:
        per_package: One session for each workspace package, or for those named, instead of one for the root project.
        group: The dependency group that holds build and twine; by default "build", else "dev".
        python: The interpreter that builds and installs; the workspace's newest by default.
        options: As for `isonox.session`.
    """

    def run_build(session: Session) -> None:
        """Build sdist and wheel, check them, and import the wheel from a clean environment."""
        tools = _Tools.of(session, install_tools(session, "build", "build", "twine", group=group))
        sdist, wheel = _built(session, _folder(session), tools)
        _check(session, sdist, wheel)
        for path in (sdist, wheel):
            session.note(f"{path.name}: {max(1, round(path.stat().st_size / 1024))} KiB")
        _use(session, wheel, tools)

    if per_package:
        options = with_inputs(options, *_INPUTS)
    declare_session(name="build", python=python, per_package=per_package, tags=["build"], **options)(run_build)


def _check(session: Session, sdist: Path, wheel: Path) -> None:
    """Let twine look whether the package index would show the description; the session fails if not."""
    done = outcome.run(session, "twine", "check", "--strict", str(sdist), str(wheel), env={"COLUMNS": "200"})
    if done.failed:
        said = dict.fromkeys(_COMPLAINT.findall(done.output))  # of sdist and wheel the same
        session.error(f"twine check: {' '.join(said) or done}")


def _folder(session: Session) -> Path:
    """Return the folder of the project to build.

    Raises:
        ConfigurationError: It is no project that can be built.
    """
    folder = sources.folder(session)
    settings = pyproject(folder)
    legacy = any((folder / name).is_file() for name in ("setup.py", "setup.cfg"))
    reason = "" if legacy or {"project", "build-system"} & settings.keys() else "describes no project"
    if settings.get("tool", {}).get("uv", {}).get("package") is False:
        reason = "says `package = false`"
    if reason:
        raise ConfigurationError(
            f"there is nothing to build: {folder / 'pyproject.toml'} {reason}",
            hint="where the packages are below it: stages.build(per_package=True), or per_package=[...]",
        )
    return folder


def _built(session: Session, folder: Path, tools: _Tools) -> tuple[Path, Path]:
    """Build and return sdist and wheel; the session fails unless it is one of each."""
    target = session.artifacts / "dist"
    shutil.rmtree(target, ignore_errors=True)
    for backend in backends(folder):
        if backend in _FROM_GIT:
            trace.used(active_job(), ".git")
        if backend not in tools.pinned:
            add = f"uv add --group {tools.group} {backend}"
            session.note(f"{backend} builds it, but is not in the lock; pin it there: {add}")
    command = ["python", "-m", "build", "--outdir", str(target), "--dependency-constraints-txt", str(tools.constraints)]
    command += ["--installer", "uv"] if tools.uv else []
    tools.run(session, [folder], *command, *session.posargs, str(folder))
    sdists, built = sorted(target.glob("*.tar.gz")), sorted(target.glob("*.whl"))
    if len(sdists) != 1 or len(built) != 1:
        names = ", ".join(path.name for path in (*sdists, *built)) or "nothing"
        session.error(f"one sdist and one wheel were expected, this was built: {names}")
    return sdists[0], built[0]


def backends(folder: Path) -> list[str]:
    """Return the distributions that a project asks for to be built.

    Raises:
        ConfigurationError: It asks for something that is no requirement.
    """
    required = pyproject(folder).get("build-system", {}).get("requires", ["setuptools"])
    try:
        return [canonicalize_name(Requirement(requirement).name) for requirement in required]
    except (InvalidRequirement, TypeError) as error:
        what = str(error).splitlines()[0]
        raise ConfigurationError(f"{folder / 'pyproject.toml'}: build-system.requires: {what}") from error


class _Tools(NamedTuple):
    """What projects are built and installed with.

    Attributes:
        pinned: Versions of distributions by the lock, of those that it has in one version only.
        constraints: The file that names them.
        uv: Whether uv installs, or else pip.
        group: The dependency group that the session's tools come from.
    """

    pinned: Mapping[str, str]
    constraints: Path
    uv: bool
    group: str

    @classmethod
    def of(cls, session: Session, group: str) -> _Tools:
        """Return those of a session."""
        pinned = _pinned_once(session)
        constraints = Path(session.create_tmp()).resolve() / "constraints.txt"
        constraints.write_text("".join(f"{name}=={version}\n" for name, version in pinned.items()), encoding="utf-8")
        return cls(pinned, constraints, session.venv_backend == "uv", group)

    def run(self, session: Session, built: Iterable[Path], *argv: str) -> None:
        """Run a command that installs: on what uv's cache holds, where the lock decides what that would be.

        Args:
            session: The running session.
            built: Projects that are built meanwhile.
            argv: The command. It runs again with the package index where it lacked something without.
        """
        env = {"UV": nox.virtualenv.UV, "UV_BUILD_CONSTRAINT": str(self.constraints)} if self.uv else {}
        if self.uv and all(backend in self.pinned for folder in built for backend in backends(folder)):
            done = outcome.run(session, *argv, env={**env, "UV_OFFLINE": "1"}, external=True, shown="nothing")
            if not (done.failed and _NOT_CACHED.search(done.output)):
                sys.stdout.write(done.output)
                outcome.judge(session, [f"{shlex.join(argv)} failed: {done}"] if done.failed else [])
                return
            session.log("It failed without the package index: asking that.")
        session.run(*argv, env=env, external=True)


def _pinned_once(session: Session) -> dict[str, str]:
    """Return the versions of everything that the lock has in one version only."""
    versions: dict[str, set[str]] = {}
    for pin in lock.Lock.load(session.root / lockfile.LOCK).all_registry():
        versions.setdefault(pin.name, set()).add(str(pin.version))
    return {name: min(some) for name, some in sorted(versions.items()) if len(some) == 1}


def _use(session: Session, wheel: Path, tools: _Tools) -> None:
    """Install the wheel where nothing else is, and import what it provides."""
    with tempfile.TemporaryDirectory(dir=Path(session.create_tmp()).resolve()) as folder:
        environment = Path(folder) / "environment"
        python = _clean_environment(session, environment, wheel, tools)
        name = parse_wheel_filename(wheel.name)[0]
        site = [str(path) for path in environment.glob("[Ll]ib*/**/site-packages")]
        distribution = next(iter(importlib.metadata.distributions(name=name, path=site)))
        modules = provided(PurePosixPath(file) for file in distribution.files or ())
        if not modules:
            session.error(f"{wheel.name} holds no Python module: tell the build backend where the packages are")
        with session.chdir(folder):  # nothing of the checkout can be imported from here
            outcome.judge(session, [_imported(session, python, module) for module in modules])
    session.log(f"Installed in a clean environment, it imports: {', '.join(modules)}.")


def _imported(session: Session, python: str, module: str) -> str:
    code = f"import {module}; print({_IMPORTED!r})"  # a module may end the interpreter well
    done = outcome.run(session, python, "-I", "-c", code, external=True)
    if not done.failed and done.last_line == _IMPORTED:
        return ""
    return f"installed in a clean environment, this fails: import {module} ({done.last_line})"


def provided(files: Iterable[PurePosixPath]) -> list[str]:
    """Return the outermost importable names among files of site-packages; packages inside of namespace packages."""
    code = [file for file in files if file.suffix in (".py", ".pyd", ".so") and ".." not in file.parts]
    packages = {file.parent for file in code if file.name.partition(".")[0] == "__init__"}
    tops = {
        next(
            (parent for parent in reversed(file.parents) if parent in packages), file.with_name(file.name.split(".")[0])
        )
        for file in code
    }
    return sorted(".".join(top.parts) for top in tops if all(part.isidentifier() for part in top.parts))


def _clean_environment(session: Session, environment: Path, wheel: Path, tools: _Tools) -> str:
    """Make an environment with the wheel and what the lock says that it needs; return its interpreter."""
    name = parse_wheel_filename(wheel.name)[0]
    pins = [pin for pin in run_time(session) if canonicalize_name(pin.name) != name]
    remote = [pin for pin in pins if pin.path is None]
    hashed = all(pin.hashes for pin in remote)  # pip wants a hash for all or for none
    listing = environment.with_suffix(".txt")
    listing.write_text("".join(f"{pin.line(hashes=hashed)}\n" for pin in remote), encoding="utf-8")
    session.run("python", "-m", "venv", "--without-pip", str(environment))
    python = str(environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
    install = ["python", "-m", "pip", "--disable-pip-version-check", "--python", python, "install"]
    if tools.uv:
        install = ["uv", "pip", "install", "--python", python]
    install += ["--quiet", "--no-deps"]
    if remote:
        tools.run(session, (), *install, "--requirement", str(listing))
    local = [session.root / str(pin.path) for pin in pins if pin.path is not None]
    tools.run(session, local, *install, *map(str, local), str(wheel))
    return python
