"""Which sessions the changes since another revision concern.

A session is affected exactly if a part of its fingerprint (`isonox.cache.fingerprint`) that can differ between two
commits does differ, or can't be told: so what is not affected has the verdict that it had there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, NamedTuple

from isonox.model import inputs
from isonox.model.plan import Reason, ReasonKind
from isonox.planning.graph import topological

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from isonox.model.changes import Changes
    from isonox.model.inputs import Inputs, Table
    from isonox.model.pipeline import Pipeline, Session
    from isonox.model.workspace import Package, Workspace

_PYTHON = ".py"


class Cause(NamedTuple):
    """What affects a session or a package.

    Attributes:
        what: The file that changed; for `ALWAYS`, why it can't be told.
        through: The package that it belongs to, or the session that it affects, where this one only depends on that.
    """

    what: str
    through: str = ""
    kind: ReasonKind = ReasonKind.CHANGED

    def passed_on(self, through: str) -> Cause:
        """Return what this cause is for those that depend on `through`."""
        if self.kind is ReasonKind.ALWAYS:
            return self._replace(what=f"it requires {through}: {self.what}")
        return Cause(self.what, self.through or through, ReasonKind.DEPENDENCY)

    @property
    def reason(self) -> Reason:
        """The same, as plans and people have it."""
        through = f" ({self.through})" if self.through and self.kind is ReasonKind.DEPENDENCY else ""
        return Reason(kind=self.kind, detail=shown(f"{self.what}{through}"))


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What differs between two states of a repository.

    Attributes:
        paths: Files that differ, sorted.
        added: Those of them that were not there then.
        removed: Those of them that are not there now.
        files: All files that are there now.
        workspace: Packages and edges now.
        before: The same then; the same object where nothing that it is read from differs.
        tables: Tables of TOML files that differ.
        everything: A file that makes every session another one; empty if there is none.
        own: Returns a file that makes one session another one, beside the files that it declares; empty if none.
        untold: Returns why it can't be told of a session; empty if it can.
    """

    paths: tuple[str, ...]
    added: frozenset[str]
    removed: frozenset[str]
    files: Iterable[str]
    workspace: Workspace
    before: Workspace
    tables: frozenset[Table]
    everything: str
    own: Callable[[Session], str]
    untold: Callable[[Session], str]

    @cached_property
    def outside(self) -> str:
        """The first file outside of all packages, then or now, that differs; empty if there is none."""
        return min(self._owned.get("", ()), default="")

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The files that are there at one of the two only."""
        return tuple(path for path in self.paths if path in self.added or path in self.removed)

    @cached_property
    def importable(self) -> str:
        """A file that changes what can be imported from the root; empty if there is none."""
        changed = [path for path in self.names if path.endswith(_PYTHON)]
        if not changed:
            return ""
        kept = {_top(path) for path in self.files if path.endswith(_PYTHON) and path not in self.added}
        now, then = ({_top(path) for path in changed if path in some} for some in (self.added, self.removed))
        return _first(path for path in changed if _top(path) in (now ^ then) - kept)

    @cached_property
    def packages(self) -> dict[str, Cause]:
        """Each package that has changed, or that depends on one that has."""
        found = {name: Cause(min(paths)) for name, paths in self._owned.items() if name}
        if self.workspace is not self.before:
            self._add_rewired(found)
        dependents: dict[str, list[str]] = {}
        for source, targets in self.workspace.dependencies.items():
            for target in targets:
                dependents.setdefault(target, []).append(source)
        frontier = sorted(found)
        for name in frontier:  # it grows: those that are nearest to a change come first
            for dependent in dependents.get(name, ()):
                if dependent not in found:
                    found[dependent] = found[name].passed_on(name)
                    frontier.append(dependent)
        return {name: cause for name, cause in found.items() if name in self.workspace.by_name}

    @cached_property
    def gone(self) -> str:
        """A file that says that a package is not there any more, or is elsewhere; empty if there is none."""
        if self.workspace is self.before:
            return ""
        return _first(self._manifest(package) for package in _only(self.before, self.workspace))

    @cached_property
    def _owned(self) -> dict[str, list[str]]:
        """The files that differ by the package that they belong to then or now, and what says that owners differ."""
        if self.workspace is self.before:
            found = inputs.owners(self.workspace, self.paths)
        else:
            found = inputs.owners(self.workspace, [path for path in self.paths if path not in self.removed])
            earlier = inputs.owners(self.before, [path for path in self.paths if path not in self.added])
            for name, paths in earlier.items():
                found.setdefault(name, []).extend(paths)
        found[""] = [path for path in found.get("", ()) if path not in inputs.APART]
        for package in (*_only(self.workspace, self.before), *_only(self.before, self.workspace)):
            inside = "" if package.path == "." else f"{package.path}/"
            kept = [path for path in self.files if path.startswith(inside) and path not in self.added]
            now, then = (inputs.owners(workspace, kept) for workspace in (self.workspace, self.before))
            for name in {*now, *then}:
                if now.get(name) != then.get(name):
                    found.setdefault(name, []).append(self._manifest(package))
        return found

    def _add_rewired(self, found: dict[str, Cause]) -> None:
        """Add the packages that depend on others than before."""
        now, then = self.workspace.dependencies, self.before.dependencies
        everywhere = has_cycle(now) != has_cycle(then)  # then fingerprints are put together in another way
        for package in self.workspace.packages:
            name = package.name
            if name not in then or {*now[name]} != {*then[name]} or (everywhere and now[name]):
                found.setdefault(name, Cause(self._manifest(package)))

    def _manifest(self, package: Package) -> str:
        """Return the changed file that is nearest to what says that a package is there and what it needs."""
        own = f"{package.path}/pyproject.toml".removeprefix("./")
        candidates = (own, "pyproject.toml", "uv.lock")
        return next((path for path in candidates if path in self.paths), self.paths[0] if self.paths else own)


class Affected(NamedTuple):
    """What the changes since another revision concern.

    Attributes:
        changes: The files that changed.
        packages: Each package that has changed, or that depends on one that has.
        sessions: Each session that is affected, with the first cause.
    """

    changes: Changes
    packages: dict[str, Cause]
    sessions: dict[str, Cause]

    @property
    def reasons(self) -> dict[str, Reason]:
        """The reason of each session that is affected."""
        return {name: cause.reason for name, cause in self.sessions.items()}

    def note(self, number: int, total: int) -> str:
        """Say how many jobs are left."""
        many = "nothing is" if number == 0 else f"{number} of {total} jobs {'is' if number == 1 else 'are'}"
        return f"{many} affected by the changes {self.changes.since}"


def affected(pipeline: Pipeline, difference: Difference) -> dict[str, Cause]:
    """Return the sessions that are affected, each with the first cause."""
    patterns: dict[tuple[tuple[str, ...] | None, bool], Cause | None] = {}
    found: dict[str, Cause] = {}
    for session in pipeline.sessions:
        if why := difference.untold(session):
            found[session.id] = Cause(why, kind=ReasonKind.ALWAYS)
        elif cause := _cause(session, difference, patterns):
            found[session.id] = cause
    if any(session.requires for session in pipeline.sessions):
        _pass_on(pipeline, difference.gone, found)
    return found


def _pass_on(pipeline: Pipeline, gone: str, found: dict[str, Cause]) -> None:
    """Add the sessions that require one that is affected, or that may have required one of a package that is gone."""
    for name in topological({session.id: session.requires for session in pipeline.sessions}):
        required = pipeline.by_id[name].requires
        for needed in required:
            if name not in found and needed in found:
                found[name] = found[needed].passed_on(needed)
        if gone and required and name not in found:
            found[name] = Cause(gone)


def _cause(
    session: Session, difference: Difference, patterns: dict[tuple[tuple[str, ...] | None, bool], Cause | None]
) -> Cause | None:
    if difference.everything:
        return Cause(difference.everything)
    if session.package and (cause := difference.packages.get(session.package)):
        return cause
    key = session.facts.inputs, session.package is not None
    if key not in patterns:
        declared = inputs.declared(key[0], of_package=key[1])
        first = next(filter(None, _of_patterns(declared, difference)), "")
        patterns[key] = Cause(first) if first else None
    if cause := patterns[key]:
        return cause
    own = difference.own(session)
    return Cause(own) if own else None


def _of_patterns(declared: Inputs, difference: Difference) -> Iterator[str]:
    """Yield the first file of each kind that a session declares and that differs, or nothing."""
    if declared.everything:
        yield next(iter(difference.paths), "")
        return
    yield _first(inputs.matching(declared.files, difference.paths))
    yield difference.outside if declared.outside else ""
    yield _first(inputs.matching((*declared.names, *inputs.beside(declared.files)), difference.names))
    yield _first(f"{table.file}#{table.key}" for table in declared.tables if table in difference.tables)
    yield difference.importable


def shown(path: str) -> str:
    """Return a path as text that JSON can hold: bytes that are no UTF-8 as escapes."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _first(found: Iterable[str]) -> str:
    return next(iter(found), "")


def _only(ours: Workspace, others: Workspace) -> list[Package]:
    """Return the packages whose name, place or nature is not so among the others."""
    known = {(one.name, one.path, one.installable) for one in others.packages}
    return [one for one in ours.packages if (one.name, one.path, one.installable) not in known]


def has_cycle(dependencies: Mapping[str, tuple[str, ...]]) -> bool:
    """Return whether packages depend on each other in a circle."""
    try:
        TopologicalSorter(dependencies).prepare()
    except CycleError:
        return True
    return False


def _top(path: str) -> str:
    return path.partition("/")[0]
