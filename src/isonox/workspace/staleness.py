"""Whether the lock still says what the pyproject.toml files say: an approximation that needs no uv."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from isonox.errors import ConfigurationError
from isonox.workspace import members, pyproject
from isonox.workspace.markers import Evaluator, environment_for, extras_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from isonox.workspace.lockfile import LockDocument, LockedPackage, LockedRequirement
    from isonox.workspace.pyproject import Document

#: Differences that are told before the rest is only counted.
_TOLD = 3
#: Where markers are compared: uv rewrites them (`python_version` becomes `python_full_version`), so only
#: their truth can be. Any minor will do that a marker may ask about.
_MINORS = range(6, 18)
_PLATFORMS = (
    {"sys_platform": "linux", "os_name": "posix", "platform_system": "Linux", "platform_machine": "x86_64"},
    {"sys_platform": "linux", "os_name": "posix", "platform_system": "Linux", "platform_machine": "aarch64"},
    {"sys_platform": "darwin", "os_name": "posix", "platform_system": "Darwin", "platform_machine": "arm64"},
    {"sys_platform": "win32", "os_name": "nt", "platform_system": "Windows", "platform_machine": "AMD64"},
    {"platform_python_implementation": "PyPy", "implementation_name": "pypy"},
)

#: A requirement's name and extras; and its specifier with the environments where it applies.
_Wanted = dict[tuple[str, frozenset[str]], dict[SpecifierSet | None, frozenset[int]]]


def reason(lock: LockDocument, root: Path) -> str | None:
    """Return what differs in words, ending with what to run; None if nothing does.

    Raises:
        ConfigurationError: A pyproject.toml is unusable.
    """
    differences = list(dict.fromkeys(_differences(lock, root)))
    if not differences:
        return None
    more = len(differences) - _TOLD
    told = "; ".join(differences[:_TOLD]) + (f"; and {more} more" if more > 0 else "")
    return f"{told}; refresh with: uv lock"


def _differences(lock: LockDocument, root: Path) -> Iterator[str]:
    document = pyproject.read(root / members.FILE, members.FILE)
    if document.get("tool", "uv", "workspace") is None:
        found = {".": document} if document.get("project") is not None else {}
    else:
        found = members.uv_workspace(root, document).documents
    locked = {package.name: package for package in lock.members}
    names: set[str] = set()
    for member in found.values():
        if member.name is None:
            raise ConfigurationError(f"{member.shown}: has no valid project name, which uv needs")
        names.add(member.name)
        if member.name in locked:
            yield from _member(member, locked[member.name], lock)
        else:
            yield f"{member.shown} adds the project {member.name!r}"
    yield from (f"the project {name!r} is gone" for name in locked if name not in names)
    yield from _manifest(document, lock, is_project=document.get("project") is not None)
    yield from _requires_python(found.values(), lock)


def _member(document: Document, locked: LockedPackage, lock: LockDocument) -> Iterator[str]:
    dynamic = document.strings("project", "dynamic")
    compare = _Comparison(document, lock)
    old: dict[str, list[LockedRequirement]] = defaultdict(list)
    for requirement in locked.metadata.requires_dist:
        for extra in extras_in(requirement.marker) or {""}:
            old[extra].append(requirement)
    if "dependencies" not in dynamic:
        texts = document.strings("project", "dependencies")
        yield from compare.section("its dependencies", texts, old[""])
    if "optional-dependencies" not in dynamic:
        keys = ("project", "optional-dependencies")
        extras: dict[str, list[str]] = {}
        for name in document.table(*keys):
            extras[canonicalize_name(name)] = document.strings(*keys, name)
        known = {*locked.metadata.provides_extras, *old} - {""}
        for name in sorted({*extras, *known}):
            if name not in known and not extras[name]:
                continue  # locks of older versions do not list extras, and an empty one leaves no trace
            yield from compare.section(f"extra {name!r}", extras.get(name, []), old[name], extra=name)
    yield from compare.groups(locked.metadata.requires_dev, markers=not locked.group_requires_python)


def _manifest(document: Document, lock: LockDocument, *, is_project: bool) -> Iterator[str]:
    """Compare what belongs to the whole workspace; groups of a root that is a project are in its package."""
    compare = _Comparison(document, lock)
    if not is_project:
        yield from compare.groups(lock.manifest.dependency_groups, markers=True)
    for key, old in (("constraint", lock.manifest.constraints), ("override", lock.manifest.overrides)):
        texts = document.get("tool", "uv", f"{key}-dependencies") or []
        if isinstance(texts, list) and all(isinstance(text, str) for text in texts):
            yield from compare.section(f"the {key}s", texts, old)


def _requires_python(found: Iterable[Document], lock: LockDocument) -> Iterator[str]:
    """Compare the intersection of all members at both ends of each minor: uv may write it otherwise."""
    texts = {document.shown: document.get("project", "requires-python") for document in found}
    declared = {shown: text for shown, text in texts.items() if isinstance(text, str)}
    if not declared:
        return
    try:
        now = SpecifierSet(",".join(declared.values()))
    except InvalidSpecifier:
        return  # uv itself will say so
    versions = [f"3.{minor}.{patch}" for minor in range(30) for patch in (0, 99)]
    if [now.contains(version) for version in versions] != [lock.python.contains(version) for version in versions]:
        where = f"{next(iter(declared))} asks" if len(declared) == 1 else "the members' pyproject.toml files ask"
        yield f"{where} for Python {now}, the lock is for {lock.requires_python}"


class _Comparison:
    """Compares requirements of one pyproject.toml with those that the lock remembers."""

    def __init__(self, document: Document, lock: LockDocument) -> None:
        self._document = document
        every = [environment_for(f"3.{minor}.99") | platform for minor in _MINORS for platform in _PLATFORMS]
        self._evaluators = [Evaluator(some) for some in every if lock.python.contains(some["python_full_version"])]

    def groups(self, old: Mapping[str, Iterable[LockedRequirement]], *, markers: bool) -> Iterator[str]:
        """Compare all dependency groups; those that lost all their requirements included."""
        resolved = self._document.groups()
        new: dict[str, list[str]] = {str(name): list(texts) for name, texts in resolved.items()}
        if legacy := self._document.strings("tool", "uv", "dev-dependencies"):
            new["dev"] = [*new.get("dev", []), *legacy]
        for name in sorted({*new, *old}):
            yield from self.section(f"group {name!r}", new.get(name, []), old.get(name, ()), markers=markers)

    def section(
        self,
        where: str,
        texts: list[str],
        old: Iterable[LockedRequirement],
        *,
        extra: str = "",
        markers: bool = True,
    ) -> Iterator[str]:
        """Say what was added, dropped and changed in one list of requirements."""
        old = list(old)
        direct = {requirement.name for requirement in old if requirement.is_direct}
        new = self._declared(texts, where, direct)
        then = self._locked(old, extra, direct)
        shown = self._document.shown
        for key in sorted({*new, *then}, key=lambda key: (key[0], sorted(key[1]))):
            name = f"{key[0]}[{','.join(sorted(key[1]))}]" if key[1] else key[0]
            if key not in then:
                yield f"{shown} adds {name!r} to {where}"
            elif key not in new:
                yield f"{shown} drops {name!r} from {where}"
            elif new[key].keys() != then[key].keys():
                yield f"{shown} changes {name!r} in {where} from {_any(then[key])} to {_any(new[key])}"
            elif markers and new[key] != then[key]:
                yield f"{shown} changes the markers of {name!r} in {where}"

    def _declared(self, texts: list[str], where: str, direct: set[str]) -> _Wanted:
        wanted: _Wanted = defaultdict(dict)
        for text in texts:
            if (requirement := self._document.requirement(text, where)) is None:
                continue
            name = canonicalize_name(requirement.name)
            is_direct = bool(requirement.url) or name in direct
            marker = str(requirement.marker or "")
            key = _key(name, requirement.extras)
            self._add(wanted, key, None if is_direct else requirement.specifier, self._truth(marker))
        return wanted

    def _locked(self, requirements: list[LockedRequirement], extra: str, direct: set[str]) -> _Wanted:
        wanted: _Wanted = defaultdict(dict)
        for requirement in requirements:
            key = _key(requirement.name, requirement.extras)
            specifier = None if requirement.name in direct else SpecifierSet(requirement.specifier)
            self._add(wanted, key, specifier, self._truth(requirement.marker, extra))
        return wanted

    def _truth(self, marker: str, extra: str = "") -> frozenset[int]:
        active = {extra} if extra else ()
        return frozenset(index for index, holds in enumerate(self._evaluators) if holds(marker, active))

    def _add(
        self,
        wanted: _Wanted,
        key: tuple[str, frozenset[str]],
        specifier: SpecifierSet | None,
        truth: frozenset[int],
    ) -> None:
        if truth:
            wanted[key][specifier] = wanted[key].get(specifier, frozenset()) | truth


def _key(name: str, extras: Iterable[str]) -> tuple[str, frozenset[str]]:
    return name, frozenset(canonicalize_name(extra) for extra in extras)


def _any(specifiers: Iterable[SpecifierSet | None]) -> str:
    """Return the specifiers in words; None stands for a direct reference."""
    words = (
        "a direct reference" if some is None else repr(str(some)) if some else "any version" for some in specifiers
    )
    return " and ".join(sorted(words))
