"""The Invoke collection: `tasks.py` of a repository is `from isonox.tasks import namespace`."""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING, Any

from invoke.collection import Collection
from invoke.exceptions import Exit
from invoke.tasks import Task

from isonox.errors import ExitCode
from isonox.verbs.boundary import guarded
from isonox.verbs.declaration import Kind
from isonox.verbs.table import VERBS

if TYPE_CHECKING:
    from invoke.context import Context

    from isonox.verbs.declaration import Verb

#: Invoke makes an option's kind from its default value.
_DEFAULTS: dict[Kind, Any] = {Kind.FLAG: False, Kind.LIST: None, Kind.INTEGER: 0, Kind.TEXT: ""}


def task_of(verb: Verb) -> Task[Any]:
    """Return the Invoke task of a verb: same name, same options, same exit code."""

    def body(_context: Context, **values: Any) -> None:
        arguments = {option.name: values.get(option.name) or option.default for option in verb.options}
        if verb.takes_posargs:
            arguments["posargs"] = _after_double_dash()
        code = guarded(lambda: verb.function(**arguments))
        if code != ExitCode.OK:
            raise Exit(code=code)

    parameters = [inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
    parameters.extend(
        inspect.Parameter(option.name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=_DEFAULTS[option.kind])
        for option in verb.options
    )
    body.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    body.__doc__ = f"{verb.summary}\n\n{verb.description}".strip()
    return Task(
        body,
        name=verb.name,
        positional=[],
        iterable=[option.name for option in verb.options if option.kind is Kind.LIST],
        auto_shortflags=False,
        help={option.name: option.help.text for option in verb.options},
    )


def _after_double_dash() -> list[str]:
    """Return what follows `--` on the command line; Invoke joins it to one string and loses the quoting."""
    return sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []


namespace = Collection(*[task_of(verb) for verb in VERBS])
