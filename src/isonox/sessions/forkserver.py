"""Nox with the noxfile loaded once (Linux).

`isonox ci` asks for jobs over a socket, a JSON document per line. For each this process forks, and in the fork nox
goes on from where it would select the sessions, to its end. A fork keeps the promises of `isonox.sessions.child`; its
module state is that right after loading. Nobody else waits for forks, so a process id never means another process.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import os
import platform
import select
import signal
import socket
import sys
import tempfile
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import nox.tasks
import nox.virtualenv
from nox._cli import nox_main

from isonox.model import inputs
from isonox.model.pipeline import PLAIN, Session
from isonox.model.workspace import Workspace
from isonox.sessions import assignment, child, environment, hook, messages, project, recording
from isonox.sessions.messages import Ended, Ready, Refused, Start, Stop
from isonox.sessions.run_directory import RunDirectory
from isonox.sessions.swap import swapped
from isonox.system import processes
from isonox.system.leaving import leave
from isonox.system.version import own_version

if TYPE_CHECKING:
    from collections.abc import Collection
    from types import FrameType
    from typing import NoReturn

    from nox._options import NoxConfig
    from nox.manifest import Manifest
    from nox.sessions import SessionRunner


def main() -> NoReturn:
    """Serve in a Python of its own, whose arguments are SOCKET LIFELINE NOXFILE."""
    serve(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], os.getppid())


def serve(connection: int, lifeline: int, noxfile: str, parent: int) -> NoReturn:
    """Load the noxfile, then serve until the socket's other end is closed, and end this process.

    Args:
        connection: The socket's descriptor.
        lifeline: That of a pipe's reading end, for the forks.
        noxfile: Relative to the current folder.
        parent: Process id of the one that asks for jobs; this one ends with it.
    """
    if not sys.flags.safe_path:
        sys.path[0] = os.getcwd()  # noqa: PTH109 - as `python -m` does, wherever a session goes
    sys.argv = ["nox", *messages.nox_arguments(noxfile)]
    processes.become_subreaper()
    _end_with(parent)
    hook.install()
    server = _Server(socket.socket(fileno=connection), lifeline)
    own_version()
    if not server.may_load():
        leave(0)
    project.take_over(Path(os.environ[messages.RUN_VARIABLE]) / messages.DECLARED, project.root())
    code: object = 1
    try:
        with swapped(nox.tasks, "filter_manifest", server.serve):
            nox_main()
    except SystemExit as stop:
        code = stop.code or 0
    except BaseException:  # noqa: BLE001 - as the interpreter would, which a fork does not go back to
        traceback.print_exc()
    if not isinstance(code, int):
        sys.stderr.write(f"{code}\n")
    leave(code if isinstance(code, int) else 1)


def _end_with(parent: int) -> None:
    """End with everything below when the parent dies, while the noxfile is being loaded too."""
    own = os.getpid()

    def end(_number: int, _frame: FrameType | None) -> None:
        if os.getpid() != own:  # a fork that has not become a child yet
            raise KeyboardInterrupt
        if os.getppid() != parent:
            child.end()

    signal.signal(signal.SIGTERM, end)
    processes.signal_when_parent_dies(signal.SIGTERM)
    if os.getppid() != parent:  # it has died before
        child.end()


class _Server:
    """Forks for each job, and says how it ended.

    Args:
        connection: Requests come in here, answers go out.
        lifeline: What the forks get as theirs.
    """

    def __init__(self, connection: socket.socket, lifeline: int) -> None:
        self._connection = connection
        self._lifeline = lifeline
        self._run = RunDirectory(Path(os.environ[messages.RUN_VARIABLE]))
        self._jobs: dict[int, str] = {}
        self._runners: dict[str, SessionRunner] = {}
        self._unfinished = b""
        self._early: list[messages.Request] = []
        self._woken, self._wakes = os.pipe()
        os.set_blocking(self._wakes, False)

    def may_load(self) -> bool:
        """Wait until the noxfile is to be loaded; return whether it is ever to be."""
        while not self._early:
            requests = self._requests()
            if requests is None:
                return False
            self._early = requests
        return True

    def serve(self, manifest: Manifest, global_config: NoxConfig) -> Manifest | int:
        """Do nox's step of selecting sessions: returns in each fork with the one to run, and at the end with 0."""
        if reason := _hindrance(Path(global_config.noxfile).name):
            self._send(Refused(reason=reason))
            return 0
        # Not freed, and so copied, in a fork.
        self._runners = {recording.session_id(runner): runner for runner in manifest}
        _find_out(self._runners.values())
        start = self._forks()
        if start is None:
            processes.end_children()
            return 0
        self._become(start)
        runner = self._runners[start.session]
        runner.posargs = list(start.posargs)
        manifest._queue = [runner]  # noqa: SLF001 - add_session looks at each runner, and so copies its memory
        return manifest

    def _forks(self) -> Start | None:
        """Fork for each request: in the fork return it, and here None when nobody can ask any more."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wakes, warn_on_full_buffer=False)
        sys.stdout.flush()
        gc.freeze()
        self._send(Ready())
        requests: list[messages.Request] | None = self._early
        while requests is not None:
            for request in requests:
                if isinstance(request, Stop):
                    self._stop(request)
                elif isinstance(request, Start) and self._fork(request.job):
                    return request
            readable, _, _ = select.select([self._woken, self._connection.fileno()], [], [])
            if self._woken in readable:
                os.read(self._woken, 4096)
                self._reap()
            requests = self._requests() if self._connection.fileno() in readable else []
        return None

    def _requests(self) -> list[messages.Request] | None:
        """Return what has come in, or None after the end."""
        with contextlib.suppress(ConnectionError):
            if received := self._connection.recv(65536):
                *lines, self._unfinished = (self._unfinished + received).split(b"\n")
                return [messages.request(line) for line in lines]
        return None

    def _fork(self, job: str) -> bool:
        """Return whether this is the fork."""
        pid = os.fork()
        if pid:
            self._jobs[pid] = job
        return not pid

    def _become(self, start: Start) -> None:
        """Make this fork what a child process of its own would be."""
        os.setsid()
        signal.set_wakeup_fd(-1)
        gc.enable()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        atexit._clear()  # noqa: SLF001 - who registered something while the noxfile was loaded is the server
        self._connection.close()
        log = os.open(self._run.log_path(start.job), os.O_WRONLY)
        os.dup2(log, 1)
        os.dup2(log, 2)
        for descriptor in (log, self._woken, self._wakes):
            os.close(descriptor)
        child.begin(self._lifeline)
        assignment.take(start.planned)
        sys.argv = ["nox", *sys.argv[1:], *messages.selecting_arguments(start.session, start.posargs)]

    def _stop(self, request: Stop) -> None:
        for pid in [pid for pid, job in self._jobs.items() if job == request.job]:
            if request.now:
                processes.kill_tree(pid, grace=0)
            else:
                os.kill(pid, signal.SIGTERM)

    def _reap(self) -> None:
        """Say which jobs have ended, and end what a job left that could not do that itself."""
        while pid_and_status := _dead_child():
            pid, status = pid_and_status
            job = self._jobs.pop(pid, None)
            if job is not None:
                code = os.waitstatus_to_exitcode(status)
                if code < 0:
                    processes.end_children(but=self._jobs)
                self._send(Ended(job=job, exit_code=code))

    def _send(self, answer: messages.Answer) -> None:
        with contextlib.suppress(ConnectionError):  # nobody is there any more, which the next read will tell
            self._connection.sendall(messages.line(answer))


def _hindrance(noxfile: str) -> str:
    """Return why a fork of this process would not be what a process of its own is; empty if it would."""
    if len(os.listdir("/proc/self/task")) > 1:  # noqa: PTH208 - only their number is wanted
        return f"{noxfile} starts threads when it is loaded"
    if processes.has_children():
        return f"{noxfile} starts processes when it is loaded that go on running"
    return ""


def _find_out(runners: Collection[SessionRunner]) -> None:
    """Find out once what is the same for every fork, and kept by whoever is asked for it."""
    platform.uname()
    assignment.find_out(project.root())
    nox.virtualenv.find_uv()
    with contextlib.suppress(OSError):  # no temporary folder can be written
        tempfile.gettempdir()
    config = project.config(project.root())
    if any(recording.facts_of(runner).services for runner in runners):
        from isonox.sessions import servers  # noqa: F401, PLC0415 - each fork would import it
    if not all(map(hook.has_no_environment, runners)):
        import findpython.providers  # noqa: F401, PLC0415 - as above

        from isonox.workspace import lock_entries  # noqa: F401, PLC0415 - as above
    environment.declared(os.environ, PLAIN, cores=1, extra=config.pass_env)
    for runner in {runner.name: runner for runner in runners if runner.envdir}.values():  # one of each stage
        name = recording.package_of(runner)
        workspace = project.workspace(project.root()) if name else Workspace()
        package = workspace.by_name[name].name if name else None
        session = Session(id=runner.name, stage=runner.name, package=package, facts=recording.facts_of(runner))
        inputs.counted(inputs.of(session, workspace), workspace, ())


def _dead_child() -> tuple[int, int] | None:
    """Return process id and status of a child that has ended, if there is one; orphans of jobs are children too."""
    try:
        pid, status = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return None
    return (pid, status) if pid else None
