"""Every command that a session runs: recorded, redacted, and ended with its children when the session ends early."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

import nox.command

from isonox.model.record import Command
from isonox.sessions import requirements, trace
from isonox.sessions.active import ACTIVE
from isonox.sessions.swap import swapped
from isonox.system import clock, processes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from isonox.sessions.active import ActiveJob

#: Seconds between SIGTERM and SIGKILL for what a command that was stopped leaves behind.
GRACE = 0.3


@contextlib.contextmanager
def recorded(job: ActiveJob) -> Iterator[None]:
    """Record every command that nox starts while the context is open.

    `nox.command.popen` is the one function through which nox starts processes (environments and commands alike).
    """
    original: Any = vars(nox.command)["popen"]

    def popen(args: Sequence[str], **options: Any) -> tuple[int, str]:
        started = clock.monotonic()
        code: int | None = None
        if job.servers is not None and job.phase == "session" and not requirements.installs(args):
            options["env"] = {**(options.get("env") or os.environ), **job.servers.ready()}
        options["env"] = trace.around(job, [os.fspath(arg) for arg in args], options.get("env"))
        try:
            code, output = original(args, **options)
        except BaseException:
            processes.kill_tree(os.getpid(), grace=GRACE, include_root=False)
            raise
        else:
            return code, output
        finally:
            job.commands.append(
                Command(
                    argv=tuple(job.redact(os.fspath(arg)) for arg in args),
                    exit_code=code,
                    seconds=round(clock.monotonic() - started, 3),
                    phase=job.phase,
                )
            )

    with swapped(nox.command, "popen", popen):
        yield


def active_job() -> ActiveJob:
    """Return the job that this process is running.

    Raises:
        RuntimeError: No session is running: an isonox.Session outlived its session function.
    """
    job = ACTIVE.get()
    if job is None:
        raise RuntimeError("no isonox session is running in this process")
    return job
