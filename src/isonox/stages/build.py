"""The build stage: what is published can be built, installed and imported."""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Unpack

import nox.virtualenv
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from isonox.errors import ConfigurationError
from isonox.sessions import interpreter, project
from isonox.sessions.declare import session as declare_session
from isonox.stages import outcome, wheels
from isonox.stages.options import StageOptions, install_tools, pyproject, require_tools, with_defaults
from isonox.system import git
from isonox.workspace import lock, lockfile, markers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from isonox.sessions.session import Session
    from isonox.stages.wheels import Content
    from isonox.workspace.lock import Pinned

#: Loads what every script of a distribution calls, unless that needs an extra.
_LOAD_SCRIPTS = (
    "import sys; from importlib.metadata import distribution; "
    "[(print(e.name, '=', e.value, flush=True), e.load()) for e in distribution(sys.argv[1]).entry_points"
    " if e.group in ('console_scripts', 'gui_scripts') and not e.extras]"
)


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
    are installed in a new environment, every top-level module of the wheel is imported, and every script's entry
    point is loaded. Tracked files that the source distribution lacks are named. Both files are kept in `dist` among
    the artifacts. Arguments after `--` go to `python -m build`.

    Args:
        per_package: One session for each workspace package, or for those named, instead of one for the root project.
        group: The dependency group that holds build and twine; by default "build", else "dev".
        python: The interpreter that builds and installs; nox's own by default.
        options: As for `isonox.session`.
    """

    def run_build(session: Session) -> None:
        """Build sdist and wheel, check them, and import the wheel from a clean environment."""
        installed = install_tools(session, "build", group=group, tools=("build", "twine"))
        require_tools(session, installed, "build", "twine")
        folder = _folder(session)
        sdist, wheel = _built(session, folder)
        session.run("twine", "check", "--strict", str(sdist), str(wheel))
        _name_missing(session, folder, sdist)
        content = wheels.read(wheel)
        for path, count in ((sdist, None), (wheel, content.file_count)):
            session.note(f"{path.name}: {_size(path)}" + (f", {count} files" if count else ""))
        if not content.modules:
            session.error(f"{wheel.name} holds no Python module: tell the build backend where the packages are")
        _use(session, wheel, content)

    declared = with_defaults(options)
    declare_session(name="build", python=python, per_package=per_package, tags=["build"], **declared)(run_build)


def _folder(session: Session) -> Path:
    """Return the folder of the project to build.

    Raises:
        ConfigurationError: It is no project that can be built.
    """
    folder = session.root / session.package.path if session.package else session.root
    settings = pyproject(folder)
    if not any((folder / name).is_file() for name in ("setup.py", "setup.cfg")) and not (
        {"project", "build-system"} & settings.keys()
    ):
        raise ConfigurationError(
            f"there is nothing to build: {folder / 'pyproject.toml'} describes no project",
            hint="where the packages are below it: stages.build(per_package=True)",
        )
    if settings.get("tool", {}).get("uv", {}).get("package") is False:
        raise ConfigurationError(
            f"there is nothing to build: {folder / 'pyproject.toml'} says `package = false`",
            hint="name those to build: stages.build(per_package=[...])",
        )
    return folder


def _built(session: Session, folder: Path) -> tuple[Path, Path]:
    """Build and return sdist and wheel; the session fails unless it is one of each."""
    target = session.artifacts / "dist"
    shutil.rmtree(target, ignore_errors=True)
    constraints = Path(session.create_tmp()) / "constraints.txt"
    pinned = _pinned_once(session)
    constraints.write_text("".join(f"{name}=={version}\n" for name, version in pinned.items()), encoding="utf-8")
    for requirement in pyproject(folder).get("build-system", {}).get("requires", ["setuptools"]):
        backend = Requirement(requirement).name
        if canonicalize_name(backend) not in pinned:
            session.note(f"{backend} builds it, but is not in the lock; pin it there: uv add --group build {backend}")
    command = ["python", "-m", "build", "--outdir", str(target), "--dependency-constraints-txt", str(constraints)]
    with_uv = session.venv_backend == "uv"
    command += ["--installer", "uv"] if with_uv else []
    session.run(*command, *session.posargs, str(folder), env={"UV": nox.virtualenv.UV} if with_uv else {})
    sdists, built = sorted(target.glob("*.tar.gz")), sorted(target.glob("*.whl"))
    if len(sdists) != 1 or len(built) != 1:
        names = ", ".join(path.name for path in (*sdists, *built)) or "nothing"
        session.error(f"one sdist and one wheel were expected, this was built: {names}")
    return sdists[0], built[0]


def _pinned_once(session: Session) -> dict[str, str]:
    """Return the versions of everything that the lock has in one version only."""
    versions: dict[str, set[str]] = {}
    for pin in lock.Lock.load(session.root / lockfile.LOCK).all_registry():
        versions.setdefault(pin.name, set()).add(str(pin.version))
    return {name: min(some) for name, some in sorted(versions.items()) if len(some) == 1}


def _name_missing(session: Session, folder: Path, sdist: Path) -> None:
    """Name tracked files that the sdist lacks, by their top folder: mostly on purpose, sometimes the cause of a bug."""
    with tarfile.open(sdist) as archive:
        inside = {PurePosixPath(name).relative_to(name.partition("/")[0]) for name in archive.getnames()}
    tracked = git.run(folder, "ls-files", "-z", "--cached").split("\0")
    others = [PurePosixPath(package.path) for package in project.workspace(session.root).packages]
    here = PurePosixPath(folder.relative_to(session.root))
    nested = [other.relative_to(here) for other in others if other != here and other.is_relative_to(here)]
    missing = Counter(
        path.parts[0] + ("/" if len(path.parts) > 1 else "")
        for path in map(PurePosixPath, filter(None, tracked))
        if path not in inside and not any(path.is_relative_to(other) for other in nested)
    )
    if missing:
        shown = [f"{top} ({count})" if top.endswith("/") else top for top, count in sorted(missing.items())]
        session.note(f"tracked files that {sdist.name} lacks: {', '.join(shown)}")


def _use(session: Session, wheel: Path, content: Content) -> None:
    """Install the wheel where nothing else is, import what it provides and load its scripts' entry points."""
    with tempfile.TemporaryDirectory(dir=Path(session.create_tmp()).resolve()) as folder:
        python = str(_clean_environment(session, Path(folder), wheel, content.name))
        failed = []
        with session.chdir(folder):  # nothing of the checkout can be imported from here
            for module in content.modules:
                done = outcome.run(session, python, "-I", "-c", f"import {module}", external=True)
                failed += [f"import {module} ({_last_line(done.output)})"] if done.failed else []
            done = outcome.run(session, python, "-I", "-c", _LOAD_SCRIPTS, content.name, external=True)
            failed += [f"the entry points of its scripts ({_last_line(done.output)})"] if done.failed else []
    if failed:
        session.error(f"installed from {wheel.name} in a clean environment, this fails: {'; '.join(failed)}")
    session.log(f"Installed in a clean environment, it imports: {', '.join(content.modules)}.")


def _last_line(output: str) -> str:
    return (output.strip().splitlines() or ["it says nothing"])[-1]


def _clean_environment(session: Session, folder: Path, wheel: Path, name: str) -> Path:
    """Make an environment with the wheel and what the lock says that it needs; return its interpreter."""
    pins = [pin for pin in _run_time(session) if canonicalize_name(pin.name) != name]
    remote = [pin for pin in pins if pin.path is None]
    hashed = all(pin.hashes for pin in remote)  # pip wants a hash for all or for none
    listing = folder / "requirements.txt"
    listing.write_text("".join(f"{pin.line(hashes=hashed)}\n" for pin in remote), encoding="utf-8")
    local = [str(session.root / str(pin.path)) for pin in pins if pin.path is not None]
    environment = folder / "environment"
    with_uv = session.venv_backend == "uv"
    if with_uv:
        session.run(
            "uv", "venv", "--quiet", "--python", str(_python(Path(session.virtualenv.location))), str(environment)
        )
    else:
        session.run("python", "-m", "venv", str(environment))
    python = _python(environment)
    install = ["uv", "pip", "install", "--quiet", "--python", str(python)]
    if not with_uv:
        install = [str(python), "-m", "pip", "--quiet", "install", "--disable-pip-version-check"]
    if remote:
        session.run(*install, "--no-deps", "--requirement", str(listing), external=True)
    session.run(*install, "--no-deps", *local, str(wheel), external=True)
    return python


def _run_time(session: Session) -> tuple[Pinned, ...]:
    version = interpreter.environment_interpreter(session).version or ""
    return lock.Lock.load(session.root / lockfile.LOCK).requirements(
        session.package.name if session.package else None,
        environment=markers.environment_for(version),
        include_project=True,
    )


def _python(environment: Path) -> Path:
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _size(path: Path) -> str:
    return f"{max(1, round(path.stat().st_size / 1024))} KiB"
