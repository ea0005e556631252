"""How a verb says what its arguments and options are: once, in its signature, for argparse and Invoke alike."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec

from isonox.errors import ExitCode

#: A verb: its arguments and options in, by name; exit code out.
Function = Callable[..., ExitCode]


class Kind(Enum):
    """What an option takes."""

    FLAG = "flag"
    TEXT = "text"
    INTEGER = "integer"
    LIST = "list"


class Help(msgspec.Struct, frozen=True):
    """What `--help` says of an option.

    Args:
        text: One line.
        short: The one-letter form, without the dash.
        metavar: The name of the value.
    """

    text: str
    short: str | None = None
    metavar: str | None = None


class Argument(msgspec.Struct, frozen=True):
    """What `--help` says of an argument: a text that is given by its place, not by a name.

    Args:
        text: One line.
        metavar: The name of the value.
    """

    text: str
    metavar: str


class Option(msgspec.Struct, frozen=True):
    """One option of a verb."""

    name: str
    kind: Kind
    default: Any
    help: Help

    @property
    def flag(self) -> str:
        """The long form: `--fail-fast`."""
        return "--" + self.name.rstrip("_").replace("_", "-")


class Positional(msgspec.Struct, frozen=True):
    """One argument of a verb.

    Attributes:
        optional: Whether it may be left out; it is None then.
    """

    name: str
    optional: bool
    help: Argument


class Verb(msgspec.Struct, frozen=True):
    """A verb, read from its function.

    Attributes:
        arguments: In the order of the command line.
        takes_posargs: Whether what follows `--` is handed on.
    """

    name: str
    summary: str
    description: str
    arguments: tuple[Positional, ...]
    options: tuple[Option, ...]
    takes_posargs: bool
    function: Function

    @property
    def usage(self) -> str:
        """What follows the verb's name: `[options] A B`."""
        arguments = [f"[{one.help.metavar}]" if one.optional else one.help.metavar for one in self.arguments]
        return " ".join(["[options]", *arguments, *(["[-- ARGUMENTS]"] if self.takes_posargs else [])])


def verb(function: Function, *, name: str | None = None) -> Verb:
    """Read a verb from a function: its name, docstring, and annotated parameters."""
    summary, _, rest = _text(function).partition("\n")
    hints = get_type_hints(function, include_extras=True)
    code, defaults = function.__code__, function.__kwdefaults__ or {}
    parameters = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    read = [_read(name, hints[name], defaults.get(name)) for name in parameters if name != "posargs"]
    return Verb(
        name=name or function.__name__.rstrip("_"),
        summary=summary,
        description=rest.strip(),
        arguments=tuple(one for one in read if isinstance(one, Positional)),
        options=tuple(one for one in read if isinstance(one, Option)),
        takes_posargs="posargs" in parameters,
        function=function,
    )


def _text(function: Function) -> str:
    """Return a docstring without its indentation; importing `inspect` takes a tenth of an unchanged run."""
    text = function.__doc__ or ""
    return text if sys.version_info >= (3, 13) else text.replace("\n    ", "\n")


def _read(name: str, hint: Any, default: Any) -> Option | Positional:
    if get_origin(hint) is not Annotated:
        raise TypeError(f"parameter {name!r} of a verb has neither Help nor Argument")
    kind, text = get_args(hint)[:2]
    if isinstance(text, Argument):
        if _KINDS[kind] is not Kind.TEXT:
            raise TypeError(f"parameter {name!r} of a verb: an argument is a text")
        return Positional(name=name, optional=kind is not str, help=text)
    return Option(name=name, kind=_KINDS[kind], default=default, help=text)


_KINDS: dict[Any, Kind] = {
    bool: Kind.FLAG,
    str | None: Kind.TEXT,
    str: Kind.TEXT,
    int | None: Kind.INTEGER,
    Sequence[str]: Kind.LIST,
}

# Options that several verbs share.
Only = Annotated[
    Sequence[str], Help("run only this stage or session, with what it requires (repeatable)", "o", "STAGE")
]
Tags = Annotated[Sequence[str], Help("run only sessions with this tag (repeatable)", "t", "TAG")]
Packages = Annotated[Sequence[str], Help("run only sessions of this package (repeatable)", "p", "PACKAGE")]
Pythons = Annotated[Sequence[str], Help("run only sessions for this Python (repeatable)", "P", "VERSION")]
Base = Annotated[
    str | None, Help("run only what is affected by the changes since the merge base with this revision", "b", "REV")
]
Jobs = Annotated[int | None, Help("how many cores to use, which is how many jobs run at once (default: all)", "j", "N")]
FailFast = Annotated[bool, Help("stop everything at the first red job", "x")]
Json = Annotated[bool, Help("print a JSON document on standard output")]
