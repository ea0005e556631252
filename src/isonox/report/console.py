"""What a run shows while it goes: a live board on a terminal, plain lines everywhere else."""

from __future__ import annotations

import contextlib
from collections import deque
from typing import TYPE_CHECKING, Self

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

    def __call__(self, event: Event) -> None:
        """Take an event."""
        if isinstance(event, JobStarted):
            self._print(Text(f"started {wording.one_line(event.job.id)}"))
        elif isinstance(event, JobEnded):
            self._print(ended_line(event.record))

    def _print(self, line: Text) -> None:
        """Print; a reader that has gone must not stop the run (rich would exit)."""
        with self._console.capture() as captured:
            self._console.print(line, soft_wrap=True)
        with contextlib.suppress(OSError):
            self._console.file.write(captured.get())
            self._console.file.flush()


class Board:
    """A live board: finished jobs scroll above it, each running job has a line with its time and last output.

    Args:
        console: Where to; must be a terminal.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
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
        """Take an event; a terminal that has gone must not stop the run."""
        now = clock.monotonic()
        self._progress.take(event, now)
        with contextlib.suppress(OSError):
            self._show(event, now)

    def _show(self, event: Event, now: float) -> None:
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
            with contextlib.suppress(OSError):
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
