"""The coverage stage: one figure, and where the gaps are, over all Pythons and packages of a run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple, Unpack

from isonox.errors import ConfigurationError
from isonox.model.verdict import Verdict
from isonox.sessions.declare import session as declare_session
from isonox.stages import coverage_data, outcome
from isonox.stages.options import StageOptions, install_tools, require_tools, with_defaults

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from isonox.sessions.session import Session
    from isonox.stages.coverage_data import Job

#: What `coverage report` ends with when the total is below the threshold.
_BELOW = 2
#: How many files a failure names; the reports and the record have all of them.
_NAMED = 3
_RANGES = 8


class _Gap(NamedTuple):
    """A file with code that no test ran."""

    path: str
    percent: float
    size: int
    lines: tuple[int, ...]

    def __str__(self) -> str:
        ranges = list(_ranges(self.lines))
        shown = ", ".join(ranges[:_RANGES]) + (", ..." if len(ranges) > _RANGES else "")
        return f"{self.path} {self.percent:.0f} % ({f'lines {shown}' if shown else 'branches only'})"


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
        python: The interpreter that reads the sources, which must know their syntax; nox's own by default.
        options: As for `isonox.session`; `requires` names the stages whose data is combined: "tests" by default.

    Raises:
        ConfigurationError: `overall` is no percentage.
    """
    if overall is not None and not 0 <= overall <= 100:  # noqa: PLR2004 - a percentage
        raise ConfigurationError(f"coverage: overall={overall} is no percentage between 0 and 100")
    declared = with_defaults(options, requires=["tests"])

    def run_coverage(session: Session) -> None:
        """Combine, report and judge the coverage of this run's tests."""
        installed = install_tools(session, "coverage", group=group, fallbacks=("tests", "dev"), tools=("coverage",))
        require_tools(session, installed, "coverage")
        _combine(session, _with_data(session, declared["requires"]))
        _report(session)
        _judge(session, overall)

    declare_session(name="coverage", python=python, tags=["coverage"], **declared)(run_coverage)


def _with_data(session: Session, requires: Sequence[str]) -> list[Job]:
    """Return the jobs that left data; the session fails if one should have and did not."""
    found = coverage_data.jobs(session, requires)
    problems, usable = [], []
    for job in found:
        data = coverage_data.files(job.folder)
        if job.record and job.record.posargs:
            session.note(f"{job.id} ran with arguments of its own: the total is not that of all tests")
        try:
            filled = [coverage_data.holds_lines(path) for path in data]
        except ConfigurationError as error:
            problems.append(error.message)
            continue
        if any(filled):
            usable.append(job)
        elif job.marked and job.record and job.record.verdict is Verdict.WAIVED:
            session.note(f"{job.id} left no coverage data: it was waived: {job.record.reason}")
        elif job.marked or data:
            problems.append(f"{job.id} left {'empty' if data else 'no'} coverage data")
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
        session.error(f"the data can't be combined: {_last_line(done.output)}")


def _report(session: Session) -> None:
    """Write the reports; their thresholds are off, for the total is judged once."""
    folder = session.artifacts
    env = _environment(session)
    for argv in (
        ("html", "--directory", str(folder / "html")),
        ("xml", "-o", str(folder / "coverage.xml")),
        ("json", "-o", str(folder / "coverage.json")),
    ):
        done = outcome.run(session, "coverage", *argv, "--quiet", "--fail-under=0", env=env)
        if done.failed:
            session.error(f"coverage {argv[0]} failed: {_last_line(done.output)}")
    markdown = session.run(
        "coverage", "report", "--format=markdown", "--fail-under=0", env=env, silent=True, external="error"
    )
    (folder / "coverage.md").write_text(str(markdown), encoding="utf-8")


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
        gaps = _gaps(report)
        for gap in gaps:
            session.report_finding(
                "coverage", f"not covered: {gap}", path=gap.path, line=gap.lines[0] if gap.lines else None
            )
        session.error(f"{_last_line(done.output)}; worst: {'; '.join(map(str, gaps[:_NAMED]))}")
    if done.failed:
        session.error(f"coverage report failed: {_last_line(done.output)}")


def _gaps(report: dict[str, Any]) -> list[_Gap]:
    """Return the files with gaps, the largest gap first."""
    gaps = []
    for path, file in report["files"].items():
        summary = file["summary"]
        size = summary["missing_lines"] + summary.get("missing_branches", 0)
        if size:
            gaps.append(_Gap(path.replace("\\", "/"), summary["percent_covered"], size, tuple(file["missing_lines"])))
    return sorted(gaps, key=lambda gap: (-gap.size, gap.path))


def _ranges(lines: Sequence[int]) -> Iterable[str]:
    """Yield `3-7`, `12` for the numbers 3, 4, 5, 6, 7, 12."""
    start = previous = None
    for line in [*lines, None]:
        if start is not None and previous is not None and line != previous + 1:
            yield str(start) if start == previous else f"{start}-{previous}"
            start = None
        start = line if start is None else start
        previous = line


def _environment(session: Session) -> dict[str, str]:
    return {"COVERAGE_FILE": str(session.artifacts / coverage_data.DATA)}


def _last_line(output: str) -> str:
    return next((line for line in reversed(output.splitlines()) if line.strip()), "it said nothing")
