"""Coverage of what is new: the statements that changed since the merge base with another revision."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from isonox.errors import GitError
from isonox.model.naming import some
from isonox.sessions.commands import active_job
from isonox.stages import outcome, sources
from isonox.stages.coverage_report import Share, spelled
from isonox.system import github
from isonox.workspace import changes, lines

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from isonox.sessions.session import Session
    from isonox.stages.coverage_report import Report

#: What the stage compares with where the noxfile does not say.
BASE_VARIABLE = "ISONOX_BASE"
#: How many files a failure names; each has a finding of its own.
_NAMED = 10
#: What the body of a statement is made of.
_BODIES = (ast.stmt, ast.ExceptHandler, ast.match_case)
_SAYS_NOTHING = re.compile(rb"\s*(#|$)")


def judge(session: Session, report: Report, least: float, base: str | None) -> str:
    """Return what is wrong with the coverage of new code; empty if nothing is.

    Args:
        session: The running session, which gets findings.
        report: What was measured.
        least: In percent.
        base: The revision to compare with, where the noxfile names one.
    """
    try:
        base = base or _default(session.root)
        merge_base = changes.merge_base(session.root, base)
        new = lines.new(session.root, merge_base)
    except GitError as error:
        return f"new code can't be judged: {error.message}" + (f" ({error.hint})" if error.hint else "")
    since = f"since {base} (merge base {merge_base[:12]})"
    _name_others(session, report, new)
    changed = {path: _changed(session, report, path, new[path]) for path in report.files if path in new}
    missing = {path: sorted(found.intersection(report.missing(path))) for path, found in changed.items()}
    total = sum(map(len, changed.values()))
    share = Share(total - sum(map(len, missing.values())), total)
    if not total:
        session.note(f"new code: no statement that is measured has changed {since}")
        return ""
    session.note(f"new code: {share} of {total} statements {since} are covered")
    if not share.below(least):
        return ""
    texts = [f"{path}:{_uncovered(session, report, path, found)}" for path, found in missing.items() if found]
    return f"new code is covered by {share}, less than new={least:g}; not covered: {some(texts, _NAMED)}"


def _name_others(session: Session, report: Report, new: Iterable[str]) -> None:
    """Name files of the code that changed and were not measured: coverage may be told so, or not know them."""
    places = [(place, f"{place}/") for place in sources.code_of(session.root, None)]
    apart = [path for path in new if path.endswith(".py") and path not in report.files]
    if apart := sorted(path for path in apart for place in places if path == place[0] or path.startswith(place[1])):
        session.note(f"new code: not measured: {some(apart, 5)}")


def _uncovered(session: Session, report: Report, path: str, found: Collection[int]) -> str:
    """Report the uncovered new lines of a file, and return them."""
    ranges = report.ranges(path, found)
    for one in ranges:
        outcome.report(session, "coverage", f"new code is not covered: {spelled([one])}", path, one[0])
    return spelled(ranges)


def _default(root: Path) -> str:
    """Return the revision that a change of this checkout goes to."""
    outer = active_job().outer
    given = outer.get(BASE_VARIABLE) or github.target(outer)
    if given:
        return given
    try:
        return changes.default_base(root)
    except GitError as error:
        hint = f"name it: stages.coverage(base=...), or set {BASE_VARIABLE}"
        raise GitError(error.message, hint=hint) from error


def _changed(session: Session, report: Report, path: str, new: frozenset[int] | None) -> set[int]:
    """Return the statements of a file, each by its first line, of which a line is new; None means that all are."""
    statements = set(report.statements(path))
    if new is None:
        return statements
    direct = set(new & statements)
    if new <= statements:
        return direct
    try:
        first = _first_lines((session.root / path).read_bytes())
    except (OSError, SyntaxError, ValueError) as error:  # what this Python can't read, that of the tests could
        session.note(f"{path}: new lines inside of longer statements are not judged: {error}")
        return direct
    return direct | (statements & {first[line] for line in new - statements if line in first})


def _first_lines(source: bytes) -> dict[int, int]:
    """Return for each line of a statement the one on which it starts; a header ends before its body."""
    text = source.split(b"\n")
    found: dict[int, int] = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.stmt):
            header = (child for child in ast.iter_child_nodes(node) if not isinstance(child, _BODIES))
            ends = (getattr(part, "end_lineno", 0) for child in header for part in ast.walk(child))
            last = max(ends, default=node.lineno)
            lines = (line for line in range(node.lineno, last + 1) if not _SAYS_NOTHING.match(text[line - 1]))
            found.update(dict.fromkeys(lines, node.lineno))
    return found
