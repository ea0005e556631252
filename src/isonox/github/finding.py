"""Something in a workflow file that should be otherwise."""

from __future__ import annotations

import msgspec


class Finding(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A finding.

    Attributes:
        file: Path relative to the repository's top.
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
