"""Something in a workflow file that should be otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from isonox.github.verify.workflow_file import Node


class Finding(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A finding.

    Attributes:
        file: Path for messages, as the current folder sees it.
        line: Counted from 1.
        what: What stands there.
        why: What that leads to.
        fix: What to do about it.
    """

    file: str
    line: int
    what: str
    why: str = ""
    fix: str = ""

    def __str__(self) -> str:
        why = f": {self.why}" if self.why else ""
        fix = f"\n    fix: {self.fix}" if self.fix else ""
        return f"{self.file}:{self.line}: {self.what}{why}{fix}"


def found_at(node: Node, key: str, what: str, why: str, fix: str = "") -> Finding:
    """Return a finding at an entry of a mapping, or at the mapping if there is no such entry."""
    file, line = node.at(key)
    return Finding(file=file, line=line, what=what, why=why, fix=fix)
