"""What `uv.lock` pins: the closure of a project, of groups and extras, for one interpreter; without uv."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs, urlsplit, urlunsplit

import msgspec
from packaging.utils import canonicalize_name

from isonox.errors import LockError, did_you_mean
from isonox.workspace import lockfile, staleness
from isonox.workspace.lockfile import LockedEdge, LockedPackage
from isonox.workspace.markers import Evaluator, current_environment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from isonox.workspace.lockfile import Conflict, LockDocument


class SourceKind(StrEnum):
    """Where a pinned package comes from, in the words of uv.lock (a virtual one is never installed)."""

    REGISTRY = "registry"
    EDITABLE = "editable"
    DIRECTORY = "directory"
    GIT = "git"
    URL = "url"
    PATH = "path"


class Pinned(msgspec.Struct, frozen=True, kw_only=True):
    """One package of a closure.

    Attributes:
        version: None for a local package whose version is dynamic.
        hashes: `sha256:...` of the source distribution and all wheels, sorted.
        path: For the local kinds: relative to the lock's directory, POSIX separators.
        reference: For git and URLs: the direct reference that pip understands.
    """

    name: str
    version: str | None = None
    kind: SourceKind
    hashes: tuple[str, ...] = ()
    path: str | None = None
    reference: str | None = None

    def line(self, *, hashes: bool = True) -> str:
        """Return the requirement as a line for pip, to be installed from the lock's directory.

        Args:
            hashes: Append `--hash` options. With one of them pip wants hashes for all, which editable, git
                and directory requirements can't have.
        """
        match self.kind:
            case SourceKind.EDITABLE:
                return f"-e {_dotted(self.path or '.')}"
            case SourceKind.DIRECTORY | SourceKind.PATH:
                line = _dotted(self.path or ".")
            case SourceKind.GIT | SourceKind.URL:
                line = f"{self.name} @ {self.reference}"
            case SourceKind.REGISTRY:
                line = f"{self.name}=={self.version}"
        return " ".join([line, *(f"--hash={value}" for value in self.hashes if hashes)])


class _Node(NamedTuple):
    """A package's own dependencies (`section` is empty), or those of `extra:x` or `group:x`."""

    package: LockedPackage
    section: str

    @property
    def key(self) -> tuple[str, str, str]:
        return (*_identity(self.package), self.section)


class Lock:
    """A lock file, read once. Make it with `Lock.load`."""

    def __init__(self, document: LockDocument) -> None:
        self._document = document
        self._by_name: dict[str, list[LockedPackage]] = {}
        for package in document.package:
            self._by_name.setdefault(package.name, []).append(package)

    @classmethod
    def load(cls, path: Path) -> Lock:
        """Read the lock file at `path`.

        Raises:
            LockError: It is missing, no TOML, or of a format that isonox does not know.
        """
        return cls(lockfile.read(path))

    @property
    def members(self) -> tuple[str, ...]:
        """Names of the workspace's own packages."""
        return tuple(package.name for package in self._document.members)

    def root_name(self) -> str | None:
        """Return the name of the project at the root, or None where the root is no project."""
        return next((package.name for package in self._document.members if package.local_path == "."), None)

    def groups(self, project: str | None = None) -> tuple[str, ...]:
        """Return the names of the dependency groups that `requirements` accepts for `project`, sorted."""
        found = set(self._document.manifest.dependency_groups)
        for root in self._roots(project):
            found |= {*root.dev_dependencies, *root.metadata.requires_dev}
        return tuple(sorted(found))

    def extras(self, project: str | None = None) -> tuple[str, ...]:
        """Return the names of the extras that `requirements` accepts for `project`, sorted."""
        found: set[str] = set()
        for root in self._roots(project):
            found |= {*root.optional_dependencies, *root.metadata.provides_extras}
        return tuple(sorted(found))

    def is_for(self, environment: dict[str, str]) -> bool:
        """Whether the lock holds for the Python of that environment: `requires-python` when it was written."""
        return self._document.python.contains(environment["python_full_version"], prereleases=True)

    def requirements(
        self,
        project: str | None = None,
        groups: Iterable[str] = (),
        extras: Iterable[str] = (),
        *,
        environment: dict[str, str] | None = None,
        include_project: bool,
    ) -> tuple[Pinned, ...]:
        """Return all that is to be installed for one interpreter, sorted by name: what `uv export` would say.

        A virtual package (a project that is not installed) is not among them, its dependencies are.

        Args:
            project: A member of the workspace; None for the root. The root of a workspace that is itself no
                project stands for all members and has groups of its own.
            groups: Dependency groups whose closure is wanted.
            extras: Extras of the project whose closure is wanted.
            environment: The markers' environment, see `markers.environment_for`; the running interpreter's
                by default.
            include_project: Whether the project itself and its dependencies are wanted. Without it, the
                project is there only if a group or an extra asks for it.

        Raises:
            LockError: There is no such project, group or extra; or the lock is not for that Python.
        """
        environment = current_environment() if environment is None else environment
        if not self.is_for(environment):
            raise LockError(
                f"uv.lock is for Python {self._document.requires_python}, not for {environment['python_full_version']}",
                hint="change the session's Python, or `requires-python` in pyproject.toml and run: uv lock",
            )
        groups = [_known("group", name, self.groups(project)) for name in groups]
        extras = [_known("extra", name, self.extras(project)) for name in extras]
        roots = self._roots(project)
        sections = [f"group:{name}" for name in groups] + [f"extra:{name}" for name in extras]
        if include_project:
            sections.insert(0, "")
        start = [_Node(root, section) for root in roots for section in sections]
        walk = _Walk(self._by_name, self._document.conflicts, Evaluator(environment))
        asked = [r for name in groups for r in self._document.manifest.dependency_groups.get(name, ())]
        edges = [LockedEdge(name=r.name, extra=r.extras, marker=r.marker) for r in asked]
        return tuple(
            sorted(map(_pin, walk.closure(start, edges)), key=lambda pinned: (pinned.name, pinned.version or ""))
        )

    def all_registry(self) -> tuple[Pinned, ...]:
        """Return every version of every package that comes from a registry, for audits."""
        return tuple(_pin(package) for package in self._document.package if "registry" in package.source)

    def stale_reason(self, root: Path) -> str | None:
        """Say what the pyproject.toml files declare otherwise than the lock knows; None if nothing.

        It compares what was declared then and now, so it can't see what only a resolver would: prefer
        `uv lock --check` where uv is at hand.
        """
        return staleness.reason(self._document, root)

    def _roots(self, project: str | None) -> tuple[LockedPackage, ...]:
        members = self._document.members
        if project is None:
            at_root = tuple(package for package in members if package.local_path == ".")
            return at_root or members
        name = canonicalize_name(project)
        for package in members:
            if package.name == name:
                return (package,)
        known = ", ".join(self.members) or "none"
        raise LockError(
            f"uv.lock has no project {name!r}{did_you_mean(name, self.members)}",
            hint=f"projects in it: {known}; if it is new, run: uv lock",
        )


def _known(what: str, name: str, known: tuple[str, ...]) -> str:
    """Return `name`, normalised, if it is among `known`.

    Raises:
        LockError: It is not.
    """
    normal = canonicalize_name(name)
    if normal in known:
        return normal
    raise LockError(
        f"uv.lock has no {what} {normal!r}{did_you_mean(normal, known)}",
        hint=f"{what}s in it: {', '.join(known) or 'none'}; if it is new, run: uv lock",
    )


class _Walk:
    """Follows the edges of the lock in one environment.

    Where extras or groups conflict, uv writes markers on "extras" that stand for what is asked for, such as
    `extra-4-name-cpu`, `group-4-name-dev`, `project-4-name` (the number is the name's length). An edge may
    itself activate an extra, and with it an edge that was passed by: so walk until nothing new is active.
    """

    def __init__(
        self,
        by_name: dict[str, list[LockedPackage]],
        conflicts: tuple[tuple[Conflict, ...], ...],
        evaluate: Evaluator,
    ) -> None:
        self._by_name = by_name
        self._conflicts = conflicts
        self._evaluate = evaluate
        self._active: set[str] = set()

    def closure(self, start: list[_Node], edges: list[LockedEdge]) -> list[LockedPackage]:
        """Return the packages that are reached from sections of the roots, and by edges of no package."""
        for root, section in start:
            kind, _, name = section.partition(":")
            self._active.add(_encoded(kind or "project", root.name, name))
        while True:
            before = len(self._active)
            reached = self._reach(start, edges)
            if len(self._active) == before:
                self._refuse_conflicts()
                return reached

    def _refuse_conflicts(self) -> None:
        for items in self._conflicts:
            active: set[str] = set()
            for item in items:
                kind = "extra" if item.extra else "group" if item.group else "project"
                name = item.extra or item.group or ""
                if _encoded(kind, item.package, name) in self._active:
                    active.add(f"{kind} {name or item.package!r}")
            if len(active) > 1:
                asked = " and ".join(sorted(active))
                raise LockError(
                    f"{asked} can't be installed together: pyproject.toml says they conflict",
                    hint="ask for one of them, or change `conflicts` in [tool.uv]",
                )

    def _reach(self, start: list[_Node], edges: list[LockedEdge]) -> list[LockedPackage]:
        seen: dict[tuple[str, str, str], _Node] = {}
        queue = [*start, *self._follow(edges)]
        while queue:
            node = queue.pop()
            if node.key in seen:
                continue
            seen[node.key] = node
            kind, _, name = node.section.partition(":")
            match kind:
                case "extra":
                    onward = node.package.optional_dependencies.get(name, ())
                case "group":
                    onward = node.package.dev_dependencies.get(name, ())
                case _:
                    onward = node.package.dependencies
            queue.extend(self._follow(onward))
        installed = (node.package for node in seen.values() if not node.section)
        return [package for package in installed if "virtual" not in package.source]

    def _follow(self, edges: Iterable[LockedEdge]) -> Iterator[_Node]:
        for edge in edges:
            activated = {_encoded("extra", edge.name, extra) for extra in edge.extra}
            if not self._evaluate(edge.marker, self._active | activated):
                continue
            self._active |= activated
            package = self._target(edge)
            yield _Node(package, "")
            yield from (_Node(package, f"extra:{extra}") for extra in edge.extra)

    def _target(self, edge: LockedEdge) -> LockedPackage:
        """Return the one package that an edge means, told apart by version, source and fork."""
        found = [
            package
            for package in self._by_name.get(edge.name, [])
            if edge.version in (None, package.version) and edge.source in (None, package.source)
        ]
        if len(found) > 1:
            found = [
                package
                for package in found
                if not package.resolution_markers
                or any(self._evaluate(marker, self._active) for marker in package.resolution_markers)
            ]
        if len(found) != 1:
            what = "does not contain" if not found else f"contains {len(found)} times for this Python"
            wanted = f"{edge.name} {edge.version or ''}".strip()
            raise LockError(f"uv.lock refers to {wanted!r}, which it {what}", hint="write it again with: uv lock")
        return found[0]


def _encoded(kind: str, package: str, name: str) -> str:
    return "-".join(filter(None, (kind, str(len(package)), package, name)))


def _identity(package: LockedPackage) -> tuple[str, str]:
    return package.name, f"{package.version} {sorted(package.source.items())}"


def _pin(package: LockedPackage) -> Pinned:
    try:
        kind = next(kind for kind in SourceKind if kind.value in package.source)
    except StopIteration:
        raise LockError(f"uv.lock: {package.name}: unknown source {package.source}", hint="update isonox") from None
    artifacts = (package.sdist, *package.wheels)
    return Pinned(
        name=package.name,
        version=package.version,
        kind=kind,
        hashes=tuple(sorted({artifact.hash for artifact in artifacts if artifact and artifact.hash})),
        path=package.local_path,
        reference=_reference(package.source),
    )


def _reference(source: dict[str, str]) -> str | None:
    """Return the direct reference of PEP 508 for git and URL sources."""
    if "git" in source:
        # https://host/repo?subdirectory=x&tag=v1#<commit>
        parts = urlsplit(source["git"])
        place = urlunsplit(parts._replace(query="", fragment=""))
        subdirectory = parse_qs(parts.query).get("subdirectory", [None])[0]
        return f"git+{place}@{parts.fragment}" + (f"#subdirectory={subdirectory}" if subdirectory else "")
    if "url" in source:
        subdirectory = source.get("subdirectory")
        return source["url"] + (f"#subdirectory={subdirectory}" if subdirectory else "")
    return None


def _dotted(path: str) -> str:
    return path if path.startswith((".", "/")) else f"./{path}"
