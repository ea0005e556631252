"""Read the tree of a checkout: two git processes, however many packages there are."""

from __future__ import annotations

import hashlib
import os
import stat
from typing import TYPE_CHECKING

from isonox.errors import GitError
from isonox.model.tree import Tree
from isonox.system import files, git

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

#: Git's modes of a symbolic link and of a submodule.
_LINK, _SUBMODULE = "120000", "160000"

#: Hexadecimal digits of SHA-1; a repository may use SHA-256.
_SHORT = 40


class Reading:
    """A tree that is being read: git works while the caller does something else.

    Git answers for every file whose size and times are as the index knows them. What differs, what is new, and what the
    index is told to take for unchanged is read here.

    Args:
        root: The workspace's root; files outside of it are left out.

    Attributes:
        digest: Hash of the tree and its commit, once it was read.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._look = git.taken(root) or git.Look(root)
        self.digest = ""

    def tree(self) -> Tree:
        """Wait for git and return the tree.

        Raises:
            GitError: Git is missing or says no.
        """
        listing, status = self._look.answers()
        entries, doubtful = _entries(listing)
        top = git.find_root(self._root)
        prefix = "" if top == self._root else f"{self._root.relative_to(top).as_posix()}/"
        commit, branch, lines = _branch(status)
        changed: dict[str, str] = {}
        unknown: dict[str, str] = {}
        for path, reason in _differing(lines, prefix):
            changed[path] = entries.get(path, "")
            if reason:
                unknown[path] = reason
        for path in (*changed, *doubtful):
            before = entries.get(path, "")
            if path not in unknown:
                _renew(self._root, path, entries, unknown, long=bool(commit) and len(commit or "") > _SHORT)
            if entries.get(path, before) != before:  # what is left out of a sparse checkout has not changed
                changed[path] = before
        index = {path: entry for path, entry in changed.items() if entry}
        found = "\n".join((listing, status, *(f"{path} {entries.get(path)}" for path in changed), *unknown))
        self.digest = hashlib.sha256(found.encode("utf-8", "surrogateescape")).hexdigest()
        return Tree(
            files=entries, commit=commit, branch=branch, changed=tuple(sorted(changed)), index=index, unknown=unknown
        )


def read(root: Path) -> Tree:
    """Return the tree of the checkout at `root`.

    Raises:
        GitError: Git is missing or says no.
    """
    return Reading(root).tree()


def at(root: Path, revision: str, paths: Iterable[str] = ()) -> dict[str, str]:
    """Return mode and id of each file below `root` in a commit, of those at `paths` only if there are any.

    Raises:
        GitError: There is no such commit.
    """
    out = git.run(root, "ls-tree", "-r", "-z", revision, "--", *paths)
    found = {}
    for line in out.split("\0")[:-1]:
        meta, _, path = line.partition("\t")
        mode, _, oid = meta.split(" ")
        found[path] = f"{mode} {oid}"
    return found


def _entries(listing: str) -> tuple[dict[str, str], list[str]]:
    """Return mode and id of each file in the index, and the paths that the index takes for unchanged, come what may."""
    entries: dict[str, str] = {}
    doubtful: list[str] = []
    for line in listing.split("\0"):
        meta, _, path = line.partition("\t")
        if path:
            entries[path] = meta[2:-2]  # "H 100644 <id> 0": a letter, mode, id, stage
            if meta[0] != "H" and meta[0] != "M":
                doubtful.append(path)
    return entries, doubtful


def _branch(status: str) -> tuple[str | None, str | None, list[str]]:
    """Return commit and branch, and the lines about files."""
    commit = branch = None
    lines = status.split("\0")
    for line in lines:
        if line.startswith("# branch.oid "):
            commit = None if line.endswith(" (initial)") else line.removeprefix("# branch.oid ")
        elif line.startswith("# branch.head "):
            branch = None if line.endswith(" (detached)") else line.removeprefix("# branch.head ")
    return commit, branch, [line for line in lines if line and not line.startswith("# ")]


def _differing(lines: Iterable[str], prefix: str) -> Iterator[tuple[str, str]]:
    """Yield the paths that differ from HEAD, each with the reason why its content can't be named, if so."""
    for line in lines:
        reason = ""
        match line[0]:
            case "1":  # XY, submodule, 3 modes, 2 ids, path
                fields = line.split(" ", 8)
                path = fields[8]
                if fields[2][0] == "S" and fields[2] != "S...":
                    reason = "a submodule whose checkout differs from what is committed"
            case "u":
                path = line.split(" ", 10)[10]
            case "?":
                path = line[2:]
                if path.endswith("/"):
                    path, reason = path[:-1], "a git repository inside of this one"
            case _:
                raise GitError(f"git status said what isonox does not understand: {line!r}")
        own = line[0] == "?" and path.startswith(f"{prefix}{files.STATE}/")  # git may not know yet to ignore it
        if path.startswith(prefix) and not own:
            yield path[len(prefix) :], reason


def _renew(root: Path, path: str, entries: dict[str, str], unknown: dict[str, str], *, long: bool) -> None:
    """Read one file and put its id into `entries`, or out of it if the file is gone."""
    try:
        found = _id(root, path, long=long)
    except FileNotFoundError:
        entries.pop(path, None)
    except NotADirectoryError:
        entries.pop(path, None)
    except OSError as error:
        unknown[path] = f"can't be read: {error.strerror}"
    else:
        if found is None:
            if not entries.get(path, "").startswith(_SUBMODULE):
                entries.pop(path, None)
        elif not found:
            unknown[path] = "changed while it was read"
        else:
            entries[path] = found


def _id(root: Path, path: str, *, long: bool) -> str | None:
    """Return mode and id of a file as git would give it; None for what is no file, empty if it is just changing.

    Source: https://git-scm.com/book/en/v2/Git-Internals-Git-Objects
    """
    place = os.path.join(root, path)  # noqa: PTH118 - bytes that are no UTF-8 pass as they are
    before = os.lstat(place)
    if stat.S_ISLNK(before.st_mode):
        mode, content = _LINK, os.fsencode(os.readlink(place))  # noqa: PTH115 - as above
    elif stat.S_ISREG(before.st_mode):
        mode = "100755" if before.st_mode & stat.S_IXUSR else "100644"
        with open(place, "rb") as stream:  # noqa: PTH123 - as above
            content = stream.read()
            after = os.fstat(stream.fileno())
        if (after.st_size, after.st_mtime_ns, len(content)) != (before.st_size, before.st_mtime_ns, before.st_size):
            return ""
    else:
        return None
    digest = hashlib.new("sha256" if long else "sha1", b"blob %d\0" % len(content), usedforsecurity=False)
    digest.update(content)
    return f"{mode} {digest.hexdigest()}"
