"""The summary at the end of a run, for a terminal: verdicts, causes, and what it all came to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from isonox.report import wording
from isonox.report.figures import of_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from isonox.model.events import RunEnded
    from isonox.model.record import TestCounts
    from isonox.report.figures import Figures, Row

HEADINGS = ("stage", "job", "verdict", "time", "tests", "note")

#: A run that stops early can leave hundreds of jobs that never started; more than so many are not spelt out.
_NEVER_STARTED_SHOWN = 10

#: Columns of the table where standard output is no terminal and nobody knows the width.
_FILE_WIDTH = 120

#: Narrower than this, the table has no room for all columns: the job's cell takes what is said about it.
_NARROW = 80


def write(ended: RunEnded, console: Console) -> None:
    """Print the summary of a run that has just ended; characters that the stream can't encode are escaped."""
    width = console.width if console.is_terminal else max(console.width, _FILE_WIDTH)
    with console.capture() as captured:
        if console.is_terminal:
            console.line()  # below what the run itself has shown
        for part in render(of_run(ended), width):
            if isinstance(part, Table):
                console.print(part, width=width, soft_wrap=False)
            else:
                console.print(part, soft_wrap=True)
    text = re.sub(r" +((?:\x1b\[[0-9;]*m)*)$", r"\1", captured.get(), flags=re.MULTILINE)
    console.file.write(text.encode(console.encoding, "backslashreplace").decode(console.encoding))
    console.file.flush()


def render(run: Figures, width: int) -> list[Table | Text]:
    """Return the parts of the summary, top to bottom, for so many columns."""
    parts: list[Table | Text] = [_table(run, width)]
    if run.red:
        parts += [Text(), *_red(run)]
    if run.waived:
        parts += [Text(), *(_labelled(f"waived {row.name}", row.note, "yellow") for row in run.waived)]
    style = {"green": "bold green", "red": "bold red"}.get(run.word, "bold magenta")
    heading, *rest = totals(run)
    parts += [Text(), _labelled(*heading, style)]
    parts += [_labelled(label, text, "bold") if label else Text(text) for label, text in rest]
    return parts


def rows(run: Figures) -> list[tuple[str, ...]]:
    """Return the cells of the table under `HEADINGS`, one tuple a job; a stage is named at its first job only."""
    cells: list[tuple[str, ...]] = []
    stage = None
    for row in run.rows:
        time = "" if row.seconds is None else wording.span(row.seconds)
        named = "" if row.stage == stage else wording.one_line(row.stage)
        cells.append((named, row.name, row.verdict.value, time, _tests(row.tests), row.note))
        stage = row.stage
    return cells


def totals(run: Figures) -> list[tuple[str, str]]:
    """Return what the run came to, as labels and texts, the verdict first; the tests stand without a label."""
    verdicts = ", ".join(f"{verdict.value} {number}" for verdict, number in run.verdicts.items())
    lines: list[tuple[str, str]] = [(run.word, f"{wording.count(len(run.rows), 'job')}: {verdicts}")]
    if run.tests is not None:
        lines.append(("", run.tests_line))
    lines += [("coverage", f"{row.coverage:.1f} % ({row.name})") for row in run.rows if row.coverage is not None]
    lines.append(("time", f"{wording.span(run.wall)} for {wording.span(run.sum)} of jobs"))
    if run.path:
        lines.append(
            ("critical path", f"{wording.span(run.path_seconds)}: {' -> '.join(map(wording.one_line, run.path))}")
        )
    return [*lines, ("records and logs", run.directory)]


def _tests(tests: TestCounts | None) -> str:
    if tests is None:
        return ""
    found = [(tests.passed, "passed"), (tests.failed + tests.errors, "failed"), (tests.skipped, "skipped")]
    return ", ".join(f"{number} {word}" for number, word in found if number) or "none"


def _table(run: Figures, width: int) -> Table:
    """Make the table; columns that say nothing in this run are left out."""
    headings, cells = _wide(run) if width >= _NARROW else _narrow(run)
    said = [any(line[place] for line in cells) for place in range(len(headings))]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading, shown in zip(headings, said, strict=True):
        if shown:
            table.add_column(heading, no_wrap=heading in ("verdict", "time"), overflow="fold")
    for row, line in zip(run.rows, cells, strict=True):
        styles = [wording.STYLES[row.verdict] if heading == "verdict" else "" for heading in headings]
        drawn = zip(line, styles, said, strict=True)
        table.add_row(*(Text(cell, style) for cell, style, shown in drawn if shown))
    return table


def _wide(run: Figures) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return headings and cells; where every stage has one job, the stages say nothing new."""
    headings, cells = HEADINGS, rows(run)
    if len({row.stage for row in run.rows}) == len(run.rows):
        return headings[1:], [line[1:] for line in cells]
    return headings, cells


def _narrow(run: Figures) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return headings and cells; what is said about a job stands below its id."""
    cells: list[tuple[str, ...]] = []
    for _, job, verdict, time, *remarks in rows(run):
        cells.append((verdict, time, "\n".join([job, *(f"  {remark}" for remark in remarks if remark)])))
    return ("verdict", "time", "job"), cells


def _red(run: Figures) -> Iterator[Text]:
    """Yield the causes: jobs that never started, in short; then the end of each red job's log."""
    never = [row for row in run.red if row.seconds is None]
    for row in never[:_NEVER_STARTED_SHOWN]:
        yield from _heading(row)
    if len(never) > _NEVER_STARTED_SHOWN:
        yield Text(f"and {wording.count(len(never) - _NEVER_STARTED_SHOWN, 'more job')} that never started")
    for row in run.red:
        if row.seconds is not None:
            yield Text()
            yield from _heading(row)
            yield _labelled("  log", row.log_path if row.log else f"{row.log_path} (empty)", "bold")
            yield from (Text(f"  | {line}") for line in row.log)


def _heading(row: Row) -> Iterator[Text]:
    yield _labelled(f"{row.verdict.value} {row.name}", row.note, wording.STYLES[row.verdict])
    yield _labelled("  repeat", row.repeat, "bold")


def _labelled(label: str, text: str, style: str) -> Text:
    return Text.assemble((label, style), f": {text}" if text else "")
