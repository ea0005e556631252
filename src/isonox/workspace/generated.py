"""Which of a repository's workflows isonox has written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isonox.system import git

if TYPE_CHECKING:
    from pathlib import Path

#: What the first line of every file that isonox writes for GitHub starts with.
MARK = "# Made by isonox from "

WORKFLOWS = ".github/workflows"


def workflows(root: Path, noxfile: str = "noxfile.py") -> tuple[Path, ...]:
    """Return the workflows that were made from the noxfile in `root`, sorted.

    Raises:
        GitError: This is no git repository.
    """
    top = git.find_root(root)
    start = f"{MARK}{(root / noxfile).relative_to(top).as_posix()};".encode()
    found = []
    for path in sorted(path for path in (top / WORKFLOWS).glob("*.y*ml") if path.is_file()):
        with path.open("rb") as stream:
            if stream.readline().startswith(start):
                found.append(path)
    return tuple(found)
