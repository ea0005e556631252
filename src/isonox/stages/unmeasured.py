"""Packages that the tests leave out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isonox.errors import did_you_mean
from isonox.model import inputs
from isonox.model.naming import some
from isonox.sessions import project
from isonox.stages import coverage_data, sources

if TYPE_CHECKING:
    from collections.abc import Mapping

    from isonox.sessions.session import Session
    from isonox.stages.coverage_report import Report

#: Packages that a message names.
_NAMED = 5


def judge(session: Session, report: Report, untested: Mapping[str, str]) -> str:
    """Name packages whose code no test runs; return what is wrong with those of which nothing was measured at all.

    A package that was measured counts in the total, covered or not. One that was not is missing from it; that is
    fine only where somebody chose so: by `untested`, or by coverage's own configuration.
    """
    workspace = project.workspace(session.root)
    for name, reason in untested.items():
        if name not in workspace.by_name:
            return f"untested names {name!r}, which is no package{did_you_mean(name, workspace.by_name)}"
        session.note(f"nothing of {name} need be measured: {reason}")
    measured = inputs.owners(workspace, report.files)
    idle = [name for name, found in measured.items() if not any(report.files[path]["executed_lines"] for path in found)]
    if idle := [name for name in idle if name and name not in untested]:
        session.note(f"no test runs any code of {some(idle, _NAMED)}")
    lacking = [
        package.name
        for package in workspace.packages
        if package.name not in {*measured, *untested}
        and (package.installable or package.path != ".")  # as for `owners`, such a root holds only the others together
        and sources.of_package(session.root, package)[0]
    ]
    if not lacking:
        return ""
    if coverage_data.chosen(session.root):
        session.note(f"coverage is configured to measure nothing of {some(lacking, _NAMED)}")
        return ""
    return (
        f"the total would be wrong: nothing was measured of {some(lacking, _NAMED)}; test it, map installed copies "
        "with [tool.coverage.paths], or give the reason: stages.coverage(untested={...})"
    )
