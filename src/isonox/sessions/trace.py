"""Trace what a session uses: in its Python processes, and in its function, which runs in this one."""

from __future__ import annotations

import bisect
import contextlib
import functools
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from isonox.cache import tracing
from isonox.cache.tracer import sitecustomize
from isonox.errors import IsonoxError
from isonox.model import inputs
from isonox.model.pipeline import Session
from isonox.model.record import Undeclared
from isonox.model.workspace import Workspace
from isonox.sessions import environment, project, requirements
from isonox.system import clock, files, git

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from types import FrameType

    from isonox.model.pipeline import Facts
    from isonox.sessions.active import ActiveJob

_FOLDER = str(Path(sitecustomize.__file__).parent)

#: Seconds that the times of files may be behind.
_LAG = 0.02

#: So many folders are named in a question to git; for more it is asked about everything.
_MANY = 50


@contextlib.contextmanager
def traced(job: ActiveJob) -> Iterator[None]:
    """Trace the session function that runs while the context is open, if its verdict can be used again."""
    report = job.run.trace_path(job.id)
    with contextlib.suppress(IsonoxError, OSError):  # then it is not traced
        if _is_wanted(job.facts):
            with contextlib.suppress(FileExistsError):
                os.mkdir(report.parent)  # noqa: PTH102 - as below
            with open(report, "wb"):  # noqa: PTH123 - each job comes by here, and this is faster
                pass
            job.trace, job.traced_since = report, clock.posix()
    if job.trace is None:
        yield
        return
    tracer = _tracer()
    tracer.start(str(report), str(job.root))
    try:
        with environment.added(_variables(report, job.root, os.environ)):
            yield
    finally:
        tracer.report = ""


def find_out(root: Path) -> None:
    """Find out what is the same for every job of a run."""
    _tracer()
    project.files_of(root)


def around(job: ActiveJob, argv: Sequence[str], given: Mapping[str, str] | None) -> Mapping[str, str] | None:
    """Return the environment of a command: `given`, and what makes its Python processes report.

    Installers are left out. What isonox installs from the lock is part of the fingerprint; of what a session installs
    by itself, the files that it names count as read.
    """
    if job.trace is None:
        return given
    values = dict(os.environ if given is None else given)
    if job.phase == "session" and not requirements.installs(argv):
        takes(job, requirements.synchronised(argv, job.root))
        return values | _variables(job.trace, job.root, values)
    if job.phase == "session":
        taken = requirements.taken(argv, Path.cwd())
        takes(job, taken.files)
        if taken.asks:
            files.append(job.trace, f"C{tracing.INDEX} ({job.redact(' '.join(argv[1:]))})\0")
    values.pop(sitecustomize.REPORT, None)
    return values


def used(job: ActiveJob, path: str) -> None:
    """Note that the session reads something in a way that is not seen."""
    if job.trace is not None:
        files.append(job.trace, f"R{path}\0")


def takes(job: ActiveJob, paths: Iterable[Path]) -> None:
    """Note that the session takes files, but for those that it made: a tool that is not seen may have written them.

    Of a folder, that is all that git sees in it, or else what says how it is built.
    """
    if job.trace is None:
        return
    for place in dict.fromkeys(place for path in paths for place in (os.path.normpath(path), os.path.realpath(path))):
        if not f"{place}{os.sep}".startswith(f"{job.root}{os.sep}"):
            continue
        relative = place[len(f"{job.root}{os.sep}") :].replace(os.sep, "/")
        if Path(place).is_dir():
            below = [one for one in project.files_of(job.root) if one.startswith(f"{relative}/" if relative else "")]
            for one in below:
                used(job, one)
            takes(job, () if below else requirements.manifests(Path(place)))
        elif _known(project.files_of(job.root), relative) or not _written(Path(place), job.traced_since):
            used(job, relative)


def serves(job: ActiveJob, port: int) -> None:
    """Note that the session itself answers at a port of this machine, by a program that may not be traced."""
    if job.trace is not None:
        files.append(job.trace, f"B{port}\0")


def judged(job: ActiveJob, package: str | None, posargs: Iterable[str]) -> tuple[bool, tuple[Undeclared, ...]]:
    """Return whether the session was traced, and what it used beside its inputs."""
    if job.trace is None or (facts := _facts(job.trace)) is None:
        return False, ()
    session = Session(id=job.id, stage=job.id, package=package, facts=job.facts)
    workspace = project.workspace(job.root) if package else Workspace()
    scope = tracing.Scope(
        root=job.root,
        inputs=inputs.of(session, workspace),
        workspace=workspace,
        seen=functools.partial(_seen, job.root),
        for_a_time=job.facts.cache_seconds is not None,
        services=job.servers.addresses if job.servers else frozenset(),
    )
    named = [tracing.Fact("R", os.path.normpath(word)) for word in posargs if (job.root / word).is_file()]
    used = [*tracing.undeclared([*named, *facts], scope), *(job.servers.undeclared() if job.servers else ())]
    found = [one for one in used if one.kind != "wrote" or _written(job.root / one.what, job.traced_since)]
    return True, tuple(Undeclared(kind=one.kind, what=job.redact(one.what), hint=job.redact(one.hint)) for one in found)


def _written(path: Path, since: float) -> bool:
    """Return whether a file was changed, and not only opened so that it could have been; the kernel's clock lags."""
    try:
        return path.lstat().st_ctime >= since - _LAG
    except OSError:
        return True


def _is_wanted(facts: Facts) -> bool:
    return facts.environment == "declared" and facts.cache and not facts.secrets


def _facts(report: Path) -> list[tracing.Fact] | None:
    try:
        with open(report, "rb") as stream:  # noqa: PTH123 - each job comes by here, and this is faster
            content = stream.read()
        os.unlink(report)  # noqa: PTH108 - as above
    except OSError:  # a session may clear everything away
        return None
    return tracing.read(content)


def _variables(report: Path, root: Path, values: Mapping[str, str]) -> dict[str, str]:
    before = [entry for entry in values.get("PYTHONPATH", "").split(os.pathsep) if entry and entry != _FOLDER]
    return {
        "PYTHONPATH": os.pathsep.join([_FOLDER, *before]),
        sitecustomize.REPORT: str(report),
        sitecustomize.ROOT: str(root),
    }


@functools.cache
def _tracer() -> sitecustomize.Tracer:
    tracer = sitecustomize.Tracer()
    tracer.passed_over = _is_ours
    sys.addaudithook(tracer.hook)
    return tracer


def _is_ours(frame: FrameType | None) -> bool:
    """Return whether it is isonox or nox that does something, not the noxfile or what it imports."""
    root = _tracer().root
    while frame is not None:
        if frame.f_globals.get("__name__", "").partition(".")[0] in ("isonox", "nox"):
            return True
        file = frame.f_code.co_filename
        if file.startswith(root) and f"{os.sep}site-packages{os.sep}" not in file:
            return False
        frame = frame.f_back
    return True


def _seen(root: Path, paths: Iterable[str]) -> tuple[str, ...]:
    """Return the files that git sees at some paths, below them, and perhaps elsewhere."""
    known = project.files_of(root)
    found: list[str] = []
    unknown = []
    for path in paths:
        here = _known(known, path)
        found += here
        if not here:
            unknown.append(path)
    return (*found, *_asked(root, unknown)) if unknown else tuple(found)


def _known(files: tuple[str, ...], path: str) -> tuple[str, ...]:
    """Return which of some sorted files are at a path, below it, or are the submodule that it is in."""
    if not path:
        return files
    for place in (path, *tracing.above(path)):
        if files[(at := bisect.bisect_left(files, place)) : at + 1] == (place,):
            return (place,)
    return files[bisect.bisect_left(files, f"{path}/") : bisect.bisect_left(files, f"{path}0")]  # "0" follows "/"


def _asked(root: Path, paths: Iterable[str]) -> tuple[str, ...]:
    """Return the files that git says it sees there, and perhaps elsewhere."""
    wanted = {path if (root / path).is_dir() else path.rpartition("/")[0] or path for path in paths}
    if len(wanted) > _MANY or (root / ".gitmodules").exists():  # of what is in a submodule, git names that
        return git.tracked(root)
    return git.tracked(root, *(f":(literal){path}" for path in sorted(wanted)))
