"""The files of a checkout, each with an id of what is in it."""

from __future__ import annotations

from functools import cached_property

import msgspec

#: Files from which packages are read.
_MANIFESTS = ("pyproject.toml", "setup.cfg", "setup.py")


class Tree(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """What git sees in a checkout at one moment: tracked files as they are now, and new ones that are not ignored.

    Attributes:
        files: For each file, relative to the workspace's root with POSIX separators (bytes that are no UTF-8 as
            surrogates): its mode and an id of its content. Two trees have equal ids where the content is equal.
        commit: Full hash of HEAD, or None before the first commit.
        branch: Name of the branch, or None where HEAD is detached.
        changed: Paths that differ from that commit, removed and new ones included.
        index: Mode and id in the index of those of them that it has.
        unknown: Paths whose content has no id, each with the reason: a submodule with changes, an unreadable file.
    """

    files: dict[str, str]
    commit: str | None = None
    branch: str | None = None
    changed: tuple[str, ...] = ()
    index: dict[str, str] = {}
    unknown: dict[str, str] = {}

    @property
    def dirty(self) -> bool:
        """Whether the working tree differs from the commit."""
        return bool(self.changed)

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """All files, sorted."""
        return tuple(sorted(self.files))

    @cached_property
    def manifests(self) -> tuple[str, ...]:
        """The files from which packages are read, in the order of `files`: which there are counts, too."""
        return tuple(path for path in self.files if path.endswith(_MANIFESTS) and path.rpartition("/")[2] in _MANIFESTS)
