"""The repository as isonox sees it: packages and how they depend on each other."""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property

import msgspec

from isonox.model.graph import reached


class EdgeKind(StrEnum):
    """Where a dependency between two packages is declared."""

    PROJECT = "project"
    EXTRA = "extra"
    GROUP = "group"
    SOURCE = "source"
    ENVIRONMENT = "environment"
    LOCK = "lock"


class Package(msgspec.Struct, frozen=True, kw_only=True):
    """A directory with its own `pyproject.toml`: the unit of change.

    Attributes:
        name: Normalised project name (PEP 503), or the directory's name where none is declared.
        path: Directory relative to the workspace root, POSIX separators; "." for the root itself.
        requires_python: The `requires-python` specifier as written, or None.
        installable: False for a root that only holds the workspace together: it has no code of its own.
    """

    name: str
    path: str
    requires_python: str | None = None
    installable: bool = True


class Edge(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """`source` depends on `target` (both are package names)."""

    source: str
    target: str
    kind: EdgeKind


class Workspace(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """The repository: its packages, their edges, and what was passed over.

    Attributes:
        packages: In order of path.
        edges: Deduplicated and sorted; may contain cycles.
        notes: What a person should know: a template that is no TOML, a name used twice.
        lock: Path of the lock file relative to the root, or None.
    """

    packages: tuple[Package, ...] = ()
    edges: tuple[Edge, ...] = ()
    notes: tuple[str, ...] = ()
    lock: str | None = None

    @cached_property
    def by_name(self) -> dict[str, Package]:
        """Packages by normalised name."""
        return {package.name: package for package in self.packages}

    @cached_property
    def places(self) -> dict[str, str]:
        """Names of packages by path, without a root that only holds the workspace together: it owns nothing."""
        return {one.path: one.name for one in self.packages if one.installable or one.path != "."}

    @cached_property
    def pairs(self) -> frozenset[tuple[str, str]]:
        """Each (source, target) once, in however many places it is declared."""
        return frozenset((edge.source, edge.target) for edge in self.edges)

    @cached_property
    def dependencies(self) -> dict[str, tuple[str, ...]]:
        """For each package, the names of those that it depends on directly."""
        found: dict[str, dict[str, None]] = {package.name: {} for package in self.packages}
        for edge in self.edges:
            found.setdefault(edge.source, {})[edge.target] = None
        return {source: tuple(targets) for source, targets in found.items()}

    @cached_property
    def _order(self) -> dict[str, int]:
        return {package.name: position for position, package in enumerate(self.packages)}

    def closure(self, name: str) -> tuple[str, ...]:
        """Return `name` and all packages that it depends on, in order of path; cycles are fine."""
        order = self._order
        return tuple(sorted((one for one in reached([name], self.dependencies) if one in order), key=order.__getitem__))
