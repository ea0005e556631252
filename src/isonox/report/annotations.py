"""Findings as GitHub's workflow commands, which show them beside the lines of code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isonox.model.naming import count
from isonox.model.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from isonox.model.record import Finding, Record

_SHOWN = 10


def annotation_lines(records: Iterable[Record], *, folder: str = ".") -> Iterator[str]:
    """Yield a line for each finding: an error where its job is red, a warning where it was waived.

    What several jobs found is said once. There are at most 10 errors and 10 warnings, and then a plain line with the
    number of the others, for "GitHub Actions are limited to 10 warning annotations and 10 error annotations per step"
    (https://docs.github.com/en/rest/checks/runs).

    Args:
        records: What the jobs did.
        folder: The workspace's root, relative to the repository's top.
    """
    judged = tuple(records)
    errors = dict.fromkeys(found for record in judged if not record.verdict.green for found in record.findings)
    waived = (found for record in judged if record.verdict is Verdict.WAIVED for found in record.findings)
    warnings = dict.fromkeys(found for found in waived if found not in errors)
    more = []
    for word, findings in (("error", errors), ("warning", warnings)):
        commands = [_command(word, found, folder) for found in findings]
        yield from commands[:_SHOWN]
        if len(commands) > _SHOWN:
            more.append(count(len(commands) - _SHOWN, f"more {word}"))
    if more:
        yield f"and {' and '.join(more)}, which GitHub does not show here: see the pages of the jobs"


def _command(word: str, finding: Finding, folder: str) -> str:
    r"""Return a workflow command.

    The syntax is documented at
    https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands; what is escaped, in
    `packages/core/src/command.ts` of https://github.com/actions/toolkit: `%`, `\r`, `\n`; in properties `:`, `,`.
    """
    properties: dict[str, object] = {"title": finding.tool}
    if finding.path is not None:
        path = finding.path if folder == "." else f"{folder}/{finding.path}"
        properties = {"file": path, "line": finding.line, **properties}
    given = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items() if value is not None)
    return f"::{word} {given}::{_data(finding.message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
