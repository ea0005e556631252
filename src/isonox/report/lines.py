"""What a run shows while it goes where there is no terminal: plain lines."""

from __future__ import annotations

import contextlib
import sys
from typing import IO, TYPE_CHECKING, Any, cast

from isonox.model.events import JobEnded, JobStarted
from isonox.report import wording
from isonox.system import terminal

if TYPE_CHECKING:
    from rich.console import Console

    from isonox.model.events import Event


class Lines:
    """Prints one line when a job starts and one when it ends.

    Args:
        console: Where to; standard error, without colours, by default.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = outliving(console) if console else None
        self._file = self._console.file if self._console else cast("IO[str]", _Outliving(sys.stderr))

    def __call__(self, event: Event) -> None:
        """Take an event."""
        if isinstance(event, JobStarted):
            self._print((f"started {wording.one_line(event.job.id)}",))
        elif isinstance(event, JobEnded) and not event.record.from_run:  # nothing happened; the summary counts it
            self._print(wording.ended(event.record))

    def _print(self, line: wording.Line) -> None:
        if self._console and self._console.is_terminal:
            self._console.print(wording.styled(line), soft_wrap=True)
        else:  # thousands of jobs should not wait for a layout that has no colours
            self._file.write(terminal.encodable(f"{wording.plain(line)}\n", self._file))
            self._file.flush()


class _Outliving:
    """A stream that goes on when nobody reads it any more: `isonox ci 2>&1 | head`, or a closed window.

    Rich would end this process, and the run would be lost with it.
    """

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def outliving(console: Console) -> Console:
    """Let a console go on when nobody reads what it prints."""
    console.file = cast("IO[str]", _Outliving(console.file))
    return console
