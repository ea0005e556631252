"""The jobs that a matrix becomes.

Source: https://docs.github.com/en/actions/how-tos/write-workflows/choose-what-workflows-do/run-job-variations
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

from isonox.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable


def expand(matrix: Any, fill: Callable[[str], Any]) -> list[dict[str, Any]]:
    """Return the variables of each job, in GitHub's order.

    Args:
        matrix: `strategy.matrix` as it stands in the file.
        fill: Gives the value of a text with expressions.

    Raises:
        ConfigurationError: What it becomes is no matrix.
    """
    filled = _filled(matrix, fill)
    if not isinstance(filled, dict):
        raise ConfigurationError("the matrix is no mapping")
    axes = {name: value for name, value in filled.items() if name not in ("include", "exclude")}
    if not all(isinstance(value, list) for value in axes.values()):
        raise ConfigurationError("a variable of the matrix is no list")
    found = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())] if axes else []
    found = [one for one in found if not any(_agree(entry, one) for entry in _entries(filled, "exclude"))]
    original = [dict(one) for one in found]
    added = []
    for entry in _entries(filled, "include"):
        fits = [
            number
            for number, one in enumerate(original)
            if all(one[name] == value for name, value in entry.items() if name in axes)
        ]
        for number in fits:
            found[number].update(entry)
        if not fits:
            added.append(dict(entry))
    return found + added


def _entries(matrix: dict[str, Any], key: str) -> list[dict[str, Any]]:
    found = matrix.get(key) or []
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise ConfigurationError(f"`{key}` of the matrix is no list of mappings")
    return found


def _agree(entry: dict[str, Any], one: dict[str, Any]) -> bool:
    return all(name in one and one[name] == value for name, value in entry.items())


def _filled(value: Any, fill: Callable[[str], Any]) -> Any:
    if isinstance(value, str):
        return fill(value) if "${{" in value else value
    if isinstance(value, dict):
        return {name: _filled(entry, fill) for name, entry in value.items()}
    return [_filled(entry, fill) for entry in value] if isinstance(value, list) else value
