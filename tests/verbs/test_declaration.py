"""How a verb's signature becomes a command line, with argparse and with Invoke."""

from __future__ import annotations

from typing import Annotated, Any, cast

import pytest
from invoke.collection import Collection
from invoke.context import Context
from invoke.exceptions import ParseError
from invoke.parser import Parser

from isonox import cli
from isonox.errors import ExitCode
from isonox.tasks import task_of
from isonox.verbs import table
from isonox.verbs.declaration import Argument, Function, Json, Verb, verb


@pytest.fixture
def got() -> dict[str, Any]:
    """What the verb was called with."""
    return {}


@pytest.fixture
def show(got: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Verb:
    """Return the only verb: two arguments, a third that may be left out, and an option."""

    def show(
        first: Annotated[str, Argument("the first", "A")],
        second: Annotated[str, Argument("the second", "B")],
        file: Annotated[str | None, Argument("where to", metavar="FILE")] = None,
        *,
        json: Json = False,
    ) -> ExitCode:
        """Show."""
        got.update(first=first, second=second, file=file, json=json)
        return ExitCode.OK

    made = verb(show)
    monkeypatch.setattr(table, "NAMES", ("show",))
    monkeypatch.setattr(table, "load", lambda _name: made)
    return made


def invoke(declared: Verb, *words: str) -> None:
    """Do what `inv show ...` does: parse, then call the task."""
    collection = Collection(task_of(declared))
    (parsed,) = Parser(contexts=collection.to_contexts()).parse_argv(["show", *words])
    collection["show"](Context(), **{argument.name: argument.value for argument in parsed.args.values()})


def test_arguments_are_read_in_their_order(show: Verb) -> None:
    """They are no options, and the usage has them."""
    assert ["first", "second", "file"] == [argument.name for argument in show.arguments]
    assert [False, False, True] == [argument.optional for argument in show.arguments]
    assert ["json"] == [option.name for option in show.options]
    assert "[options] A B [FILE]" == show.usage


@pytest.mark.parametrize("words", [["a", "b", "--json"], ["--json", "a", "b"], ["a", "--json", "b"]])
def test_the_command_line_takes_arguments_by_place(show: Verb, got: dict[str, Any], words: list[str]) -> None:
    """Options may stand before, between and after them."""
    assert ExitCode.OK == cli.main(["show", *words])
    assert {"first": "a", "second": "b", "file": None, "json": True} == got


def test_an_argument_that_may_be_left_out_need_not_be(show: Verb, got: dict[str, Any]) -> None:
    """It is the last one."""
    assert ExitCode.OK == cli.main(["show", "a", "b", "c"])
    assert {"first": "a", "second": "b", "file": "c", "json": False} == got


@pytest.mark.parametrize(
    ("words", "message"),
    [(["a"], "the following arguments are required: B"), (["a", "b", "c", "d"], "unknown argument 'd'")],
)
def test_too_few_and_too_many_are_wrong_usage(
    show: Verb, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    """Named by what the help calls them."""
    assert ExitCode.USAGE == cli.main(["show", *words])
    assert message in capsys.readouterr().err


def test_help_shows_the_arguments(show: Verb, capsys: pytest.CaptureFixture[str]) -> None:
    """In the usage, and each with its line."""
    assert ExitCode.OK == cli.main(["show", "--help"])
    said = capsys.readouterr().out

    assert "usage: isonox show [options] A B [FILE]" in said
    assert all(argument.help.text in said for argument in show.arguments)


def test_invoke_takes_them_by_place_too(show: Verb, got: dict[str, Any]) -> None:
    """What may be left out is an option there, for Invoke knows no such argument."""
    invoke(show, "a", "b")
    assert {"first": "a", "second": "b", "file": None, "json": False} == got

    invoke(show, "a", "--json", "b", "--file", "c")
    assert {"first": "a", "second": "b", "file": "c", "json": True} == got

    with pytest.raises(ParseError, match="did not receive required positional arguments: 'second'"):
        invoke(show, "a")


def test_an_argument_is_a_text() -> None:
    """And every parameter is described."""

    def number(count: Annotated[int | None, Argument("how many", "N")]) -> None: ...

    def bare(count: str) -> None: ...

    with pytest.raises(TypeError, match="'count' of a verb: an argument is a text"):
        verb(cast("Function", number))
    with pytest.raises(TypeError, match="'count' of a verb has neither Help nor Argument"):
        verb(cast("Function", bare))


def test_no_verb_of_isonox_hides_an_argument_behind_one_that_may_be_left_out() -> None:
    """Nobody could give the one without the other."""
    for declared in table.verbs():
        optional = [argument.optional for argument in declared.arguments]

        assert sorted(optional) == optional, declared.name
