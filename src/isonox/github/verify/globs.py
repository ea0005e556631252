"""Patterns of artifacts, as `actions/download-artifact` reads them: minimatch, in the part that names need.

Source: https://github.com/isaacs/minimatch
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_BRACES = re.compile(r"\{([^{}]*,[^{}]*)\}")
_PART = re.compile(r"\*+|\?|\[[^]]+\]|\\.|.", re.DOTALL)


def matches(pattern: str, name: str) -> bool:
    """Return whether a name matches; `*` and `?` match no dot at the start."""
    return _regex(pattern).fullmatch(name) is not None


@lru_cache(maxsize=1024)
def _regex(pattern: str) -> re.Pattern[str]:
    return re.compile("|".join(_translated(one) for one in _alternatives(pattern)), re.DOTALL)


def _alternatives(pattern: str) -> Iterator[str]:
    if match := _BRACES.search(pattern):
        for word in match[1].split(","):
            yield from _alternatives(pattern[: match.start()] + word + pattern[match.end() :])
    else:
        yield pattern


def _translated(pattern: str) -> str:
    start = r"(?!\.)" if pattern[:1] in {"*", "?"} else ""
    return start + "".join(_piece(part) for part in _PART.findall(pattern))


def _piece(part: str) -> str:
    if part[0] == "*":
        return "[^/]*"
    if part == "?":
        return "[^/]"
    if part[0] == "[" and len(part) > 1:
        return "[" + part[1:].replace("!", "^", 1) if part[1] == "!" else part
    return re.escape(part.removeprefix("\\") if len(part) > 1 else part)
