"""The summary at the end of a run, for a terminal and as GitHub Markdown."""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from isonox.model.naming import count, some
from isonox.model.verdict import Verdict
from isonox.report import wording
from isonox.report.document import has_started, of_run
from isonox.system import logs, terminal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from isonox.model.events import RunEnded
    from isonox.model.record import Flaky, Record
    from isonox.model.split import Whole
    from isonox.report.document import Repeat, RunDocument
    from isonox.report.wording import Line

_HEADINGS = ("job", "verdict", "time", "tests")

#: A run that stops early can leave hundreds of jobs that never started; more than so many are not spelt out.
_NEVER_STARTED_SHOWN = 10

#: Rows of the table; of more jobs, it leaves out those that were cached, and then those that passed soonest.
_ROWS = 60

#: Jobs that are named where several have the same note.
_NAMED = 2

#: Lines of a red job's log that are shown, characters of each, and bytes of its end that are searched for them.
_LOG_LINES = 25
_LINE_LENGTH = 400
_LOG_END = 64 * 1024

#: Bytes that GitHub takes from a step, "1MiB"; of more it shows nothing:
#: https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#step-isolation-and-limits
_MARKDOWN_LIMIT = 1024 * 1024

#: Columns where nobody knows the width: standard output is no terminal, or a web page.
_FILE_WIDTH = 120

_WORD_STYLES = {"green": "bold green", "red": "bold red", "interrupted": "bold magenta"}

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#!|<>~&@$])")


def write(ended: RunEnded, console: Console | None = None) -> None:
    """Print the summary of a run that has just ended; characters that the stream can't encode are escaped.

    Args:
        ended: The run.
        console: Where to; standard output, without colours, by default.
    """
    run = of_run(ended)
    file = console.file if console else sys.stdout
    printed = _drawn(run, console) if console else _plain(run)
    text = re.sub(r" +((?:\x1b\[[0-9;]*m)*)$", r"\1", printed, flags=re.MULTILINE)
    file.write(terminal.encodable(text, file))
    file.flush()


def _plain(run: RunDocument) -> str:
    """Return what is printed where nothing has colours."""
    given = os.environ.get("COLUMNS", "")
    width = max(int(given) if given.isdecimal() else 0, _FILE_WIDTH)
    table = wording.plain_table(_HEADINGS, _cells(run), width)
    if table is None:
        return _drawn(run, terminal.stdout())
    return "".join(f"{line}\n" for line in (table, *map(wording.plain, _below(run, width))))


def _drawn(run: RunDocument, console: Console) -> str:
    """Return what is printed, with the console's colours."""
    width = console.width if console.is_terminal else max(console.width, _FILE_WIDTH)
    with console.capture() as captured:
        if console.is_terminal:
            console.line()  # below what the run itself has shown
        console.print(wording.table(_HEADINGS, _cells(run)), width=width, soft_wrap=False)
        for line in _below(run, width):
            console.print(wording.styled(line), soft_wrap=True)
    return captured.get()


def markdown(ended: RunEnded) -> str:
    """Return the same as a Markdown document of a size that GitHub takes."""
    run = of_run(ended)
    records = {record.job: record for record in run.records}
    (word, counts), *figures = _totals(run)
    parts = [f"## {word}: {escape(counts)}"]
    parts += [f"**error**: {escape(wording.one_line(problem))}" for problem in run.problems]
    parts += [_table(run), _unlisted(run)]
    never = [red for red in run.repeat if not has_started(records[red.job])]
    for red in (*run.repeat[len(never) :], *never[:_NEVER_STARTED_SHOWN]):
        label, reason = map(escape, _reason(records[red.job]))
        parts.append("\n\n".join(filter(None, (f"### {label}", reason, fenced(red.command)))))
        if log := "\n".join(last_lines(Path(red.log)) if red.log else ()):
            parts.append(f"<details><summary>end of its log</summary>\n\n{fenced(log)}\n\n</details>")
    parts.append(_left_unsaid(never))
    lines = [*map(_reason, _waived(run)), *_notes(run, _FILE_WIDTH), *_not_cached(run)]
    parts += [f"**{escape(label)}**: {escape(text)}" for label, text in lines]
    parts.append("\n".join(f"- **{label}**: {escape(text)}" if label else f"- {text}" for label, text in figures))
    return _fitting([part for part in parts if part])


def escape(text: str) -> str:
    r"""Return `text` so that Markdown shows it as it is.

    GitHub Flavored Markdown lets a backslash escape any ASCII punctuation (section 2.4 of its specification),
    `|` inside of tables included.
    """
    return _SPECIAL.sub(r"\\\1", text)


def fenced(text: str) -> str:
    """Return `text` as a code block whose fence is longer than any run of backticks inside."""
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall(r"`+", text)), 0)
    return f"{fence}text\n{text}\n{fence}"


def last_lines(log: Path) -> tuple[str, ...]:
    """Return the last lines of a log that say something, as plain text; none where there is no log."""
    lines = [line.expandtabs().rstrip() for line in logs.tail(log, _LOG_END).splitlines()]
    said = [line for line in lines if line][-_LOG_LINES:]
    return tuple(line if len(line) <= _LINE_LENGTH else f"{line[:_LINE_LENGTH]}…" for line in said)


def _table(run: RunDocument) -> str:
    """Return the table as Markdown, with a column for coverage; columns where nothing stands are left out."""
    covered = [record.coverage_percent for record in _grouped(run)]
    shown = ["" if percent is None else f"{percent:.1f} %" for percent in covered]
    columns = [*zip(_HEADINGS, *_cells(run), strict=True), ("coverage", *shown)]
    heading, *rows = zip(*(column for column in columns if any(column[1:])), strict=True)
    table = [heading, ("---",) * len(heading), *(map(escape, row) for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in table)


def _fitting(parts: Sequence[str]) -> str:
    """Join parts, as many as fit into `_MARKDOWN_LIMIT`; the ends of logs give way first."""
    cut = "**cut**: GitHub shows at most 1 MiB; left out, ends of logs first: {} of {} parts"
    room = _MARKDOWN_LIMIT - len(cut.format(len(parts), len(parts))) - 2
    kept = set()
    # Nothing else starts with `<`: it is escaped everywhere.
    for place in sorted(range(len(parts)), key=lambda place: parts[place].startswith("<details>")):
        size = len(parts[place].encode()) + 2
        if size <= room:
            kept.add(place)
            room -= size
    fitting = [parts[place] for place in sorted(kept)]
    if lost := len(parts) - len(kept):
        fitting.insert(1, cut.format(lost, len(parts)))
    return "\n\n".join(fitting) + "\n"


def _left_unsaid(never: Sequence[Repeat]) -> str:
    """Say how many jobs that never started are not spelt out."""
    left = len(never) - _NEVER_STARTED_SHOWN
    return f"and {count(left, 'more job')} that never started" if left > 0 else ""


def _below(run: RunDocument, width: int) -> Iterator[Line]:
    """Yield what stands below the table, line by line: causes, waivers, notes, figures."""
    records = {record.job: record for record in run.records}
    if unlisted := _unlisted(run):
        yield (unlisted,)
    never = [red for red in run.repeat if not has_started(records[red.job])]
    if never:
        yield ()
    for red in never[:_NEVER_STARTED_SHOWN]:
        yield from _cause(records[red.job], red.command)
    if unsaid := _left_unsaid(never):
        yield (unsaid,)
    for red in run.repeat[len(never) :]:
        yield ()
        yield from _cause(records[red.job], red.command)
        if red.log:
            log = last_lines(Path(red.log))
            yield _labelled("  log", red.log if log else f"{red.log} (empty)", "bold")
            yield from ((f"  | {line}",) for line in log)
    waived = [_labelled(*_reason(record), "yellow") for record in _waived(run)]
    notes = [_labelled(label, text, "bold") for label, text in (*_notes(run, width), *_not_cached(run))]
    figures = [_labelled(label, text, _WORD_STYLES.get(label, "bold")) for label, text in _totals(run)]
    for paragraph in filter(None, (waived, notes, figures)):
        yield ()
        yield from paragraph


def _cause(record: Record, command: str) -> Iterator[Line]:
    yield _labelled(*_reason(record), wording.STYLES[record.verdict])
    yield _labelled("  repeat", command, "bold")


def _labelled(label: str, text: str, style: str) -> Line:
    return (label, style), ": " if label and text else "", text


def _reason(record: Record) -> tuple[str, str]:
    """Return which job has which verdict, and why."""
    return f"{record.verdict.value} {wording.one_line(record.job)}", wording.one_line(record.reason)


def _waived(run: RunDocument) -> list[Record]:
    return [record for record in run.records if record.verdict is Verdict.WAIVED]


def _grouped(run: RunDocument) -> list[Record]:
    """Return the records that the table shows, grouped by stage."""
    shown = list(run.records)
    if len(shown) > _ROWS:
        plain = (Verdict.CACHED, Verdict.PASSED)
        told = [record for record in shown if record.verdict not in plain]
        passed = [record for record in shown if record.verdict is Verdict.PASSED]
        shown = told + sorted(passed, key=lambda record: -record.seconds)[: max(0, _ROWS - len(told))]
    stages = {stage: place for place, stage in enumerate(dict.fromkeys(record.stage for record in run.records))}
    return sorted(shown, key=lambda record: stages[record.stage])


def _unlisted(run: RunDocument) -> str:
    """Say how many jobs the table leaves out."""
    left = len(run.records) - len(_grouped(run))
    return f"and {count(left, 'more job')}, passed or cached" if left else ""


def _cells(run: RunDocument) -> list[tuple[str, ...]]:
    """Return what the table says under its headings."""
    return [
        (
            wording.one_line(record.job),
            record.verdict.value,
            wording.span(record.seconds) if record.seconds > 0 else "",
            _tests(record),
        )
        for record in _grouped(run)
    ]


def _tests(record: Record) -> str:
    tests, flaky = record.tests, len(record.flaky)
    if tests is None:
        return ""
    found = [(tests.passed - flaky, "passed"), (flaky, "flaky"), (tests.failed + tests.errors, "failed")]
    found.append((tests.skipped, "skipped"))
    return ", ".join(f"{number} {word}" for number, word in found if number) or "none"


def _notes(run: RunDocument, width: int) -> Iterator[tuple[str, str]]:
    """Yield what else the jobs have to say, each text once; with its label it takes at most two lines of `width`."""
    found: dict[str, list[str]] = {}
    for record in run.records:
        reasons = [record.reason] if record.verdict in (Verdict.PASSED, Verdict.CACHED) else []  # others stand above
        if record.from_run and record.from_run not in record.reason:
            reasons.append(f"from run {record.from_run}")
        texts = [wording.one_line(text) for text in (*reasons, *record.notes) if text]
        for text in filter(None, dict.fromkeys(texts)):
            found.setdefault(text, []).append(record.job)
    for text, jobs in found.items():
        label = wording.cut(f"note {wording.one_line(some(jobs, _NAMED))}", max(1, width - 2))
        # Less one: a wide character may not fit into the last cell of a line.
        yield label, _truncated(f"{label}: {text}", 2 * width - 1).removeprefix(f"{label}: ")


def _truncated(text: str, width: int) -> str:
    """Return a line that takes at most `width` cells."""
    if text.isascii() and len(text) <= width:
        return text
    from rich.text import Text  # noqa: PLC0415 - see `isonox.report.wording`

    shown = Text(text)
    shown.truncate(width, overflow="ellipsis")
    return shown.plain


def _flaky(tests: Sequence[Flaky]) -> str:
    """Return which tests failed before they passed, each once."""
    forgiven = {one.test for one in tests if one.quarantine} - {one.test for one in tests if not one.quarantine}
    names = [f"{one.test} (in quarantine)" if one.test in forgiven else one.test for one in tests]
    told = [wording.one_line(name) for name in dict.fromkeys(names)]
    return f"{count(len(told), 'test')} failed before passing: {some(told, _NAMED)}"


def _split(whole: Whole) -> str:
    name, tests = wording.one_line(whole.session), count(whole.tests, "test")
    longest = f"the longest took {whole.balance:.2f} times the mean"
    return f"{name}: {tests}, each in one of {whole.shards} shards; {longest}"


def _not_cached(run: RunDocument) -> Iterator[tuple[str, str]]:
    """Yield what jobs used beside their inputs, each text once."""
    found: dict[str, list[str]] = {}
    for job, text in run.not_cached.items():
        found.setdefault(text, []).append(wording.one_line(job))
    for text, jobs in found.items():
        yield "not cached", f"{some(jobs, _NAMED)} {text}"


def _totals(run: RunDocument) -> list[tuple[str, str]]:
    """Return what the run came to, as labels and texts, the verdict first; the tests stand without a label."""
    found = Counter(run.verdicts.values())
    verdicts = ", ".join(f"{verdict.value} {found[verdict]}" for verdict in Verdict if found[verdict])
    lines: list[tuple[str, str]] = [(run.verdict, f"{count(len(run.records), 'job')}: {verdicts}")]
    if tests := run.tests:
        skipped = f", {tests.skipped} skipped" if tests.skipped else ""
        lines.append(("", f"{tests.passed} passed, {tests.failed + tests.errors} failed{skipped}"))
    if flaky := [one for record in run.records for one in record.flaky]:
        lines.append(("flaky", _flaky(flaky)))
    measured = [(wording.one_line(record.job), record.coverage_percent) for record in run.records]
    lines += [("split", _split(whole)) for whole in run.splits]
    lines += [("coverage", f"{percent:.1f} % ({job})") for job, percent in measured if percent is not None]
    lines.append(("time", f"{wording.span(run.wall_seconds)} for {wording.span(run.sum_seconds)} of jobs"))
    if path := " -> ".join(map(wording.one_line, run.critical_path.jobs)):
        lines.append(("critical path", f"{wording.span(run.critical_path.seconds)}: {path}"))
    if run.slots and run.lower_bound_seconds:
        times = f"{run.wall_seconds / run.lower_bound_seconds:.2f} times"
        least = f"{wording.span(run.lower_bound_seconds)} on {count(run.slots, 'core')}"
        lines.append(("lower bound", f"{least}; the run took {times} that"))
    kept = "records and logs" if Path(run.directory, "logs").exists() else "records"
    return [*lines, (kept, run.directory)]
