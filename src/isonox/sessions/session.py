"""`isonox.Session`: nox's session, plus installs from the lock, artifacts, and honest ways to end."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import nox

from isonox.model.record import Finding
from isonox.model.shard import Shard
from isonox.sessions import install
from isonox.sessions.commands import active_job
from isonox.sessions.virtualenvs import Environment
from isonox.system import files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from isonox.model.config import Config
    from isonox.model.record import Split, TestCounts
    from isonox.model.workspace import Package
    from isonox.sessions.run_directory import RunDirectory


class Session(nox.Session):
    """What a session function of isonox gets: everything of `nox.Session`, and what CI adds."""

    __slots__ = ("_package",)

    _package: Package | None

    @classmethod
    def of(cls, session: nox.Session, *, package: Package | None) -> Session:
        """Make an isonox session of the one that nox passes in."""
        made = cls(session._runner)  # noqa: SLF001 - nox offers no other way to extend its Session
        made._package = package
        return made

    @property
    def package(self) -> Package | None:
        """The package that this session is for, or None where it is for the whole workspace."""
        return self._package

    @property
    def shard(self) -> Shard:
        """Which part of the session this job is: `index`, from 1, of `count`; 1 of 1 for all of it."""
        return active_job().shard or Shard(1, 1)

    @property
    def seed(self) -> int | None:
        """The seed that `ISONOX_SEED` gives for a random order; None without one."""
        return active_job().seed

    @property
    def job(self) -> str:
        """The job's id: nox's full signature, with `#2/6` for a shard."""
        return active_job().id

    @property
    def root(self) -> Path:
        """The workspace's root."""
        return active_job().root

    @property
    def config(self) -> Config:
        """`[tool.isonox]`, with defaults."""
        return active_job().config

    @property
    def run_directory(self) -> RunDirectory:
        """The folder of the run that this session belongs to."""
        return active_job().run

    @property
    def artifacts(self) -> Path:
        """A folder, created on first use, whose files are kept with the run."""
        job = active_job()
        return files.make_directory(job.run.artifacts_path(job.id))

    @property
    def cores(self) -> int:
        """How many cores this session has: its share in a run by `isonox ci`, else all of the machine."""
        return active_job().cores

    @property
    def in_ci(self) -> bool:
        """Whether a CI system runs this. Stages use it for what may be waived on a laptop only."""
        return active_job().in_ci

    def install(self, *args: str, **options: Any) -> None:
        """Install as nox does, into an environment of the session's own, which then differs from the lock."""
        install.before_change(self, active_job())
        super().install(*args, **options)
        _ = self.service_urls

    @property
    def service_urls(self) -> dict[str, str]:
        """The URLs of the session's services, by the variables that hold them; it waits until all can be used."""
        servers = active_job().servers
        return dict(servers.ready()) if servers else {}

    def run_install(self, *args: Any, **options: Any) -> Any:
        """Run a command of nox's install step, in an environment of the session's own."""
        install.before_change(self, active_job())
        return super().run_install(*args, **options)

    def run(self, *args: Any, **options: Any) -> Any:
        """Run a command as nox does; one that installs something gets an environment of the session's own."""
        if args and isinstance(args[0], (str, os.PathLike)) and install.changes_environment(args):
            install.before_change(self, active_job())
        return super().run(*args, **options)

    @property
    def env_dir(self) -> Path:
        """The folder of the session's environment, which may be one that sessions share."""
        return Path(self.virtualenv.location) if isinstance(self.virtualenv, Environment) else super().env_dir

    def create_tmp(self) -> str:
        """Return a folder for temporary files; another run of this session waits until this one has ended."""
        self._claim()
        return super().create_tmp()

    @property
    def cache_dir(self) -> Path:
        """A folder that outlives the session; another run of this session waits until this one has ended."""
        self._claim()
        return super().cache_dir

    def _claim(self) -> None:
        if isinstance(self.virtualenv, Environment):
            self.virtualenv.prepare()

    def install_group(
        self,
        *groups: str,
        extras: Sequence[str] = (),
        project: bool = False,
        editable: bool = True,
    ) -> None:
        """Make the environment equal to the lock for some dependency groups.

        Exactly the locked versions are installed, hash-checked, by uv or pip alike; what is not asked for is
        removed. Several calls in one session add up. Nothing is done when the environment is current.

        Args:
            groups: Names of `[dependency-groups]` of the root `pyproject.toml`.
            extras: Extras of the project (with `project=True`).
            project: Also install the project itself: the session's package, or all packages of the workspace.
            editable: Install local packages in editable mode.

        Raises:
            LockError: There is no lock, it is out of date, or it lacks a group.
        """
        install.install_group(
            self,
            active_job(),
            groups,
            extras=extras,
            project=project,
            editable=editable,
            package=self._package,
        )
        _ = self.service_urls  # in the environment from now on

    def waive(self, reason: str) -> NoReturn:
        """End the session with the verdict *waived*; the reason is printed every time."""
        self.skip(reason)

    def report_tests(self, counts: TestCounts) -> None:
        """Put test counts into the record."""
        active_job().tests = counts

    def report_split(self, split: Split) -> None:
        """Put what a job took of a suite's tests, and in which order, into the record."""
        active_job().split = split

    def report_coverage(self, percent: float) -> None:
        """Put the total coverage into the record."""
        active_job().coverage_percent = percent

    def report_finding(self, tool: str, message: str, *, path: str | None = None, line: int | None = None) -> None:
        """Put a problem at a place into the record."""
        job = active_job()
        where = path and job.redact(path)
        job.findings.append(Finding(tool=tool, message=job.redact(message), path=where, line=line))

    def note(self, text: str) -> None:
        """Put a remark into the record and the log."""
        job = active_job()
        job.notes.append(job.redact(text))
        self.log("%s", job.redact(text))
