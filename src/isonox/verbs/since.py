"""What has changed in a checkout since another revision, and which of its packages and sessions that concerns."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import msgspec

from isonox.cache.fingerprint import LATE, excluded
from isonox.errors import StateError
from isonox.model import inputs
from isonox.model.config import Config
from isonox.model.plan import Selection
from isonox.model.tree import Tree
from isonox.model.workspace import Workspace
from isonox.planning import build
from isonox.planning.affected import Affected, Difference, affected
from isonox.sessions import surroundings
from isonox.system import git
from isonox.system.git import NOXFILE
from isonox.system.version import PACKAGE, identity
from isonox.workspace import changes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from isonox.cache.entry import Entry
    from isonox.cache.fingerprint import Fingerprint
    from isonox.model.changes import Changes
    from isonox.model.inputs import Table
    from isonox.model.pipeline import Session
    from isonox.model.record import Installation
    from isonox.verbs.checkout import Checkout

_LOCK = "uv.lock"

#: Git's modes of a program and of a symbolic link.
_PROGRAM, _LINK = "100755", "120000"

#: What the lock says of isonox itself: its version and where it comes from.
_ISONOX = re.compile(rb'^name = "isonox"\n(?:version = .*\n)?source = .*$', re.MULTILINE)
#: What the lock installs from folders of the workspace.
_LOCAL = re.compile(rb'^source = \{ (?:editable|directory) = "(.+?)" \}$', re.MULTILINE)


def since(checkout: Checkout, base: str) -> Affected:
    """Return what the changes since the merge base with a revision concern.

    Raises:
        IsonoxError: There is no such revision or no merge base, or something is declared wrongly.
    """
    checkout.start_reading()
    found = changes.of(base, changes.committed(checkout.root, base), checkout.tree)
    with contextlib.ExitStack() as stack:
        difference = _Comparison(checkout, found, stack).difference()
        return Affected(found, difference.packages, affected(checkout.pipeline, difference))


class _Comparison:
    """What a checkout declares now and declared at the merge base.

    Args:
        checkout: Now.
        found: The files that differ.
        stack: Keeps the folder of what was declared then.
    """

    def __init__(self, checkout: Checkout, found: Changes, stack: contextlib.ExitStack) -> None:
        self._checkout = checkout
        self._changes = found
        self._stack = stack

    def difference(self) -> Difference:
        """Return all that differs."""
        declared = self._declared
        return Difference(
            paths=self._changes.paths,
            added=self._changes.added,
            removed=self._changes.removed,
            files=self._checkout.tree.files,
            workspace=self._checkout.workspace,
            before=declared[1] if declared else self._checkout.workspace,
            tables=self._tables(),
            everything=self._everything(),
            own=self._own,
            untold=_untold,
        )

    def _everything(self) -> str:
        """Return a file that makes every session another one; empty if there is none."""
        before, project = self._changes.before, self._checkout.project
        if NOXFILE in before and (self._statements is None or self._statements[0] != project.noxfile):
            return NOXFILE
        if found := self._looked_at():
            return found
        if self._manifests and (self._declared is None or self._declared[0] != project.config):
            root = "pyproject.toml"
            return f"{root if root in self._manifests else self._manifests[0]}#tool.isonox"
        if self._manifests and self._declared and _folders(self._declared[1]) != _folders(self._checkout.workspace):
            return self._manifests[0]  # standard stages look for configuration in all of them
        if _LOCK in before and _isonox(self._then(_LOCK)) != _isonox(self._now(_LOCK)):
            return f"{_LOCK}#isonox"
        return self._own_source()

    def _looked_at(self) -> str:
        """Return a file that differs of those that the noxfile looks at, or looks for; empty if there is none."""
        project = self._checkout.project
        named, gone = {*project.modules, *project.absent}, tuple(path for path in project.absent if path.endswith("/"))
        found = (path for path in self._changes.paths if path in named or path.startswith(gone))
        listed = (self._listed(path) for path in project.modules if path.endswith("/"))
        return next(filter(None, (*found, *listed)), "")

    def _listed(self, folder: str) -> str:
        """Return a file by which the names in a folder, whose path ends in a slash, differ; empty if there is none."""
        inside = folder.removeprefix("./")
        names = [*self._changes.added, *self._changes.removed] if folder.endswith("/") else []
        if not (changed := {path: _name(path, inside) for path in sorted(names) if path.startswith(inside)}):
            return ""
        added = self._changes.added
        kept = {
            _name(path, inside) for path in self._checkout.tree.files if path.startswith(inside) and path not in added
        }
        now, then = ({changed[path] for path in some if path in changed} for some in (added, self._changes.removed))
        return next((path for path, name in changed.items() if name in (now ^ then) - kept), "")

    def _own_source(self) -> str:
        """Return a file of isonox that changed, where isonox itself is what is being worked on."""
        if not PACKAGE.is_relative_to(self._checkout.root):
            return ""
        place = f"{PACKAGE.relative_to(self._checkout.root).as_posix()}/"
        return next((path for path in self._changes.paths if path.startswith(place) and path.endswith(".py")), "")

    def _own(self, session: Session) -> str:
        """Return a file that makes one session another one, beside the files that it declares; empty if none."""
        if NOXFILE in self._changes.before:
            digest = self._checkout.project.declarations.get(session.facts.declaration or 0)
            if digest and self._statements and digest not in self._statements[1]:
                return NOXFILE
        if self._programs and (program := self._called(session)):
            return program
        return self._installed if self._installed and self._installs_otherwise(session) else ""

    def _called(self, session: Session) -> str:
        """Return a program that differs and that a session calls, perhaps through a link; any if nobody knows."""
        entry = self._told(session)
        if entry is None:
            return next(iter(self._programs.values()))
        for one in surroundings.discovered(entry.record).programs:
            called = os.path.normpath(self._checkout.root / one)
            place = os.path.realpath(called)
            if found := self._programs.get(called) or self._programs.get(place):
                return found
            if self._links and (place != called or not os.path.lexists(called)):
                return self._links[0]
        return ""

    @cached_property
    def _programs(self) -> dict[str, str]:
        """The programs among the files that differ, and the links, which may lead to some: by path."""
        before, now = self._changes.before, self._changes.now
        found = [path for path in before if {before[path][:6], now[path][:6]} & {_PROGRAM, _LINK}]
        return {os.path.normpath(self._checkout.root / path): path for path in found}

    @cached_property
    def _links(self) -> list[str]:
        """The links among them."""
        before, now = self._changes.before, self._changes.now
        return [path for path in self._programs.values() if _LINK in (before[path][:6], now[path][:6])]

    @cached_property
    def _installed(self) -> str:
        """The lock, or a manifest of a package that it installs from its folder, if one differs; else empty."""
        if _LOCK in self._changes.before or not self._manifests:
            return _LOCK if _LOCK in self._changes.before else ""
        folders = {found.decode() for found in _LOCAL.findall(self._now(_LOCK))}
        return next((path for path in self._manifests if (path.rpartition("/")[0] or ".") in folders), "")

    def _installs_otherwise(self, session: Session) -> bool:
        """Return whether a session installs other things than then, or nobody knows what it installs."""
        entry = self._told(session)
        if entry is None:
            return True
        return any(self._locked_now(one) != self._locked_then(one) for one in entry.record.installations)

    def _told(self, session: Session) -> Entry | None:
        """Return the newest result of a session, if it tells what a run would do: that had the same inputs."""
        with contextlib.suppress(StateError):
            entry = self._checkout.store.latest(session.id)
            if entry and _told(entry.parts) == _told(self._fingerprints[session.id].parts):
                return entry
        return None

    def _tables(self) -> frozenset[Table]:
        """Return the tables that differ, of those that sessions declare."""
        patterns = {(session.facts.inputs, session.package is not None) for session in self._checkout.pipeline.sessions}
        declared = {table for one, package in patterns for table in inputs.declared(one, of_package=package).tables}
        changed = {table for table in declared if table.file in self._changes.before}
        documents = {
            file: (_parsed(self._then(file)), _parsed(self._now(file))) for file in {table.file for table in changed}
        }
        return frozenset(
            table
            for table in changed
            if len({repr(inputs.looked_up(one, table.key)) for one in documents[table.file]}) > 1
        )

    @cached_property
    def _statements(self) -> tuple[str, frozenset[str]] | None:
        """The hashes of the noxfile as it was: what was common, and its declarations; None where there was none."""
        from isonox.cache import statements  # noqa: PLC0415 - only after a change of the noxfile

        try:
            common, declarations = statements.split(self._then(NOXFILE))
        except (SyntaxError, ValueError):
            return None
        return (common, frozenset(declarations.values())) if self._changes.before[NOXFILE] else None

    @cached_property
    def _manifests(self) -> list[str]:
        """The files that differ from which packages, and what is installed, are read."""
        return sorted(path for path in self._changes.before if changes.declares(path))

    @cached_property
    def _manifests_then(self) -> dict[str, str]:
        """All of them as they were, with mode and id."""
        before = self._changes.before
        kept = {
            path: entry
            for path, entry in self._checkout.tree.files.items()
            if changes.declares(path) and path not in before
        }
        return dict(sorted({**kept, **{path: before[path] for path in self._manifests if before[path]}}.items()))

    @cached_property
    def _folder(self) -> Path:
        """A folder with all of them as they were."""
        from isonox.workspace import past  # noqa: PLC0415 - only after a change of them

        now = self._checkout.tree.files
        return self._stack.enter_context(past.written(self._checkout.root, self._manifests_then, now))

    @cached_property
    def _declared(self) -> tuple[Config, Workspace] | None:
        """What they said; the same as now where none of them differs, None where it was invalid."""
        if not self._manifests:
            return self._checkout.project.config, self._checkout.workspace
        store, files = self._checkout.store, self._manifests_then
        lines = (identity(), self._checkout.root.name, *(f"{path}\0{entry}" for path, entry in files.items()))
        key = hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
        with contextlib.suppress(StateError, msgspec.DecodeError):
            if kept := store.recall("past", key):
                return msgspec.msgpack.decode(kept, type=tuple[Config, Workspace] | None)
        from isonox.workspace import past  # noqa: PLC0415 - as above

        found = past.read(self._folder, files)
        with contextlib.suppress(StateError):
            store.remember("past", key, msgspec.msgpack.encode(found))
        return found

    @cached_property
    def _fingerprints(self) -> dict[str, Fingerprint]:
        """The fingerprints of all sessions now."""
        pipeline = self._checkout.pipeline
        plan = build.build(pipeline, Selection(names=pipeline.stages), isonox="")
        return self._checkout.fingerprints(plan)

    @cached_property
    def _locked_now(self) -> Callable[[Installation], str]:
        checkout = self._checkout
        return surroundings.locked(checkout.root, checkout.tree, checkout.store)

    @cached_property
    def _locked_then(self) -> Callable[[Installation], str]:
        return surroundings.locked(self._folder, Tree(files=self._manifests_then), self._checkout.store)

    def _then(self, path: str) -> bytes:
        entry = self._changes.before[path]
        return git.blob(self._checkout.root, entry.split(" ")[1]) if entry else b""

    def _now(self, path: str) -> bytes:
        try:
            return (self._checkout.root / path).read_bytes()
        except OSError:
            return b""


def _untold(session: Session) -> str:
    """Return why it can't be told of a session whether changes concern it."""
    limit = session.facts.cache_seconds
    return excluded(session) or (
        "" if limit is None else f"its inputs do not tell all: a verdict holds for {limit / 3600:g} h"
    )


def _name(path: str, folder: str) -> str:
    """Return the name of what is in a folder at the beginning of a path."""
    return path.removeprefix(folder).partition("/")[0]


def _folders(workspace: Workspace) -> set[str]:
    """Return the folders around packages."""
    return {str(folder) for package in workspace.packages for folder in PurePosixPath(package.path).parents}


def _told(parts: dict[str, str]) -> dict[str, str]:
    return {name: part for name, part in parts.items() if name not in LATE}


def _isonox(lock: bytes) -> list[bytes]:
    return _ISONOX.findall(lock)


def _parsed(content: bytes) -> Any:
    """Return a TOML document; one that is not valid counts as a whole."""
    import tomllib  # noqa: PLC0415 - only after a change of such a file

    try:
        return tomllib.loads(content.decode())
    except ValueError:
        return content
