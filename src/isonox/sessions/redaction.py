"""Keep the values of declared secrets out of everything that a session prints."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from typing import TYPE_CHECKING

from isonox.errors import StateError
from isonox.system import files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from isonox.sessions.active import ActiveJob

#: Seconds to wait for the last output of processes that the session may have left running.
_PATIENCE = 2.0


def texts(names: Iterable[str], environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return what must not be printed, the longest first: values of secrets, and the lines of those that have several.

    Args:
        names: Of the variables that hold them.
        environ: Where they have their values.
    """
    values = [environ[name] for name in names if environ.get(name)]
    lines = [line for value in values for line in value.splitlines() if line.strip()]
    if not values:
        return ()
    import json  # noqa: PLC0415 - most sessions have no secrets
    import shlex  # noqa: PLC0415 - as above
    import urllib.parse  # noqa: PLC0415 - as above

    found = {*values, *lines}
    for one in list(found):  # as commands, exceptions, documents and addresses show them
        found |= {shlex.quote(one), repr(one)[1:-1], json.dumps(one)[1:-1], urllib.parse.quote(one, safe="")}
    return tuple(sorted(found, key=len, reverse=True))


def without(secrets: Iterable[str], text: str) -> str:
    """Return `text` with secrets replaced."""
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


def clean(path: Path, secrets: Sequence[str]) -> None:
    """Replace secrets in what a process has printed where its filter could not see it.

    That is what it prints before the session and after it: while the noxfile is loaded, at exit, from threads that it
    has left. The file is removed where it can't be written anew.
    """
    if not secrets:
        return
    try:
        content = path.read_bytes()
    except OSError:
        return  # there is none
    cleaned = content
    for secret in secrets:
        cleaned = cleaned.replace(os.fsencode(secret), b"***")
    if cleaned != content:
        try:
            files.write_atomic(path, cleaned)
        except StateError:
            files.remove(path)


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
