"""GitHub Actions expressions: parsed once, evaluated as GitHub's runner does.

GitHub has this language twice: in its runner, which decides what happens, and in `@actions/expressions`, the npm
package of its editors. They agree but for corners, and there the runner's way is taken.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from isonox.errors import ConfigurationError, did_you_mean
from isonox.github.verify import values
from isonox.github.verify.values import Value, to_string, truthy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

#: What an expression needs from outside: contexts by name, functions by name and "()".
_Scope: TypeAlias = "dict[str, Any]"
_Run: TypeAlias = "Callable[[_Scope], Value]"
#: An operator or function: it evaluates those of its operands that it needs.
_Operation: TypeAlias = "Callable[[_Scope, Sequence[_Run]], Value]"

MAX_DEPTH = 50
MAX_LENGTH = 21_000
#: What GitHub has; not every place of a file has all of them.
CONTEXTS = frozenset(
    {
        "env", "github", "inputs", "job", "jobs", "matrix", "needs", "runner", "secrets", "steps", "strategy", "vars",
    }
)  # fmt: skip
STATUS_FUNCTIONS = frozenset({"success", "failure", "always", "cancelled"})

_TOKEN = re.compile(
    r"""\s*+ (?:
      (?P<text> '(?:[^']|'')*+' )
    | (?P<number> (?:[-+0-9]|\.[0-9]) [^\s()\[\],!<>=&|]* )
    | (?P<name> [A-Za-z_][A-Za-z0-9_-]*+ (?![^\s()\[\],.!<>=&|]) )
    | (?P<symbol> [!<>=]=|&&|\|\||[!<>()\[\].,*] )
    | (?P<end> \Z )
    | (?P<unknown> .[^\s()\[\],.!<>=&|]* ) )""",
    re.VERBOSE,
)


class ExpressionError(ConfigurationError):
    """An expression that GitHub refuses, or fails to evaluate."""


def _case(scope: _Scope, operands: Sequence[_Run]) -> Value:
    for predicate, result in zip(operands[:-1:2], operands[1::2], strict=True):
        holds = predicate(scope)
        if not isinstance(holds, bool):
            raise values.FunctionError(f"case: a condition must be true or false, not {to_string(holds)!r}")
        if holds:
            return result(scope)
    return operands[-1](scope)


def _first(*, true: bool) -> _Operation:
    """Return what gives the first operand that is true or that is not; if there is none, the last one."""

    def operation(scope: _Scope, operands: Sequence[_Run]) -> Value:
        value: Value = None
        for operand in operands:
            if truthy(value := operand(scope)) is true:
                break
        return value

    return operation


def _eager(function: Callable[..., Value]) -> _Operation:
    return lambda scope, operands: function(*[operand(scope) for operand in operands])


def _supplied(key: str) -> _Operation:
    return lambda scope, operands: scope[key](*[operand(scope) for operand in operands])


_CONSTANTS = {"null": None, "true": True, "false": False, "NaN": math.nan, "Infinity": math.inf}
_NOT, _MEMBER, _MEMBERS = _eager(lambda value: not truthy(value)), _eager(values.member), _eager(values.members)
#: Operators with their rank: the higher one binds first.
_OPERATORS: dict[str, tuple[int, _Operation]] = {
    "||": (1, _first(true=True)),
    "&&": (2, _first(true=False)),
    **{symbol: (3, _eager(compare)) for symbol, compare in values.EQUALITY.items()},
    **{symbol: (4, _eager(compare)) for symbol, compare in values.ORDER.items()},
}
#: Functions with the least and greatest number of arguments; those without an operation come from the caller.
_FUNCTIONS: dict[str, tuple[int, int, _Operation | None]] = {
    **{name: (least, most, _eager(function)) for name, (least, most, function) in values.FUNCTIONS.items()},
    "case": (3, 255, _case),
    "hashfiles": (1, 255, None),
    "success": (0, 255, None),
    "failure": (0, 255, None),
    "always": (0, 0, None),
    "cancelled": (0, 0, None),
}


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """A parsed expression.

    Attributes:
        text: The expression as it is written.
        calls: The functions in it, in lower case, also those of branches that are never evaluated.
        reads: The context values in it as dotted names, in lower case: "needs.tests.result", "needs.*.result". A name
            ends before an index that only evaluation can tell.
    """

    text: str
    calls: frozenset[str]
    reads: frozenset[str]
    _outside: Mapping[str, int]
    _run: _Run

    def check(self) -> None:
        """Look for what GitHub has nowhere.

        Raises:
            ExpressionError: A context or function is unknown.
        """
        for name in self._outside:
            if name.removesuffix("()") not in (known := _FUNCTIONS if name.endswith("()") else CONTEXTS):
                raise self._unknown(name, known)

    def _unknown(self, name: str, known: Iterable[str]) -> ExpressionError:
        bare = name.removesuffix("()")
        kind = "context" if bare == name else "function"
        return _error(self.text, self._outside[name], f"unknown {kind} {bare!r}{did_you_mean(bare, known)}")

    def evaluate(self, contexts: Mapping[str, Value], functions: Mapping[str, Callable[..., Value]] = {}) -> Value:
        """Return the value.

        Args:
            contexts: The contexts by name.
            functions: The status functions and `hashFiles` by name. GitHub takes names of jobs as arguments of
                `success` and `failure`.

        Raises:
            ExpressionError: A context or function is unknown, even in a branch that is not evaluated, or a function
                can't work with its arguments.
        """
        scope: _Scope = {}
        for name in self._outside:
            bare = name.removesuffix("()")
            given = contexts if bare == name else functions
            if not (found := values.find(given, bare)):
                raise self._unknown(name, given if bare == name else (*given, *_FUNCTIONS))
            scope[name] = found[0]
        value = self._run(scope)
        return list(value) if isinstance(value, values.Filtered) else value


class _Token(NamedTuple):
    kind: str
    text: str
    position: int


class _Node(NamedTuple):
    """A part of the tree: how to evaluate it, its height, the context value that it reads, the key that it is."""

    run: _Run
    depth: int = 1
    read: str | None = None
    key: str | None = None


class _Parser:
    """Parses one expression by descent."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.outside: dict[str, int] = {}
        self.calls: set[str] = set()
        self.reads: set[str] = set()
        self.tokens = self._lex()
        self.token = next(self.tokens)

    def parse(self) -> Expression:
        try:
            root = self._expression()
        except RecursionError:
            raise self._too_deep(self.token) from None
        self._take("end")
        return Expression(self.text, frozenset(self.calls), frozenset(self.reads), self.outside, root.run)

    def _lex(self) -> Iterator[_Token]:
        for match in _TOKEN.finditer(self.text):
            kind = match.lastgroup or "unknown"
            token = _Token(kind, match[kind], match.start(kind))
            if kind == "unknown" or (kind == "number" and math.isnan(values.parsed_number(token.text))):
                raise self._unexpected(token)
            yield token

    def _unexpected(self, token: _Token) -> ExpressionError:
        return _error(self.text, token.position, f"unexpected {repr(token.text) if token.text else 'end'}")

    def _too_deep(self, token: _Token) -> ExpressionError:
        return _error(self.text, token.position, f"nested more than {MAX_DEPTH} deep")

    def _take(self, kind: str) -> _Token:
        token = self.token
        if token.kind != kind:
            raise self._unexpected(token)
        self.token = next(self.tokens, token)
        return token

    def _accept(self, *symbols: str) -> _Token | None:
        return self._take("symbol") if self.token.text in symbols else None

    def _expect(self, symbol: str) -> None:
        if not self._accept(symbol):
            raise self._unexpected(self.token)

    def _expression(self, least: int = 1) -> _Node:
        left = self._operand()
        while (operator := _OPERATORS.get(self.token.text)) and operator[0] >= least:
            (rank, operation), token = operator, self._take("symbol")
            operands = [left, self._expression(rank + 1)]
            while token.text in {"||", "&&"} and self._accept(token.text):  # a row of them is one level
                operands.append(self._expression(rank + 1))
            left = self._node(token, operation, operands)
        return left

    def _operand(self) -> _Node:
        token = self.token
        if self._accept("!"):
            return self._node(token, _NOT, [self._operand()])
        if self._accept("("):
            group = self._expression()
            self._expect(")")
            return self._indexed(group)
        if token.kind in {"text", "number"} or token.text in _CONSTANTS:
            return _constant(_literal(self._take(token.kind)))
        name = self._take("name").text.lower()
        if self._accept("("):
            return self._indexed(self._call(token, name))
        self.outside.setdefault(name, token.position)
        return self._indexed(_Node(lambda scope: scope[name], read=name))

    def _indexed(self, node: _Node) -> _Node:
        while token := self._accept(".", "["):
            if self._accept("*"):
                index, found = None, self._node(token, _MEMBERS, [node])
            else:
                index = self._expression() if token.text == "[" else _constant(self._take("name").text)
                found = self._node(token, _MEMBER, [node, index])
            if token.text == "[":
                self._expect("]")
            key = index.key if index else "*"
            if node.read and key is None:
                self.reads.add(node.read)
            node = found if node.read is None or key is None else found._replace(read=f"{node.read}.{key.lower()}")
        if node.read:
            self.reads.add(node.read)
        return node

    def _call(self, token: _Token, name: str) -> _Node:
        arguments: list[_Node] = []
        if not self._accept(")"):
            arguments.append(self._expression())
            while self._accept(","):
                arguments.append(self._expression())
            self._expect(")")
        self.calls.add(name)
        least, most, operation = _FUNCTIONS.get(name, (0, 255, None))
        if not least <= len(arguments) <= most or (name == "case" and len(arguments) % 2 == 0):
            expected = str(least) if least == most else f"{least} to {most}"
            expected = "an odd number from 3" if name == "case" else expected
            raise _error(self.text, token.position, f"{token.text} takes {expected} arguments, not {len(arguments)}")
        if not operation:
            key = f"{name}()"
            self.outside.setdefault(key, token.position)
            operation = _supplied(key)
        return self._node(token, operation, arguments)

    def _node(self, token: _Token, operation: _Operation, operands: Sequence[_Node]) -> _Node:
        runs = [operand.run for operand in operands]
        depth = 1 + max((operand.depth for operand in operands), default=0)
        if depth > MAX_DEPTH:
            raise self._too_deep(token)

        def run(scope: _Scope) -> Value:
            try:
                return operation(scope, runs)
            except (values.FunctionError, RecursionError) as error:
                raise _error(self.text, token.position, str(error)) from error

        return _Node(run, depth)


def _literal(token: _Token) -> Value:
    if token.kind == "text":
        return token.text[1:-1].replace("''", "'")
    return values.parsed_number(token.text) if token.kind == "number" else _CONSTANTS[token.text]


def _constant(value: Value) -> _Node:
    return _Node(lambda _: value, key=to_string(value))


def _error(text: str, position: int, problem: str) -> ExpressionError:
    return ExpressionError(f"{problem}, at position {position + 1} of the expression: {text}")


@lru_cache(maxsize=4096)
def parse(text: str) -> Expression:
    """Return the expression that a text is, without the `${{ }}` around it.

    Raises:
        ExpressionError: It is none; the message names the position, counted from 1.
    """
    if not text.strip():
        raise ExpressionError("an expression is empty", hint="write one between ${{ and }}")
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"an expression has {len(text)} characters, more than {MAX_LENGTH}: {text[:60]}...")
    return _Parser(text).parse()
