"""Run tools to their end, read what they say, and end the session red with all that is wrong."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import sys
import threading
from typing import IO, TYPE_CHECKING, Any, Literal, NamedTuple

from isonox.sessions.commands import active_job
from isonox.system import processes, terminal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from re import Pattern

    from isonox.sessions.active import ActiveJob
    from isonox.sessions.session import Session

#: Exit codes of every platform that a tool may use on purpose, and signals.
_ANY_CODE = range(-128, 256)
#: So much of a command is logged: it may name hundreds of files.
_SHOWN = 500


class Outcome(NamedTuple):
    """How a command ended.

    Attributes:
        code: Its exit code, negative for a signal.
        output: What it printed, without terminal escapes.
    """

    code: int
    output: str

    @property
    def failed(self) -> bool:
        """Whether it ended with anything but 0."""
        return self.code != 0

    @property
    def last_line(self) -> str:
        """The last word of its output."""
        return next((line for line in reversed(self.output.splitlines()) if line.strip()), "it said nothing")

    def parsed(self) -> Any:
        """Return its output as JSON; None if it is none, because the tool stopped before."""
        with contextlib.suppress(json.JSONDecodeError):
            return json.loads(self.output)
        return None

    def __str__(self) -> str:
        return processes.describe_exit(self.code)


def run(
    session: Session,
    *argv: str,
    env: Mapping[str, str] | None = None,
    external: bool = False,
    shown: Literal["all", "errors", "nothing"] = "all",
) -> Outcome:
    """Run a command of the session's environment to its end; a failure is returned, not raised.

    Nox's own `session.run` either shows the output or returns it, and errors in the midst of data.

    Args:
        session: The running session.
        argv: The command.
        env: Variables beside those of the session.
        external: The program may be one from outside of the session's environment.
        shown: What people see of its output. If only errors, standard error is not returned; else it is.
    """
    job = active_job()
    command = shlex.join(argv)
    session.log(command if len(command) <= _SHOWN else f"{command[:_SHOWN]} ...")
    lines: list[str] = []
    with _pumped(job, lines, sys.stdout if shown == "all" else None) as out, _pumped(job, [], sys.stdout) as talk:
        session.run(
            *argv,
            env=env,
            stdout=out,
            stderr=talk if shown == "errors" else out,
            external=external or "error",
            log=False,
            success_codes=_ANY_CODE,
        )
    return Outcome(job.commands[-1].exit_code or 0, terminal.plain("".join(lines)))


def judge(session: Session, complaints: Iterable[str]) -> None:
    """End the session red with all complaints that are not empty; made by a generator, they let every tool run."""
    if bad := [complaint for complaint in complaints if complaint]:
        session.error("; ".join(bad))


def report(  # noqa: PLR0913 - a place has two halves
    session: Session, tool: str, message: str, path: str | None = None, line: int | None = None, *, shown: bool = False
) -> None:
    """Put a problem into the record, its path relative to the workspace root; log it where the tool did not."""
    if path:
        path = os.path.relpath(session.root.joinpath(path), session.root).replace(os.sep, "/")
    if shown:
        session.log(f"{path}{f':{line}' if line else ''}: {message}")
    session.report_finding(tool, message.strip(), path=path, line=line)


def report_matches(session: Session, tool: str, output: str, *patterns: Pattern[str]) -> None:
    """Put every match of the patterns (groups `path`, `line`, `message`) into the record."""
    for match in (match for pattern in patterns for match in pattern.finditer(output)):
        found = match.groupdict()
        line = found.get("line")
        report(session, tool, found.get("message") or match[0], found.get("path"), int(line) if line else None)


@contextlib.contextmanager
def _pumped(job: ActiveJob, lines: list[str], out: IO[str] | None) -> Iterator[int]:
    """Open a pipe whose redacted lines are gathered, and shown if there is an `out`; give its writing end."""
    reading, writing = os.pipe()
    pump = threading.Thread(target=_pump, args=(job, reading, lines, out), daemon=True)
    pump.start()
    try:
        yield writing
    finally:
        os.close(writing)
        pump.join(timeout=2)  # a daemon that the command left behind may hold the pipe open


def _pump(job: ActiveJob, reading: int, lines: list[str], out: IO[str] | None) -> None:
    with os.fdopen(reading, encoding="utf-8", errors="replace") as stream:
        for line in stream:
            lines.append(job.redact(line))
            if out:
                out.write(lines[-1])
                out.flush()
