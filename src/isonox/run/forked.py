"""Jobs as forks of one process that has loaded the noxfile: its side of `isonox ci`."""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from isonox.errors import StateError
from isonox.model.plan import PlannedJob
from isonox.run.outcome import last_error
from isonox.sessions import messages
from isonox.sessions.messages import Ended, Load, Planned, Ready, Refused, Start, Stop
from isonox.system import files, processes

if TYPE_CHECKING:
    from isonox.run.spawned import Setting
    from isonox.run.warm import Warm

#: Seconds that the forkserver has to end when nothing runs any more.
_PATIENCE = 5.0


class Asked(msgspec.Struct):
    """A job that the forkserver was asked for.

    Attributes:
        sent: Whether the forkserver got to know of it.
        stopped: Whether it was asked to stop, too.
    """

    job: PlannedJob
    planned: Planned
    on_end: Callable[[str, int], None]
    sent: bool = False
    stopped: bool = False


class Forked:
    """Asks `isonox.sessions.forkserver` for each job; see `load`.

    Args:
        warm: Its process.
        setting: What all jobs have in common.
        instead: Starts a job that the forkserver turned out not to be able to start, and gets the reason.
        end_orphans: Ends what a process that died has left to this one.

    Attributes:
        lost: Why jobs can't be forked, or not any more; empty as long as they can.
        log: What the process prints.
    """

    def __init__(
        self, warm: Warm, setting: Setting, instead: Callable[[Asked, str], None], end_orphans: Callable[[], None]
    ) -> None:
        self.lost = ""
        self._end_orphans = end_orphans
        self._setting = setting
        self._instead = instead
        self._jobs: dict[str, Asked] = {}
        self._lock = threading.Lock()
        self._loading = self._ready = self._gone = self._closing = False
        self.log = warm.log
        self._connection = warm.connection
        self._process = warm.process
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def process_ids(self) -> set[int]:
        """Return the id of the forkserver: what it forked ends with it."""
        return {self._process.pid}

    def load(self) -> None:
        """Let the noxfile be loaded: what is declared is in the run's folder."""
        self._loading = True
        self._send(Load())

    def start(self, asked: Asked) -> bool:
        """Ask for a job; return False when there is nobody to ask any more. See `Executor.start`."""
        with self._lock:
            if self._gone:
                return False
            self._jobs[asked.job.id] = asked
        job = asked.job
        start = Start(job=job.id, session=job.session, posargs=job.posargs, planned=asked.planned)
        asked.sent = self._send(start)
        return True

    def interrupt(self, job: str) -> None:
        """Ask a job to stop; see `Executor.interrupt`."""
        if asked := self._jobs.get(job):
            asked.stopped = True
            self._send(Stop(job=job, now=False))

    def kill(self, job: str) -> None:
        """End a job and everything below it; see `Executor.kill`."""
        if asked := self._jobs.get(job):
            asked.stopped = True
            if self._ready:
                self._send(Stop(job=job, now=True))
            else:  # it is busy with the noxfile, maybe for ever
                self._end()

    def close(self) -> None:
        """End the forkserver, and what any job has left there."""
        self._closing = True
        if not self._ready:
            self._end()
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_WR)
        self._reader.join(_PATIENCE)  # it waits for the process without looking again and again
        if self._reader.is_alive():
            self._end()
            self._reader.join()
        self._connection.close()

    def _end(self) -> None:
        if not self._loading:  # so it has started nothing
            self._process.kill()
        elif self._process.poll() is None:
            processes.kill_tree(self._process.pid, grace=0)

    def _send(self, request: messages.Request) -> bool:
        """Return whether somebody is there; if not, the reader sees to what is lost."""
        try:
            self._connection.sendall(messages.line(request))
        except ConnectionError:
            return False
        return True

    def _read(self) -> None:
        """Take the answers, until the forkserver is gone."""
        with contextlib.suppress(ConnectionError, msgspec.DecodeError), self._connection.makefile("rb") as lines:
            for line in lines:
                self._take(messages.answer(line))
        code = self._process.wait()
        if self._closing:
            return
        self.lost = self.lost or f"the process to fork them from ended: {self._how(code)}"
        with self._lock:  # until it is open again, no job starts in another way
            if self._ready:
                self._end_orphans()  # its jobs have become ours
            self._gone = True
        for asked in list(self._jobs.values()):
            self._lose(asked)

    def _take(self, answer: messages.Answer) -> None:
        match answer:
            case Ready():
                self._ready = True
            case Refused(reason=reason):
                self.lost = reason
                self._end()  # with what the noxfile started
            case Ended(job=job, exit_code=code):
                self._jobs.pop(job).on_end(job, code)

    def _lose(self, asked: Asked) -> None:
        """Start elsewhere what was not started yet; what was running has ended."""
        if not (asked.stopped or (self._ready and asked.sent)):
            self._instead(asked, self.lost)
            return
        with contextlib.suppress(StateError):
            files.append(self._setting.directory.log_path(asked.job.id), f"\nisonox: {self.lost}\n")
        asked.on_end(asked.job.id, -signal.SIGKILL)

    def _how(self, code: int) -> str:
        cause = last_error(self.log)
        return f"{processes.describe_exit(code)}: {cause}" if cause else processes.describe_exit(code)
