"""What lies behind others, whatever they are: packages, jobs, stages."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping


def reached(start: Iterable[str], edges: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    """Return what one gets to from some names, themselves included, each once; cycles are fine.

    Args:
        start: Where to begin, at the last one.
        edges: For each name those that come next; a name that is missing has none.
    """
    found: dict[str, None] = {}
    pending = list(start)
    while pending:
        if (name := pending.pop()) not in found:
            found[name] = None
            pending.extend(edges.get(name, ()))
    return tuple(found)
