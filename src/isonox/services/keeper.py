"""`python -m isonox.services.keeper DOCUMENT`: starts one server, looks after it, and removes it.

It is a process of its own, in a session of its own, so that no signal to a terminal or a job reaches it, and nobody
takes it for something that a job has left (see `isonox.system.processes.KEEPER`). It ends when it gets SIGTERM, when
its owner is gone, or when the server is. Signals only set a flag, which is looked at between two steps, so that
cleaning up is never interrupted. On Linux the kernel ends the server if the keeper itself is killed; what is left then
is found by its state.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import secrets
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from isonox.errors import IsonoxError, ServiceError
from isonox.model.service import same_major
from isonox.services import account, kinds, state
from isonox.services.backends import BACKENDS, Tools, choose
from isonox.services.ports import free_port
from isonox.services.state import Endpoint, Place, Process, State
from isonox.system import logs, processes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Seconds between two looks, while it starts and later on.
_SOON, _LATER = 0.02, 2.0

#: Seconds that a server has to end.
_GRACE = 3.0

#: How often another port is tried.
_ATTEMPTS = 5

#: Bytes and lines of a log's end that a message has.
_TAIL, _LINES = 4096, 8

_PORT_TAKEN = re.compile(r"(?i)address already in use|port is already allocated|address in use|eaddrinuse")


class _StoppedError(Exception):
    """Nobody needs the server any more."""


class _PortTakenError(Exception):
    """Somebody else was faster."""


def main() -> None:
    """Keep the server of a document."""
    place = Place.at(Path(sys.argv[1]))
    found = place.read()
    if found is not None:
        os.umask(0o022)  # servers may run as another account, and have to reach what is made for them
        processes.become_subreaper()
        _Keeper(place, found).keep()


class _Keeper:
    def __init__(self, place: Place, found: State) -> None:
        self._place = place
        self._state = replace(found, keeper=Process.of(os.getpid()))
        self._kind = kinds.of(found.service)
        self._stopping = False
        self._server: subprocess.Popen[bytes] | None = None
        self._woken, wakes = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(wakes, False)
        signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._owner: int | None = None
        if found.owner and hasattr(os, "pidfd_open"):
            with contextlib.suppress(OSError):  # it is gone, which its start time tells
                self._owner = os.pidfd_open(found.owner.pid)

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def keep(self) -> None:
        """Start the server, and stay until it is needed no more."""
        try:
            try:
                self._start()
                self._announce()
                self._watch()
            except IsonoxError as error:
                self._write(phase="failed", problem=error.message, hint=error.hint or "")
            except OSError as error:
                self._write(phase="failed", problem=f"{self._state.service.title} can't be started: {error}")
        except (_StoppedError, IsonoxError):  # a state that can't be written is nobody's any more
            self._clean()
            self._place.remove()
        else:
            self._clean()
            self._announce()

    def _start(self) -> None:
        self._write()
        self._pause(0)
        choice = choose(self._state.service, os.environ, self._state.wanted)
        temporary = account.temporary() if choice.backend == "native" else ""
        self._write(backend=choice.backend, program=choice.program, temporary=temporary)
        for _ in range(_ATTEMPTS):
            try:
                actual = self._attempt()
                break
            except _PortTakenError:
                self._clean()
        else:
            raise ServiceError(
                f"{self._state.service.title}: each of {_ATTEMPTS} free ports was taken by another process"
            )
        if actual and not self._state.service.any_version and not same_major(self._state.service.version, actual):
            raise ServiceError(
                f"{self._state.service.title} was declared, but {actual} answers ({self._state.program})",
                hint="declare the version that you mean, or accept others: any_version=True",
            )
        self._kind.prepare(self._state)
        self._write(program=BACKENDS[choice.backend].identity(self._state.program, os.environ))
        self._write(phase="ready", actual=actual, urls=self._kind.urls(self._state))

    def _attempt(self) -> str | None:
        """Start the server once, and return its version when it is healthy."""
        self._write(endpoint=Endpoint(port=free_port(), password=secrets.token_hex(16)))
        since = self._log_size()
        command = BACKENDS[self._state.backend or "native"].command(self._state, Tools(self._run, os.environ))
        self._pause(0)
        self._server = self._popen(command.argv, command.options)
        self._write(server=Process.of(self._server.pid))
        deadline = time.monotonic() + self._state.service.wait_seconds
        while True:
            if self._server.poll() is not None:
                if _PORT_TAKEN.search(self._tail(since)):
                    raise _PortTakenError
                raise ServiceError(self._with_tail(f"{self._state.service.title} ended at once ({self._exit()})"))
            try:
                return self._kind.ready(self._state)
            except OSError as error:
                if time.monotonic() > deadline:
                    limit = f"{self._state.service.wait_seconds:g} s"
                    what = f"{self._state.service.title} did not become healthy within {limit} ({error})"
                    raise ServiceError(self._with_tail(what)) from error
            self._pause(_SOON)

    def _watch(self) -> None:
        """Wait for the end of the server, of the owner, or for the word to stop."""
        while self._server is not None and self._server.poll() is None:
            self._pause(_LATER)
            if self._state.owner is None and not self._place.document.exists():
                raise _StoppedError  # with the whole checkout, perhaps
        time.sleep(_SOON)  # for its last words
        self._write(phase="died", problem=self._with_tail(f"{self._state.service.title} died ({self._exit()})"))

    def _pause(self, seconds: float) -> None:
        """Wait until something happens, but not for long.

        Raises:
            _StoppedError: There is nothing to wait for any more.
        """
        owner = self._state.owner
        watched = [self._woken] if self._owner is None else [self._woken, self._owner]
        limit = seconds if self._owner is not None or owner is None else min(seconds, 10 * _SOON)
        readable, _, _ = select.select(watched, [], [], limit)
        with contextlib.suppress(BlockingIOError):
            os.read(self._woken, 4096)
        gone = owner is not None and (self._owner in readable or not owner.alive)
        if self._stopping or gone:
            raise _StoppedError

    def _run(self, argv: Sequence[str], options: Mapping[str, Any], seconds: float) -> None:
        """Run a command to its end; see `Tools`."""
        process = self._popen(argv, options)
        deadline = time.monotonic() + seconds
        while (code := process.poll()) is None:
            if time.monotonic() > deadline:
                processes.kill_tree(process.pid, grace=0)
                code = process.wait()
                break
            self._pause(5 * _SOON)
        if code:
            what = f"{self._state.service.title}: {_short(argv)} failed ({processes.describe_exit(code)})"
            raise ServiceError(self._with_tail(what))

    def _popen(self, argv: Sequence[str], options: Mapping[str, Any]) -> subprocess.Popen[bytes]:
        dying = functools.partial(processes.signal_when_parent_dies, self._kind.end)
        with self._place.log.open("ab") as log:
            try:
                return subprocess.Popen(
                    list(argv),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    preexec_fn=dying,  # noqa: PLW1509 - this process has one thread
                    **options,
                )
            except (OSError, subprocess.SubprocessError) as error:
                raise ServiceError(f"{self._state.service.title}: can't run {argv[0]}: {error}") from error

    def _write(self, **changes: Any) -> None:
        self._state = replace(self._state, **changes)
        self._place.write(self._state)

    def _announce(self) -> None:
        """Tell whoever started this process that the state says how it went: its pipe is closed."""
        with open(os.devnull, "wb") as nothing:  # noqa: PTH123 - a descriptor is wanted
            os.dup2(nothing.fileno(), sys.stdout.fileno())

    def _clean(self) -> None:
        """End the server with all that it started, and remove its data."""
        server, self._server = self._server, None
        if server is not None and server.poll() is None and self._state.backend == "native":
            server.send_signal(self._kind.end)
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(_GRACE)
        if self._state.backend == "docker":
            state.remove_container(self._state)
        processes.end_children()
        if server is not None:
            server.wait()
        if self._state.temporary:
            state.remove_folder(self._state.folder)

    def _exit(self) -> str:
        return processes.describe_exit(self._server.wait()) if self._server else ""

    def _log_size(self) -> int:
        return self._place.log.stat().st_size if self._place.log.exists() else 0

    def _tail(self, since: int = 0) -> str:
        size = min(_TAIL, self._log_size() - since)
        return (
            logs.tail(self._place.log, size).replace(self._state.endpoint.password or "\0", "***") if size > 0 else ""
        )

    def _with_tail(self, what: str) -> str:
        lines = [line.rstrip() for line in self._tail().splitlines() if line.strip()][-_LINES:]
        return "\n  ".join([f"{what}; its last lines:", *lines]) if lines else f"{what}; it printed nothing"


def _short(argv: Sequence[str]) -> str:
    """Return what a message calls a command: "initdb", "docker pull"."""
    name = Path(argv[0]).name
    return f"{name} {argv[1]}" if name == "docker" else name


if __name__ == "__main__":
    main()
