"""What a run shows while it goes: a live board on a terminal, plain lines everywhere else."""

from __future__ import annotations

import contextlib
from collections import deque
from typing import IO, TYPE_CHECKING, Any, Self, cast

from rich.console import Group
from rich.control import Control
from rich.live import Live
from rich.text import Text

from isonox.model.events import JobEnded, JobStarted, RunEnded
from isonox.report import frame, wording
from isonox.report.progress import Progress
from isonox.system import clock

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import Console

    from isonox.model.events import Event
    from isonox.model.record import Record

#: Seconds between two frames: eight a second are smooth, and cost next to nothing.
_FRAME = 0.125


class Lines:
    """Prints one line when a job starts and one when it ends.

    Args:
        console: Where to; usually standard error.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        _outlive_reader(console)

    def __call__(self, event: Event) -> None:
        """Take an event."""
        if isinstance(event, JobStarted):
            self._console.print(Text(f"started {wording.one_line(event.job.id)}"), soft_wrap=True)
        elif isinstance(event, JobEnded):
            self._console.print(ended_line(event.record), soft_wrap=True)


class Board:
    """A live board: finished jobs scroll above it, each running job has a line with its time and last output.

    Args:
        console: Where to; must be a terminal.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        _outlive_reader(console)
        self._progress = Progress()
        self._live: Live | None = None
        self._width = 0
        self._painted = 0.0
        self._finished: deque[Text] = deque(maxlen=200)

    def __enter__(self) -> Self:
        self._begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def __call__(self, event: Event) -> None:
        """Take an event."""
        now = clock.monotonic()
        self._progress.take(event, now)
        if self._live is None:
            return
        if isinstance(event, RunEnded):
            self._end()
            return
        if self._console.width != self._width:
            self._start_over()
        if isinstance(event, JobEnded):
            line = ended_line(event.record)
            self._finished.append(line)
            self._console.print(line, soft_wrap=True)
        if now - self._painted >= _FRAME:
            self._painted = now
            self._live.refresh()

    def _begin(self) -> None:
        self._width = self._console.width
        self._live = Live(
            console=self._console,
            get_renderable=self._frame,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            vertical_overflow="crop",
        )
        self._live.start()

    def _end(self) -> None:
        if self._live is not None:
            live, self._live = self._live, None
            live.stop()

    def _start_over(self) -> None:
        """Paint the screen anew after its width has changed.

        Terminals rewrap lines when they get narrower, each in its own way, so nobody knows where the old board is.
        """
        self._end()
        self._console.control(Control.clear(), Control.home())
        for line in list(self._finished)[-max(1, self._console.height // 2) :]:
            self._console.print(line, soft_wrap=True)
        self._begin()

    def _frame(self) -> Group:
        # One row and one column stay free: a terminal scrolls when its last cell is written.
        size = self._console.size
        lines = frame.paint(
            self._progress, clock.monotonic(), width=max(1, size.width - 1), height=max(1, size.height - 1)
        )
        return Group(*lines)


def ended_line(record: Record) -> Text:
    """Return the line for a job that has its verdict: verdict, job, time, and why it is not simply passed."""
    line = Text.assemble(
        (f"{record.verdict.value:<9}", wording.STYLES[record.verdict]),
        f" {wording.one_line(record.job)}",
    )
    if record.seconds:
        line.append(f" {wording.span(record.seconds)}", "dim")
    if record.reason:
        line.append(f": {wording.one_line(record.reason)}")
    return line


class _Outliving:
    """A stream that goes on when nobody reads it any more: `isonox ci 2>&1 | head`, or a closed window.

    Rich would end this process, and the run would be lost with it.
    """

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, or lose it."""
        with contextlib.suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, or lose it."""
        with contextlib.suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _outlive_reader(console: Console) -> None:
    console.file = cast("IO[str]", _Outliving(console.file))
