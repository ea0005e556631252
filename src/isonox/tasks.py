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
from isonox.verbs.table import verbs

if TYPE_CHECKING:
    from invoke.context import Context
    from invoke.parser.argument import Argument

    from isonox.verbs.declaration import Verb

#: Invoke makes an option's kind from its default value.
_DEFAULTS: dict[Kind, Any] = {Kind.FLAG: False, Kind.LIST: None, Kind.INTEGER: 0, Kind.TEXT: ""}


class _Task(Task[Any]):
    """A task whose list options need a value: Invoke takes one without for one that was not given."""

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:  # noqa: FBT001 - Invoke's own
        """Return the arguments, none of which has a value yet."""
        found = super().get_arguments(ignore_unknown_help)
        for argument in found:
            argument.raw_value = None
        return found


def task_of(verb: Verb) -> Task[Any]:
    """Return the Invoke task of a verb: same name, same arguments and options, same exit code.

    Invoke has no arguments that may be left out: they are options there, `--file FILE`.
    """

    def body(_context: Context, **values: Any) -> None:
        arguments = {argument.name: values[argument.name] for argument in verb.arguments}
        arguments |= {option.name: values.get(option.name) or option.default for option in verb.options}
        if verb.takes_posargs:
            arguments["posargs"] = _after_double_dash()
        code = guarded(lambda: verb.function(**arguments))
        if code != ExitCode.OK:
            raise Exit(code=code)

    empty = inspect.Parameter.empty
    defaults = {argument.name: None if argument.optional else empty for argument in verb.arguments}
    defaults |= {option.name: _DEFAULTS[option.kind] for option in verb.options}
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(name, kind, default=default) for name, default in defaults.items()]
    parameters.insert(0, inspect.Parameter("context", kind))
    body.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    body.__doc__ = f"{verb.summary}\n\n{verb.description}".strip()
    return _Task(
        body,
        name=verb.name,
        positional=[argument.name for argument in verb.arguments if not argument.optional],
        iterable=[option.name for option in verb.options if option.kind is Kind.LIST],
        auto_shortflags=False,
        help={one.name: one.help.text for one in verb.arguments} | {one.name: one.help.text for one in verb.options},
    )


def _after_double_dash() -> list[str]:
    """Return what follows `--` on the command line; Invoke joins it to one string and loses the quoting."""
    return sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []


namespace = Collection(*[task_of(verb) for verb in verbs()])
