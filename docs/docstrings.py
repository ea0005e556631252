"""Read docstrings in Google style, as far as the reference needs: text, and sections of named entries."""

from __future__ import annotations

import inspect
import re
from typing import Any, NamedTuple

_SECTION = re.compile(r"(Args|Attributes|Raises|Returns):")
_ENTRY = re.compile(r"(?P<name>\w+): (?P<text>.+)")


class Docstring(NamedTuple):
    """A docstring, taken apart.

    Attributes:
        summary: Its first paragraph.
        description: The paragraphs between that and the first section.
        sections: By heading ("Args"); each by entry, in order. "Returns" has one entry without a name.
    """

    summary: str
    description: str
    sections: dict[str, dict[str, str]]

    @property
    def attributes(self) -> dict[str, str]:
        """What is said of each attribute."""
        return self.sections.get("Attributes", {})


def of(documented: Any) -> Docstring:
    """Take the docstring of a class or function apart.

    Raises:
        ValueError: It has none, or an entry of a section can't be read.
    """
    text = vars(documented).get("__doc__") if isinstance(documented, type) else documented.__doc__
    if not text:
        raise ValueError(f"{documented!r} has no docstring")
    head: list[str] = []
    sections: dict[str, list[str]] = {}
    lines = head
    for line in inspect.cleandoc(text).splitlines():
        if match := _SECTION.fullmatch(line):
            lines = sections.setdefault(match[1], [])
        else:
            lines.append(line)
    summary, _, description = "\n".join(head).strip().partition("\n\n")
    return Docstring(
        summary=" ".join(summary.split()),
        description=description.strip(),
        sections={name: _entries(name, inspect.cleandoc("\n".join(["", *body]))) for name, body in sections.items()},
    )


def _entries(section: str, body: str) -> dict[str, str]:
    """Read `name: text` lines; what is indented below one goes on with it."""
    if section == "Returns":
        return {"": " ".join(body.split())}
    entries: dict[str, str] = {}
    name = ""
    for line in body.strip().splitlines():
        if line.startswith(" "):
            entries[name] += f" {line.strip()}"
        elif match := _ENTRY.fullmatch(line):
            name = match["name"]
            entries[name] = match["text"]
        elif line:
            raise ValueError(f"{section}: no entry: {line!r}")
    return entries
