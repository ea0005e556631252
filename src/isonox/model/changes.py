"""What differs between a checkout and the commit that it left another revision at."""

from __future__ import annotations

from functools import cached_property

import msgspec


class Changes(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """The files that differ from those at the merge base, whether that is committed or not.

    Attributes:
        base: The revision that was asked for.
        merge_base: Full hash of the newest commit that both it and HEAD go back to.
        before: For each file that differs: its mode and id at the merge base; empty where there was none.
        now: The same in the checkout. Equal to `before` only where the content can't be named.
    """

    base: str
    merge_base: str
    before: dict[str, str]
    now: dict[str, str]

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """All of them, sorted."""
        return tuple(sorted(self.before))

    @cached_property
    def added(self) -> frozenset[str]:
        """Those that were not there at the merge base."""
        return frozenset(path for path, entry in self.before.items() if not entry)

    @cached_property
    def removed(self) -> frozenset[str]:
        """Those that are not there any more."""
        return frozenset(path for path, entry in self.now.items() if not entry and self.before[path])

    @property
    def since(self) -> str:
        """Since when, for people."""
        return f"since {self.base} (merge base {self.merge_base[:12]})"
