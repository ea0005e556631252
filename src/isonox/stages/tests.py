# ruff: noqa: PT028 - `tests` is a stage, no test
"""The tests stage: pytest on every Python, and per package where the noxfile says so."""

from __future__ import annotations

import shlex
import shutil
from contextlib import nullcontext
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple, Unpack

import junitparser

from isonox.errors import ConfigurationError
from isonox.model.record import TestCounts
from isonox.sessions import install
from isonox.sessions.commands import active_job
from isonox.sessions.declare import session as declare_session
from isonox.stages import coverage_data, outcome, sources
from isonox.stages.options import StageOptions, install_tools, require_tools, with_defaults
from isonox.stages.options import pythons as default_pythons

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from isonox.sessions.session import Session
    from isonox.stages.outcome import Outcome

#: In the job's artifacts.
JUNIT = "junit.xml"

#: https://docs.pytest.org/en/stable/reference/exit-codes.html
_NOTHING_COLLECTED = 5


class _Stage(NamedTuple):
    """The options of one call of `tests`."""

    name: str
    markers: str | None
    paths: tuple[str, ...]
    group: str | None
    coverage: bool


def tests(  # noqa: PLR0913 - the stage's options, all keywords
    *,
    name: str = "tests",
    markers: str | None = None,
    paths: Sequence[str] = (),
    pythons: Sequence[str] = (),
    per_package: bool | Sequence[str] = False,
    group: str | None = None,
    coverage: bool = True,
    **options: Unpack[StageOptions],
) -> None:
    """Declare the session `tests`: pytest, once per Python, with the project installed.

    It leaves a JUnit report and coverage data in the run's artifacts, counts and failed tests in the record. No
    test collected, or all of them skipped, is a failure. Arguments after `--` go to pytest; if they name
    paths, they take the place of `paths`. A second call makes another stage:
    `tests(name="integration", markers="integration")`.

    Args:
        name: The session's name.
        markers: Only tests with these markers: pytest's `-m`, such as "unit and not slow".
        paths: Files and folders with tests; what pytest finds by its own configuration by default.
        pythons: Versions to test on; those of the workspace by default.
        per_package: True for a session per package of the workspace, or the packages' names; each runs in its
            package's folder, with that package installed.
        group: The dependency group that holds pytest and coverage; by default the one named as the session,
            else "tests", else "dev".
        coverage: Measure which lines run, for the coverage stage. Without `source` or `source_pkgs` in
            coverage's own configuration, the code of the package is measured (without one, that of the root
            project, or of all packages where the root is none).
        options: As for `isonox.session`.
    """
    stage = _Stage(name, markers, tuple(paths), group, coverage)

    def run_tests(session: Session) -> None:
        """Run the tests with pytest."""
        _run(session, stage)

    if coverage:
        coverage_data.mark(run_tests)
    declare_session(
        name=name,
        python=list(pythons) or default_pythons(),
        tags=["tests"],
        per_package=per_package,
        **with_defaults(options),
    )(run_tests)


def _run(session: Session, stage: _Stage) -> None:
    group = install_tools(
        session,
        stage.name,
        group=stage.group,
        fallbacks=("tests", "dev"),
        tools=("pytest", "coverage") if stage.coverage else ("pytest",),
        with_project=True,
    )
    require_tools(session, group, "pytest", *(["coverage"] if stage.coverage else []))
    package = session.package
    folder = session.root / package.path if package else session.root
    shutil.rmtree(session.artifacts)
    argv: list[str] = ["pytest"]
    env: dict[str, str] = {}
    if stage.coverage:
        argv, env = coverage_data.measuring(session, folder, sources.code_of(session.root, package))
    report = session.artifacts / JUNIT
    # JUnit's older form has the line of each test
    argv += [f"--junit-xml={report}", "--override-ini=junit_family=xunit1"]
    if stage.coverage and "pytest-cov" in install.installed(session):
        argv.append("--no-cov")  # it would measure a second time, into another file
    if stage.markers:
        argv += ["-m", stage.markers]
    if not sources.name_paths(session.posargs, folder):
        argv += _existing(session, folder, stage.paths)
    with nullcontext() if folder == session.root else session.chdir(folder):
        done = outcome.run(session, *argv, *session.posargs, env=env)
    _redact(report)
    counts = _read(session, report, folder)
    _judge(session, stage, done, counts)
    if stage.coverage and not session.posargs:
        coverage_data.check_left(session)


def _existing(session: Session, folder: Path, paths: Sequence[str]) -> list[str]:
    for path in paths:
        if not (folder / path).exists():
            session.error(f"there is no {path!r} in {folder}, which the noxfile names in `paths`")
    return list(paths)


def _judge(session: Session, stage: _Stage, done: Outcome, counts: TestCounts) -> None:
    """End the session red for every way in which tests can fail, or not have run."""
    if done.code == _NOTHING_COLLECTED or (done.code == 0 and counts.total == 0):
        if session.posargs:
            session.error(f"no test was collected: nothing matches {shlex.join(session.posargs)}")
        where = f" with the markers {stage.markers!r}" if stage.markers else ""
        session.error(f"no test was collected{where}: write one, or take the stage out of the noxfile")
    if done.failed:
        bad = counts.failed + counts.errors
        session.error(f"{bad} of {counts.total} tests failed" if bad else f"pytest failed: {done}")
    if counts.passed == 0:
        session.error(f"nothing was tested: every test was skipped ({counts.skipped})")


def _redact(report: Path) -> None:
    """Take the values of declared secrets out of the report, which holds what failing tests printed."""
    job = active_job()
    if not job.secrets or not report.exists():
        return
    text = report.read_text(encoding="utf-8", errors="replace")
    for secret in job.secrets:
        written = escape(secret, quote=False)  # as in text; in attributes quotes are escaped too
        text = text.replace(written, "***").replace(written.replace('"', "&quot;"), "***")
    report.write_text(job.redact(text), encoding="utf-8")


def _read(session: Session, report: Path, folder: Path) -> TestCounts:
    """Put the counts and the failures of the JUnit report into the record."""
    try:
        cases = list(_cases(junitparser.JUnitXml.fromfile(str(report))))
    except FileNotFoundError:
        return TestCounts()  # pytest never got as far; its exit code says why
    except Exception as error:  # whatever the XML parser raises: pytest was killed while writing
        raise ConfigurationError(f"{report} can't be read: {error}") from error
    tally = {"passed": 0, "failed": 0, "skipped": 0, "errors": 0}
    for case in cases:
        results = {type(result): result for result in case.result}
        if found := results.get(junitparser.Error) or results.get(junitparser.Failure):
            tally["errors" if isinstance(found, junitparser.Error) else "failed"] += 1
            _report(session, case, found, folder)
        else:
            tally["skipped" if junitparser.Skipped in results else "passed"] += 1
    counts = TestCounts(**tally)
    session.report_tests(counts)
    return counts


def _cases(report: Any) -> Iterator[Any]:
    for entry in report:
        if isinstance(entry, junitparser.TestCase):
            yield entry
        else:
            yield from _cases(entry)


def _report(session: Session, case: Any, result: Any, folder: Path) -> None:
    """Report one failed test; pytest names files relative to its own root folder, and counts lines from 0."""
    file, line = case._elem.get("file"), case._elem.get("line")  # noqa: SLF001 - junitparser does not know them
    path = None
    if file:
        path = outcome.relative(session, str(folder / file if (folder / file).exists() else session.root / file))
    message = (result.message or result.type or "failed").strip().splitlines() or ["failed"]
    session.report_finding("pytest", f"{case.name}: {message[0]}", path=path, line=int(line) + 1 if line else None)
