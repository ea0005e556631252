"""Which Pythons a project says it supports."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

if TYPE_CHECKING:
    from collections.abc import Iterable

    from isonox.workspace.pyproject import Document

#: The newest minor of CPython 3 that `requires-python` alone is taken to mean. `>=3.10` says nothing about
#: versions that did not exist when it was written; only a classifier, or `[tool.isonox] pythons`, does.
NEWEST_MINOR = 13

_CLASSIFIER = re.compile(r"Programming Language :: Python :: (\d+\.\d+)")
_LOWER_BOUNDS = (">=", ">", "==", "~=")
#: No minor of Python 3 had more patch releases.
_PATCHES = range(40)


def declared(document: Document) -> tuple[str, ...]:
    """Return the minor versions that a project supports, oldest first; empty where it does not say.

    Its trove classifiers say it best. Without them, every minor that `requires-python` allows, from its
    lower bound up to `NEWEST_MINOR` (or the lower bound itself where that is newer).
    """
    texts = document.strings("project", "classifiers") or document.strings("tool", "poetry", "classifiers")
    classifiers = [match[1] for text in texts if (match := _CLASSIFIER.fullmatch(text.strip()))]
    return union([classifiers or _allowed(requires_python(document))])


def union(versions: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """Return every version of any of them once, oldest first."""
    return tuple(sorted({version for some in versions for version in some}, key=Version))


def requires_python(document: Document) -> str | None:
    """Return the `requires-python` specifier, or poetry's `python` constraint in that form, or None."""
    text = document.get("project", "requires-python")
    if isinstance(text, str):
        return text
    text = document.get("tool", "poetry", "dependencies", "python")
    return _from_poetry(text) if isinstance(text, str) else None


def _from_poetry(constraint: str) -> str | None:
    """Translate poetry's caret and tilde; alternatives (`||`) have no PEP 440 form."""
    parts = []
    for part in re.split(r"\s*,\s*|\s+(?=[<>=!~^])", constraint.strip()):
        if match := re.fullmatch(r"\^(\d+)((?:\.\d+)*)", part):
            parts.append(f">={match[1]}{match[2]},<{int(match[1]) + 1}")
        elif match := re.fullmatch(r"~(\d+)\.(\d+)((?:\.\d+)*)", part):
            parts.append(f">={match[1]}.{match[2]}{match[3]},<{match[1]}.{int(match[2]) + 1}")
        elif re.fullmatch(r"\d+(\.\d+)+(\.\*)?", part):
            parts.append(f"=={part}")
        else:
            parts.append(part)
    text = ",".join(parts)
    return text if _specifiers(text) is not None else None


def _specifiers(text: str) -> SpecifierSet | None:
    try:
        return SpecifierSet(text)
    except InvalidSpecifier:
        return None


def _allowed(text: str | None) -> list[str]:
    specifiers = _specifiers(text or "")
    bounds = [
        Version(specifier.version.removesuffix(".*"))
        for specifier in specifiers or ()
        if specifier.operator in _LOWER_BOUNDS
    ]
    if specifiers is None or not bounds or max(bounds).major != Version("3").major:
        return []
    lowest = max(bounds).minor
    return [
        f"3.{minor}"
        for minor in range(lowest, max(lowest, NEWEST_MINOR) + 1)
        if any(specifiers.contains(f"3.{minor}.{patch}") for patch in _PATCHES)
    ]
