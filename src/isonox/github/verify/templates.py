"""GitHub Actions templates: texts with expressions between `${{` and `}}`."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from isonox.github.verify.expressions import STATUS_FUNCTIONS, Expression, ExpressionError, parse
from isonox.github.verify.values import to_string, truthy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from isonox.github.verify.values import Value

_PART = re.compile(r"\$\{\{((?:[^'}]|'[^']*'|\}(?!\}))*+)\}\}")


@lru_cache(maxsize=4096)
def _split(template: str) -> tuple[str | Expression, ...]:
    """Return the texts and expressions of a template in their order."""
    pieces: list[str | Expression] = []
    end = 0
    while (start := template.find("${{", end)) >= 0:
        if not (match := _PART.match(template, start)):
            raise ExpressionError(
                f"${{{{ at position {start + 1} is not closed: {template[start:].splitlines()[0]}",
                hint="end the expression with }}",
            )
        pieces += [template[end:start], parse(match[1].strip())]
        end = match.end()
    return tuple(piece for piece in (*pieces, template[end:]) if piece)


def parts(template: str) -> tuple[Expression, ...]:
    """Return the expressions in a template, in their order.

    Raises:
        ExpressionError: One of them is wrong, or not closed.
    """
    return tuple(piece for piece in _split(template) if isinstance(piece, Expression))


def interpolate(
    template: str, contexts: Mapping[str, Value], functions: Mapping[str, Callable[..., Value]] = {}
) -> Value:
    """Return what a template becomes: the value of its only expression, or text with each expression filled in.

    Raises:
        ExpressionError: See `parts` and `Expression.evaluate`.
    """
    pieces, expressions = _split(template), parts(template)
    blank = not any(isinstance(piece, str) and piece.strip() for piece in pieces)
    return _filled(expressions if blank and len(expressions) == 1 else pieces, contexts, functions)


def _filled(
    pieces: Sequence[str | Expression],
    contexts: Mapping[str, Value],
    functions: Mapping[str, Callable[..., Value]],
) -> Value:
    found = [piece if isinstance(piece, str) else piece.evaluate(contexts, functions) for piece in pieces]
    return found[0] if len(found) == 1 else "".join(map(to_string, found))


def condition(text: str, contexts: Mapping[str, Value], functions: Mapping[str, Callable[..., Value]] = {}) -> bool:
    """Return whether an `if:` holds; a blank one does.

    With `${{ }}` it is a template, and anything around the one expression, be it a line break, makes it a text, which
    is true unless empty. The `success() &&` that GitHub puts before is the caller's: see `has_status_function`.

    Raises:
        ExpressionError: See `parts` and `Expression.evaluate`.
    """
    if "${{" in text:
        return truthy(_filled(_split(text), contexts, functions))
    return not text.strip() or truthy(parse(text).evaluate(contexts, functions))


def in_condition(text: str) -> tuple[Expression, ...]:
    """Return the expressions in an `if:`, which needs no braces around one.

    Raises:
        ExpressionError: See `parts`.
    """
    return parts(text) if "${{" in text else (parse(text),) if text.strip() else ()


def has_status_function(text: str) -> bool:
    """Return whether an `if:` calls a status function anywhere; if not, GitHub puts `success() &&` before it.

    Raises:
        ExpressionError: See `parts`.
    """
    return any(expression.calls & STATUS_FUNCTIONS for expression in in_condition(text))
