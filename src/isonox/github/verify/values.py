"""The values of GitHub Actions expressions: those of JSON, how they convert and compare, and the built-in functions."""

from __future__ import annotations

import json
import math
import re
from itertools import chain
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Value: TypeAlias = "bool | int | float | str | list[Value] | dict[str, Value] | None"

_DECIMAL = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[-+]?Infinity")
_BASED = re.compile(r"0x(?P<hex>[0-9a-fA-F]+)|0o(?P<octal>[0-7]+)")
_NUMBER_NAMES = {"NAN": "NaN", "INF": "Infinity", "-INF": "-Infinity", "-0": "0"}
#: In a format: a doubled brace, an index in braces, a brace that is wrong.
_HOLE = re.compile(r"\{\{|\}\}|\{([0-9]+)(?::(?!\}\}))?\}|[{}]")


class FunctionError(Exception):
    """A built-in function can't work with its arguments; the message does not say where it is called."""


class Filtered(list[Value]):
    """What `.*` gives: an index that follows applies to each member."""


def truthy(value: Value) -> bool:
    """Return whether a value counts as true: all but null, false, 0, NaN and "" do, even `[]` and `{}`."""
    return isinstance(value, (list, dict)) or (bool(value) and value == value)  # noqa: PLR0124 - NaN is not itself


def to_string(value: Value) -> str:
    """Return the text that a value becomes within other text; an array becomes "Array", an object "Object"."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        text = f"{value:.15G}"
        return _NUMBER_NAMES.get(text, text)
    return "" if value is None else "Array" if isinstance(value, list) else "Object"


def parsed_number(text: str) -> int | float:
    """Return the number that a text stands for, 0 for a blank one, NaN for others; whole numbers are ints."""
    text = text.strip()
    if _DECIMAL.fullmatch(text):
        number = float(text)
        return int(number) if abs(number) < 2**53 and number.is_integer() else number
    if match := _BASED.fullmatch(text):
        whole = int(match["hex"], 16) if match["hex"] else int(match["octal"], 8)
        if whole < 2**32:  # the runner reads 32 bits, the first of them as the sign
            return whole - 2**32 if whole >= 2**31 else whole
    return math.nan if text else 0


def to_number(value: Value) -> int | float:
    """Return the number that a value becomes in a comparison or as an index; NaN if it can't be one."""
    if isinstance(value, str):
        return parsed_number(value)
    return math.nan if isinstance(value, (list, dict)) else value or 0


def equal(left: Value, right: Value) -> bool:
    """Return `left == right`: texts without case, arrays and objects by identity, all others as numbers."""
    if isinstance(left, str) and isinstance(right, str):
        return left == right or _folded(left) == _folded(right)
    return left is right if isinstance(left, (list, dict)) else to_number(left) == to_number(right)


def less(left: Value, right: Value) -> bool:
    """Return `left < right`: texts without case, all others as numbers."""
    if isinstance(left, str) and isinstance(right, str):
        return _folded(left) < _folded(right)
    return to_number(left) < to_number(right)


def find(mapping: Mapping[str, Any], name: str) -> tuple[Any, ...]:
    """Return the value of a name in whichever case (as written, if there is one), or nothing."""
    if name in mapping:
        return (mapping[name],)
    folded = _folded(name)
    return next(((value,) for key, value in mapping.items() if _folded(key) == folded), ())


def member(container: Value, index: Value) -> Value:
    """Return `container[index]`: null if there is none, a filtered array from a filtered array."""
    if isinstance(container, dict) and isinstance(index, str) and index in container:
        return container[index]  # `_member` finds it too, but this is nearly every read
    if isinstance(container, Filtered):
        return Filtered(chain.from_iterable(_member(item, index) for item in container))
    return next(iter(_member(container, index)), None)


def members(container: Value) -> Filtered:
    """Return `container.*`: the members, or the members' members of a filtered array."""
    found = _members(container)
    return Filtered(chain.from_iterable(map(_members, found)) if isinstance(container, Filtered) else found)


def _member(container: Value, index: Value) -> tuple[Value, ...]:
    if isinstance(container, dict) and not isinstance(index, (list, dict)):
        return find(container, to_string(index))
    if isinstance(container, list) and 0 <= (position := to_number(index)) < len(container):
        return (container[int(position)],)
    return ()


def _members(container: Value) -> Iterable[Value]:
    return container.values() if isinstance(container, dict) else container if isinstance(container, list) else ()


def _folded(text: str) -> str:
    """Return a text for comparison without case: upper case, but only one to one, and not from outside into ASCII."""
    if text.isascii():
        return text.upper()
    cases = ((character, character.upper()) for character in text)
    return "".join(upper if len(upper) == 1 and upper.isascii() == lower.isascii() else lower for lower, upper in cases)


def _texts(left: Value, right: Value, compare: Callable[[str, str], bool]) -> bool:
    if isinstance(left, (list, dict)) or isinstance(right, (list, dict)):
        return False
    return compare(_folded(to_string(left)), _folded(to_string(right)))


def _contains(search: Value, item: Value) -> bool:
    if isinstance(search, list):
        return any(equal(item, candidate) for candidate in search)
    return _texts(search, item, str.__contains__)


def _format(template: Value, *values: Value) -> str:
    text = to_string(template)

    def filled(match: re.Match[str]) -> str:
        hole, index = match[0], match[1]
        if index is None and hole in {"{{", "}}"}:
            return hole[0]
        if index is None:
            raise FunctionError(f"format: a brace stands alone in {text!r}")
        if len(index) > len("255") or int(index) >= len(values):
            raise FunctionError(f"format: no argument for {hole} in {text!r}")
        return to_string(values[int(index)])

    return _HOLE.sub(filled, text)


def _join(items: Value, separator: Value = ",") -> str:
    if isinstance(items, list):
        return ("," if isinstance(separator, (list, dict)) else to_string(separator)).join(map(to_string, items))
    return "" if isinstance(items, dict) else to_string(items)


def _to_json(value: Value, margin: str = "\n") -> str:
    inner = f"{margin}  "
    if isinstance(value, dict):
        parts = [f"{_to_json(key)}: {_to_json(item, inner)}" for key, item in value.items()]
    elif isinstance(value, list):
        parts = [_to_json(item, inner) for item in value]
    elif isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    else:
        return "null" if value is None else to_string(value)
    start, end = "{}" if isinstance(value, dict) else "[]"
    return f"{start}{inner}{f',{inner}'.join(parts)}{margin}{end}" if parts else start + end


def _from_json(value: Value) -> Any:
    def refused(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is no value of JSON")

    def unique(pairs: Iterable[tuple[str, Value]]) -> dict[str, Value]:
        first: dict[str, str] = {}
        return {key: item for key, item in dict(pairs).items() if first.setdefault(_folded(key), key) == key}

    text, number = to_string(value), parsed_number
    try:
        return json.loads(text, parse_int=number, parse_float=number, parse_constant=refused, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise FunctionError(f"fromJSON: this is no JSON: {error}") from error


EQUALITY: dict[str, Callable[[Value, Value], bool]] = {
    "==": equal,
    "!=": lambda left, right: not equal(left, right),
}
ORDER: dict[str, Callable[[Value, Value], bool]] = {
    "<": less,
    "<=": lambda left, right: equal(left, right) or less(left, right),
    ">": lambda left, right: less(right, left),
    ">=": lambda left, right: equal(left, right) or less(right, left),
}
#: The built-in functions by name, with the least and the greatest number of arguments.
FUNCTIONS: dict[str, tuple[int, int, Callable[..., Value]]] = {
    "contains": (2, 2, _contains),
    "startswith": (2, 2, lambda text, part: _texts(text, part, str.startswith)),
    "endswith": (2, 2, lambda text, part: _texts(text, part, str.endswith)),
    "format": (1, 255, _format),
    "join": (1, 2, _join),
    "tojson": (1, 1, _to_json),
    "fromjson": (1, 1, _from_json),
}
