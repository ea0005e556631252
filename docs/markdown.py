"""Pieces of Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; empty where there are no rows."""
    lines = [" | ".join(cell.replace("|", r"\|") for cell in row) for row in rows]
    if not lines:
        return ""
    return "\n".join(f"| {line} |" for line in [" | ".join(headings), " | ".join("---" for _ in headings), *lines])


def joined(*parts: str) -> str:
    """Put paragraphs below each other; empty ones are left out."""
    return "\n\n".join(part.strip() for part in parts if part.strip())


def code(text: str, language: str) -> str:
    """Return a fenced block."""
    return f"```{language}\n{text}\n```"
