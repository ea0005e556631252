"""How reports word times, verdicts and names, the same everywhere."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size

from isonox.model.verdict import Verdict
from isonox.system import terminal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: Colours of rich; the verdict's word always stands beside them.
STYLES = {
    Verdict.PASSED: "green",
    Verdict.CACHED: "green",
    Verdict.WAIVED: "yellow",
    Verdict.FAILED: "bold red",
    Verdict.TIMED_OUT: "bold red",
    Verdict.MISSING: "bold red",
    Verdict.BLOCKED: "magenta",
    Verdict.CANCELLED: "magenta",
}

_MINUTE = 60
_HOUR = 3600


def span(seconds: float) -> str:
    """Return a duration as people say it: `0.4s`, `12.3s`, `2m 05s`, `1h 02m`."""
    if round(seconds, 1) < _MINUTE:
        return f"{max(seconds, 0):.1f}s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE}m {whole % _MINUTE:02}s"
    minutes = whole // _MINUTE
    return f"{minutes // 60}h {minutes % 60:02}m"


def stopwatch(seconds: float) -> str:
    """Return a duration as a display that runs: `0:07`, `12:30`, `1:02:30`."""
    minutes, second = divmod(max(0, int(seconds)), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def one_line(text: str) -> str:
    """Return text of any origin as a single plain line that every stream can encode as UTF-8."""
    encodable = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return " ".join(terminal.plain(encodable).split())


def cut(text: str, width: int) -> str:
    """Return a single line in at most `width` cells; what does not fit is left out in its middle.

    The middle, because the ends of a job's id tell more: its stage and its last parameter.
    """
    if cell_len(text) <= width:
        return text
    if width < 1:
        return ""
    end = (width - 1) // 2
    kept = ""
    for character in reversed(text):
        if cell_len(character + kept) > end:
            break
        kept = character + kept
    return set_cell_size(text, width - 1 - cell_len(kept)) + "…" + kept


def count(number: int, noun: str) -> str:
    """Return a number with its noun: `1 job`, `2 jobs`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def some(names: Sequence[str], limit: int) -> str:
    """Return names with commas, and how many more there are beyond the limit."""
    shown = ", ".join(names[:limit])
    rest = len(names) - limit
    return f"{shown} and {rest} more" if rest > 0 else shown


def repeat(session: str, posargs: Iterable[str], noxfile: str) -> str:
    """Return the line that runs a session again, ready to be pasted into a shell.

    Args:
        session: The session's id, as nox knows it.
        posargs: What follows `--`.
        noxfile: Its path, as seen from the current folder.
    """
    where = [] if noxfile == "noxfile.py" else ["-f", noxfile]
    tail = list(posargs)
    words = ["nox", *where, "-s", session, *(["--", *tail] if tail else [])]
    return " ".join(map(_quoted, words)).encode("utf-8", "backslashreplace").decode("utf-8")


def _quoted(word: str) -> str:
    """Return a word for a shell; nox's parameters have quotes of their own, so double ones where they are safe."""
    quoted = shlex.quote(word)
    return f'"{word}"' if quoted != word and not set(word) & set('"$`\\!') and word else quoted
