"""The one place that writes to standard output and standard error."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from typing import IO, TYPE_CHECKING, TextIO, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

_Document = TypeVar("_Document")

#: Variables by which rich takes what is no terminal for one.
_COLOURFUL = ("FORCE_COLOR", "TTY_COMPATIBLE")

#: CSI, OSC and other escape sequences (ECMA-48), and control characters other than tab and newline.
_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"
    r"|\x1b[PX^_][^\x1b]*(?:\x1b\\)?"
    r"|\x1b[ -/]*[0-~]?"
    r"|\r(?=\n)"
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f-\x9f]")


def plain(text: str) -> str:
    """Return `text` without terminal escapes and control characters; a lone carriage return starts the line anew."""
    without = _ESCAPES.sub("", text)
    lines = [line.rsplit("\r", 1)[-1] for line in without.split("\n")]
    return _CONTROLS.sub("", "\n".join(lines))


def encodable(text: str, stream: IO[str]) -> str:
    """Return `text` with what a stream can't encode escaped."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def stdout() -> Console:
    """Return a console for data: no wrapping surprises, colour only on a terminal without NO_COLOR."""
    return _console(sys.stdout)


def drawing(stream: TextIO) -> Console | None:
    """Return a console where colours or a layout may be wanted; None for a file or a pipe without these variables."""
    return _console(stream) if stream.isatty() or any(name in os.environ for name in _COLOURFUL) else None


def _console(stream: TextIO) -> Console:
    from rich.console import Console  # noqa: PLC0415 - the children of a run import this module, and draw nothing

    return Console(file=stream, highlight=False, soft_wrap=True, markup=False, emoji=False)


def write_data(text: str) -> None:
    """Write data to standard output, as it is, with a newline at the end; see `reader_may_leave`."""
    with reader_may_leave():
        sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
        sys.stdout.flush()


def write_json(document: object) -> None:
    """Write a document to standard output as JSON, indented; see `write_data`."""
    import msgspec  # noqa: PLC0415 - as above

    write_data(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())


def write_document(document: _Document, show: Callable[[_Document], str], *, json: bool) -> None:
    """Write a document to standard output: as JSON, or as people read it."""
    if json:
        write_json(document)
    else:
        write_data(show(document))


@contextlib.contextmanager
def reader_may_leave() -> Iterator[None]:
    """Let the reader of standard output go (`isonox plan | head`): what is left unsaid changes no exit code."""
    try:
        yield
    except BrokenPipeError:
        # Python flushes standard output once more at exit, and would complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def in_ci() -> bool:
    """Return whether a CI system runs this: the variable CI is set to something that means yes."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false", "no", "off")
