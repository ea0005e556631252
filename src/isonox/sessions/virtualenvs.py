"""When a session's environment is made, and where: its own when it is first used, or one that sessions share."""

from __future__ import annotations

import contextlib
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from nox.sessions import resolve_download_python, resolve_venv_backends
from nox.virtualenv import VirtualEnv

from isonox.sessions import pool
from isonox.sessions.commands import active_job
from isonox.sessions.swap import swapped
from isonox.system import files, interpreters

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nox.sessions import SessionRunner

    from isonox.sessions.active import ActiveJob
    from isonox.sessions.pool import Held, Made

_BACKENDS = {"uv", "virtualenv", "venv"}


class Environment(VirtualEnv):
    """A session's environment that does not exist before somebody needs it.

    Args:
        planned: What nox would have made.
        cache: Where is kept what interpreters say of themselves.
        prepare: See `deferred`.

    Attributes:
        program: The interpreter that it is, or will be, made of.
        build: What that says of itself; without it, nothing is shared.
        shared: The shared environment that is used now.
        changed: Whether the session's own environment may have been changed: then it is the one to use.
    """

    _unmade: str | None = None  # while nox's own __init__ asks

    def __init__(self, planned: VirtualEnv, cache: Path, prepare: Callable[[], None]) -> None:
        super().__init__(
            planned.location_name,
            planned.interpreter,
            download_python=planned.download_python,
            reuse_existing=planned.reuse_existing,
            venv_backend=planned.venv_backend,
        )
        self._own = self._unmade = planned.location
        self.program = planned._resolved_interpreter  # noqa: SLF001 - raises if it is missing
        self._resolved = self.program  # which nox would look for again
        self.prepare = prepare
        self.build = interpreters.known(self.program, cache=cache)
        self.shared: Held | None = None
        self.changed = False

    @property
    def location(self) -> str:
        """Its folder. A session's own environment is made when somebody asks for that, to be exact."""
        if self._unmade is not None and self._location == self._unmade:
            self._make_own()
        return self._location

    @location.setter
    def location(self, value: str) -> None:
        self._location = value

    @property
    def exists(self) -> bool:
        """Whether it has been made."""
        return self._location != self._unmade

    @property
    def pool(self) -> Path:
        """The folder of shared environments."""
        return Path(self._own).parent / pool.NAME

    def create(self) -> bool:
        """Make it where it is meant to be, as nox does."""
        with preparing(active_job()):
            return super().create()

    def share(self, place: Path, key: str, fill: Callable[[], Made]) -> None:
        """Use a shared environment from now on.

        Args:
            place: Of the pool.
            key: The whole key of what is wanted.
            fill: Installs, if need be, into the new environment that this one is meanwhile.
        """
        before = self._location

        def make(folder: Path) -> Made:
            self._move(str(folder))
            self._reused = False
            self.create()
            return fill()

        try:
            held = pool.environment(place, key, make)
        except BaseException:
            self._move(before)
            raise
        self.release()
        self._move(str(held.folder))
        self._reused, self.shared = True, held

    def leave(self) -> None:
        """Go back to the session's own environment, for good: it may be changed now."""
        self.changed = True
        self.release()
        self._move(self._own)

    def release(self) -> None:
        """Let the shared environment go; this object still says where it is."""
        if self.shared is not None:
            self.shared.release()
            self.shared = None

    def _move(self, location: str) -> None:
        """Be in another folder; variables that name the one so far follow."""
        self.env.update({name: location for name, value in self.env.items() if value == self._location})
        self.location = self.location_name = location

    def _make_own(self) -> None:
        self._unmade = None
        own = Path(self._own)
        self.prepare()
        with _spared(own / "tmp"):
            if not (own / "pyvenv.cfg").exists():  # nox would take any folder for an environment
                shutil.rmtree(own, ignore_errors=True)
            self.create()


@contextlib.contextmanager
def preparing(job: ActiveJob) -> Iterator[None]:
    """What runs while the context is open makes the environment: it is not what the session does."""
    before, job.phase = job.phase, "environment"
    try:
        yield
    finally:
        job.phase = before


@contextlib.contextmanager
def deferred(runner: SessionRunner, job: ActiveJob, prepare: Callable[[], None]) -> Iterator[None]:
    """Let nox make no environment for a session, but plan one, where the session's function decides which it needs.

    Args:
        runner: Nox's runner of the session.
        job: The session.
        prepare: Called before anything is written to the session's own folder, perhaps more than once.
    """
    if not _can_wait(runner, job):
        prepare()
        yield
        return
    original = runner._create_venv  # noqa: SLF001 - nox's only seam between planning an environment and making it
    made: list[Environment] = []

    def plan() -> None:
        with swapped(VirtualEnv, "create", lambda _venv: True):
            original()
        planned = runner.venv
        if isinstance(planned, VirtualEnv):
            runner.venv = Environment(planned, files.state_directory(job.root) / "cache", prepare)
            made.append(runner.venv)

    with swapped(runner, "_create_venv", plan):
        try:
            yield
        finally:
            for venv in made:
                job.environment = Path(venv.location) if venv.exists else None
                venv.release()


def _can_wait(runner: SessionRunner, job: ActiveJob) -> bool:
    """Whether the session reuses a plain virtual environment, and its function is isonox's."""
    return (
        job.facts.environment == "declared"
        and runner.reuse_existing_venv()
        and not runner.func.venv_params
        and runner.func.python is not False
        and set(resolve_venv_backends(runner.global_config, runner.func)) <= _BACKENDS
        and resolve_download_python(runner.global_config, runner.func) != "always"
        and sys.platform != "win32"  # without locks that several may hold
    )


@contextlib.contextmanager
def _spared(folder: Path) -> Iterator[None]:
    """Move a folder out of the way while what is around it is made anew."""
    if not folder.exists():
        yield
        return
    aside = folder.parent.with_name(f".{folder.parent.name}.{folder.name}")
    shutil.rmtree(aside, ignore_errors=True)
    folder.rename(aside)
    try:
        yield
    finally:
        folder.parent.mkdir(exist_ok=True)
        aside.rename(folder)
