"""`python -m isonox.sessions.child NOX-ARGUMENTS`: the nox process that `isonox ci` starts for one job.

It is nox with the wrapper installed, plus two promises: when the parent dies, it ends everything below it; when
the parent asks it to stop (SIGTERM), the session is interrupted and its record written.
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
import time
from typing import TYPE_CHECKING

from isonox.sessions import hook
from isonox.sessions.messages import LIFELINE_VARIABLE
from isonox.system import processes

if TYPE_CHECKING:
    from typing import NoReturn

#: What Python calls the starting of a process. Source: https://docs.python.org/3/library/audit_events.html
_STARTS = frozenset({"subprocess.Popen", "os.system", "os.fork", "os.forkpty", "os.posix_spawn", "os.exec"})
#: How often the processes below are looked for again.
_LATE = 4


def main() -> None:
    """Run nox with this process's arguments."""
    lifeline = os.environ.pop(LIFELINE_VARIABLE, None)
    begin(None if lifeline is None else int(lifeline))
    hook.install()
    sys.argv[0] = "nox"
    from nox._cli import nox_main  # noqa: PLC0415 - after the watch has begun: importing nox takes a moment

    nox_main()


def begin(lifeline: int | None) -> None:
    """Keep the two promises from now on."""
    if lifeline is not None:
        _thread.start_new_thread(_watch, (lifeline,))  # nobody waits for it, and each job starts one
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def _watch(descriptor: int) -> None:
    os.read(descriptor, 1)  # returns only when the writing end is closed: nothing is ever written
    end()


def end() -> NoReturn:
    """End everything below this process, then itself."""
    sys.addaudithook(_start_nothing)
    processes.kill_tree(os.getpid(), grace=0.5, include_root=False)
    for _ in range(_LATE):  # what was about to start when the hook came
        time.sleep(0.05)
        processes.kill_tree(os.getpid(), grace=0, include_root=False)
    os._exit(128 + signal.SIGKILL)


def _start_nothing(event: str, _arguments: object) -> None:
    """Refuse new processes: the session goes on in its own thread while everything below it is ended."""
    if event in _STARTS:
        raise RuntimeError("the run is over: isonox ci has ended")


if __name__ == "__main__":
    main()
