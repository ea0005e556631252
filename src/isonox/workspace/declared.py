"""What a package declares that it needs, wherever its tools let it say so."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from packaging.utils import canonicalize_name

from isonox.errors import ConfigurationError
from isonox.model.workspace import EdgeKind
from isonox.workspace import pyproject

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from packaging.utils import NormalizedName

    from isonox.workspace.pyproject import Document

#: Hatch's context fields for the project's own directory and its parents
#: (https://hatch.pypa.io/latest/config/context/).
_ROOT_FIELD = re.compile(r"^\{root((?::parent)*)(?::real)?(?::uri)?\}")
_EDITABLE = re.compile(r"^(?:-e|--editable)[\s=]+")
_EXTRAS = re.compile(r"\[([^\]]*)\]$")


class Declared(NamedTuple):
    """One requirement.

    Attributes:
        name: The normalised name, or None where only a path is given.
        extras: The target's extras that are asked for.
        path: The local directory that it points to, or None.
    """

    kind: EdgeKind
    name: NormalizedName | None
    extras: frozenset[NormalizedName] = frozenset()
    path: Path | None = None


def read(document: Document, folder: Path) -> list[Declared]:
    """Return all that the package in `folder` declares; what can't be understood is noted in `document`."""
    reader = _Reader(document, folder)
    extras = reader.extras()
    found = [
        *reader.project(),
        *(declared for some in extras.values() for declared in some),
        *reader.groups(),
        *reader.poetry(),
        *reader.environments("tool", "hatch", "envs"),
        *_hatch_toml(document, folder),
    ]
    return list(dict.fromkeys(_expand(found, document.name, extras)))


def _hatch_toml(document: Document, folder: Path) -> list[Declared]:
    """Read hatch's own file beside pyproject.toml, if there is one."""
    if not (folder / "hatch.toml").is_file():
        return []
    try:
        hatch = pyproject.read(folder / "hatch.toml", document.shown.removesuffix("pyproject.toml") + "hatch.toml")
    except ConfigurationError as error:
        document.adopt([f"{error.message}; passed over"])
        return []
    found = list(_Reader(hatch, folder).environments("envs"))
    document.adopt(hatch.notes)
    return found


def _expand(
    found: Iterable[Declared], own: NormalizedName | None, extras: dict[NormalizedName, list[Declared]]
) -> Iterator[Declared]:
    """Yield each, and for a package that asks for its own extras (`pkg[extra]`) what these stand for."""
    for declared in found:
        yield declared
        queue = list(declared.extras) if declared.name == own and own is not None else []
        seen: set[NormalizedName] = set()
        while queue:
            extra = queue.pop()
            if extra in seen:
                continue
            seen.add(extra)
            for meant in extras.get(extra, []):
                yield meant._replace(kind=declared.kind)
                if meant.name == own:
                    queue.extend(meant.extras)


class _Reader:
    """The places of one file that hold requirements."""

    def __init__(self, document: Document, folder: Path) -> None:
        self.document = document
        self.folder = folder

    def project(self) -> Iterator[Declared]:
        """`[project]`, `[build-system]` and setuptools' dependencies from files."""
        for keys in (("project", "dependencies"), ("build-system", "requires")):
            yield from self.parse(self.document.strings(*keys), EdgeKind.PROJECT, ".".join(keys))
        dynamic = self.document.table("tool", "setuptools", "dynamic")
        if "dependencies" in self.document.strings("project", "dynamic"):
            yield from self.files(dynamic.get("dependencies"), EdgeKind.PROJECT)

    def extras(self) -> dict[NormalizedName, list[Declared]]:
        """`[project.optional-dependencies]` by extra, setuptools' from files included."""
        keys = ("project", "optional-dependencies")
        found = {
            canonicalize_name(name): list(
                self.parse(self.document.strings(*keys, name), EdgeKind.EXTRA, ".".join((*keys, name)))
            )
            for name in self.document.table(*keys)
        }
        dynamic = self.document.table("tool", "setuptools", "dynamic", "optional-dependencies")
        for name, value in dynamic.items():
            found.setdefault(canonicalize_name(name), []).extend(self.files(value, EdgeKind.EXTRA))
        return found

    def groups(self) -> Iterator[Declared]:
        """`[dependency-groups]`, and uv's older form of the group dev."""
        for name, texts in self.document.groups().items():
            yield from self.parse(texts, EdgeKind.GROUP, f"dependency-groups.{name}")
        keys = ("tool", "uv", "dev-dependencies")
        yield from self.parse(self.document.strings(*keys), EdgeKind.GROUP, ".".join(keys))

    def poetry(self) -> Iterator[Declared]:
        """Poetry's own dependencies and groups; an optional one is part of an extra."""
        keys = ("tool", "poetry")
        yield from self.poetry_table(self.document.table(*keys, "dependencies"), EdgeKind.PROJECT)
        yield from self.poetry_table(self.document.table(*keys, "dev-dependencies"), EdgeKind.GROUP)
        for name in self.document.table(*keys, "group"):
            yield from self.poetry_table(self.document.table(*keys, "group", name, "dependencies"), EdgeKind.GROUP)

    def poetry_table(self, table: dict[str, Any], kind: EdgeKind) -> Iterator[Declared]:
        """Read names with their constraints: a version, a table, or a list of tables."""
        for name, value in table.items():
            if name.lower() == "python":
                continue
            for constraint in value if isinstance(value, list) else [value]:
                details = constraint if isinstance(constraint, dict) else {}
                path = details.get("path")
                yield Declared(
                    EdgeKind.EXTRA if details.get("optional") and kind is EdgeKind.PROJECT else kind,
                    canonicalize_name(name),
                    frozenset(canonicalize_name(extra) for extra in details.get("extras", [])),
                    self.folder / path if isinstance(path, str) else None,
                )

    def environments(self, *keys: str) -> Iterator[Declared]:
        """Hatch's environments, in the table at `keys`, and the workspace members that they install."""
        for name in self.document.table(*keys):
            for key in ("dependencies", "extra-dependencies"):
                texts = self.document.strings(*keys, name, key)
                yield from self.parse(texts, EdgeKind.ENVIRONMENT, ".".join((*keys, name, key)))
            yield from self.hatch_members(self.document.get(*keys, name, "workspace", "members"))

    def hatch_members(self, members: Any) -> Iterator[Declared]:
        """Read `workspace.members` of an environment: globs, or tables with a `path`."""
        for member in members if isinstance(members, list) else []:
            glob = member.get("path") if isinstance(member, dict) else member
            if isinstance(glob, str) and glob and not glob.startswith("/"):
                for path in self.folder.glob(glob):
                    yield Declared(EdgeKind.ENVIRONMENT, None, path=path)

    def files(self, value: Any, kind: EdgeKind) -> Iterator[Declared]:
        """Read setuptools' `{file = ...}`: lines of requirements."""
        names = value.get("file", []) if isinstance(value, dict) else []
        for name in [names] if isinstance(names, str) else names:
            try:
                lines = (self.folder / name).read_text(encoding="utf-8").splitlines()
            except (OSError, UnicodeDecodeError):
                self.document.note(f"tool.setuptools.dynamic names {name!r}, which can't be read; passed over")
                continue
            texts = (re.sub(r"(^|\s)#.*$", "", line).strip() for line in lines)
            yield from self.parse([text for text in texts if text], kind, name)

    def parse(self, texts: Iterable[str], kind: EdgeKind, where: str) -> Iterator[Declared]:
        """Parse requirements: PEP 508, a path, or an editable path as pip and hatch take them."""
        for text in texts:
            path_text = _EDITABLE.sub("", text.strip())
            if path_text != text.strip() or path_text.startswith((".", "/", "file:")):
                extras = _EXTRAS.search(path_text)
                yield Declared(
                    kind,
                    None,
                    frozenset(canonicalize_name(extra.strip()) for extra in extras[1].split(","))
                    if extras
                    else frozenset(),
                    self.local_path(_EXTRAS.sub("", path_text)),
                )
            elif requirement := self.document.requirement(text, where):
                yield Declared(
                    kind,
                    canonicalize_name(requirement.name),
                    frozenset(canonicalize_name(extra) for extra in requirement.extras),
                    self.local_path(requirement.url) if requirement.url else None,
                )

    def local_path(self, url: str) -> Path | None:
        """Return what a path, a `file:` URL or hatch's `{root:uri}/...` means; None for the network."""
        url = url.removeprefix("file://") if url.startswith("file://{") else url
        if match := _ROOT_FIELD.match(url):
            start = self.folder
            for _ in range(match[1].count(":parent")):
                start = start.parent
            return start / url[match.end() :].strip("/")
        scheme, colon, rest = url.partition(":")
        if not colon:
            return self.folder / url
        if scheme != "file":
            return None
        return self.folder / re.sub(r"^//(localhost)?(?=/)", "", unquote(rest.partition("#")[0]))
