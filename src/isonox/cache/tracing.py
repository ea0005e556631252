"""What a session used beside its declared inputs.

`tracer/sitecustomize.py` notes what each Python process of the session opens, lists and connects to; here that is held
against the inputs.

| fine is | because |
|---|---|
| a file that counts (see `isonox.model.inputs`) and that git sees | it is part of the fingerprint |
| what the session made itself before | it follows from the rest |
| a file of an installed distribution, of isonox or of a tool's cache | it is known otherwise, or must not matter |
| to list a folder whose files count, or which a pattern with a wildcard goes through | so is the set of their names |
| that the import system or pytest lists a folder above those | names that can be imported from the root count |
| to connect to an address that the session listens at | nobody else can answer |
| to connect to a declared service | it is fresh, and its version is declared |
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from isonox.model import inputs
from isonox.model.record import Undeclared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from isonox.model.inputs import Inputs
    from isonox.model.workspace import Workspace

#: What the address of a package index begins with: which versions there are is its answer.
INDEX = "a package index"

#: Whatever git knows beside the files.
GIT = ".git"

#: More would make a record unwieldy, and tell nobody more.
LIMIT = 100

#: Folders and files that tools keep for themselves.
_OF_TOOLS = re.compile(
    r"(?:.*/)?(?:\.nox|\.isonox|\.tox|\.eggs|__pycache__|\.(?:mypy|pytest|ruff|import_linter)_cache|\.hypothesis"
    r"|\.coverage(?:\.[^/]*)?|[^/]+\.egg-info)(?:/.*)?",
    re.DOTALL,
)
#: Names of folders with a virtual environment, if there is a pyvenv.cfg.
_ENVIRONMENT = re.compile(r"((?:.*?/)?\.?venv)(?:/.*)?", re.DOTALL)
#: What Python and pytest compile `name.py` into: the source itself is not opened then.
_COMPILED = re.compile(r"((?:.*/)?)__pycache__/(.+?)\.(?:cpython|pypy|graalpy)[^/]*\.pyc", re.DOTALL)
_LOOPBACK = re.compile(r"(?:127\..*|localhost|::1|0\.0\.0\.0|::|::ffff:127\..*|):(\d+)")


class Fact(NamedTuple):
    """What a process noted: a letter of the table in `tracer/sitecustomize.py`, and what it is about."""

    letter: str
    what: str


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What a session may use.

    Attributes:
        root: The workspace's root.
        inputs: What counts for the session.
        workspace: Its packages.
        seen: Returns the files that git sees at some paths or below them.
        services: Addresses of the servers that the session declares.
        for_a_time: Whether its verdict is used for a time only: that declares what others answer.
    """

    root: Path
    inputs: Inputs
    workspace: Workspace
    seen: Callable[[Iterable[str]], Iterable[str]]
    services: frozenset[str] = frozenset()
    for_a_time: bool = False


def read(report: bytes) -> list[Fact] | None:
    """Return the facts of a report, in their order; None if a process could not be traced."""
    facts = [Fact(entry[:1], entry[1:]) for entry in os.fsdecode(report).split("\0") if entry]
    return None if any(fact.letter == "E" for fact in facts) else facts


def undeclared(facts: Iterable[Fact], scope: Scope) -> tuple[Undeclared, ...]:
    """Return what of that the session did not declare, at most `LIMIT` of it."""
    used = _Used()
    for fact in facts:
        used.add(fact)
    judge = _Judge(scope, used)
    found = [*judge.reads(), *judge.listings(), *judge.writes(), *judge.connections()]
    return tuple(found[:LIMIT])


@dataclass
class _Used:
    """What a session used; what it made itself is left out from then on."""

    read: dict[str, None] = field(default_factory=dict)
    listed: dict[str, str] = field(default_factory=dict)
    changed: dict[str, None] = field(default_factory=dict)
    connected: dict[str, None] = field(default_factory=dict)
    bound: set[str] = field(default_factory=set)
    made: set[str] = field(default_factory=set)

    def add(self, fact: Fact) -> None:
        letter, what = fact
        if letter == "R" and not self._is_made(path := _source(what)):
            self.read[path] = None
        elif letter in "LI" and not self._is_made(what):
            self.listed[what] = "L" if letter == "L" else self.listed.get(what, "I")
        elif letter == "W":
            self.made.add(what)
            self.changed[what] = None
        elif letter == "A":
            self.changed[what] = None
        elif letter == "M":
            source, _, target = what.partition("//")
            if self._is_made(source):
                self.made.add(target)
            self.changed.update({source: None, target: None})
        elif letter == "C":
            self.connected[what] = None
        elif letter == "B":
            self.bound.add(what)

    def _is_made(self, path: str) -> bool:
        return path in self.made or not self.made.isdisjoint(above(path))


class _Judge:
    def __init__(self, scope: Scope, used: _Used) -> None:
        self._scope = scope
        self._used = used
        self._files = [path for path in used.read if self._matters(path) and not self._is_folder(path)]
        self._listed = [path for path in used.listed if self._matters(path) and self._is_folder(path)]
        self._counted = set(inputs.counted(scope.inputs, scope.workspace, self._files))
        self._of_packages = self._folders_of(inputs.Inputs(packages=scope.inputs.packages))
        self._outside = self._folders_of(inputs.Inputs(outside=scope.inputs.outside))
        wanted = sorted({*filter(self._exists, self._counted), *filter(None, self._listed)})
        self._seen = set(scope.seen(wanted)) if wanted else set()
        self._folders = {folder for path in self._seen for folder in above(path)}

    def _folders_of(self, declared: Inputs) -> set[str]:
        """Return which of the folders that were listed have files that count."""
        files = {f"{_inside(folder)}x": folder for folder in self._listed}
        return {files[path] for path in inputs.counted(declared, self._scope.workspace, files)}

    def reads(self) -> Iterator[Undeclared]:
        """Yield the files that do not count, or that git does not see; one that is not there may count one day."""
        if history := next(filter(_is_history, self._used.read), None):
            hint = "that may differ while all files are the same: do without, or say cache=False"
            yield Undeclared(kind="read", what=history, hint=hint)
        for path in self._files:
            if path in self._counted and (path in self._seen or not self._exists(path)):
                continue
            modules = self._modules(path)
            if _is_history(path) or inputs.counted(self._scope.inputs, self._scope.workspace, modules):
                continue  # git lists nothing that is in a submodule: it counts as a whole
            hint = f'declare the submodule: inputs=["{modules[0]}"]' if modules else self._hint(path, path)
            yield Undeclared(kind="read", what=path, hint=hint)

    def listings(self) -> Iterator[Undeclared]:
        """Yield the folders whose names do not count."""
        for folder in self._listed:
            if self._is_empty(folder) or (self._may_list(folder) and (not folder or folder in self._folders)):
                continue
            yield Undeclared(kind="listed", what=folder or ".", hint=self._hint(folder, f"names:{_inside(folder)}**"))

    def writes(self) -> Iterator[Undeclared]:
        """Yield the inputs that the session changed, or removed, perhaps with a folder."""
        changed = {path for path in self._used.changed if self._matters(path)}
        seen = self._scope.seen(sorted(changed)) if changed else ()
        files = [path for path in seen if path in changed or not changed.isdisjoint(above(path))]
        for path in inputs.counted(self._scope.inputs, self._scope.workspace, files):
            hint = "keep it as it is, or write where git ignores it (session.artifacts, session.create_tmp())"
            yield Undeclared(kind="wrote", what=path, hint=hint)

    def connections(self) -> Iterator[Undeclared]:
        """Yield the addresses at which something else than the session answers."""
        for address in () if self._scope.for_a_time else self._used.connected:
            own = _LOOPBACK.fullmatch(address)
            declared = {address, f"127.0.0.1:{own[1]}" if own else ""} & self._scope.services
            if (own[1] if own else address) not in self._used.bound and not declared:
                hint = "say how long its answer counts: cache=timedelta(hours=1), or cache=False"
                if address.startswith(INDEX):
                    hint = "install what the lock says: session.install_group(...)"
                yield Undeclared(kind="connected", what=address, hint=hint)

    def _may_list(self, folder: str) -> bool:
        wanted, workspace = self._scope.inputs, self._scope.workspace
        inside = _inside(folder)
        if wanted.everything or inputs.matcher(_folders(wanted)).match(folder) or folder in self._of_packages:
            return True
        if self._used.listed[folder] == "I":
            mine = (one.path for one in workspace.packages if one.name in wanted.packages)
            named = (*wanted.files, *wanted.names, *(table.file for table in wanted.tables), *mine)
            return not folder or any(path.startswith(inside) for path in named)
        packages = (one.path for one in workspace.packages if one.installable)
        return folder in self._outside and not any(path.startswith(inside) for path in packages)

    def _hint(self, path: str, pattern: str) -> str:
        inside = _inside(path)
        seen = any(one == path or one.startswith(inside) for one in self._scope.seen([path]))
        if self._exists(path) and not seen:
            return "git ignores it, so it can't count: do without, or say cache=False"
        return f'declare it: inputs=["{pattern}"]'

    def _modules(self, path: str) -> list[str]:
        """Return the submodule that a file is in, if it is in one."""
        return [one for one in self._scope.seen([path]) if one in above(path)]

    def _matters(self, path: str) -> bool:
        if _OF_TOOLS.fullmatch(path):
            return False
        environment = _ENVIRONMENT.fullmatch(path)
        return not (environment and self._exists(f"{environment[1]}/pyvenv.cfg"))

    def _is_empty(self, folder: str) -> bool:
        names = os.listdir(self._place(folder))  # noqa: PTH208 - as below
        return not any(self._matters(f"{_inside(folder)}{name}") for name in names)

    def _exists(self, path: str) -> bool:
        return os.path.lexists(self._place(path))

    def _is_folder(self, path: str) -> bool:
        try:
            return stat.S_ISDIR(os.lstat(self._place(path)).st_mode)
        except OSError:
            return False

    def _place(self, path: str) -> str:
        """Return where a path is; each job asks for some, so that it has to be fast."""
        return f"{self._scope.root}/{path}"


def _is_history(path: str) -> bool:
    return path == GIT or path.startswith(f"{GIT}/")


def _inside(folder: str) -> str:
    """Return what the paths in a folder begin with."""
    return f"{folder}/" if folder else ""


def _source(path: str) -> str:
    compiled = _COMPILED.fullmatch(path)
    return f"{compiled[1]}{compiled[2]}.py" if compiled else path


def above(path: str) -> Iterator[str]:
    """Yield the folders that a path is in, the innermost first, without the root."""
    while path := path.rpartition("/")[0]:
        yield path


def _folders(wanted: Inputs) -> tuple[str, ...]:
    """Return patterns of the folders that patterns with a wildcard go through: `docs/**` through docs and below."""
    found = []
    for pattern in (*wanted.files, *wanted.names):
        parts = (f"{pattern}**" if pattern.endswith("/") else pattern).removeprefix("./").split("/")
        wild = next((place for place, part in enumerate(parts) if re.search(r"[*?[]", part)), None)
        if wild is not None:
            found += ["/".join(parts[:end]) for end in range(wild, len(parts))]
            found += ["/".join(parts)] if parts[-1] == "**" else []
    return tuple(found)
