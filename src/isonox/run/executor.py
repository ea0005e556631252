"""Start real nox children: each with its own log, its own process group, and a lifeline to this process."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, Protocol

from isonox.errors import StateError, UsageError
from isonox.run.forked import Asked, Forked
from isonox.run.spawned import Setting, Spawned
from isonox.run.warm import START_VARIABLE, Lifeline, Warm
from isonox.run.warm import environment as warm_environment
from isonox.sessions import redaction
from isonox.sessions.messages import Planned
from isonox.system import files, processes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from isonox.model.plan import PlannedJob
    from isonox.sessions.run_directory import RunDirectory


class Executor(Protocol):
    """Runs jobs; the loop's only door to processes."""

    def start(self, job: PlannedJob, on_end: Callable[[str, int], None]) -> None:
        """Start a job and return; `on_end` gets its id and exit code, from any thread."""

    def interrupt(self, job: str) -> None:
        """Ask a job to stop and write its record."""

    def kill(self, job: str) -> None:
        """End a job and everything below it, now."""

    def close(self) -> None:
        """Free what the executor holds; no job runs any more."""


class NoxExecutor:
    """Runs each job in nox with isonox's wrapper: forked from a warm process where that can be, else spawned.

    Args:
        root: The workspace; children run there.
        noxfile: The noxfile's path, relative to `root`.
        directory: The run's folder.
        environment: Variables of the children, before isonox adds its own.
        commit: What records name as the commit; see `Record`.
        dirty: Whether the working tree differs from it.
        slots: How many cores the jobs share.
        warm: The process to fork jobs from, if it was started already.

    Attributes:
        lost: Why jobs were spawned that were to be forked; empty if there were none.
        secrets: What logs must not hold; a job has ended when that is so.

    Raises:
        UsageError: `ISONOX_START` has a value that means nothing.
    """

    def __init__(  # noqa: PLR0913 - what a job needs to know
        self,
        root: Path,
        noxfile: str,
        directory: RunDirectory,
        environment: Mapping[str, str],
        *,
        commit: str | None,
        dirty: bool,
        slots: int,
        warm: Warm | None = None,
    ) -> None:
        if (how := environment.get(START_VARIABLE, "spawn")) != "spawn":
            raise UsageError(f"{START_VARIABLE}={how!r} is unknown", hint=f'{START_VARIABLE}="spawn", or unset')
        self._directory = directory
        self._commit = commit
        self._dirty = dirty
        self.slots = slots
        self._root = root
        variables = warm_environment(environment, directory.path)
        self._lifeline = warm.lifeline if warm else Lifeline(*os.pipe())
        processes.become_subreaper()
        self._setting = Setting(root, noxfile, directory, variables, self._lifeline.reading)
        self._spawned = Spawned(self._setting, lambda: self._forked.process_ids() if self._forked else set())
        self._forked: Forked | None = None
        self.lost = ""
        self.secrets: Sequence[str] = ()
        self._may_fork = sys.platform == "linux" and START_VARIABLE not in environment
        self._forkable: Collection[str] | None = None
        self._loading = False
        if warm:
            self._talk_to(warm)

    def prepare(self) -> None:
        """Start the warm process, and return at once: it gets ready to load the noxfile.

        Call it in a thread that lives as long as the run: the kernel ties the process to it.
        """
        if not self._may_fork:
            return
        try:
            self._talk_to(self._start())
        except OSError as error:
            self._may_fork = False
            self.lost = f"no process to fork them from: {error}"

    def _start(self) -> Warm:
        setting = self._setting
        return Warm.start(setting.root, self._directory.path, self._lifeline, setting.environment, setting.noxfile)

    def _talk_to(self, warm: Warm) -> None:
        self._may_fork = False
        self._forked = Forked(warm, self._setting, self._spawn_late, self._spawned.end_orphans)

    def load(self, sessions: Collection[str] | None = None) -> None:
        """Let the warm process load the noxfile, and return at once. Without this, the first job does it.

        Args:
            sessions: Ids of those that it declares, by what was handed over (see `isonox.sessions.project`); None for
                all. Others are spawned.
        """
        self.prepare()
        if self._forked and not self._loading:
            self._forkable = sessions
            self._loading = True
            self._forked.load()

    def start(self, job: PlannedJob, on_end: Callable[[str, int], None]) -> None:
        """Start a job; see `Executor.start`."""
        self.load()
        path = self._directory.log_path(job.id)
        try:
            path.write_bytes(b"")
        except OSError as error:
            raise files.state_error(error, f"can't write {path}") from error
        cores = job.cores(self.slots)
        planned = Planned(
            commit=self._commit, dirty=self._dirty, fingerprint=job.fingerprint, cores=cores, shard=job.shard
        )

        def ended(name: str, code: int) -> None:
            redaction.clean(path, self.secrets)
            on_end(name, code)

        if self._forked and (self._forkable is None or job.id in self._forkable):
            if self._forked.start(Asked(job, planned, ended)):
                return
            self.lost = self._forked.lost
        self._spawned.start(job, planned, ended)

    def _spawn_late(self, asked: Asked, lost: str) -> None:
        """Start a job that was to be forked, and could not; it counts as started."""
        self.lost = lost
        job = asked.job.id
        try:
            self._spawned.start(asked.job, asked.planned, asked.on_end)
        except OSError as error:
            with contextlib.suppress(StateError):
                files.append(self._directory.log_path(job), f"could not be started: {error}\n")
            asked.on_end(job, 1)

    def interrupt(self, job: str) -> None:
        """Ask a job to stop; see `Executor.interrupt`."""
        if self._forked:
            self._forked.interrupt(job)
        self._spawned.interrupt(job)

    def kill(self, job: str) -> None:
        """End a job and everything below it; see `Executor.kill`."""
        if self._forked:
            self._forked.kill(job)
        self._spawned.kill(job)

    def close(self) -> None:
        """Close the lifeline, so that a child that is still there ends now; and end what any child has left."""
        if self._forked:
            self._forked.close()
            redaction.clean(self._forked.log, self.secrets)
        processes.end_children()
        if (self._root / files.STATE / "services").exists():
            from isonox.services import lease  # noqa: PLC0415 - most runs have none

            lease.end_all(self._root, lease.own_process())
        self._lifeline.close()
