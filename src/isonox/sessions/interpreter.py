"""Which Python a session runs on, and where nox finds it."""

from __future__ import annotations

import functools
import platform
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import nox
import nox.virtualenv

from isonox.model.record import Interpreter
from isonox.sessions.virtualenvs import Environment
from isonox.system import files, interpreters

if TYPE_CHECKING:
    from isonox.sessions.active import ActiveJob


_VERSION = re.compile(r"3(\.\d+){1,2}")

#: Nox's own look-up, as it was before the hook replaces it while a session runs.
_NOX_LOOK_UP = nox.virtualenv._find_python  # noqa: SLF001 - nox's one seam for this


def environment_interpreter(session: nox.Session) -> Interpreter:
    """Return the interpreter of the session's environment, read from its `pyvenv.cfg` (no process is started)."""
    asked = session.python if isinstance(session.python, str) else None
    if folder := place(session):
        return _described(folder, asked)
    planned = session.virtualenv
    if isinstance(planned, Environment):
        build, home = planned.build, str(Path(planned.program).parent)
        known = {"version": build.version, "implementation": build.implementation} if build else {}
        return Interpreter(asked=asked, path=home, **known)
    return msgspec.structs.replace(own_interpreter(), asked=asked)


def place(session: nox.Session) -> Path | None:
    """Return the folder of the session's environment, if it has one and that has been made."""
    planned = session.virtualenv
    if isinstance(planned, Environment) and not planned.exists:
        return None
    location = getattr(planned, "location", None)
    return None if location is None else Path(location)


def _described(environment: Path, asked: str | None) -> Interpreter:
    try:
        lines = (environment / "pyvenv.cfg").read_text(encoding="utf-8").splitlines()
    except OSError:
        return Interpreter(asked=asked)
    config = {key.strip(): value.strip() for key, _, value in (line.partition("=") for line in lines)}
    version = config.get("version_info") or config.get("version") or ""
    return Interpreter(
        asked=asked,
        version=".".join(version.split(".")[:3]) or None,
        implementation=config.get("implementation"),
        path=config.get("home"),
    )


def discard_other(environment: Path, asked: object) -> None:
    """Remove an environment that another Python made than the one that is asked for: nox would go on with it."""
    if isinstance(asked, str) and _VERSION.fullmatch(asked):
        found = _described(environment, asked).version
        if found and not f"{found}.".startswith(f"{asked}."):
            shutil.rmtree(environment)


@functools.cache
def own_interpreter() -> Interpreter:
    """Return the interpreter that runs nox: that of sessions without an environment."""
    return Interpreter(
        version=platform.python_version(),
        implementation=platform.python_implementation(),
        path=str(Path(sys.executable).parent),
    )


def site_packages(session: nox.Session) -> list[Path]:
    """Return the folders that the session's environment imports distributions from."""
    folder = place(session)
    if folder is None:
        return [] if isinstance(session.virtualenv, Environment) else [Path(entry) for entry in sys.path if entry]
    libraries = [path for path in folder.glob("[Ll]ib*") if not path.is_symlink()]  # lib64 is another name of lib
    return [path for top in libraries for form in ("site-packages", "*/site-packages") for path in top.glob(form)]


def find(job: ActiveJob, fallback: interpreters.Finder) -> interpreters.Finder:
    """Return a replacement for nox's interpreter look-up that also sees what version managers keep.

    Nox searches PATH; a pyenv shim there can fail for a version that is installed but not selected.
    """

    def look_up(spec: str) -> str | None:
        found = interpreters.find(spec, cache=files.state_directory(job.root) / "cache") or fallback(spec)
        if found is None:
            job.missing_interpreter = spec
        return found

    return look_up


def nox_finds(spec: str) -> str | None:
    """Return what nox's own look-up finds for a spec."""
    return _NOX_LOOK_UP(spec)


def uv_command() -> str | None:
    """Return the uv that nox would use, or None."""
    return nox.virtualenv.UV if nox.virtualenv.HAS_UV else None


def install_hint(spec: str) -> str:
    """Return the command that installs an interpreter on this machine."""
    version = spec.removeprefix("python")
    if nox.virtualenv.HAS_UV:
        return f"uv python install {version}"
    if shutil.which("pyenv"):
        return f"pyenv install {version}"
    if shutil.which("mise"):
        return f"mise install python@{version}"
    return f"uv python install {version} (uv: https://docs.astral.sh/uv)"
