"""Keep the values of declared secrets out of everything that a session prints."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from typing import TYPE_CHECKING

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
    pump = threading.Thread(target=_pump, args=(job, reading, original), daemon=True)
    pump.start()
    try:
        yield
    finally:
        _flush()
        os.dup2(original, descriptor)
        pump.join(_PATIENCE)


def _pump(job: ActiveJob, reading: int, original: int) -> None:
    with os.fdopen(reading, "rb") as lines, os.fdopen(original, "wb", buffering=0) as out:
        for line in lines:
            out.write(job.redact(line.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape"))


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
