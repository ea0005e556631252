"""Whether an environment marker holds for an interpreter."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

from packaging.markers import InvalidMarker, Marker, default_environment
from packaging.version import InvalidVersion, Version

from isonox.errors import LockError, UsageError

if TYPE_CHECKING:
    from collections.abc import Collection

#: `extra == 'name'`, which PEP 508 evaluates for one extra and uv for a set of them.
_EXTRA = re.compile(r"\bextra\s*(==|!=)\s*(?:'([^']*)'|\"([^\"]*)\")")
_TRUE = "python_version != '0'"
_FALSE = "python_version == '0'"


def environment_for(python_version: str) -> dict[str, str]:
    """Return the markers' environment of another CPython on this machine's platform.

    Args:
        python_version: A full version such as "3.12.1"; "3.12" is taken as 3.12.0.

    Raises:
        UsageError: That is no version.
    """
    try:
        version = Version(python_version)
    except InvalidVersion as error:
        raise UsageError(
            f"{python_version!r} is no Python version", hint='give it in full, such as "3.12.1"'
        ) from error
    full = python_version if len(version.release) > len(("major", "minor")) else f"{version.base_version}.0"
    return current_environment() | {
        "python_version": f"{version.major}.{version.minor}",
        "python_full_version": full,
        "implementation_version": full,
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }


def current_environment() -> dict[str, str]:
    """Return the markers' environment of the running interpreter."""
    return cast("dict[str, str]", dict(default_environment()))


def extras_in(marker: str) -> frozenset[str]:
    """Return the names that a marker compares `extra` with."""
    return frozenset(single or double for _, single, double in _EXTRA.findall(marker))


class Evaluator:
    """Evaluates markers in one environment, each text once."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment
        self._known: dict[str, bool] = {"": True}

    def __call__(self, marker: str, active: Collection[str] = ()) -> bool:
        """Return whether `marker` holds while the extras `active` are asked for; no marker always holds.

        Raises:
            LockError: That is no marker.
        """

        def replaced(match: re.Match[str]) -> str:
            holds = (match[2] or match[3]) in active
            return _TRUE if holds == (match[1] == "==") else _FALSE

        text = _EXTRA.sub(replaced, marker) if "extra" in marker else marker
        if text not in self._known:
            try:
                self._known[text] = Marker(text).evaluate(self._environment)
            except InvalidMarker as error:
                raise LockError(
                    f"uv.lock is damaged: {marker!r} is no marker", hint="write it again: uv lock"
                ) from error
        return self._known[text]
