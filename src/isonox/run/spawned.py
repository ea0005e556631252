"""Jobs as processes of their own: each starts Python, imports nox and loads the noxfile."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from isonox.sessions import messages
from isonox.system import processes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from isonox.model.plan import PlannedJob
    from isonox.sessions.messages import Planned
    from isonox.sessions.run_directory import RunDirectory


class Setting(NamedTuple):
    """What all jobs of a run have in common.

    Attributes:
        root: The workspace; jobs run there.
        noxfile: The noxfile's path, relative to `root`.
        directory: The run's folder.
        environment: The jobs' variables, but for those about one job.
        lifeline: A pipe's reading end; when nobody holds the other one any more, jobs end.
    """

    root: Path
    noxfile: str
    directory: RunDirectory
    environment: Mapping[str, str]
    lifeline: int


class Spawned:
    """Runs each job as `python -m isonox.sessions.child ...`, which is nox with isonox's wrapper."""

    def __init__(self, setting: Setting, others: Callable[[], set[int]]) -> None:
        """`others` returns the ids of processes with a session of their own that this one has started elsewhere."""
        self._setting = setting
        self._others = others
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._starting = threading.Lock()

    def start(self, job: PlannedJob, planned: Planned, on_end: Callable[[str, int], None]) -> None:
        """Start a job, whose log is there already; see `Executor.start`."""
        setting = self._setting
        arguments = messages.nox_arguments(setting.noxfile) + messages.selecting_arguments(job.session, job.posargs)
        own = {
            messages.LIFELINE_VARIABLE: str(setting.lifeline),
            messages.PLANNED_VARIABLE: msgspec.json.encode(planned).decode(),
        }
        with setting.directory.log_path(job.id).open("wb") as log, self._starting:
            process = subprocess.Popen(
                [sys.executable, "-m", "isonox.sessions.child", *arguments],
                cwd=setting.root,
                env={**setting.environment, **own},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(setting.lifeline,),
                start_new_session=True,
            )
            self._children[job.id] = process
        threading.Thread(target=self._wait, args=(job.id, process, on_end), daemon=True).start()

    def _wait(self, job: str, process: subprocess.Popen[bytes], on_end: Callable[[str, int], None]) -> None:
        code = process.wait()
        if code < 0:  # it could not end what it had started
            self.end_orphans()
        on_end(job, code)

    def end_orphans(self) -> None:
        """End what processes that died have left to this one. No job starts meanwhile: it would be taken for one."""
        with self._starting:
            processes.end_orphans(but={child.pid for child in self._children.values()} | self._others())

    def interrupt(self, job: str) -> None:
        """Ask a job to stop; see `Executor.interrupt`."""
        if child := self._children.get(job):
            with contextlib.suppress(ProcessLookupError):
                child.send_signal(signal.SIGTERM)

    def kill(self, job: str) -> None:
        """End a job and everything below it; see `Executor.kill`."""
        child = self._children.get(job)
        if child and child.poll() is None:
            processes.kill_tree(child.pid, grace=0)
