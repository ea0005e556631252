"""The coverage stage: one figure, and where the gaps are, over all Pythons and packages of a run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple, Unpack

from isonox.errors import ConfigurationError, did_you_mean
from isonox.model import inputs
from isonox.model.naming import some
from isonox.model.verdict import Verdict
from isonox.sessions.arguments import checked
from isonox.sessions.declare import session as declare_session
from isonox.stages import coverage_data, inside, new_code, outcome, unmeasured
from isonox.stages import ratchet as best
from isonox.stages.coverage_report import Report, spelled
from isonox.stages.options import StageOptions, install_tools, with_inputs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from isonox.sessions.session import Session
    from isonox.stages.coverage_data import Job

#: The sources, and what says which of their lines count; what was measured are results of other sessions.
_INPUTS = ("**/*.py", "pyproject.toml#tool.coverage", ".coveragerc", ".coveragerc.toml", "setup.cfg", "tox.ini")
#: What `coverage report` ends with when the total is below the threshold.
_BELOW = 2
#: How many files a failure names; the reports and the record have all of them.
_NAMED = 3
#: The same for critical paths, whose lines are named.
_NAMED_CRITICAL = 10


@checked
def coverage(  # noqa: PLR0913 - the stage's options, all keywords
    *,
    overall: float | None = None,
    critical: Mapping[str, float] | None = None,
    new: float | None = None,
    base: str | None = None,
    ratchet: bool = False,
    untested: Mapping[str, str] | None = None,
    group: str | None = None,
    python: str | None = None,
    **options: Unpack[StageOptions],
) -> None:
    """Declare the session `coverage`: combine what the test jobs of this run measured, report and judge it.

    HTML, XML, JSON and Markdown go into the run's artifacts. Files of other checkouts or installed copies are
    mapped by `[tool.coverage.paths]`. A test job that left no data is a failure, and so is a package with code of
    which nothing was measured, unless coverage's own configuration says what to measure: the figure would be wrong.

    Args:
        overall: The least total in percent; by default `fail_under` of coverage's own configuration.
        critical: The least percentage of all files together that a pattern matches, by pattern, relative to the root.
            `src/app/billing/*` means all below that folder. A pattern without a measured file is a failure.
        new: The least percentage of the statements that changed since the merge base with `base`, committed or not.
            The result depends on another branch then, so it is never taken from the cache.
        base: The revision that `new` compares with. By default the variable `ISONOX_BASE`, else the branch that a
            pull request on GitHub goes to, else the default branch of the remote.
        ratchet: No figure may fall below the best so far, which the committed file `.coverage-best.json` holds.
            `isonox coverage -- --ratchet` writes it.
        untested: Packages of which nothing need be measured, each with the reason, which is printed every time.
        group: The dependency group that holds coverage; by default "coverage", else "tests", else "dev".
        python: The interpreter that reads the sources, which must know their syntax; the workspace's newest by default.
        options: As for `isonox.session`; `requires` names the stages whose data is combined: "tests" by default.

    Raises:
        ConfigurationError: A threshold is no percentage, or `base` stands without `new`.
    """
    least = Least(overall, dict(critical or {}), new, base, ratchet, dict(untested or {}))
    _check(least)
    declared = with_inputs(StageOptions(requires=["tests"]) | options, *_INPUTS, *([best.FILE] if ratchet else []))
    if new is not None:
        declared["cache"] = False

    def run_coverage(session: Session) -> None:
        """Combine, report and judge the coverage of this run's tests."""
        install_tools(session, "coverage", "coverage", group=group, fallbacks=("tests", "dev"))
        jobs = _with_data(session, declared["requires"])
        _combine(session, jobs)
        _report(session)
        _judge(session, least)

    declare_session(name="coverage", python=python, tags=["coverage"], **declared)(run_coverage)


class Least(NamedTuple):
    """What is asked of the figures; see `coverage`."""

    overall: float | None
    critical: Mapping[str, float]
    new: float | None
    base: str | None
    ratchet: bool
    untested: Mapping[str, str]


def _check(least: Least) -> None:
    """Refuse what could never be met, or would never be looked at."""
    for name, percent in {"overall": least.overall, "new": least.new, **least.critical}.items():
        where = f"critical: {name!r}: {percent}" if name in least.critical else f"{name}={percent}"
        if percent is not None and 0 < percent < 1:
            raise ConfigurationError(f"coverage: {where} is less than 1 %; did you mean {percent * 100:g}?")
        if percent is not None and not 0 <= percent <= 100:  # noqa: PLR2004 - a percentage
            raise ConfigurationError(f"coverage: {where} is no percentage between 0 and 100")
    if least.base and least.new is None:
        raise ConfigurationError("coverage: base= says what new code is compared with: give new=, too")
    if bare := [name for name, reason in least.untested.items() if not reason.strip()]:
        raise ConfigurationError(f"coverage: untested: {bare[0]!r} needs a reason")


def _with_data(session: Session, requires: Sequence[str]) -> list[Job]:
    """Return the jobs that left data; the session fails if one should have and did not."""
    problems, usable = coverage_data.missing(session, requires), []
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


def _combine(session: Session, jobs: Sequence[Job]) -> None:
    """Make one data file of all; coverage itself leaves out what it can't read, with no more than a warning."""
    sources = []
    for job in jobs:
        sources.append(str(job.folder))  # coverage takes the `.coverage.*` in it
        sources += [str(path) for path in coverage_data.files(job.folder) if path.name == coverage_data.DATA]
    done = outcome.run(session, "coverage", "combine", "--keep", "--quiet", *sources, env=_environment(session))
    if done.failed:
        left_out = (line for line in done.output.splitlines() if "wrong schema" in line)
        session.error(f"the data can't be combined: {next(left_out, done.last_line)}")
    own = coverage_data.schema(session.artifacts / coverage_data.DATA)
    others = {
        job.record.job for job in jobs for path in coverage_data.files(job.folder) if coverage_data.schema(path) != own
    }
    if others:
        session.error(
            f"the total would be wrong: {', '.join(sorted(others))} left data of another version of coverage than "
            "the one that is installed here; lock one for both, and run the tests again"
        )


def _report(session: Session) -> None:
    """Write the reports; the total is judged once, afterwards."""
    path = os.pathsep.join(filter(None, [inside.FOLDER, os.environ.get("PYTHONPATH")]))
    env = {**_environment(session), "PYTHONPATH": path}
    done = outcome.run(session, "python", "-m", "isonox_coverage", str(session.artifacts), env=env)
    if done.failed:
        session.error(f"the reports can't be written: {done.last_line}")


def _judge(session: Session, least: Least) -> None:
    """Show the table, put the total into the record, and hold all figures against what is asked of them."""
    threshold = [] if least.overall is None else ["--fail-under=0"]  # coverage rounds; `overall` is judged exactly
    done = outcome.run(session, "coverage", "report", *threshold, env=_environment(session))
    report = Report(session.artifacts / "coverage.json")
    total = report.share()
    if not total.total:
        session.error("nothing was measured: the data holds no line of code; check coverage's `source`")
    session.report_coverage(total.percent)
    session.log("Total coverage: %s", total)
    if done.failed and done.code != _BELOW:
        session.error(f"coverage report failed: {done.last_line}")
    outcome.judge(session, _complaints(session, report, least, done.last_line if done.failed else ""))


def _complaints(session: Session, report: Report, least: Least, said: str) -> Iterator[str]:
    """Yield all that is wrong with the figures; `said` is what coverage found wrong."""
    total = report.share()
    if least.overall is not None and total.below(least.overall):
        said = f"the total is {total}, less than overall={least.overall:g}"
    if said:
        yield f"{said}; worst: {_gaps(session, report, report.gaps(), _NAMED)}"
    shares = {"overall": total}
    for pattern, percent in least.critical.items():
        # as for coverage, a star at the end of a path means all below
        found = inputs.matching((f"{pattern}*" if pattern.endswith("/*") else pattern,), report.files)
        shares[pattern] = share = report.share(found)
        if not share.total:
            folders = {f"{path.rpartition('/')[0]}/*" for path in report.files}
            yield f"critical {pattern!r} matches no measured line{did_you_mean(pattern, sorted(folders))}"
        elif share.below(percent):
            gaps = _gaps(session, report, report.gaps(found), _NAMED_CRITICAL, lines=True)
            yield f"critical {pattern!r} is covered by {share}, less than {percent:g}: {gaps}"
    yield unmeasured.judge(session, report, least.untested)
    if least.new is not None:
        yield new_code.judge(session, report, least.new, least.base)
    if least.ratchet:
        yield from best.judge(session, shares)


def _gaps(session: Session, report: Report, paths: Sequence[str], shown: int, *, lines: bool = False) -> str:
    """Report files with code that no test ran; return the first ones with their percentages, or uncovered lines."""
    texts = []
    for path in paths:
        missing = report.missing(path)
        where = f":{spelled(report.ranges(path, missing))}" if lines and missing else f" {report.share([path])}"
        texts.append(f"{path}{where}")
        outcome.report(session, "coverage", f"not covered: {texts[-1]}", path, missing[0] if missing else None)
    return some(texts, shown)


def _environment(session: Session) -> dict[str, str]:
    return {"COVERAGE_FILE": str(session.artifacts / coverage_data.DATA)}
