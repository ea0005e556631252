"""Run a tool so that people see its output as it comes and the stage can read it afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import IO, TYPE_CHECKING, NamedTuple

from nox.command import CommandFailed

from isonox.sessions.commands import active_job
from isonox.system import processes, terminal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from re import Pattern

    from isonox.sessions.active import ActiveJob
    from isonox.sessions.session import Session

#: Exit codes of every platform that a tool may use on purpose, and signals.
_ANY_CODE = range(-128, 256)


class Outcome(NamedTuple):
    """How a command ended.

    Attributes:
        code: Its exit code, negative for a signal.
        output: Everything it printed, without terminal escapes.
    """

    code: int
    output: str

    @property
    def failed(self) -> bool:
        """Whether it ended with anything but 0."""
        return self.code != 0

    def __str__(self) -> str:
        return processes.describe_exit(self.code)


def run(
    session: Session, *argv: str, env: Mapping[str, str] | None = None, external: bool = False, shown: str = ""
) -> Outcome:
    """Run a command of the session's environment to its end; a failure is returned, not raised.

    Nox's own `session.run` either shows the output or returns it.

    Args:
        session: The running session.
        argv: The command.
        env: Variables beside those of the session.
        external: The program may be one from outside of the session's environment.
        shown: What the log says instead of the command, where that is hundreds of files long.

    Raises:
        CommandFailed: The program does not exist.
    """
    job = active_job()
    reading, writing = os.pipe()
    lines: list[str] = []
    pump = threading.Thread(target=_pump, args=(job, reading, sys.stdout, lines), daemon=True)
    pump.start()
    if shown:
        session.log(shown)
    code = 0
    try:
        session.run(
            *argv,
            env=env,
            stdout=writing,
            stderr=subprocess.STDOUT,
            external=external or "error",
            log=not shown,
            success_codes=_ANY_CODE if shown else None,  # nox prints the whole command where one fails
        )
        code = job.commands[-1].exit_code or 0
    except CommandFailed as error:
        if error.return_code is None:
            raise
        code = error.return_code
    finally:
        os.close(writing)
        pump.join(timeout=2)  # a daemon that the command left behind may hold the pipe open
    return Outcome(code, terminal.plain("".join(lines)))


def report_findings(session: Session, tool: str, output: str, *patterns: Pattern[str]) -> int:
    """Put every match of the patterns (groups `path`, `line`, `message`) into the record; return their number."""
    count = 0
    for pattern in patterns:
        for match in pattern.finditer(output):
            found = match.groupdict()
            path, line = found.get("path"), found.get("line")
            message = (found.get("message") or match[0]).strip()
            session.report_finding(
                tool, message, path=relative(session, path) if path else None, line=int(line) if line else None
            )
            count += 1
    return count


def relative(session: Session, path: str) -> str:
    """Return a path that a tool printed, relative to the workspace root if it is below it."""
    try:
        return os.path.relpath(session.root.joinpath(path), session.root).replace(os.sep, "/")
    except ValueError:  # another drive
        return path


def _pump(job: ActiveJob, reading: int, out: IO[str], lines: list[str]) -> None:
    with os.fdopen(reading, encoding="utf-8", errors="replace") as stream:
        for line in stream:
            shown = job.redact(line)
            lines.append(shown)
            out.write(shown)
            out.flush()
