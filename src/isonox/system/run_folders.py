"""The folders of runs, `.isonox/runs/<id>/`: made, pointed to, forgotten. `sessions.run_directory` fills them."""

from __future__ import annotations

import contextlib
import os
from datetime import timedelta
from typing import TYPE_CHECKING

from isonox.system import clock, files

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

#: Runs that are kept, and those of the last day (one may still be going on); older ones go when a new one starts.
KEPT_RUNS = 30
_DAY = timedelta(days=1)

_TIME = "%Y%m%dT%H%M%SZ"


def new_id() -> str:
    """Return an id that sorts by time: `20261121T104500Z-3fa94c`."""
    return f"{clock.now():{_TIME}}-{os.urandom(3).hex()}"


def reserve(root: Path) -> Path:
    """Make the folder of a run that may never begin, in the workspace at `root`; forget the oldest runs.

    Raises:
        StateError: `.isonox/` can't be written.
    """
    runs = files.make_directory(files.state_directory(root) / "runs")
    _prune(runs)
    path = runs / new_id()
    for part in ("records", "logs", "artifacts"):
        files.make_directory(path / part)
    return path


def begin(path: Path) -> None:
    """Make this the latest run.

    Raises:
        StateError: `.isonox/` can't be written.
    """
    files.write_atomic(path.parents[1] / "latest", f"{path.name}\n".encode())


def discard(path: Path) -> None:
    """Remove the folder of a run that did not begin."""
    import shutil  # noqa: PLC0415 - an unchanged run does without

    shutil.rmtree(path, ignore_errors=True)
    with contextlib.suppress(OSError):  # there are others
        path.parent.rmdir()


def inside(path: Path) -> Iterable[Path]:
    """Return the folders in a folder, sorted; none where it is missing."""
    try:
        return sorted(one for one in path.iterdir() if one.is_dir())
    except FileNotFoundError:
        return []


def _prune(folder: Path) -> None:
    yesterday = f"{clock.now() - _DAY:{_TIME}}"
    for path in list(inside(folder))[: -KEPT_RUNS + 1]:
        if path.name < yesterday:
            import shutil  # noqa: PLC0415 - an unchanged run does without

            shutil.rmtree(path, ignore_errors=True)
