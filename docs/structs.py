"""Describe msgspec structs as tables of fields, in the words of JSON or TOML."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec.inspect

from docs import docstrings, markdown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Words for types, by format.
JSON = {"list": "array of", "dict": "object of", "struct": "object", "none": "null"}
TOML = {"list": "list of", "dict": "table of", "struct": "table", "none": "absent"}


def fields(struct: type[msgspec.Struct], words: Mapping[str, str], also: Mapping[str, str] | None = None) -> str:
    """Return a table of a struct's fields.

    What the struct's docstring does not say of a field, the docstring of the field's own type does.

    Args:
        struct: What is described.
        words: `JSON` or `TOML`.
        also: What is said of fields elsewhere.
    """
    said = {**(also or {}), **docstrings.of(struct).attributes}
    rows = []
    for field in _struct(struct).fields:
        text = said.get(field.name, "") or next((docstrings.of(part).summary for part in _structs(field.type)), "")
        rows.append((f"`{field.encode_name}`", _kind(field.type, words), _default(field, words), text))
    return markdown.table(("key" if words is TOML else "field", "type", "default", "meaning"), rows)


def _struct(struct: type[msgspec.Struct]) -> msgspec.inspect.StructType:
    found = msgspec.inspect.type_info(struct)
    assert isinstance(found, msgspec.inspect.StructType)  # noqa: S101 - for the type checker
    return found


def _kind(kind: msgspec.inspect.Type, words: Mapping[str, str]) -> str:  # noqa: PLR0911 - one a type
    """Say a type in the words of JSON or TOML."""
    match kind:
        case msgspec.inspect.UnionType():
            return " or ".join(_kind(one, words) for one in kind.types)
        case msgspec.inspect.VarTupleType():
            return f"{words['list']} {_kind(kind.item_type, words)}"
        case msgspec.inspect.DictType():
            return f"{words['dict']} {_kind(kind.value_type, words)} by name"
        case msgspec.inspect.StructType():
            return f"{words['struct']} {kind.cls.__name__}"
        case msgspec.inspect.EnumType():
            return kind.cls.__name__
        case msgspec.inspect.LiteralType():
            return " or ".join(f'`"{value}"`' for value in sorted(map(str, kind.values)))
        case msgspec.inspect.NoneType():
            return words["none"]
        case _:
            return _PLAIN[type(kind)]


_PLAIN: dict[type[msgspec.inspect.Type], str] = {
    msgspec.inspect.StrType: "string",
    msgspec.inspect.BoolType: "boolean",
    msgspec.inspect.IntType: "integer",
    msgspec.inspect.FloatType: "number",
    msgspec.inspect.DateType: "date",
}


def _default(field: msgspec.inspect.Field, words: Mapping[str, str]) -> str:
    value = field.default if field.default is not msgspec.NODEFAULT else field.default_factory
    match value:
        case msgspec.NODEFAULT:
            return ""
        case None:
            return words["none"]
        case tuple() | str() | bool() | int() | float():
            return f"`{msgspec.json.encode(value).decode()}`"
        case _:
            return "empty"


def _structs(kind: msgspec.inspect.Type) -> Iterator[type]:
    """Yield the structs and enumerations that a type is made of, itself included."""
    match kind:
        case msgspec.inspect.StructType() | msgspec.inspect.EnumType():
            yield kind.cls
        case msgspec.inspect.VarTupleType():
            yield from _structs(kind.item_type)
        case msgspec.inspect.DictType():
            yield from _structs(kind.value_type)
        case msgspec.inspect.UnionType():
            for one in kind.types:
                yield from _structs(one)


def parts(struct: type[msgspec.Struct]) -> Iterator[type[msgspec.Struct]]:
    """Yield the structs inside of a struct, outermost first."""
    for field in _struct(struct).fields:
        for part in _structs(field.type):
            if issubclass(part, msgspec.Struct):
                yield part
                yield from parts(part)
