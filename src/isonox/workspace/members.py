"""Finding the directories that hold a package."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from isonox.errors import ConfigurationError, ConfigurationErrors
from isonox.system import git
from isonox.workspace import pyproject

if TYPE_CHECKING:
    from collections.abc import Iterable

    from isonox.workspace.pyproject import Document

FILE = "pyproject.toml"


class Found(NamedTuple):
    """The packages' documents.

    Attributes:
        documents: By directory relative to the root ("." for the root itself), in order of path.
        root: The root's own document, whether or not it is a package.
        notes: What was passed over.
    """

    documents: dict[str, Document]
    root: Document | None
    notes: tuple[str, ...]


def find(root: Path, globs: tuple[str, ...] | None, listed: Iterable[str] | None = None) -> Found:
    """Find the packages: what `globs` name, else uv's workspace members, else every tracked pyproject.toml.

    `listed` is what git would list, where it can't be asked.

    Raises:
        ConfigurationErrors: A glob matches nothing, or a named package's pyproject.toml is unusable.
        ConfigurationError: The root's pyproject.toml is not valid TOML.
        GitError: There is nothing but git to ask, and this is no repository.
    """
    document = pyproject.read(root / FILE, FILE) if (root / FILE).is_file() else None
    if globs is not None:
        return _named(root, globs, (), document, "tool.isonox.packages")
    if document is not None and isinstance(document.get("tool", "uv", "workspace"), dict):
        return uv_workspace(root, document)
    return tracked(root, document, listed)


def uv_workspace(root: Path, document: Document) -> Found:
    """Return the members of `[tool.uv.workspace]`, and the root itself if it has `[project]`.

    Raises:
        ConfigurationErrors: As `find`.
    """
    globs = document.strings("tool", "uv", "workspace", "members")
    exclude = document.strings("tool", "uv", "workspace", "exclude")
    if isinstance(document.get("project"), dict):
        globs = [".", *globs]
    return _named(root, tuple(globs), tuple(exclude), document, "tool.uv.workspace.members")


def tracked(root: Path, document: Document | None, listed: Iterable[str] | None = None) -> Found:
    """Return every project whose pyproject.toml git knows (or would not ignore); the rest is noted.

    Raises:
        GitError: This is no repository.
    """
    documents: dict[str, Document] = {}
    notes: list[str] = []
    # "(glob)**/x" matches the root's own x too, and no "foo-x" (gitglossary, pathspec).
    for shown in git.tracked(root, f":(glob)**/{FILE}") if listed is None else sorted(listed):
        if not f"/{shown}".endswith(f"/{FILE}"):
            continue
        if not (root / shown).is_file():
            notes.append(f"{shown}: tracked, but not in the working tree; passed over")
            continue
        try:
            found = document if document and shown == FILE else pyproject.read(root / shown, shown)
        except ConfigurationError as error:
            notes.append(f"{error.message}; passed over (a template?)")
            continue
        if found.is_project:
            documents[_directory(shown)] = found
            if found.declared_name is not None and found.name is None:
                notes.append(f"{shown}: {found.declared_name!r} is no package name; called after its directory")
        elif shown != FILE:
            notes.append(f"{shown}: only settings of tools, no project; passed over")
    return _found(documents, document, notes)


def _named(root: Path, globs: tuple[str, ...], exclude: tuple[str, ...], document: Document | None, key: str) -> Found:
    documents: dict[str, Document] = {}
    problems: list[str] = []
    notes: list[str] = []
    excluded = {
        path for glob in exclude for path in _expand(root, glob, problems, f"{FILE}: tool.uv.workspace.exclude")
    }
    for glob in globs:
        matches = [path for path in _expand(root, glob, problems, f"{FILE}: {key}") if path not in excluded]
        with_file = [path for path in matches if (root / path / FILE).is_file()]
        if not with_file:
            problems.append(f"{FILE}: {key}: {glob!r} matches no directory with a {FILE}")
        if "**" not in glob:
            notes.extend(
                f"{path}: matches {glob!r} but has no {FILE}; passed over" for path in matches if path not in with_file
            )
        for path in with_file:
            if path not in documents:
                _add(root, path, document, documents, problems)
    if problems:
        raise ConfigurationErrors(dict.fromkeys(problems))
    return _found(documents, document, notes)


def _add(root: Path, path: str, document: Document | None, documents: dict[str, Document], problems: list[str]) -> None:
    shown = FILE if path == "." else f"{path}/{FILE}"
    try:
        found = document if document and path == "." else pyproject.read(root / shown, shown)
    except ConfigurationError as error:
        problems.append(error.message)
        return
    if found.declared_name is not None and found.name is None:
        problems.append(f"{shown}: {found.declared_name!r} is no valid project name")
        return
    documents[path] = found


def _expand(root: Path, glob: str, problems: list[str], where: str) -> list[str]:
    """Return the directories that `glob` matches, relative to the root; hidden ones only if it says so."""
    pattern = PurePosixPath(glob)
    if pattern.is_absolute() or ".." in pattern.parts or not glob.strip():
        problems.append(f"{where}: {glob!r} must be a path below the workspace root")
        return []
    if pattern == PurePosixPath():
        return ["."]
    found = []
    for path in root.glob(str(pattern)):
        parts = path.relative_to(root).parts
        hidden = any(part.startswith(".") and part not in pattern.parts for part in parts)
        if path.is_dir() and not hidden and "__pycache__" not in parts:
            found.append("/".join(parts) or ".")
    return sorted(found)


def _directory(shown: str) -> str:
    return str(PurePosixPath(shown).parent)


def _found(documents: dict[str, Document], root: Document | None, notes: Iterable[str]) -> Found:
    return Found(dict(sorted(documents.items())), root, tuple(dict.fromkeys(notes)))
