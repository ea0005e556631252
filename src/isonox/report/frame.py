"""One frame of the live board: lines that fit the terminal, whatever its size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from isonox.report import wording
from isonox.system import logs

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from isonox.report.progress import Progress, Running

#: Bytes of a log's end that are searched for its last line.
_LOG_END = 4096

_TIME_WIDTH = 7
_BAR_WIDTH = 10
_NARROW = 60
_NARROW_BAR_WIDTH = 5


def paint(progress: Progress, now: float, *, width: int, height: int) -> list[Text]:
    """Return the board's lines: a header, and the running jobs as far as they fit, the oldest first.

    Args:
        progress: The run's state.
        now: The time on the monotonic clock.
        width: Columns; no line is wider.
        height: Rows; there are never more lines, and always the header.
    """
    running = tuple(progress.running.values())
    room = max(0, height - 1)
    shown = running if len(running) <= room else running[: max(0, room - 1)]
    lines = [_header(progress, now, width), *_jobs(shown, now, width)]
    if len(shown) < len(running) and room:
        lines.append(Text(wording.cut(f"  and {len(running) - len(shown)} more running", width), style="dim"))
    return lines


def last_line(log: Path) -> str:
    """Return the last line of a log that says something; empty where there is none."""
    for line in reversed(logs.tail(log, _LOG_END).splitlines()):
        if said := wording.one_line(line):
            return said
    return ""


def bar(part: float, width: int) -> str:
    """Return a progress bar in plain characters; one that is overdue is full and stays full."""
    inside = max(1, width - 2)
    filled = min(inside, int(part * inside))
    return f"[{'#' * filled}{'.' * (inside - filled)}]"


def _header(progress: Progress, now: float, width: int) -> Text:
    """Make the header; on a narrow terminal its last words go first. Nothing is forecast from guesses alone."""
    words = [
        (f"{progress.done}/{progress.total} done", "bold"),
        (f"{progress.red} red", "bold red" if progress.red else ""),
        (wording.stopwatch(now - progress.since), ""),
    ]
    if progress.guessed < len(progress.open):
        words.append((f"about {wording.stopwatch(progress.rest(now))} left", ""))
    if progress.guessed:
        words.append((f"{wording.count(progress.guessed, 'job')} never timed", "dim"))
    line = Text()
    for word, style in words:
        glue = ", " if line else ""
        if line and line.cell_len + cell_len(glue + word) > width:
            break
        line.append(glue).append(word, style)
    line.truncate(width)
    return line


def _jobs(running: Iterable[Running], now: float, width: int) -> list[Text]:
    running = tuple(running)
    names = [wording.one_line(one.job.id) for one in running]
    name_width = min(max(map(cell_len, names), default=0), max(8, width * 2 // 5))
    bars = any(one.job.estimate_from == "history" for one in running)
    bar_width = (_NARROW_BAR_WIDTH if width < _NARROW else _BAR_WIDTH) if bars else 0
    lines = []
    for one, name in zip(running, names, strict=True):
        elapsed = now - one.since
        cells = [
            set_cell_size(wording.cut(name, name_width), name_width),
            f"{wording.stopwatch(elapsed):>{_TIME_WIDTH}}",
            _bar(one, elapsed, bar_width),
        ]
        start = "  " + " ".join(cell for cell in cells if cell)
        line = Text(wording.cut(start, width))
        said = last_line(one.log)
        room = width - line.cell_len - 2
        if said and room > 0:
            line.append("  ").append(set_cell_size(said, min(room, cell_len(said))), "dim")
        lines.append(line)
    return lines


def _bar(one: Running, elapsed: float, width: int) -> str:
    """Only a job that was timed before gets a bar: a guess is no progress."""
    if not width or one.job.estimate_from != "history" or one.job.estimate_seconds <= 0:
        return " " * width
    return bar(elapsed / one.job.estimate_seconds, width)
