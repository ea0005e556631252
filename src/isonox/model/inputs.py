"""Which files decide the result of a session.

What a session declares (`inputs=`) is a list of patterns:

- `docs/**`, `*.toml`, `libs/*/schema.json`: files by their path from the workspace's root. `*` and `?` stay within one
  folder, `**` goes through any number of them; a pattern that ends in "/" means everything below.
- `names:**/*.md`: only which files there are, not what is in them.
- `pyproject.toml#tool.ruff`: one table of a TOML file.

| session | `inputs` | what counts |
|---|---|---|
| for a package | none | the package, the packages that it depends on, and every file outside of all packages |
| for a package | given | the package, the packages that it depends on, and these |
| for the workspace | none | every file |
| for the workspace | given | exactly these |

Beside the files always count: the noxfile and what it imports, the lock entries that are installed, the interpreter,
the platform, the declared environment, the arguments, and what the required sessions depend on.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from isonox.model.pipeline import Session
    from isonox.model.workspace import Workspace

#: What a pattern begins with if only the names of the files count.
NAMES = "names:"

#: Files that have a part of their own in every fingerprint: the noxfile (by statement) and the lock (by entry). They
#: are not counted again among the files outside of all packages.
APART = frozenset({"noxfile.py", "uv.lock"})


class Table(NamedTuple):
    """A table of a TOML file: `pyproject.toml#tool.ruff`."""

    file: str
    key: str


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    """The files that decide the result of one session.

    Attributes:
        everything: All files of the tree.
        packages: Names of packages whose files count: that of the session, and those that it depends on.
        outside: Whether files outside of all packages count.
        files: Patterns of further files.
        names: Patterns of files of which only the names count.
        tables: Tables of TOML files.
    """

    everything: bool = False
    packages: tuple[str, ...] = ()
    outside: bool = False
    files: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()


def of(session: Session, workspace: Workspace) -> Inputs:
    """Return what decides the result of a session; see this module's text."""
    found = declared(session.facts.inputs, of_package=session.package is not None)
    packages = workspace.closure(session.package) if session.package else ()
    return msgspec.structs.replace(found, packages=packages)


@functools.cache
def declared(patterns: tuple[str, ...] | None, *, of_package: bool) -> Inputs:
    """Return what a session's patterns mean, its packages not included."""
    if patterns is None:
        return Inputs(outside=True) if of_package else Inputs(everything=True)
    names = tuple(pattern.removeprefix(NAMES) for pattern in patterns if pattern.startswith(NAMES))
    tables = tuple(Table(*pattern.split("#", 1)) for pattern in patterns if "#" in pattern)
    files = tuple(pattern for pattern in patterns if not pattern.startswith(NAMES) and "#" not in pattern)
    return Inputs(files=files, names=names, tables=tables)


def owners(workspace: Workspace, paths: Collection[str]) -> dict[str, list[str]]:
    """Sort files by the innermost package that they belong to; those outside of all belong to "".

    A root that only holds the workspace together owns nothing.

    Args:
        workspace: The packages.
        paths: The files; those of one folder best one after the other.
    """
    places = workspace.places
    by_folder: dict[str, str] = {"": places.get(".", "")}
    found: dict[str, list[str]] = {}
    modules = {path for path in paths if path in places}  # a package may be a submodule
    nested = _nested(places)
    last, take = "/", found.setdefault("", []).append
    for path in paths:
        if not path.startswith(last):
            folder = path if path in modules else path[: max(0, path.rfind("/"))]
            name = by_folder.get(folder)
            if name is None:
                name = _owner(folder, places, by_folder)
            place = workspace.by_name[name].path if name else "."
            last = "/" if place == "." or place in nested else f"{place}/"  # no path begins with a slash
            take = found.setdefault(name, []).append
        take(path)
    return {name: owned for name, owned in found.items() if owned}


def _nested(places: Mapping[str, str]) -> set[str]:
    """Return the folders of packages that have others inside."""
    found = set()
    for place in places:
        above = place.rpartition("/")[0]
        while above:
            if above in places:
                found.add(above)
            above = above.rpartition("/")[0]
    return found


def _owner(folder: str, places: dict[str, str], by_folder: dict[str, str]) -> str:
    """Return the package around a folder, and remember it."""
    name = places.get(folder)
    if name is None:
        above = folder.rpartition("/")[0]
        name = by_folder.get(above)
        if name is None:
            name = _owner(above, places, by_folder)
    by_folder[folder] = name
    return name


def counted(
    declared: Inputs, workspace: Workspace, paths: Iterable[str], owned: Mapping[str, list[str]] | None = None
) -> list[str]:
    """Return those paths whose content counts, in their order.

    Args:
        declared: What decides a result.
        workspace: The packages.
        paths: The files.
        owned: The same by `owners`, if that is known.
    """
    paths = tuple(paths)
    if declared.everything:
        return list(paths)
    if owned is None:
        owned = owners(workspace, paths)
    found = {path for name in declared.packages for path in owned.get(name, ())}
    if declared.outside:
        found.update(path for path in owned.get("", ()) if path not in APART)
    if declared.files:
        found.update(matching(declared.files, paths))
    found.update(table.file for table in declared.tables)
    return [path for path in paths if path in found]


@functools.cache
def beside(patterns: tuple[str, ...]) -> tuple[str, ...]:
    """Return patterns of the modules that a script which some patterns mean would find beside itself.

    Left out are those that a pattern like `scripts/**` means itself, those in the workspace's root, and those beside
    files that are meant wherever they are: `**/setup.py`.
    """
    folders = {}
    for pattern in patterns:
        folder, _, name = pattern.removeprefix("./").rpartition("/")
        if folder and not folder.endswith("**") and name != "**" and name.endswith((".py", "*", "?", "]")):
            folders[folder] = (f"{folder}/*.py", f"{folder}/*/__init__.py")
    return tuple(pattern for both in folders.values() for pattern in both)


def looked_up(document: Any, key: str) -> Any:
    """Return what a dotted key leads to in a TOML document; None where there is nothing.

    A document that is not valid is given as something else than a table, and counts as a whole.
    """
    for part in key.split("."):
        document = document.get(part) if isinstance(document, dict) else document
    return document


def matching(patterns: tuple[str, ...], paths: Iterable[str]) -> list[str]:
    """Return the paths that at least one pattern means, in their order."""
    match = matcher(patterns).match
    return [path for path in paths if match(path)]


@functools.cache
def matcher(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """Return an expression that matches the paths that at least one pattern means, whole."""
    return re.compile("|".join(f"(?:{_translated(pattern)})" for pattern in patterns) or r"(?!)", re.DOTALL)


def _translated(pattern: str) -> str:
    pattern = f"{pattern}**" if pattern.endswith("/") else pattern
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[[^]]+\])", pattern.removeprefix("./"))
    return "".join(_part(part) for part in parts) + r"\Z"


def _part(part: str) -> str:
    match part:
        case "**/":
            return r"(?:.*/)?"
        case "**":
            return r".*"
        case "*":
            return r"[^/]*"
        case "?":
            return r"[^/]"
        case _ if part.startswith("[") and part.endswith("]"):
            negated = part.startswith("[!")
            inside = re.sub(r"([\\^[])", r"\\\1", part[2:-1] if negated else part[1:-1])
            return f"[^{inside}]" if negated else f"[{inside}]"
        case _:
            return re.escape(part)
