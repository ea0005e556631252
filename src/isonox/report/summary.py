"""The summary at the end of a run, for a terminal: verdicts, causes, and what it all came to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from isonox.report import wording
from isonox.report.figures import HEADINGS, of_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from isonox.model.events import RunEnded
    from isonox.report.figures import Figures, Row

#: A run that stops early can leave hundreds of jobs that never started; more than so many are not spelt out.
_NEVER_STARTED_SHOWN = 10

#: Columns of the table where standard output is no terminal and nobody knows the width.
_FILE_WIDTH = 120


def write(ended: RunEnded, console: Console) -> None:
    """Print the summary of a run that has just ended; characters that the stream can't encode are escaped."""
    run = of_run(ended)
    width = console.width if console.is_terminal else max(console.width, _FILE_WIDTH)
    with console.capture() as captured:
        if console.is_terminal:
            console.line()  # below what the run itself has shown
        console.print(wording.table(HEADINGS, [row.cells for row in run.rows]), width=width, soft_wrap=False)
        for line in _below(run, width):
            console.print(line, soft_wrap=True)
    text = "".join(f"{line.rstrip()}\n" for line in captured.get().split("\n")[:-1])
    console.file.write(text.encode(console.encoding, "backslashreplace").decode(console.encoding))
    console.file.flush()


def _below(run: Figures, width: int) -> Iterator[Text]:
    """Yield what stands below the table, one line each: causes, waivers, notes, figures."""
    yield from _red(run)
    if run.waived:
        yield Text()
    for row in run.waived:
        yield _labelled(f"waived {row.name}", row.reason, "yellow")
    if run.notes:
        yield Text()
    for text, names in run.notes.items():
        note = _labelled(f"note {wording.cut(names, max(1, width - len('note : ')))}", text, "bold")
        note.truncate(2 * width - 1, overflow="ellipsis")  # less one: a wide character may not fit a line's last cell
        yield note
    yield Text()
    verdict, *figures = run.totals
    yield _labelled(*verdict, {"green": "bold green", "red": "bold red"}.get(run.word, "bold magenta"))
    for label, text in figures:
        yield _labelled(label, text, "bold") if label else Text(text)


def _red(run: Figures) -> Iterator[Text]:
    """Yield the causes: jobs that never started, in short; then the end of each red job's log."""
    never = [row for row in run.red if row.seconds is None]
    if never:
        yield Text()
    for row in never[:_NEVER_STARTED_SHOWN]:
        yield from _heading(row)
    if len(never) > _NEVER_STARTED_SHOWN:
        yield Text(f"and {wording.count(len(never) - _NEVER_STARTED_SHOWN, 'more job')} that never started")
    for row in run.red[len(never) :]:
        yield Text()
        yield from _heading(row)
        yield _labelled("  log", row.log_path if row.log else f"{row.log_path} (empty)", "bold")
        yield from (Text(f"  | {line}") for line in row.log)


def _heading(row: Row) -> Iterator[Text]:
    yield _labelled(f"{row.verdict.value} {row.name}", row.reason, wording.STYLES[row.verdict])
    yield _labelled("  repeat", row.repeat, "bold")


def _labelled(label: str, text: str, style: str) -> Text:
    return Text.assemble((label, style), f": {text}" if text else "")
