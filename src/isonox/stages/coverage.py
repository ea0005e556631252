"""The coverage stage: one figure, and where the gaps are, over all Pythons and packages of a run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Unpack

from isonox.errors import ConfigurationError
from isonox.model.verdict import Verdict
from isonox.sessions.declare import session as declare_session
from isonox.stages import coverage_data, outcome
from isonox.stages.options import StageOptions, install_tools, with_inputs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from isonox.sessions.session import Session
    from isonox.stages.coverage_data import Job

#: The sources, and what says which of their lines count; what was measured are results of other sessions.
_INPUTS = ("**/*.py", "pyproject.toml#tool.coverage", ".coveragerc", ".coveragerc.toml", "setup.cfg", "tox.ini")
#: What `coverage report` ends with when the total is below the threshold.
_BELOW = 2
#: How many files a failure names; the reports and the record have all of them.
_NAMED = 3


def coverage(
    *,
    overall: float | None = None,
    group: str | None = None,
    python: str | None = None,
    **options: Unpack[StageOptions],
) -> None:
    """Declare the session `coverage`: combine what the test jobs of this run measured, report and judge it.

    HTML, XML, JSON and Markdown go into the run's artifacts. Files of other checkouts or installed copies are
    mapped by `[tool.coverage.paths]`. A test job that left no data is a failure: the figure would be wrong.

    Args:
        overall: The least total in percent; by default `fail_under` of coverage's own configuration.
        group: The dependency group that holds coverage; by default "coverage", else "tests", else "dev".
        python: The interpreter that reads the sources, which must know their syntax; the workspace's newest by default.
        options: As for `isonox.session`; `requires` names the stages whose data is combined: "tests" by default.

    Raises:
        ConfigurationError: `overall` is no percentage.
    """
    if overall is not None and not 0 <= overall <= 100:  # noqa: PLR2004 - a percentage
        raise ConfigurationError(f"coverage: overall={overall} is no percentage between 0 and 100")
    declared = with_inputs(StageOptions(requires=["tests"]) | options, *_INPUTS)

    def run_coverage(session: Session) -> None:
        """Combine, report and judge the coverage of this run's tests."""
        install_tools(session, "coverage", "coverage", group=group, fallbacks=("tests", "dev"))
        _combine(session, _with_data(session, declared["requires"]))
        _report(session)
        _judge(session, overall)

    declare_session(name="coverage", python=python, tags=["coverage"], **declared)(run_coverage)


def _with_data(session: Session, requires: Sequence[str]) -> list[Job]:
    """Return the jobs that left data; the session fails if one should have and did not."""
    problems, usable = [], []
    for job in coverage_data.jobs(session, requires):
        record, data = job.record, coverage_data.files(job.folder)
        if record.posargs:
            session.note(f"{record.job} ran with arguments of its own: the total is not that of all tests")
        try:
            filled = [coverage_data.holds_lines(path) for path in data]
        except ConfigurationError as error:
            problems.append(error.message)
            continue
        if any(filled):
            usable.append(job)
        elif job.measured or data:
            problems.append(f"{record.job} left {'empty' if data else 'no'} coverage data")
        elif record.verdict is not Verdict.PASSED:
            session.note(f"{record.job} left no coverage data: it was {record.verdict.value}: {record.reason}")
    if problems:
        session.error(f"the total would be wrong: {'; '.join(problems)}")
    if not usable:
        session.error("this run has no coverage data; measure and combine in one run: nox -s tests coverage")
    return usable


def _combine(session: Session, jobs: Iterable[Job]) -> None:
    sources = []
    for job in jobs:
        sources.append(str(job.folder))  # coverage takes the `.coverage.*` in it
        sources += [str(path) for path in coverage_data.files(job.folder) if path.name == coverage_data.DATA]
    done = outcome.run(session, "coverage", "combine", "--keep", "--quiet", *sources, env=_environment(session))
    if done.failed:
        session.error(f"the data can't be combined: {done.last_line}")


def _report(session: Session) -> None:
    """Write the reports; their thresholds are off, for the total is judged once."""
    folder = session.artifacts
    for argv in (
        ("html", "--quiet", "--directory", str(folder / "html")),
        ("xml", "--quiet", "-o", str(folder / "coverage.xml")),
        ("json", "--quiet", "-o", str(folder / "coverage.json")),
        ("report", "--format=markdown"),
    ):
        markdown = argv[0] == "report"
        done = outcome.run(session, "coverage", *argv, "--fail-under=0", env=_environment(session), data=markdown)
        if done.failed:
            session.error(f"coverage {argv[0]} failed: {done.last_line}")
        if markdown:
            (folder / "coverage.md").write_text(done.output, encoding="utf-8")


def _judge(session: Session, overall: float | None) -> None:
    """Show the table, put the total into the record, and compare it with the threshold."""
    threshold = [] if overall is None else [f"--fail-under={overall:g}"]
    done = outcome.run(session, "coverage", "report", *threshold, env=_environment(session))
    report = json.loads((session.artifacts / "coverage.json").read_text(encoding="utf-8"))
    totals = report["totals"]
    if totals["num_statements"] == 0:
        session.error("nothing was measured: the data holds no line of code; check coverage's `source`")
    session.report_coverage(round(totals["percent_covered"], 2))
    session.log("Total coverage: %.2f %%", totals["percent_covered"])
    if done.code == _BELOW:
        worst = list(_gaps(session, report))
        session.error(f"{done.last_line}; worst: {', '.join(worst[:_NAMED])}")
    if done.failed:
        session.error(f"coverage report failed: {done.last_line}")


def _gaps(session: Session, report: dict[str, Any]) -> Iterable[str]:
    """Report the files with code that no test ran, the largest gap first; yield each with its percentage."""
    summaries = {path: file["summary"] for path, file in report["files"].items()}
    sizes = {path: one["missing_lines"] + one.get("missing_branches", 0) for path, one in summaries.items()}
    for path in sorted(filter(sizes.get, sizes), key=lambda path: (-sizes[path], path)):
        text = f"{path} {summaries[path]['percent_covered']:.0f} %"
        lines = report["files"][path]["missing_lines"]
        outcome.report(session, "coverage", f"not covered: {text}", path, lines[0] if lines else None)
        yield text


def _environment(session: Session) -> dict[str, str]:
    return {"COVERAGE_FILE": str(session.artifacts / coverage_data.DATA)}
