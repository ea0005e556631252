"""GitHub's expressions: as GitHub's own library evaluates them, and in the corners as its runner does."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isonox.github.verify.expressions import ExpressionError, parse
from isonox.github.verify.templates import condition, has_status_function, interpolate, parts
from isonox.github.verify.values import to_string, truthy

if TYPE_CHECKING:
    from collections.abc import Callable

    from isonox.github.verify.values import Value

CORPUS: dict[str, Any] = json.loads((Path(__file__).parent / "corpus" / "expressions.json").read_text("utf-8"))
CONTEXTS: dict[str, Value] = {
    "github": {"ref": "refs/heads/main", "event": {"labels": [{"name": "bug"}, {"name": "docs"}]}},
    "needs": {"tests": {"result": "success"}, "lint": {"result": "failure"}},
    "matrix": {"session": "tests-3.12", "levels": [1, 2]},
}
FUNCTIONS: dict[str, Callable[..., Value]] = {
    "success": lambda *_: False,
    "failure": lambda *_: True,
    "always": lambda: True,
    "cancelled": lambda: False,
}

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abcxyz_", min_size=1), inner),
    max_leaves=10,
)


def tagged(value: Value) -> object:
    """Return a value as the corpus writes it; JSON then tells true from 1."""
    if isinstance(value, dict):
        return {"object": {key: tagged(item) for key, item in value.items()}}
    if isinstance(value, list):
        return [tagged(item) for item in value]
    return {"number": to_string(value)} if isinstance(value, float) and not math.isfinite(value) else value


def message(text: str, contexts: dict[str, Value] = CONTEXTS) -> str:
    """Return what evaluating a text complains about."""
    with pytest.raises(ExpressionError) as caught:
        parse(text).evaluate(contexts, FUNCTIONS)
    return str(caught.value)


@pytest.mark.parametrize("family", CORPUS["families"])
def test_github_agrees(family: str) -> None:
    """Each expression gives the value that GitHub's library gives, or an error where it gives one."""
    functions = {name: lambda *_, value=each["value"]: value for name, each in CORPUS["functions"].items()}
    wrong = []
    for text, expected in CORPUS["families"][family]:
        try:
            found: object = {"value": tagged(parse(text).evaluate(CORPUS["contexts"], functions))}
        except ExpressionError:
            found = "error"
        if json.dumps(expected, sort_keys=True) != json.dumps(found, sort_keys=True):
            wrong.append(f"{text!r}: expected {expected}, found {found}")

    assert not wrong, "\n".join([f"{len(wrong)} differ", *wrong[:10]])


def test_the_corpus_is_there() -> None:
    """An empty corpus would agree with anything."""
    assert sum(len(cases) for cases in CORPUS["families"].values()) > 4000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("'it''s what''s said'", "it's what's said"),
        ("case(true, 1, fromJSON('not evaluated'))", 1),
        ("format('{0}', 123456789.123456789)", "123456789.123457"),
        ("format('{0}', 1000000000000000)", "1E+15"),
        ("format('{0}', 0.00001)", "1E-05"),
        ("format('{0:}', 1)", "1"),
        ("toJSON(NaN)", "NaN"),
        ("0xffffffff", -1),
        ("'0o40000000000' == 1", False),
        ("'ß' == 'SS'", False),
        ("'straße' == 'STRAßE'", True),
        ("'ı' == 'I'", False),  # noqa: RUF001 - that is the point
        ("contains('İ', 'i')", False),
        ("(" * 60 + "1" + ")" * 60, 1),
        ("github\u00a0.\u00a0ref", "refs/heads/main"),
        ('toJSON(fromJSON(\'{"2": 1, "1": 2}\'))', '{\n  "2": 1,\n  "1": 2\n}'),
        ("fromJSON('{\"constructor\": 1}').constructor", 1),
    ],
)
def test_the_runner_decides_where_the_library_differs(text: str, expected: Value) -> None:
    """These are the corners that the corpus leaves out."""
    assert expected == parse(text).evaluate(CONTEXTS)


@pytest.mark.parametrize(
    "text", ["format('a',)", "format('{0:x}', 1)", "format('{0a}', 1)", "0X1F", "0b1", "1==1" * 60]
)
def test_the_runner_refuses_what_the_library_allows(text: str) -> None:
    """Likewise."""
    message(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("github.ref == ", "unexpected end, at position 15 of the expression: github.ref == "),
        ("1 < )", "unexpected ')', at position 5 of the expression: 1 < )"),
        ("1 + 2", "unexpected '+', at position 3 of the expression: 1 + 2"),
        ("'open", "unexpected \"'open\", at position 1 of the expression: 'open"),
        ("true || needz.x", "unknown context 'needz' (did you mean 'needs'?), at position 9 of the expression"),
        ("false && alway()", "unknown function 'alway' (did you mean 'always'?), at position 10 of the expression"),
        ("contain(1, 2)", "unknown function 'contain' (did you mean 'contains'?)"),
        ("hashFiles('*')", "unknown function 'hashfiles'"),
        ("contains('a')", "contains takes 2 arguments, not 1, at position 1"),
        ("join(1, 2, 3)", "join takes 1 to 2 arguments, not 3"),
        ("case(true, 1)", "case takes an odd number from 3 arguments, not 2"),
        ("always(1)", "always takes 0 arguments, not 1"),
        ("case('true', 1, 2)", "case: a condition must be true or false, not 'true'"),
        ("1 == fromJSON('{')", "fromJSON: this is no JSON: "),
        ("format('{0} {1}', 'a')", "format: no argument for {1} in '{0} {1}', at position 1"),
        ("format('}')", "format: a brace stands alone in '}'"),
        ("!" * 50 + "1", "nested more than 50 deep"),
        ("(" * 20_000, "nested more than 50 deep"),
        ("toJSON(fromJSON('" + "[" * 9000 + "]" * 9000 + "'))", "maximum recursion depth exceeded"),
        ("'" + "a" * 21_000 + "'", "an expression has 21002 characters, more than 21000"),
        (" ", "an expression is empty\nhint: write one between ${{ and }}"),
    ],
)
def test_an_error_says_what_and_where(text: str, expected: str) -> None:
    """Positions count from 1, as GitHub's do."""
    assert expected in message(text)


def test_names_are_found_in_any_case() -> None:
    """Contexts, properties and functions; a name as written goes before others."""
    assert parse("ENV.path").evaluate({"env": {"PATH": "upper", "path": "lower"}}) == "lower"
    assert parse("ENV.Path").evaluate({"Env": {"PATH": "upper", "path": "lower"}}) == "upper"
    assert parse("HASHFILES('a', 'b')").evaluate({}, {"hashFiles": lambda *names: f"{len(names)} files"}) == "2 files"


def test_a_filtered_array_becomes_a_plain_one() -> None:
    """Indices apply to each member only within the expression."""
    labels = parse("github.event.labels.*.name").evaluate(CONTEXTS)

    assert list is type(labels)
    assert labels == ["bug", "docs"]
    assert parse("labels[1]").evaluate({"labels": labels}) == "docs"


def test_branches_are_only_evaluated_when_needed() -> None:
    """`&&`, `||` and `case` leave out the others."""
    called: list[str] = []
    functions = {"success": lambda: called.append("success"), "failure": lambda: called.append("failure")}

    parse("false && failure() || true || failure()").evaluate({}, functions)
    parse("case(true, success(), failure())").evaluate({}, functions)

    assert ["success"] == called


def test_an_expression_tells_its_functions() -> None:
    """All of them, whether evaluated or not."""
    assert parse("false && Always() || toJSON(fromJSON('1'))").calls == {"always", "tojson", "fromjson"}
    assert parse("github.always").calls == frozenset()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("needs.Tests.result == 'success' && GitHub.ref", {"needs.tests.result", "github.ref"}),
        ("contains(needs.*.result, 'failure')", {"needs.*.result"}),
        ("needs[*].result", {"needs.*.result"}),
        ("github['event']['a b'].labels[0].name", {"github.event.a b.labels.0.name"}),
        ("needs[matrix.session].result", {"needs", "matrix.session"}),
        ("toJSON(github)", {"github"}),
        ("fromJSON(matrix.json).a.b", {"matrix.json"}),
        ("('a')", set()),
    ],
)
def test_an_expression_tells_its_reads(text: str, expected: set[str]) -> None:
    """A dotted name goes as far as it is known before evaluation."""
    assert expected == parse(text).reads


def test_a_template_of_one_expression_keeps_the_kind() -> None:
    """Space around does not make it a text."""
    assert interpolate("${{ matrix.levels }}", CONTEXTS) == [1, 2]
    assert interpolate("\n  ${{matrix.levels[1]}} ", CONTEXTS) == 2
    assert interpolate("no expression", CONTEXTS) == "no expression"
    assert interpolate("", CONTEXTS) == ""


def test_a_template_of_several_parts_is_a_text() -> None:
    """Each part is converted on its own."""
    template = "${{ github.ref }}: ${{ matrix.levels }} ${{ needs }} ${{ 1 == 1 }}${{ github.x }} ${{ 1.50 }}"

    assert interpolate(template, CONTEXTS) == "refs/heads/main: Array Object true 1.5"


def test_braces_within_a_string_do_not_end_an_expression() -> None:
    """Nor does a single brace."""
    assert interpolate("<${{ 'a}}b''}}' }}>", CONTEXTS) == "<a}}b'}}>"
    assert interpolate("${{ format('{0}}}', 1) }}", CONTEXTS) == "1}"
    assert interpolate("}} ${{ '${{' }}", CONTEXTS) == "}} ${{"


def test_the_parts_of_a_template() -> None:
    """In their order, without the space around."""
    assert [part.text for part in parts("a ${{ 1 }} b ${{github.ref}}")] == ["1", "github.ref"]
    assert parts("$ {{ 1 }}") == ()


@pytest.mark.parametrize("template", ["${{ 1", "${{ 1 }", "a ${{ 'b }}", "${{ 1 }} ${{"])
def test_an_expression_has_to_be_closed(template: str) -> None:
    """The message says where it is opened."""
    with pytest.raises(ExpressionError, match=f"position {template.rindex('${{') + 1} is not closed"):
        parts(template)


@pytest.mark.parametrize("template", ["${{ }}", "${{}}", "a ${{ 1 + 1 }}"])
def test_a_template_with_a_wrong_expression(template: str) -> None:
    """It is refused as a whole."""
    with pytest.raises(ExpressionError):
        interpolate(template, CONTEXTS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("needs.tests.result == 'SUCCESS'", True),
        ("${{ needs.tests.result == 'failure' }}", False),
        ("always() && needs.lint.result", True),
        ("github.missing", False),
        ("0", False),
        ("'0'", True),
        ("matrix.levels[5]", False),
        ("fromJSON('[]')", True),
        ("", True),
        (" \n", True),
        ("!${{ true }}", True),
        ("${{ false }} ", True),
        ("${{ false }} && ${{ false }}", True),
        ("${{ '' }}${{ null }}", False),
    ],
)
def test_a_condition(text: str, expected: bool) -> None:  # noqa: FBT001 - a case
    """Text around `${{ }}` makes it true, a blank condition holds."""
    assert expected is condition(text, CONTEXTS, FUNCTIONS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("false && Failure()", True),
        ("${{ !cancelled() }}", True),
        ("a ${{ 1 }} ${{ always() }}", True),
        ("github.success == 'success()'", False),
        ("contains('a', 'b')", False),
        ("", False),
    ],
)
def test_status_functions_are_seen(text: str, expected: bool) -> None:  # noqa: FBT001 - a case
    """Only calls count."""
    assert expected is has_status_function(text)


@pytest.mark.parametrize(
    ("value", "text", "truth"),
    [
        (None, "", False),
        (True, "true", True),
        (False, "false", False),
        (0, "0", False),
        (-0.0, "0", False),
        (1.0, "1", True),
        (-2.50, "-2.5", True),
        (0.1 + 0.2, "0.3", True),
        (math.nan, "NaN", False),
        (-math.inf, "-Infinity", True),
        ("", "", False),
        ("false", "false", True),
        ([], "Array", True),
        ({}, "Object", True),
    ],
)
def test_values_as_text_and_truth(value: Value, text: str, truth: bool) -> None:  # noqa: FBT001 - a case
    """The conversions of GitHub."""
    assert text == to_string(value)
    assert truth is truthy(value)


@given(
    st.text()
    | st.text("()[].*!<>=&|,'-+ax10 \n{}$")
    | st.lists(st.sampled_from([*"()[].*!,1", "&&", "a", "''"])).map("".join)
)
def test_parsing_fails_in_one_way_only(text: str) -> None:
    """Whatever the text is."""
    for function in (parse, parts, has_status_function):
        with suppress(ExpressionError):
            function(text)


@given(values)
def test_json_there_and_back(value: Value) -> None:
    """ToJSON writes what fromJSON reads, and what Python reads."""
    written = parse("toJSON(context)").evaluate({"context": value})

    assert isinstance(written, str)
    assert value == json.loads(written)
    assert value == parse("fromJSON(toJSON(context))").evaluate({"context": value})


@given(st.floats(-1e300, 1e300) | st.integers(-(10**14), 10**14))
def test_numbers_survive_as_text(number: float) -> None:
    """To fifteen digits."""
    text = to_string(number)

    assert math.isclose(number, float(text), rel_tol=1e-14)
    assert parse(text).evaluate({}) == parse(f"fromJSON('{text}')").evaluate({})
    assert condition(f"'{text}' == {text}", {})


@given(st.text())
def test_a_string_survives_as_a_literal(text: str) -> None:
    """With its apostrophes doubled, also in a template."""
    literal = "'" + text.replace("'", "''") + "'"

    assert text == parse(literal).evaluate({})
    assert f"<{text}>" == interpolate(f"<${{{{ {literal} }}}}>", {})
