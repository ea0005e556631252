"""Findings as workflow commands."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isonox.model.record import Finding, Record
from isonox.model.verdict import Verdict
from isonox.report.annotations import annotation_lines

REST = "which GitHub does not show here: see the pages of the jobs"


def record(verdict: Verdict, *findings: Finding) -> Record:
    """The record of a job that found something."""
    return Record(isonox="1", run="r", job="j", stage="s", verdict=verdict, started="", findings=findings)


def found(number: int, tool: str = "ruff") -> Finding:
    """A finding at a line."""
    return Finding(tool=tool, message=f"wrong {number}", path="src/a.py", line=number)


@pytest.mark.parametrize(
    ("finding", "expected"),
    [
        (Finding(tool="mypy", message="bad", path="src/a.py", line=3), "::error file=src/a.py,line=3,title=mypy::bad"),
        (Finding(tool="black", message="bad", path="src/a.py"), "::error file=src/a.py,title=black::bad"),
        (Finding(tool="pip-audit", message="bad"), "::error title=pip-audit::bad"),
        (
            Finding(tool="a:b,c", message="50 %\r\nof: this, that", path="C:/a,b%.py", line=1),
            "::error file=C%3A/a%2Cb%25.py,line=1,title=a%3Ab%2Cc::50 %25%0D%0Aof: this, that",
        ),
    ],
)
def test_a_finding_is_a_workflow_command(finding: Finding, expected: str) -> None:
    """With as much of its place as is known, escaped as GitHub's own toolkit does."""
    assert [expected] == list(annotation_lines([record(Verdict.FAILED, finding)]))


def test_paths_are_those_of_the_repository() -> None:
    """GitHub knows nothing of a workspace in a folder."""
    (line,) = annotation_lines([record(Verdict.FAILED, found(1))], folder="services/api")

    assert line.startswith("::error file=services/api/src/a.py,line=1,")


@given(tool=st.text(min_size=1), path=st.text(min_size=1), message=st.text())
def test_whatever_a_tool_says_arrives(tool: str, path: str, message: str) -> None:
    """On one line, and read back as the runner reads it: cut at `::`, commas and `=`, then unescaped."""
    (line,) = annotation_lines([record(Verdict.FAILED, Finding(tool=tool, message=message, path=path, line=1))])

    match = re.fullmatch(r"::error ([^\r\n]*?)::([^\r\n]*)", line)
    assert match is not None
    properties = dict(part.split("=", 1) for part in match[1].split(","))
    read = {name: re.sub("%(25|0D|0A|3A|2C)", lambda code: unquote(code[0]), text) for name, text in properties.items()}
    assert {"file": path, "line": "1", "title": tool} == read
    assert message == re.sub("%(25|0D|0A)", lambda code: unquote(code[0]), match[2])


@pytest.mark.parametrize("verdict", list(Verdict))
def test_errors_are_of_red_jobs_and_warnings_of_waived_ones(verdict: Verdict) -> None:
    """What a green job found was good enough."""
    words = [line.split()[0] for line in annotation_lines([record(verdict, found(1))])]

    usual = ["::error"]
    assert {Verdict.PASSED: [], Verdict.CACHED: [], Verdict.WAIVED: ["::warning"]}.get(verdict, usual) == words


def test_what_several_jobs_found_is_said_once() -> None:
    """As an error, if one of them is red."""
    records = [
        record(Verdict.WAIVED, found(1), found(2), found(2)),
        record(Verdict.FAILED, found(1), found(1), found(1, "mypy")),
        record(Verdict.FAILED, found(1)),
    ]

    assert [
        "::error file=src/a.py,line=1,title=ruff::wrong 1",
        "::error file=src/a.py,line=1,title=mypy::wrong 1",
        "::warning file=src/a.py,line=2,title=ruff::wrong 2",
    ] == list(annotation_lines(records))


@pytest.mark.parametrize(
    ("errors", "warnings", "last"),
    [
        (10, 10, "::warning file=src/a.py,line=10,title=bandit::wrong 10"),
        (11, 0, f"and 1 more error, {REST}"),
        (
            12,
            300,
            f"and 2 more errors and 290 more warnings, {REST}",
        ),
    ],
)
def test_no_more_than_github_shows(errors: int, warnings: int, last: str) -> None:
    """Ten of each kind, and the number of the others."""
    said = list(
        annotation_lines(
            [
                record(Verdict.FAILED, *(found(number + 1) for number in range(errors))),
                record(Verdict.WAIVED, *(found(number + 1, "bandit") for number in range(warnings))),
            ]
        )
    )

    assert (min(errors, 10), min(warnings, 10)) == (
        sum(line.startswith("::error ") for line in said),
        sum(line.startswith("::warning ") for line in said),
    )
    assert last == said[-1]
