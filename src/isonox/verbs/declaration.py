"""How a verb says what its options are: once, in its signature, for argparse and Invoke alike."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from isonox.errors import ExitCode

#: A verb: keyword arguments in, exit code out.
Function = Callable[..., ExitCode]


class Kind(Enum):
    """What an option takes."""

    FLAG = "flag"
    TEXT = "text"
    INTEGER = "integer"
    LIST = "list"


@dataclass(frozen=True)
class Help:
    """What `--help` says of an option.

    Args:
        text: One line.
        short: The one-letter form, without the dash.
        metavar: The name of the value.
    """

    text: str
    short: str | None = None
    metavar: str | None = None


@dataclass(frozen=True)
class Option:
    """One option of a verb."""

    name: str
    kind: Kind
    default: Any
    help: Help

    @property
    def flag(self) -> str:
        """The long form: `--fail-fast`."""
        return "--" + self.name.rstrip("_").replace("_", "-")


@dataclass(frozen=True)
class Verb:
    """A verb, read from its function.

    Attributes:
        takes_posargs: Whether what follows `--` is handed on.
    """

    name: str
    summary: str
    description: str
    options: tuple[Option, ...]
    takes_posargs: bool
    function: Function


def verb(function: Function, *, name: str | None = None) -> Verb:
    """Read a verb from a function: its name, docstring, and annotated keyword parameters."""
    summary, _, rest = inspect.cleandoc(function.__doc__ or "").partition("\n")
    hints = get_type_hints(function, include_extras=True)
    parameters = inspect.signature(function).parameters
    options = tuple(
        _option(parameter, hints[parameter.name]) for parameter in parameters.values() if parameter.name != "posargs"
    )
    return Verb(
        name=name or function.__name__.rstrip("_"),
        summary=summary,
        description=rest.strip(),
        options=options,
        takes_posargs="posargs" in parameters,
        function=function,
    )


def _option(parameter: inspect.Parameter, hint: Any) -> Option:
    if get_origin(hint) is not Annotated:
        raise TypeError(f"parameter {parameter.name!r} of a verb has no Help")
    kind, text = get_args(hint)[:2]
    return Option(name=parameter.name, kind=_KINDS[kind], default=parameter.default, help=text)


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
Jobs = Annotated[int | None, Help("how many jobs run at once (default: one per core)", "j", "N")]
FailFast = Annotated[bool, Help("stop everything at the first red job", "x")]
Json = Annotated[bool, Help("print a JSON document on standard output")]
