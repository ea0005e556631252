"""What a run shows while it goes on a terminal: a live board. Everywhere else, see `isonox.report.lines`."""

from __future__ import annotations

from collections import deque
from datetime import timedelta
from typing import TYPE_CHECKING, Self

from rich.console import Group
from rich.constrain import Constrain
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from isonox.model.events import JobAdded, JobEnded, JobStarted, RunEnded, RunStarted
from isonox.model.naming import count
from isonox.report import forecast, wording
from isonox.report.lines import outliving
from isonox.system import clock, logs

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console, RenderableType

    from isonox.model.events import Event
    from isonox.model.plan import PlannedJob
    from isonox.model.record import Record

#: Seconds between two frames: eight a second are smooth, and cost next to nothing.
_FRAME = 0.125

#: Seconds between two forecasts: with thousands of jobs one takes longer than a frame should.
_FORECAST = 1.0

_BAR_WIDTH = 10

#: Bytes of a log's end that are searched for its last line.
_LOG_END = 4096


class Board:
    """A live board: finished jobs scroll above it, each running job has a line with its time and last output.

    Args:
        console: Where to; must be a terminal.
    """

    def __init__(self, console: Console) -> None:
        self._console = outliving(console)
        self._width = console.width
        self._painted = self._since = 0.0
        self._slots = 1
        self._open: dict[str, PlannedJob] = {}
        self._running: dict[str, tuple[JobStarted, float]] = {}
        self._done = self._red = 0
        self._forecast: tuple[float, float] | None = None
        self._last_ended: deque[Text] = deque(maxlen=50)
        self._live = Live(
            console=console, get_renderable=self._frame, auto_refresh=False, transient=True, redirect_stdout=False
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def __call__(self, event: Event) -> None:
        """Take an event."""
        now = clock.monotonic()
        if self._console.width != self._width:
            self._start_over()
        match event:
            case RunStarted():
                self._since, self._slots, self._open = now, event.slots, dict(event.plan.by_id)
            case JobAdded():
                self._open[event.job.id] = event.job
            case JobStarted():
                self._running[event.job.id] = event, now
            case JobEnded():
                self._end(event.record)
            case RunEnded():
                self._live.stop()
        if now - self._painted >= _FRAME:
            self._painted = now
            self._live.refresh()

    def _end(self, record: Record) -> None:
        self._open.pop(record.job, None)
        self._running.pop(record.job, None)
        self._done += 1
        self._red += not record.verdict.green
        if not record.from_run:
            self._last_ended.append(wording.styled(wording.ended(record)))
            self._console.print(self._last_ended[-1], soft_wrap=True)

    def _start_over(self) -> None:
        """Paint the screen anew after its width has changed.

        Terminals rewrap lines when they get narrower, each in its own way, so nobody knows where the old board is.
        """
        self._width = self._console.width
        self._console.clear()
        kept = list(self._last_ended)[-max(1, self._console.height // 2) :]
        self._console.print(Text("\n").join(kept), soft_wrap=True)

    def _frame(self) -> RenderableType:
        """Make the board; what does not fit the terminal is cut."""
        now = clock.monotonic()
        width = max(1, self._console.width - 1)  # a terminal may go to the next line when its last cell is written
        name_width = max(10, width * 2 // 5)
        jobs = Table.grid(expand=True, padding=(0, 1))
        for ratio in (None, None, None, 1):
            jobs.add_column(no_wrap=True, overflow="ellipsis", ratio=ratio)
        for started, since in self._running.values():
            # Only a job that was timed before gets a bar: a guess is no progress.
            total = started.job.estimate_seconds if started.job.estimate_from == "history" else 0.0
            jobs.add_row(
                Text(wording.cut(f"  {wording.one_line(started.job.id)}", name_width)),
                _stopwatch(now - since),
                ProgressBar(total, now - since, _BAR_WIDTH, finished_style="bar.complete") if total else "",
                Text(_last_line(started.log), "dim"),
            )
        return Constrain(Group(self._header(now), jobs), width)

    def _header(self, now: float) -> Text:
        """Say how far the run is; nothing is forecast from guesses alone."""
        guessed = sum(job.estimate_from != "history" for job in self._open.values())
        words = [
            Text(f"{self._done}/{self._done + len(self._open)} done", "bold"),
            Text(f"{self._red} red", "bold red" if self._red else ""),
            Text(_stopwatch(now - self._since)),
        ]
        if guessed < len(self._open):
            words.append(Text(f"about {_stopwatch(self._left(now))} left"))
        if guessed:
            words.append(Text(f"{count(guessed, 'job')} never timed", "dim"))
        return Text(", ", no_wrap=True, overflow="ellipsis").join(words)

    def _left(self, now: float) -> float:
        """Return the seconds that are left, by the last forecast or a new one."""
        if self._forecast is None or now - self._forecast[0] >= _FORECAST:
            elapsed = {name: now - since for name, (_, since) in self._running.items()}
            self._forecast = now, forecast.rest(self._open.values(), self._slots, elapsed)
        when, seconds = self._forecast
        return max(0.0, seconds - (now - when))


def _stopwatch(seconds: float) -> str:
    return str(timedelta(seconds=int(seconds)))


def _last_line(log: Path) -> str:
    """Return the last line of a log that says something; empty where there is none."""
    lines = map(wording.one_line, reversed(logs.tail(log, _LOG_END).splitlines()))
    return next(filter(None, lines), "")
