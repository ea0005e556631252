"""The summary of a run as GitHub Markdown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from isonox.report import summary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from isonox.report.figures import Figures, Row

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#!|<>~&@$])")


def markdown(run: Figures) -> str:
    """Return the summary as a Markdown document: the verdict, the table, the causes, the figures."""
    (word, counts), *figures = summary.totals(run)
    parts = [f"## {word}: {escape(counts)}", _table(summary.rows(run))]
    parts += [_red(row) for row in run.red]
    parts += [f"**waived {escape(row.name)}**: {escape(row.note)}" for row in run.waived]
    parts.append("\n".join(f"- **{label}**: {escape(text)}" if label else f"- {text}" for label, text in figures))
    return "\n\n".join(parts) + "\n"


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


def _table(rows: Sequence[Sequence[str]]) -> str:
    lines = [summary.HEADINGS, tuple("---" for _ in summary.HEADINGS)]
    lines += [tuple(escape(cell) for cell in row) for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _red(row: Row) -> str:
    parts = [f"### {row.verdict.value}: {escape(row.name)}", escape(row.note), fenced(row.repeat)]
    if row.log:
        log = fenced("\n".join(row.log))
        parts.append(f"<details><summary>end of its log</summary>\n\n{log}\n\n</details>")
    return "\n\n".join(part for part in parts if part)
