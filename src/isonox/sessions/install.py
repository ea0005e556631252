"""Install from the one lock, by uv or pip alike."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from packaging.utils import canonicalize_name

from isonox.errors import ConfigurationError, LockError
from isonox.sessions.interpreter import environment_interpreter, site_packages
from isonox.system import files
from isonox.workspace import lock as workspace_lock
from isonox.workspace.lock import SourceKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import nox

    from isonox.model.workspace import Package
    from isonox.sessions.active import ActiveJob
    from isonox.workspace.lock import Pinned

#: In the environment's folder: what the last installation was made from.
STAMP = "isonox-install.json"

#: Never removed from a pip environment: it could not install anything any more.
_BOOTSTRAP = {"pip", "setuptools", "wheel"}


#: Local packages that are installed from their folder.
_FOLDERS = (SourceKind.EDITABLE, SourceKind.DIRECTORY)


class _Stamp(msgspec.Struct):
    key: str


def install_group(  # noqa: PLR0913 - the arguments of Session.install_group and its context
    session: nox.Session,
    job: ActiveJob,
    groups: Sequence[str],
    *,
    extras: Sequence[str],
    project: bool,
    editable: bool,
    package: Package | None,
) -> None:
    """See `isonox.Session.install_group`."""
    if getattr(session.virtualenv, "location", None) is None:
        raise ConfigurationError(f"session {job.id!r} has no environment to install into", hint="give it a Python")
    job.groups.update(groups)
    job.extras.update(extras)
    pinned = _pinned(session, job, project=project, package=package)
    locked = [pin for pin in pinned if pin.hashes and pin.path is None]
    folders = [pin for pin in pinned if pin.kind in _FOLDERS]
    others = [pin for pin in pinned if pin not in locked and pin not in folders]
    environment = Path(session.virtualenv.location)
    requirements = "".join(f"{pin.line()}\n" for pin in locked)
    key = _key(requirements, job.root, folders, others, editable=editable)
    stamp = environment / STAMP
    if _read_stamp(stamp) == key:
        session.log("The environment is current: it was installed from these lock entries.")
        return
    if _installs_nothing(session):
        raise LockError(
            f"the environment of {job.id} does not hold what the lock says, and nox was told not to install",
            hint="run it without --no-install (-R)",
        )
    with contextlib.suppress(FileNotFoundError):
        stamp.unlink()
    listing = environment / "isonox-requirements.txt"
    files.write_atomic(listing, requirements.encode())
    _synchronise(session, listing, pinned)
    unhashed = [
        pin.line(hashes=False) for pin in others
    ]  # git, direct URLs, files: exact references, but no hashes to check
    for pin in folders:
        where = str(job.root / (pin.path or "."))
        unhashed += ["-e", where] if editable else [where]
        if not editable and session.venv_backend == "uv":  # which else takes the copy that it built last time
            unhashed += ["--reinstall-package", pin.name]
    if unhashed:
        session.install("--no-deps", *unhashed)
    if editable or not folders:  # a copy is out of date with the next edit
        files.write_atomic(stamp, msgspec.json.encode(_Stamp(key)))


def forget(session: nox.Session) -> None:
    """Something else is installed into the environment: it is not what the lock says any more."""
    location = getattr(session.virtualenv, "location", None)
    if location is not None:
        with contextlib.suppress(FileNotFoundError):
            (Path(location) / STAMP).unlink()


def _installs_nothing(session: nox.Session) -> bool:
    """Return whether nox passes over installs: `--no-install` in an environment that was there before."""
    runner = session._runner  # noqa: SLF001 - nox tells nowhere else
    return bool(runner.global_config.no_install and session.virtualenv._reused)  # noqa: SLF001


def _pinned(session: nox.Session, job: ActiveJob, *, project: bool, package: Package | None) -> tuple[Pinned, ...]:
    """Return what the lock says for all groups that this session has asked for so far."""
    path = job.root / "uv.lock"
    if not path.exists():
        raise LockError(f"{path} does not exist", hint="make it: uv lock")
    lock = workspace_lock.Lock.load(path)
    if reason := lock.stale_reason(job.root):
        raise LockError(f"uv.lock is out of date: {reason}")
    interpreter = environment_interpreter(session)
    environment = workspace_lock.environment_for(interpreter.version or "")
    extras = sorted(job.extras)
    found = list(
        lock.requirements(
            groups=sorted(job.groups),
            extras=extras if package is None else (),
            environment=environment,
            include_project=False,
        )
    )
    projects = () if not project else lock.members if package is None else (package.name,)
    for name in projects:
        own = extras if package is not None else ()
        found += lock.requirements(name, extras=own, environment=environment, include_project=True)
    pinned = {(pin.name, pin.version): pin for pin in found}
    return tuple(pinned.values())


def _key(requirements: str, root: Path, folders: Iterable[Pinned], others: Iterable[Pinned], *, editable: bool) -> str:
    """Hash what the environment is made from; for local packages, the files that decide what is installed."""
    digest = hashlib.sha256(requirements.encode())
    digest.update("".join(f"{pin.line()}\n" for pin in others).encode())
    digest.update(b"editable" if editable else b"copied")
    for pin in folders:
        digest.update(f"\0{pin.name}\0{pin.path}\0".encode())
        for name in ("pyproject.toml", "setup.cfg", "setup.py"):
            with contextlib.suppress(FileNotFoundError):
                digest.update((root / str(pin.path) / name).read_bytes())
    return digest.hexdigest()


def _read_stamp(path: Path) -> str | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Stamp).key
    except (OSError, msgspec.DecodeError):
        return None


def _synchronise(session: nox.Session, listing: Path, pinned: Iterable[Pinned]) -> None:
    """Install exactly what `listing` says and remove the rest."""
    empty = not listing.read_text().strip()
    if session.venv_backend == "uv":
        session.run_install(
            "uv", "pip", "sync", "--require-hashes", "--allow-empty-requirements", str(listing), silent=True
        )
        return
    if not empty:
        session.install("--no-deps", "--require-hashes", "-r", str(listing))
    wanted = {pin.name for pin in pinned} | _BOOTSTRAP
    surplus = sorted(name for name in installed(session) if canonicalize_name(name) not in wanted)
    if surplus:
        session.run_install("python", "-m", "pip", "uninstall", "--yes", *surplus, silent=True)


def installed(session: nox.Session) -> dict[str, str]:
    """Return name and version of every distribution in the session's environment, sorted by name."""
    folders = site_packages(session)
    found = {
        distribution.metadata["Name"]: distribution.version
        for distribution in importlib.metadata.distributions(path=[str(folder) for folder in folders])
        if distribution.metadata["Name"]
    }
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))
