"""The summary of a run as GitHub Markdown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from isonox.report.figures import HEADINGS

if TYPE_CHECKING:
    from isonox.report.figures import Figures, Row

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#!|<>~&@$])")

#: Characters of a note, as many as two lines of a page hold.
_NOTE_LENGTH = 240


def markdown(run: Figures) -> str:
    """Return the summary as a Markdown document: the verdict, the table, the causes, notes, the figures."""
    (word, counts), *figures = run.totals
    table = [HEADINGS, ("---",) * len(HEADINGS), *(map(escape, row.cells) for row in run.rows)]
    parts = [f"## {word}: {escape(counts)}", "\n".join(f"| {' | '.join(cells)} |" for cells in table)]
    parts += [_red(row) for row in run.red]
    parts += [f"**waived {escape(row.name)}**: {escape(row.reason)}" for row in run.waived]
    parts.append("\n".join(f"- **note {escape(names)}**: {escape(_cut(text))}" for text, names in run.notes.items()))
    parts.append("\n".join(f"- **{label}**: {escape(text)}" if label else f"- {text}" for label, text in figures))
    return "\n\n".join(filter(None, parts)) + "\n"


def escape(text: str) -> str:
    r"""Return `text` so that Markdown shows it as it is.

    GitHub Flavored Markdown lets a backslash escape any ASCII punctuation (section 2.4 of its specification),
    `|` inside of tables included.
    """
    return _SPECIAL.sub(r"\\\1", text)


def fenced(text: str) -> str:
    """Return `text` as a code block whose fence is longer than any run of backticks inside."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def _cut(text: str) -> str:
    return text if len(text) <= _NOTE_LENGTH else f"{text[: _NOTE_LENGTH - 1]}…"


def _red(row: Row) -> str:
    parts = [f"### {row.verdict.value}: {escape(row.name)}", escape(row.reason), fenced(row.repeat)]
    if row.log:
        log = fenced("\n".join(row.log))
        parts.append(f"<details><summary>end of its log</summary>\n\n{log}\n\n</details>")
    return "\n\n".join(filter(None, parts))
