"""The cache, for people."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from isonox.model.naming import count
from isonox.report import wording
from isonox.system import clock

if TYPE_CHECKING:
    from collections.abc import Iterable

    from isonox.cache.pruning import Pruned, Usage

_STEP = 1024
_DAY = 86400


def show(usage: Usage, *, max_bytes: int, max_age_seconds: float) -> str:
    """Return what there is, and its bounds."""
    stages = ", ".join(f"{wording.one_line(stage)} {number}" for stage, number in usage.stages.items())
    oldest = "" if usage.oldest is None else clock.timestamp(datetime.fromtimestamp(usage.oldest, tz=UTC))
    lines = [
        f"path: {wording.one_line(usage.path)}",
        f"results: {usage.entries}" + (f" ({stages})" if stages else ""),
        f"size: {size(usage.bytes)} of {size(max_bytes)}, with {count(usage.blobs, 'file')}",
        *([f"oldest: {oldest}"] if oldest else []),
        f"kept: what was used in the last {max_age_seconds / _DAY:g} days, and of that the most recently used",
    ]
    return "\n".join(lines)


def show_pruned(pruned: Pruned) -> str:
    """Return what was removed."""
    files = count(pruned.blobs, "file")
    return f"removed {count(pruned.entries, 'result')} and {files}: {size(pruned.bytes)}"


def show_problems(problems: Iterable[str]) -> str:
    """Return what was damaged."""
    return "\n".join(map(wording.one_line, problems)) or "nothing is damaged"


def size(number: int) -> str:
    """Return a number of bytes as people say it: `120.3 MiB`."""
    amount = float(number)
    for unit in ("B", "KiB", "MiB"):
        if amount < _STEP:
            return f"{round(amount, 1):g} {unit}"
        amount /= _STEP
    return f"{round(amount, 1):g} GiB"
