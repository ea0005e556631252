"""Reading what a job printed, whatever it printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isonox.system import terminal

if TYPE_CHECKING:
    from pathlib import Path


def tail(path: Path, size: int) -> str:
    """Return the end of a log as plain text; an empty one where there is no log.

    A line that the cut goes through is left out, unless nothing else remains.

    Args:
        path: The log.
        size: How many bytes of its end to read.
    """
    try:
        with path.open("rb") as stream:
            begin = max(0, stream.seek(0, 2) - size)
            stream.seek(begin)
            content = stream.read(size)
    except OSError:
        return ""
    if begin:
        rest = content.partition(b"\n")[2]
        content = rest if rest.strip() else content
    return terminal.plain(content.decode("utf-8", errors="replace"))
