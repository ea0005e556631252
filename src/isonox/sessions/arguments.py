"""Hold what a noxfile gives to sessions and stages against the types in their signatures."""

from __future__ import annotations

import functools
import re
import reprlib
import typing
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from types import NoneType, SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar

import msgspec

from isonox.errors import ConfigurationError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

P = ParamSpec("P")
R = TypeVar("R")

#: What signatures name. A service says itself what is wrong with it.
_NAMES = {
    "Any": Any, "Literal": Literal, "Mapping": Mapping, "Sequence": Sequence, "Service": Any, "timedelta": timedelta,
}  # fmt: skip


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """Let a stage refuse keyword arguments that its signature does not have, or that do not fit: see `check_types`."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        name = str(kwargs.get("name", function.__name__))
        known = _known(function)
        if unknown := [argument for argument in kwargs if known and argument not in known]:
            raise ConfigurationError(
                f"{name}: there is no option {unknown[0]!r}{did_you_mean(unknown[0], known)}",
                hint=f"see help(isonox.stages.{function.__name__})",
            )
        check_types(function, name, kwargs)
        return function(*args, **kwargs)

    return call


def check_types(function: Callable[..., object], name: str, given: Mapping[str, object]) -> None:
    """Refuse arguments that do not fit the annotations of `function`, to which the session `name` gives them.

    Raises:
        ConfigurationError: With the argument, and the type or the words that it has.
    """
    for argument, value in given.items():
        if argument in function.__annotations__:
            _check(f"{name}: {argument}", value, argument, function)


def check(where: str, value: str, known: Iterable[str]) -> None:
    """Refuse a word that isonox does not know; `where` is "session: argument".

    Raises:
        ConfigurationError: With what was meant, probably.
    """
    if value not in known:
        raise ConfigurationError(
            f"{where} names {value!r}, which isonox does not know{did_you_mean(value, known)}",
            hint=f"known are {', '.join(known)}",
        )


def _check(where: str, value: object, argument: str, function: Callable[..., object]) -> None:
    meant = _meant(function, argument)
    words = [word for word in typing.get_args(meant) if word is not NoneType] or [meant]
    if isinstance(value, str) and all(typing.get_origin(word) is Literal or isinstance(word, str) for word in words):
        check(where, value, [known for word in words for known in typing.get_args(word) or (word,)])
        return
    if _fits(value, meant):
        return
    if isinstance(value, Mapping):  # the others may be nobody's business
        value = next((one for one in ({key: value[key]} for key in value) if not _fits(one, meant)), value)
    shown, written = f"{where}={reprlib.repr(value)}", function.__annotations__[argument]
    if isinstance(value, str) and re.search(r"(?<!\[)Sequence\[str\]", written):
        raise ConfigurationError(f"{shown} must be a list", hint=f"{argument}={value.split()}")
    raise ConfigurationError(f"{shown} is not of the type {written}")


def _fits(value: object, meant: Any) -> bool:
    if isinstance(value, Collection) and not isinstance(value, (str, bytes, Mapping)):
        value = tuple(value)  # whatever holds several, such as the keys of a dictionary
    try:
        msgspec.convert(value, meant, builtin_types=(timedelta,))
    except msgspec.ValidationError:
        return False
    return True


@functools.cache
def _known(function: Callable[..., object]) -> tuple[str, ...]:
    """Return the names of all options of a stage; none where it hands on whatever it gets."""
    own = [argument for argument in function.__annotations__ if argument not in ("options", "return")]
    shared = typing.get_args(_meant(function, "options"))
    return (*own, *shared[0].__annotations__) if shared else ()


@functools.cache
def _meant(function: Callable[..., object], argument: str) -> Any:
    """Return the type of one argument: that of others may be known to type checkers only."""
    one = SimpleNamespace(__annotations__={argument: function.__annotations__[argument]})
    return typing.get_type_hints(one, {**_NAMES, **function.__globals__})[argument]
