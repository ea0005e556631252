"""Keep the values of declared secrets out of everything that a session prints."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from typing import TYPE_CHECKING

from isonox.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from isonox.sessions.active import ActiveJob

#: Seconds to wait for the last output of processes that the session may have left running.
_PATIENCE = 2.0


@contextlib.contextmanager
def redacted_output(job: ActiveJob) -> Iterator[None]:
    """Send this process's standard output and error, and those of its children, through a filter, line by line.

    Nothing happens for a job without secrets and services: its output stays what it is, a terminal included.
    """
    if not job.secrets and not job.facts.services:
        yield
        return
    with contextlib.ExitStack() as stack:
        for descriptor in (sys.stdout.fileno(), sys.stderr.fileno()):
            stack.enter_context(_filtered(job, descriptor))
        yield


@contextlib.contextmanager
def _filtered(job: ActiveJob, descriptor: int) -> Iterator[None]:
    _flush()
    original = os.dup(descriptor)
    reading, writing = os.pipe()
    os.dup2(writing, descriptor)
    os.close(writing)
    lost: list[OSError] = []
    pump = threading.Thread(target=_pump, args=(job, reading, os.dup(original), lost), daemon=True)
    pump.start()
    try:
        yield
    finally:
        _flush()
        os.dup2(original, descriptor)
        os.close(original)
        pump.join(_PATIENCE)
    if lost:
        raise StateError(f"the session's output was lost: {lost[0]}")


def _pump(job: ActiveJob, reading: int, writing: int, lost: list[OSError]) -> None:
    """Pass lines on; once they can't be written, read on, so that nobody who prints waits for ever."""
    with os.fdopen(reading, "rb") as lines, os.fdopen(writing, "wb", buffering=0) as out:
        for line in lines:
            try:
                out.write(job.redact(line.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape"))
            except OSError as error:
                lost.append(error)


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
