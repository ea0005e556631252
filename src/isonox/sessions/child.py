"""`python -m isonox.sessions.child NOX-ARGUMENTS`: the nox process that `isonox ci` starts for one job.

It is nox with the wrapper installed, plus two promises: when the parent dies, it ends everything below it; when
the parent asks it to stop (SIGTERM), the session is interrupted and its record written.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

from isonox.sessions import hook
from isonox.system import processes

#: Set by the parent: a pipe's reading end, closed by the kernel when the parent dies.
LIFELINE_VARIABLE = "ISONOX_LIFELINE"


def main() -> None:
    """Run nox with this process's arguments."""
    lifeline = os.environ.pop(LIFELINE_VARIABLE, None)
    if lifeline is not None:
        threading.Thread(target=_watch, args=(int(lifeline),), daemon=True).start()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    hook.install()
    sys.argv[0] = "nox"
    from nox._cli import nox_main  # noqa: PLC0415 - after the watch has begun: importing nox takes a moment

    nox_main()


def _watch(descriptor: int) -> None:
    os.read(descriptor, 1)  # returns only when the writing end is closed: nothing is ever written
    processes.kill_tree(os.getpid(), grace=0.5, include_root=False)
    os._exit(128 + signal.SIGKILL)


if __name__ == "__main__":
    main()
