"""Two runs, compared, for people."""

from __future__ import annotations

import difflib
import shlex
from typing import TYPE_CHECKING

from isonox.model.naming import count, some
from isonox.report import wording

if TYPE_CHECKING:
    from isonox.history.comparison import Comparison, Difference, Value

#: Names in a heading, and words at each end of many that are alike, or that differ.
_NAMES = 5
_ENDS = 3

#: A command that only one run has is shown up to this width.
_WIDTH = 300

_COMPARED = "verdicts, commands, interpreters, distributions, environments, tests, artifacts, commit"


def show(comparison: Comparison, *, verbose: bool) -> str:
    """Return what differs, jobs that differ alike together.

    Args:
        comparison: Two runs, compared.
        verbose: Also say what may differ, and does.
    """
    lines = [*_verdict(comparison), *_differences(comparison)]
    if verbose and comparison.allowed:
        lines += ["", "may differ, and does:"]
        lines += [f"  {field}: {why}" for field, why in comparison.allowed.items()]
    return "\n".join([*lines, ""])


def _verdict(comparison: Comparison) -> list[str]:
    jobs = count(len(comparison.jobs), "job")
    if comparison.same:
        return [f"same: {jobs} ({_COMPARED})"]
    differing = {difference.job for difference in comparison.differences}
    also = ", and the run as a whole" if None in differing else ""
    return [
        f"different: {len(differing - {None})} of {jobs}{also}",
        f"- {wording.one_line(comparison.first)}",
        f"+ {wording.one_line(comparison.second)}",
    ]


def _differences(comparison: Comparison) -> list[str]:
    by_job: dict[str | None, list[str]] = {}
    for difference in comparison.differences:
        by_job.setdefault(difference.job, []).extend(_difference(difference))
    alike: dict[tuple[str, ...], list[str]] = {}
    for job, said in by_job.items():
        alike.setdefault(tuple(said), []).append("the run as a whole" if job is None else wording.one_line(job))
    return [line for said, jobs in alike.items() for line in ("", some(jobs, _NAMES), *said)]


def _difference(difference: Difference) -> list[str]:
    first, second = difference.first, difference.second
    field = wording.one_line(difference.field)
    if not isinstance(first, tuple) and not isinstance(second, tuple):
        return [f"  {field}: {_text(first)} -> {_text(second)}"]
    if isinstance(first, tuple) and isinstance(second, tuple):
        ours, theirs = _marked(first, second)
    else:
        ours, theirs = _text(first), _text(second)
    return [f"  {field}:", f"    - {ours}", f"    + {theirs}"]


def _text(value: Value) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case tuple():
            return wording.cut(" ".join(map(_word, value)), _WIDTH)
        case _:
            return wording.one_line(str(value))


def _marked(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, str]:
    """Return two lists of words as lines, with marks as those of `git diff --word-diff`."""
    ours: list[str] = []
    theirs: list[str] = []
    matcher = difflib.SequenceMatcher(None, first, second, autojunk=False)
    for tag, begin, end, begin_there, end_there in matcher.get_opcodes():
        same = tag == "equal"
        ours += _some([_word(word) if same else f"[-{_word(word)}-]" for word in first[begin:end]])
        theirs += _some([_word(word) if same else f"{{+{_word(word)}+}}" for word in second[begin_there:end_there]])
    return " ".join(ours), " ".join(theirs)


def _some(words: list[str]) -> list[str]:
    """Return words without the middle of many."""
    return words if len(words) <= 2 * _ENDS + 1 else [*words[:_ENDS], "…", *words[-_ENDS:]]


def _word(word: str) -> str:
    """Return a word as a shell wants it where it has spaces; the braces of places need no quotes here."""
    return wording.one_line(word if word and not any(map(str.isspace, word)) else shlex.quote(word))
