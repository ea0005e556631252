"""Read the tree of a checkout: two git processes, however many packages there are."""

from __future__ import annotations

import os
import stat
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from isonox.errors import GitError
from isonox.system import files, git

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from isonox.model.tree import Tree

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
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._look = git.Look(root)

    @property
    def is_over(self) -> bool:
        """Whether git has answered."""
        return self._look.is_over

    @cached_property
    def digest(self) -> str:
        """Hash of the tree and its commit.

        Raises:
            GitError: Git is missing or says no.
        """
        import hashlib  # noqa: PLC0415 - git has begun before

        read = (f"{path} {one.entry} {one.reason}" for path, one in self._read.items())
        said = "\n".join((*self._answers, *read))
        return hashlib.sha256(said.encode("utf-8", "surrogateescape")).hexdigest()

    def tree(self) -> Tree:
        """Wait for git and return the tree.

        Raises:
            GitError: Git is missing or says no.
        """
        from isonox.model.tree import Tree  # noqa: PLC0415 - whoever wants the digest only does without

        entries = _entries(self._answers[0])
        commit, branch, _ = self._status
        changed: dict[str, str] = {}
        unknown: dict[str, str] = {}
        for path, one in self._read.items():
            before = entries.get(path, "")
            if one.reason:
                unknown[path] = one.reason
            elif one.entry:
                entries[path] = one.entry
            elif not (one.is_no_file and before.startswith(_SUBMODULE)):
                entries.pop(path, None)
            if path in self._differing or (entries.get(path, before) != before and one != _ABSENT):
                changed[path] = before  # what is left out of a sparse checkout has not changed
        index = {path: entry for path, entry in changed.items() if entry}
        return Tree(
            files=entries, commit=commit, branch=branch, changed=tuple(sorted(changed)), index=index, unknown=unknown
        )

    @cached_property
    def _answers(self) -> tuple[str, str]:
        return self._look.answers()

    @cached_property
    def _status(self) -> tuple[str | None, str | None, list[str]]:
        return _branch(self._answers[1])

    @cached_property
    def _differing(self) -> dict[str, str]:
        """The files that differ from HEAD, each with the reason why its content can't be named, if so."""
        top = git.find_root(self._root)
        prefix = "" if top == self._root else f"{self._root.relative_to(top).as_posix()}/"
        return dict(_differing(self._status[2], prefix))

    @cached_property
    def _read(self) -> dict[str, _Read]:
        """What git does not answer for, as it is now."""
        commit = self._status[0] or ""
        found = {path: _Read(reason=reason) for path, reason in self._differing.items() if reason}
        found |= dict.fromkeys(_absent(self._root, self._answers[0]), _ABSENT)
        for path in (*self._differing, *_doubtful(self._answers[0])):
            if path not in found:
                found[path] = _renewed(self._root, path, long=len(commit) > _SHORT)
        return found


class _Read(NamedTuple):
    """What is at a path: mode and id as git would give them; none where nothing is there, or no file, or no name."""

    entry: str = ""
    reason: str = ""
    is_no_file: bool = False


#: A submodule that is not checked out: git takes it for unchanged.
_ABSENT = _Read(entry=f"{_SUBMODULE} none")

_begun: dict[Path, Reading] = {}


def begin(root: Path) -> Reading:
    """Begin to read before anybody has asked; whoever asks first gets that (see `reading`)."""
    _begun[root] = Reading(root)
    return _begun[root]


def reading(root: Path) -> Reading:
    """Return a reading of the checkout at `root`: the one that was begun ahead of time, once."""
    return _begun.pop(root, None) or Reading(root)


def _entries(listing: str) -> dict[str, str]:
    """Return mode and id of each file in the index."""
    entries: dict[str, str] = {}
    for line in listing.split("\0"):
        meta, _, path = line.partition("\t")
        if path:
            entries[path] = meta[2:-2]  # "H 100644 <id> 0": a letter, mode, id, stage
    return entries


def _doubtful(listing: str) -> list[str]:
    """Return the paths that the index takes for unchanged, come what may."""
    if listing.startswith("H ") and listing.count("\0H ") == listing.count("\0") - 1:
        return []  # nearly always: there are thousands of lines
    return [line.partition("\t")[2] for line in listing.split("\0") if line and line[0] not in "HM"]


def _absent(root: Path, listing: str) -> list[str]:
    """Return the submodules that are not checked out."""
    if f" {_SUBMODULE} " not in listing:
        return []
    return [
        path for path, entry in _entries(listing).items() if entry.startswith(_SUBMODULE) and not _is_there(root, path)
    ]


def _is_there(root: Path, path: str) -> bool:
    return os.path.lexists(os.path.join(root, path, ".git"))  # noqa: PTH118 - the path may hold any bytes


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


def _renewed(root: Path, path: str, *, long: bool) -> _Read:
    """Read one file."""
    try:
        found = _id(root, path, long=long)
    except (FileNotFoundError, NotADirectoryError):
        return _Read()
    except OSError as error:
        return _Read(reason=f"can't be read: {error.strerror}")
    if found is None:
        return _Read(is_no_file=True)
    return _Read(entry=found) if found else _Read(reason="changed while it was read")


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
    import hashlib  # noqa: PLC0415 - as in `Reading.digest`

    digest = hashlib.new("sha256" if long else "sha1", b"blob %d\0" % len(content), usedforsecurity=False)
    digest.update(content)
    return f"{mode} {digest.hexdigest()}"
