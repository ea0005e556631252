"""How reports word times, verdicts and names, the same everywhere."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from isonox.model.naming import some
from isonox.model.verdict import Verdict
from isonox.system import terminal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.table import Table
    from rich.text import Text

    from isonox.model.record import Record

# Most reports go to a file or a pipe, and rich takes a while to import: it is where something has colours or a layout.

#: A line: its pieces, each with a style of rich's or without.
Line = tuple[str | tuple[str, str], ...]

#: Colours of rich; the verdict's word always stands beside them.
STYLES: dict[str, str] = {
    Verdict.PASSED: "green",
    Verdict.CACHED: "green",
    Verdict.WAIVED: "yellow",
    Verdict.FAILED: "bold red",
    Verdict.TIMED_OUT: "bold red",
    Verdict.MISSING: "bold red",
    Verdict.BLOCKED: "magenta",
    Verdict.CANCELLED: "magenta",
}

#: What a session did with something that it did not declare; of several things, so many are named.
_USED = {"read": "read", "listed": "listed", "connected": "connected to", "wrote": "wrote"}
_NAMED = 2

#: Columns between two columns of a table.
_GAP = 2

_MINUTE = 60
_HOUR = 3600


def span(seconds: float) -> str:
    """Return a duration as people say it: `0.4s`, `12.3s`, `2m 05s`, `1h 02m`."""
    if round(seconds, 1) < _MINUTE:
        return f"{max(seconds, 0):.1f}s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE}m {whole % _MINUTE:02}s"
    return f"{whole // _HOUR}h {whole % _HOUR // _MINUTE:02}m"


def one_line(text: str) -> str:
    """Return text of any origin as a single plain line that every stream can encode as UTF-8."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    encodable = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return " ".join(terminal.plain(encodable).split())


def plain(line: Line) -> str:
    """Return a line without styles."""
    return "".join(piece if isinstance(piece, str) else piece[0] for piece in line)


def styled(line: Line) -> Text:
    """Return a line as rich prints it."""
    from rich.text import Text  # noqa: PLC0415 - see above

    return Text.assemble(*line)


def ended(record: Record) -> Line:
    """Return the line for a job that has its verdict: verdict, job, time, and why it is not simply passed."""
    line: list[str | tuple[str, str]] = [(f"{record.verdict.value:<9}", STYLES[record.verdict])]
    line.append(f" {one_line(record.job)}")
    if record.seconds:
        line.append((f" {span(record.seconds)}", "dim"))
    if record.reason:
        line.append(f": {one_line(record.reason)}")
    return tuple(line)


def cut(text: str, width: int) -> str:
    """Return a single line in at most `width` cells, one or more; what does not fit is left out in its middle.

    The middle, because the ends of a job's id tell more: its stage and its last parameter.
    """
    if text.isascii() and len(text) <= width:
        return text
    from rich.cells import cell_len, set_cell_size  # noqa: PLC0415 - see above

    if cell_len(text) <= width:
        return text
    end = (width - 1) // 2
    return f"{set_cell_size(text, width - 1 - end)}…{set_cell_size(text[::-1], end)[::-1]}"


def undeclared(record: Record) -> str:
    """Return what a session used beside its inputs, so that its verdict is not used again; empty if nothing."""
    found = record.undeclared
    if not found:
        lost = record.verdict is Verdict.PASSED and record.fingerprint and not record.traced
        return "could not be traced, so what it used is not known" if lost else ""
    named = [f"{_USED[one.kind]} {one.what}" for one in found]
    clause = "which is one of its inputs" if found[0].kind == "wrote" else "which is none of its inputs"
    if len(found) > 1:
        clause = "none of which is declared"
    return one_line(f"{some(named, _NAMED)}, {clause}: {found[0].hint}")


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Return cells under headings, without lines; columns where nothing stands are left out.

    Where the width does not suffice, cells go on in their next line; verdicts and times stay whole.
    """
    from rich.table import Table  # noqa: PLC0415 - see above
    from rich.text import Text  # noqa: PLC0415 - see above

    headings, cells = _filled(headings, rows)
    made = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="")
    for heading in headings:
        made.add_column(Text(heading, "bold"), no_wrap=heading in ("verdict", "time"), overflow="fold")
    for row in cells:
        styles = (
            STYLES.get(cell, "") if heading == "verdict" else "" for heading, cell in zip(headings, row, strict=True)
        )
        made.add_row(*(Text(cell, style) for cell, style in zip(row, styles, strict=True)))
    return made


def plain_table(headings: Sequence[str], rows: Iterable[Sequence[str]], width: int) -> str | None:
    """Return the same as plain text; None where it takes a layout: it does not fit, or has letters of another width."""
    head, cells = _filled(headings, rows)
    columns = [max(map(len, column)) + _GAP for column in zip(head, *cells, strict=True)]
    lines = ["".join(map(str.ljust, row, columns)) for row in (head, *cells)] if columns else []
    return "\n".join(lines) if sum(columns) <= width and all(map(str.isascii, lines)) else None


def _filled(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> tuple[list[str], list[list[str]]]:
    """Return headings and cells of the columns in which something stands."""
    cells = [[one_line(cell) for cell in row] for row in rows]
    used = [place for place in range(len(headings)) if any(row[place] for row in cells)]
    return [headings[place] for place in used], [[row[place] for place in used] for row in cells]


def repeat(session: str, posargs: Iterable[str], noxfile: str, env: Mapping[str, str] | None = None) -> str:
    """Return the line that runs a session again, ready to be pasted into a shell.

    Args:
        session: The session's id, as nox knows it.
        posargs: What follows `--`.
        noxfile: Its path, as seen from the current folder.
        env: Variables to set for it, whose values need no quotes.
    """
    where = [] if noxfile == "noxfile.py" else ["-f", noxfile]
    tail = list(posargs)
    words = ["nox", *where, "-s", session, *(["--", *tail] if tail else [])]
    given = [f"{name}={value}" for name, value in (env or {}).items()]
    return " ".join([*given, *map(_quoted, words)]).encode("utf-8", "backslashreplace").decode("utf-8")


def _quoted(word: str) -> str:
    """Return a word for a shell; nox's parameters have quotes of their own, so double ones where they are safe."""
    quoted = shlex.quote(word)
    return f'"{word}"' if quoted != word and not set(word) & set('"$`\\!') and word else quoted
