"""Read from git which lines of which files are new since a commit."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from isonox.system import git

if TYPE_CHECKING:
    from pathlib import Path

#: Plumbing reads little of a user's configuration, and these say the rest: the same lines on every machine.
#: The marks of lines are others than those of headers, so that no content can be taken for a header.
_OPTIONS = (
    "--patch", "--unified=0", "--inter-hunk-context=0", "--relative", "--find-renames", "-l0",
    "--diff-algorithm=histogram", "--indent-heuristic", "--no-color", "--no-ext-diff", "--no-textconv",
    "--ignore-submodules=all", "--ita-visible-in-index", "--src-prefix=a/", "--dst-prefix=b/",
    "--output-indicator-new=>", "--output-indicator-old=<",
)  # fmt: skip
_HUNK = re.compile(r"@@ -\S+ \+(\d+)(?:,(\d+))? @@")
_FILE = "+++ "


def new(root: Path, commit: str) -> dict[str, frozenset[int] | None]:
    """Return the lines of each file that are not in a commit, whether they are committed since or not.

    A renamed file has those that differ; files that are gone are not there.

    Args:
        root: Files outside of it are left out, and paths are relative to it.
        commit: Full hash.

    Returns:
        Line numbers from 1, by path; None for a file that git does not know yet, which is new as a whole.

    Raises:
        GitError: Git says no.
    """
    found: dict[str, set[int]] = {}
    path = ""
    for line in git.run(root, "diff-index", *_OPTIONS, commit, "--").split("\n"):
        if line.startswith(_FILE):
            path = _path(line.removeprefix(_FILE))
        elif match := _HUNK.match(line):
            first, count = int(match[1]), int(match[2] or 1)
            found.setdefault(path, set()).update(range(first, first + count))
    untracked = git.run(root, "ls-files", "-z", "--others", "--exclude-standard").split("\0")
    return {name: frozenset(lines) for name, lines in found.items() if lines} | dict.fromkeys(filter(None, untracked))


def _path(written: str) -> str:
    """Return the path of a header: git quotes what is special as C does, and puts a tab behind one with spaces."""
    path = written.rstrip("\t")
    if path.startswith('"'):
        plain = path[1:-1].encode("utf-8", "surrogateescape").decode("unicode_escape")
        path = os.fsdecode(plain.encode("latin-1"))
    return path.removeprefix("b/")
