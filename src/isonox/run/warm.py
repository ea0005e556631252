"""The process that jobs are forked from, started before anybody knows what is to run: importing nox takes longest.

`isonox` makes it as a copy of itself, as soon as it has imported what both need; where that is too late, because there
are threads already, it is a Python of its own.
"""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, NamedTuple

from isonox.sessions.messages import OWNER_VARIABLE, RUN_VARIABLE, SELECTING_VARIABLES
from isonox.system import processes, run_folders
from isonox.system.git import NOXFILE
from isonox.system.processes import Fork

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import NoReturn

#: "spawn": each job starts a Python of its own, as where there is no fork.
START_VARIABLE = "ISONOX_START"

#: Nothing that is imported before the first job is garbage. Beside that, it is as `python -m`, but faster.
_SERVE = "import gc; gc.disable(); from isonox.sessions import forkserver; forkserver.main()"


class Lifeline(NamedTuple):
    """A pipe that nobody writes to.

    When this process dies, however it dies, the kernel closes the writing end, and every child sees the end of file.
    """

    reading: int
    held: int

    def close(self) -> None:
        """End every child that is still there."""
        os.close(self.held)
        os.close(self.reading)


class Warm(NamedTuple):
    """The process, which waits for `isonox.sessions.messages.Load`.

    Attributes:
        folder: Of the run that it is for, which has its log.
        lifeline: With which its jobs end.
        connection: To talk to it.
    """

    folder: Path
    lifeline: Lifeline
    connection: socket.socket
    process: subprocess.Popen[bytes] | Fork

    @property
    def log(self) -> Path:
        """What it prints."""
        return self.folder / "forkserver.log"

    @classmethod
    def start(
        cls, root: Path, folder: Path, lifeline: Lifeline, environment: Mapping[str, str], noxfile: str = NOXFILE
    ) -> Warm:
        """Start it with the variables of its jobs, and return at once.

        Call it in a thread that lives as long as the run: the kernel ties the process to it. The process changes no
        variable before it forks: where the C library once has moved them, threads of a fork that look at them are not
        safe from one that adds another.

        Raises:
            OSError: It can't be started.
        """
        connection, other = socket.socketpair()
        descriptors = (other.fileno(), lifeline.reading)
        with other, (folder / "forkserver.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", _SERVE, *map(str, descriptors), noxfile],
                cwd=root,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=descriptors,
                start_new_session=True,
            )
        return cls(folder, lifeline, connection, process)

    @classmethod
    def fork(cls, root: Path, folder: Path, lifeline: Lifeline, environment: Mapping[str, str]) -> Warm:
        """Do the same with a copy of this process, which has to have no other thread.

        Raises:
            OSError: It can't be made.
        """
        connection, other = socket.socketpair()
        descriptors = (other.fileno(), lifeline.reading)
        with other, (folder / "forkserver.log").open("wb") as log:
            sys.stdout.flush()
            sys.stderr.flush()
            parent = os.getpid()
            pid = os.fork()
            if not pid:
                _serve(root, environment, log.fileno(), descriptors, parent)
        return cls(folder, lifeline, connection, Fork(pid))


def _serve(root: Path, environment: Mapping[str, str], log: int, descriptors: tuple[int, int], parent: int) -> NoReturn:
    """Be the process, in a fork, to its end."""
    try:
        sys.modules["__main__"] = type(sys)("__main__")  # multiprocessing runs that again in what it starts
        processes.become_another(folder=str(root), variables=environment, output=log, keep=descriptors)
        from isonox.sessions import forkserver  # noqa: PLC0415 - imports nox

        forkserver.serve(*descriptors, NOXFILE, parent)
    except BaseException:  # noqa: BLE001 - what called this is not to be gone back to
        import traceback  # noqa: PLC0415 - hardly ever needed

        traceback.print_exc()
    finally:
        os._exit(1)


def environment(outer: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return the variables of all jobs of the run in a folder, but for those about one job."""
    kept = {name: value for name, value in outer.items() if name not in SELECTING_VARIABLES}
    owner = f"{os.getpid()}:{processes.identity(os.getpid())}"
    # The child has isonox already; nox would make an environment of its own.
    return {**kept, RUN_VARIABLE: str(folder), OWNER_VARIABLE: owner, "NOX_SCRIPT_MODE": "none"}


_begun: dict[Path, Warm] = {}


def begin(root: Path) -> None:
    """Start the process for a run that is likely to need it; the run takes it (see `taken`).

    Raises:
        StateError: `.isonox/` can't be written.
        OSError: It can't be started.
    """
    if sys.platform == "linux" and START_VARIABLE not in os.environ and root not in _begun:
        atexit.register(_end)
        folder = run_folders.reserve(root)
        make = Warm.fork if threading.active_count() == 1 else Warm.start
        try:
            _begun[root] = make(root, folder, Lifeline(*os.pipe()), environment(os.environ, folder))
        except BaseException:
            run_folders.discard(folder)
            raise


def taken(root: Path) -> Warm | None:
    """Return what was begun for the workspace at `root`, once."""
    return _begun.pop(root, None)


def _end() -> None:
    """End what was begun, and that no run has taken: what was asked for can't be run."""
    for begun in _begun.values():
        begun.connection.close()
        begun.process.kill()
        begun.process.wait()
        begun.lifeline.close()
        run_folders.discard(begun.folder)
