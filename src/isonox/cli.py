"""`isonox`: the verbs on the command line, the arguments parsed and handed on."""

from __future__ import annotations

import argparse
import re
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from isonox.errors import ExitCode, UsageError, did_you_mean
from isonox.system import terminal
from isonox.system.version import own_version
from isonox.verbs import table
from isonox.verbs.boundary import guarded
from isonox.verbs.declaration import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from isonox.verbs.declaration import Function, Option, Verb


class _Parser(argparse.ArgumentParser):
    """argparse, with did-you-mean and errors that go through the one boundary."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(_with_suggestion(self, message), hint=f"{self.prog} --help")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    return guarded(lambda: _run(list(sys.argv[1:] if arguments is None else arguments)))


def parser(names: Sequence[str] = table.NAMES) -> argparse.ArgumentParser:
    """Return the parser for some verbs, by default for all (the reference documentation is made from that)."""
    top = _Parser(
        prog="isonox",
        description="Run your CI pipeline here exactly as it runs there: one noxfile, two places, the same verdict.",
        epilog=_exit_codes(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="store_true", help="show the version and end")
    verbs = top.add_subparsers(
        prog=top.prog, metavar="VERB", title="verbs", dest="verb", required=True, parser_class=_Parser
    )
    for name in names:
        _add_verb(verbs, table.load(name))
    return top


def _run(arguments: list[str]) -> ExitCode:
    _refuse_undecodable(arguments)
    before, posargs = _split(arguments)
    if not before and not posargs:
        parser().print_help(sys.stderr)
        return ExitCode.USAGE
    if before == ["--version"]:
        terminal.write_data(f"isonox {own_version()}")
        return ExitCode.OK
    known = before[:1] if before[:1] and before[0] in table.NAMES else table.NAMES
    try:
        parsed = vars(parser(known).parse_args(before))
    except SystemExit as stop:  # --help: argparse has printed it
        return ExitCode(int(stop.code or 0))
    function: Function = parsed.pop("function")
    takes_posargs: bool = parsed.pop("takes_posargs")
    verb = parsed.pop("verb")
    del parsed["version"]
    if posargs and not takes_posargs:
        raise UsageError(f"isonox {verb} takes nothing after `--`, got: {' '.join(posargs)}")
    if takes_posargs:
        parsed["posargs"] = posargs
    return function(**parsed)


def _refuse_undecodable(arguments: list[str]) -> None:
    """Plans and records are JSON, which has no place for bytes that are no text."""
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError as error:
            raise UsageError(f"the argument {argument!r} is not valid UTF-8") from error


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Part at the first `--`."""
    if "--" not in arguments:
        return arguments, []
    at = arguments.index("--")
    return arguments[:at], arguments[at + 1 :]


def _add_verb(verbs: Any, verb: Verb) -> None:
    description = f"{verb.summary}\n\n{verb.description}".strip()
    child = verbs.add_parser(
        verb.name,
        help=verb.summary,
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage=f"isonox {verb.name} {verb.usage}",
        allow_abbrev=False,
    )
    child.set_defaults(function=verb.function, takes_posargs=verb.takes_posargs)
    for argument in verb.arguments:
        child.add_argument(
            argument.name,
            metavar=argument.help.metavar,
            help=argument.help.text,
            nargs="?" if argument.optional else None,
        )
    for option in verb.options:
        _add_option(child, option)


def _add_option(parser: argparse.ArgumentParser, option: Option) -> None:
    names = [f"-{option.help.short}"] if option.help.short else []
    names.append(option.flag)
    settings: dict[str, Any] = {"dest": option.name, "help": option.help.text, "default": option.default}
    match option.kind:
        case Kind.FLAG:
            settings["action"] = "store_true"
        case Kind.LIST:
            settings |= {"action": "append", "metavar": option.help.metavar, "default": []}
        case Kind.INTEGER:
            settings |= {"type": int, "metavar": option.help.metavar}
        case Kind.TEXT:
            settings["metavar"] = option.help.metavar
    parser.add_argument(*names, **settings)


def _with_suggestion(parser: argparse.ArgumentParser, message: str) -> str:
    """Add did-you-mean to argparse's message about an unknown verb or option."""
    if match := re.match(r"argument VERB: invalid choice: '([^']*)'", message):
        choices = next(iter(parser._subparsers._group_actions)).choices or {}  # type: ignore[union-attr]  # noqa: SLF001
        return f"unknown verb {match[1]!r}{did_you_mean(match[1], list(choices))}"
    if match := re.match(r"unrecognized arguments: (\S+)", message):
        flag = match[1].partition("=")[0]
        known = [name for action in _all_actions(parser) for name in action.option_strings if name != flag]
        return f"unknown argument {match[1]!r}{did_you_mean(flag, known)}"
    return message


def _all_actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    actions = list(parser._actions)  # noqa: SLF001 - argparse has no public list
    for action in parser._actions:  # noqa: SLF001
        for child in (action.choices or {}).values() if isinstance(action.choices, dict) else ():
            actions.extend(child._actions)  # noqa: SLF001
    return actions


def _exit_codes() -> str:
    meanings = ", ".join(f"{code.value} {code.name.lower().replace('_', ' ')}" for code in ExitCode)
    return f"exit codes: {meanings}"
