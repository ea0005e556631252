"""Start real nox children: each with its own log, its own process group, and a lifeline to this process."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from isonox.sessions.child import LIFELINE_VARIABLE
from isonox.sessions.hook import RUN_VARIABLE
from isonox.sessions.loader import SELECTING_VARIABLES
from isonox.system import clock, files, processes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
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


@dataclass
class _Child:
    process: subprocess.Popen[bytes]
    started: float


class NoxExecutor:
    """Runs each job as `python -m isonox.sessions.child ...`, which is nox with isonox's wrapper.

    Args:
        root: The workspace; children run there.
        noxfile: The noxfile's path, relative to `root`.
        directory: The run's folder.
        environment: Variables of the children, before isonox adds its own.
    """

    def __init__(self, root: Path, noxfile: str, directory: RunDirectory, environment: Mapping[str, str]) -> None:
        self._root = root
        self._noxfile = noxfile
        self._directory = directory
        self._environment = {name: value for name, value in environment.items() if name not in SELECTING_VARIABLES}
        self._children: dict[str, _Child] = {}
        # Nobody writes to this pipe. When this process dies, however it dies, the kernel closes the writing end
        # and every child sees the end of file.
        self._lifeline, self._held = os.pipe()
        processes.become_subreaper()

    def command(self, job: PlannedJob) -> list[str]:
        """Return the child's argv."""
        arguments = ["-f", self._noxfile, "-s", job.session, "--no-dependencies", "--nocolor"]
        posargs = ["--", *job.posargs] if job.posargs else []
        return [sys.executable, "-m", "isonox.sessions.child", *arguments, *posargs]

    def start(self, job: PlannedJob, on_end: Callable[[str, int], None]) -> None:
        """Start a job; see `Executor.start`."""
        own = {
            RUN_VARIABLE: str(self._directory.path),
            LIFELINE_VARIABLE: str(self._lifeline),
            "NOX_SCRIPT_MODE": "none",  # the child has isonox already; nox would make an environment of its own
        }
        path = self._directory.log_path(job.id)
        try:
            log = path.open("wb")
        except OSError as error:
            raise files.state_error(error, f"can't write {path}") from error
        with log:
            process = subprocess.Popen(
                self.command(job),
                cwd=self._root,
                env={**self._environment, **own},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(self._lifeline,),
                start_new_session=True,
            )
        self._children[job.id] = _Child(process, clock.monotonic())
        threading.Thread(target=self._wait, args=(job.id, process, on_end), daemon=True).start()

    def _wait(self, job: str, process: subprocess.Popen[bytes], on_end: Callable[[str, int], None]) -> None:
        code = process.wait()
        if code < 0:  # it could not end what it had started
            self._end_orphans()
        on_end(job, code)

    def _end_orphans(self) -> None:
        """End processes that have become ours because the child that started them is dead (Linux)."""
        own = {child.process.pid for child in self._children.values()}
        for process in processes.children(os.getpid()):
            if process.pid not in own:
                processes.kill_tree(process.pid, grace=0)

    def interrupt(self, job: str) -> None:
        """Ask a job to stop; see `Executor.interrupt`."""
        with contextlib.suppress(ProcessLookupError):
            self._children[job].process.send_signal(signal.SIGTERM)

    def kill(self, job: str) -> None:
        """End a job and everything below it; see `Executor.kill`."""
        processes.kill_tree(self._children[job].process.pid, grace=0)

    def close(self) -> None:
        """Close the lifeline, so that a child that is still there ends now; and end what any child has left."""
        self._end_orphans()
        os.close(self._held)
        os.close(self._lifeline)
