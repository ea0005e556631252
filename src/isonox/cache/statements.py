"""The noxfile by its statements, so that a change of one session does not concern the others.

A statement stands for itself if all that it can do is to declare sessions: a function under `@isonox.session` that no
other statement uses, or a call of one of `isonox.stages`. All the others are common to all sessions: imports,
constants, helpers, loops, plain `@nox.session`.
"""

from __future__ import annotations

import ast
import hashlib
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_SESSION, _PARAMETRIZE, _STAGES = "isonox.session", "nox.parametrize", "isonox.stages."


class Statements(NamedTuple):
    """Hashes of a noxfile; layout and comments do not count.

    Attributes:
        common: All statements that do more than declare sessions.
        declarations: For each line of another one: its hash. Where it stands among the common ones is part of it.
    """

    common: str
    declarations: dict[int, str]


def split(source: bytes) -> Statements:
    """Return the hashes of a noxfile.

    Raises:
        SyntaxError: It is no Python.
        ValueError: It holds null bytes.
    """
    body = ast.parse(source).body
    modules = _imported(body)
    used = Counter(name for statement in body for name in {*_used(statement)})
    common: list[str] = []
    declarations: dict[int, str] = {}
    for statement in body:
        written = ast.dump(statement)
        if _only_declares(statement, modules, used):
            digest = _hash([str(len(common)), written])
            lines = range(_first_line(statement), (statement.end_lineno or statement.lineno) + 1)
            for line in lines:  # of several on one line, all count
                declarations[line] = _hash([declarations[line], digest]) if line in declarations else digest
        else:
            common.append(written)
    return Statements(_hash(common), declarations)


def _only_declares(statement: ast.stmt, modules: dict[str, str], used: Counter[str]) -> bool:
    match statement:
        case ast.FunctionDef(name=name, decorator_list=decorators):
            defaults = [one for one in (*statement.args.defaults, *statement.args.kw_defaults) if one]
            if _may_do_more(ast.NamedExpr, *decorators) or _may_do_more((ast.NamedExpr, ast.Call), *defaults):
                return False
            inside = name in {*_used(statement)}
            meant = [_meant(one, modules) for one in decorators]
            return used[name] == inside and _SESSION in meant and set(meant) <= {_SESSION, _PARAMETRIZE}
        case ast.Expr(value=ast.Call() as call):
            place, _, stage = _meant(call, modules).rpartition(".")
            if _may_do_more(ast.NamedExpr, call):
                return False
            return f"{place}." == _STAGES and stage.isidentifier()
    return False


def _may_do_more(kinds: type[ast.expr] | tuple[type[ast.expr], ...], *expressions: ast.expr) -> bool:
    """Return whether expressions may have an effect on what other statements find."""
    return any(isinstance(node, kinds) for one in expressions for node in ast.walk(one))


def _meant(expression: ast.expr, modules: dict[str, str]) -> str:
    """Return the dotted name of what is called or named, as it is imported; empty where that can't be told."""
    if isinstance(expression, ast.Call):
        expression = expression.func
    parts = []
    while isinstance(expression, ast.Attribute):
        parts.append(expression.attr)
        expression = expression.value
    if not isinstance(expression, ast.Name) or expression.id not in modules:
        return ""
    return ".".join([modules[expression.id], *reversed(parts)])


def _imported(body: list[ast.stmt]) -> dict[str, str]:
    """Return what each imported name means, of those that mean nothing else anywhere."""
    meanings: dict[str, str] = {}
    for statement in body:
        if isinstance(statement, ast.Import):
            for one in statement.names:
                top = one.name.partition(".")[0]
                meanings[one.asname or top] = one.name if one.asname else top
        elif isinstance(statement, ast.ImportFrom) and not statement.level:
            meanings.update({one.asname or one.name: f"{statement.module}.{one.name}" for one in statement.names})
    bound = Counter(name for statement in body for name in _bound(statement))
    return {name: meaning for name, meaning in meanings.items() if bound[name] == 1}


def _bound(statement: ast.AST) -> Iterator[str]:
    """Yield the names that a statement gives a meaning to, its inner functions' included."""
    for node in ast.walk(statement):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                yield name
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                yield from (one.asname or one.name.partition(".")[0] for one in names)


def _used(statement: ast.stmt) -> Iterator[str]:
    return (node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load))


def _first_line(statement: ast.stmt) -> int:
    decorators = statement.decorator_list if isinstance(statement, ast.FunctionDef) else []
    return min([statement.lineno, *(one.lineno for one in decorators)])


def _hash(parts: list[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
