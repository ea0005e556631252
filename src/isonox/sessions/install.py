"""Install from the one lock, by uv or pip alike."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import nox
from packaging.utils import canonicalize_name

from isonox.errors import ConfigurationError, LockError
from isonox.model.record import Installation
from isonox.sessions.interpreter import environment_interpreter, place, site_packages
from isonox.sessions.pool import Made
from isonox.sessions.virtualenvs import Environment, preparing
from isonox.system import files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from isonox.model.workspace import Package
    from isonox.sessions.active import ActiveJob
    from isonox.workspace.lock_entries import Entries

#: In the folder of a session's own environment: what the last installation was made from.
STAMP = "isonox-install.json"

#: Never removed from a pip environment: it could not install anything any more.
_BOOTSTRAP = {"pip", "setuptools", "wheel"}

#: Programs that install into the environment they run in, and the words that make them do so.
_INSTALLERS = {"pip", "pip3", "uv", "poetry", "pdm"}
_CHANGES = {"install", "uninstall", "sync", "add", "remove", "run", "update"}

_ANY_CODE = range(-128, 256)


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
    if session.venv_backend == "none":
        raise ConfigurationError(f"session {job.id!r} has no environment to install into", hint="give it a Python")
    venv = session.virtualenv
    sharing = venv if isinstance(venv, Environment) and venv.build and editable and not venv.changed else None
    if sharing is None:
        if isinstance(venv, Environment):
            venv.leave()
        _ = venv.location  # which makes it
    python = sharing.build.version if sharing and sharing.build else environment_interpreter(session).version
    before = job.installations[-1] if job.installations else Installation()
    installation = Installation(
        groups=tuple(sorted({*before.groups, *groups})),
        extras=tuple(sorted({*before.extras, *extras})),
        project=project or before.project,
        package=package.name if package else None,
        python=python or "",
    )
    entries = _entries(job, installation)
    job.installations.append(installation)
    if sharing:
        _share(session, job, sharing, entries)
    else:
        _fill_own(session, job, entries, editable=editable)


def before_change(session: nox.Session, job: ActiveJob) -> None:
    """Give the session an environment of its own, with what it has installed so far: it is about to change it."""
    venv = session.virtualenv
    if isinstance(venv, Environment):
        was_shared = venv.shared is not None
        venv.leave()
        if was_shared:
            _fill_own(session, job, _entries(job, job.installations[-1]), editable=True)
    if folder := place(session):
        with contextlib.suppress(FileNotFoundError):
            (folder / STAMP).unlink()


def changes_environment(argv: Sequence[str | os.PathLike[str]]) -> bool:
    """Whether a command looks as if it installs something into the environment that it runs in."""
    words = [os.fspath(word) for word in argv]
    if words[1:2] == ["-m"] and Path(words[0]).stem.startswith("python"):
        words = words[2:] or words
    return Path(words[0]).stem in _INSTALLERS and "--python" not in words and not _CHANGES.isdisjoint(words)


def _entries(job: ActiveJob, installation: Installation) -> Entries:
    """Return what the lock says."""
    from isonox.workspace import lock_entries  # noqa: PLC0415 - sessions without environments do without
    from isonox.workspace.lock import Lock  # noqa: PLC0415 - as above

    lock = Lock.load(job.root / "uv.lock")
    if job.planned is None and (reason := lock.stale_reason(job.root)):  # else whoever planned it has looked
        raise LockError(f"uv.lock is out of date: {reason}")
    return lock_entries.entries(lock, job.root, installation)


def _share(session: nox.Session, job: ActiveJob, venv: Environment, entries: Entries) -> None:
    """Let the session use the one environment that is made from these entries."""
    build, pool = venv.build, venv.pool
    parts = [entries.digest, venv.venv_backend, os.path.realpath(venv.program), repr(build), str(pool)]
    if entries.folders:
        parts.append(str(job.root))
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    made = False

    def fill() -> Made:
        nonlocal made
        made = True
        _synchronise(session, job, entries, editable=True)
        return Made(_scanned(session), tuple(site_packages(session)))

    version = build.version.rpartition(".")[0] if build else ""
    venv.share(pool / f"{version}-{key[:12]}", key, fill)
    if not made:
        session.log("The environment is current: it was installed from these lock entries.")


def _fill_own(session: nox.Session, job: ActiveJob, entries: Entries, *, editable: bool) -> None:
    """Make the session's own environment equal to the entries, unless it is."""
    key = f"{entries.digest} {'editable' if editable else 'copied'}"
    stamp = Path(session.virtualenv.location) / STAMP
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
    _synchronise(session, job, entries, editable=editable)
    if editable or not entries.folders:  # a copy is out of date with the next edit
        files.write_atomic(stamp, msgspec.json.encode(_Stamp(key)))


def _installs_nothing(session: nox.Session) -> bool:
    """Return whether nox passes over installs: `--no-install` in an environment that was there before."""
    runner = session._runner  # noqa: SLF001 - nox tells nowhere else
    return bool(runner.global_config.no_install and session.virtualenv._reused)  # noqa: SLF001


def _read_stamp(path: Path) -> str | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Stamp).key
    except (OSError, msgspec.DecodeError):
        return None


def _synchronise(session: nox.Session, job: ActiveJob, entries: Entries, *, editable: bool) -> None:
    """Install exactly the entries and remove the rest."""
    with preparing(job):
        if session.venv_backend == "uv":
            _with_uv(session, job, entries, editable=editable)
        else:
            _with_pip(session, job, entries, editable=editable)


def _with_uv(session: nox.Session, job: ActiveJob, entries: Entries, *, editable: bool) -> None:
    _uv_pip(session, job, "sync", "--require-hashes", "--allow-empty-requirements", _listing(session, entries))
    unhashed = _unhashed(job, entries, editable=editable)
    for pin in () if editable else entries.folders:  # else uv takes the copy that it built last time
        unhashed += ["--reinstall-package", pin.name]
    if unhashed:
        _uv_pip(session, job, "install", "--no-deps", *unhashed)


def _with_pip(session: nox.Session, job: ActiveJob, entries: Entries, *, editable: bool) -> None:
    listing = _listing(session, entries)
    if entries.locked:
        nox.Session.install(session, "--no-deps", "--require-hashes", "-r", listing)
    wanted = entries.names | _BOOTSTRAP
    surplus = sorted(name for name in _scanned(session) if canonicalize_name(name) not in wanted)
    if surplus:
        _run(session, "python", "-m", "pip", "uninstall", "--yes", *surplus)
    if unhashed := _unhashed(job, entries, editable=editable):
        nox.Session.install(session, "--no-deps", *unhashed)


def _listing(session: nox.Session, entries: Entries) -> str:
    """Write the requirements that have hashes to a file, and return its name."""
    path = Path(session.virtualenv.location) / "isonox-requirements.txt"
    files.write_atomic(path, entries.requirements().encode())
    return str(path)


def _unhashed(job: ActiveJob, entries: Entries, *, editable: bool) -> list[str]:
    """Return what is installed without hashes, as arguments of pip."""
    found = [pin.line(hashes=False) for pin in entries.others]
    for pin in entries.folders:
        where = str(job.root / (pin.path or "."))
        found += ["-e", where] if editable else [where]
    return found


def _uv_pip(session: nox.Session, job: ActiveJob, *words: str) -> None:
    """Run `uv pip` on what its cache holds, which the index need not be asked for; else on all there is."""
    _run(session, "uv", "pip", *words, "--offline", success_codes=_ANY_CODE)
    if job.commands[-1].exit_code != 0:
        session.log("uv's cache does not hold all of it: asking the package index.")
        _run(session, "uv", "pip", *words)


def _run(session: nox.Session, *argv: str, success_codes: Sequence[int] = (0,)) -> None:
    nox.Session.run_install(session, *argv, silent=True, success_codes=success_codes)


def installed(session: nox.Session) -> dict[str, str]:
    """Return name and version of every distribution in the session's environment, sorted by name."""
    venv = session.virtualenv
    if isinstance(venv, Environment) and venv.shared:
        return dict(venv.shared.distributions)
    return _scanned(session)


def _scanned(session: nox.Session) -> dict[str, str]:
    folders = site_packages(session)
    found = {
        distribution.metadata["Name"]: distribution.version
        for distribution in importlib.metadata.distributions(path=[str(folder) for folder in folders])
        if distribution.metadata["Name"]
    }
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))
