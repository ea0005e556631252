# ruff: noqa: PT028 - `tests` is a stage, no test
"""The tests stage: pytest on every Python, and per package where the noxfile says so."""

from __future__ import annotations

import re
import shlex
import shutil
from contextlib import nullcontext
from html import escape
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Literal, Unpack

import junitparser

from isonox.errors import ConfigurationError
from isonox.model.naming import count, some
from isonox.model.record import TestCounts
from isonox.sessions import install, project
from isonox.sessions.arguments import checked
from isonox.sessions.commands import active_job
from isonox.sessions.declare import session as declare_session
from isonox.stages import addopts, coverage_data, hunting, outcome, retrying, sources, splitting
from isonox.stages.options import StageOptions, install_tools, with_inputs
from isonox.stages.options import pythons as default_pythons

if TYPE_CHECKING:
    from collections.abc import Sequence

    from isonox.sessions.session import Session
    from isonox.stages.outcome import Outcome

#: In the job's artifacts.
JUNIT = "junit.xml"

#: Files and tables that pytest and coverage look for in the folder that they run in, and in those above it.
_AROUND = (
    "pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini", "tox.ini", "setup.cfg", "conftest.py", "__init__.py",
    ".coveragerc", ".coveragerc.toml",
)  # fmt: skip
_TOOLS = ("pytest", "coverage", "hypothesis")
#: https://docs.pytest.org/en/stable/reference/exit-codes.html
_INTERRUPTED = 2
_NOTHING_COLLECTED = 5


@checked
def tests(  # noqa: PLR0913 - the stage's options, all keywords
    *,
    name: str = "tests",
    markers: str | None = None,
    paths: Sequence[str] = (),
    pythons: Sequence[str] = (),
    per_package: bool | Sequence[str] = False,
    group: str | None = None,
    coverage: bool | Sequence[str] = True,
    workers: int | Literal["auto"] | None = None,
    shards: int | Literal["auto"] | None = None,
    split_by: str = "test",
    random_order: bool = False,
    retries: int = 0,
    **options: Unpack[StageOptions],
) -> None:
    """Declare the session `tests`: pytest, once per Python, with the project installed.

    It leaves a JUnit report, coverage data and the names of its tests in the run's artifacts, counts and failed tests
    in the record. No test collected, all of them skipped, or one that did not run is a failure. Arguments after `--` go
    to pytest; if they name paths, they take the place of `paths`. A second call makes another stage:
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
        coverage: Measure which lines run, for the coverage stage: on all Pythons, or on those that are listed, for it
            takes time. Without `source` or `source_pkgs` in coverage's own configuration, the code of the package is
            measured (without one, that of the root project, or of all packages where the root is none).
        workers: Run the tests in so many processes at once, with pytest-xdist, which the group must hold; "auto" for
            as many as there are cores. It is the session's `weight`, too: in a run they are no more than its share.
        shards: Split the tests into so many jobs, by the durations in `.test_durations`; "auto" for as many as pay,
            which follows from the durations, `[tool.isonox] set-up-seconds` and `target-minutes`. `isonox split` shows
            how even they are, and writes the file. Every test runs in exactly one shard, which is proved after the run.
        split_by: What stays together in a shard: "test" (nothing), "class" (the tests of a class) or "module" (those of
            a file), for fixtures of these scopes that are expensive.
        random_order: Run the files, their classes, and the tests in them in a random order. The seed is in the record,
            and `ISONOX_SEED` repeats it. Verdicts are not cached, unless `cache` says so.
        retries: Run the tests that failed again, alone in a process of their own, up to so many times. One that passes
            then is flaky: the job is red and says so, unless `[tool.isonox] quarantine` names the test, and its
            verdict is not cached. A test that fails each time is red in any case.
        options: As for `isonox.session`.

    Raises:
        ConfigurationError: `workers` and `weight` are both given, or one of them, `shards` or `coverage` makes no
            sense.
    """
    versions = list(pythons) or default_pythons()
    measured = frozenset(versions if coverage else ()) if isinstance(coverage, bool) else frozenset(coverage)
    if unknown := sorted(measured.difference(versions)):
        raise ConfigurationError(f"{name}: coverage names {unknown[0]!r}, on which there are no tests")
    declared = _with_weight(name, workers, options)
    if per_package:
        declared = with_inputs(declared, *_configuration())
    taking = splitting.Taking(split=shards is not None, by=split_by, random_order=random_order, retries=retries)
    packages = project.packages(per_package, session=name) if per_package else ()
    split = splitting.options(name, shards, taking, declared, packages)
    spread = ["--numprocesses=auto", *([f"--maxprocesses={workers}"] if isinstance(workers, int) else [])]

    def run_tests(session: Session) -> None:
        """Run the tests with pytest."""
        coverage = session.python in measured
        tools = ["pytest", *(["coverage"] if coverage else []), *(["pytest-xdist"] if workers else [])]
        install_tools(session, name, *tools, group=group, fallbacks=("tests", "dev"), with_project=True)
        if wanted := active_job().hunt:
            hunting.hunt(session, sources.folder(session), wanted)
        argv = [*(["-m", markers] if markers else []), *(spread if workers else [])]
        own = splitting.Pytest(session, sources.folder(session), taking)
        done, counts, complaints = _run(session, argv, paths, coverage=coverage, workers=workers is not None, own=own)
        if coverage and (lost := coverage_data.combine(session)):
            complaints.append(lost)
        if own.is_empty and done.code in (0, _NOTHING_COLLECTED):
            _leave_nothing(session)
            return
        _judge(session, done, counts, markers, complaints)
        if coverage and not session.posargs:
            coverage_data.check_left(session)

    declare_session(
        name=name,
        python=versions,
        tags=["tests"],
        per_package=per_package,
        **split,
    )(run_tests)


def drive(session: Session, markers: str, paths: Sequence[str], *arguments: str) -> None:
    """Run the tests of another stage, against what it has started; the session ends red where they fail."""
    options = [*(["-m", markers] if markers else []), *arguments]
    own = splitting.Pytest(session, sources.folder(session), splitting.Taking())
    done, counts, complaints = _run(session, options, paths, coverage=False, workers=False, own=own)
    _judge(session, done, counts, markers, complaints)


def _configuration() -> list[str]:
    """Return what a package's tests use from around the package."""
    places = [PurePosixPath(package.path) for package in project.workspace(project.root()).packages]
    around = sorted({str(folder) for place in places for folder in place.parents})
    files = [str(PurePosixPath(folder, name)) for folder in around for name in _AROUND]
    tables = [f"{PurePosixPath(folder, 'pyproject.toml')}#tool.{tool}" for folder in around for tool in _TOOLS]
    return [*files, *tables]


def _with_weight(name: str, workers: int | Literal["auto"] | None, options: StageOptions) -> StageOptions:
    """Return the options with a weight that fits the workers."""
    if workers is None:
        return options
    if "weight" in options:
        raise ConfigurationError(f"{name}: `workers` and `weight` say the same thing: leave `weight` out")
    if workers != "auto" and workers < 1:
        raise ConfigurationError(f"{name}: workers={workers} must be a number of processes, or 'auto'")
    return StageOptions(weight="all" if workers == "auto" else workers) | options


def _run(  # noqa: PLR0913 - how the tests run
    session: Session,
    options: Sequence[str],
    paths: Sequence[str],
    *,
    coverage: bool,
    workers: bool,
    own: splitting.Pytest,
) -> tuple[Outcome, TestCounts, list[str]]:
    """Run pytest in the package's folder; what the report says is in the record then.

    Returns:
        How pytest ended, how many tests passed in the end, and what is wrong beside tests that failed for good.
    """
    folder = sources.folder(session)
    shutil.rmtree(session.artifacts)
    argv, env = _command(session, paths, coverage=coverage, workers=workers)
    forgetful = addopts.looked_at(session, folder)

    def once(name: str) -> Outcome:
        # JUnit's older form has the line of each test
        report = [f"--junit-xml={session.artifacts / name}", "--override-ini=junit_family=xunit1"]
        given, extra = {**env, **own.variables()}, [*forgetful, *own.arguments()]
        with nullcontext() if folder == session.root else session.chdir(folder):
            done = outcome.run(session, *argv, *report, *extra, *options, *session.posargs, env=given)
        _redact(session.artifacts / name)
        return done

    done = once(JUNIT)
    counts = _read(session, session.artifacts / JUNIT, folder)
    left = own.left()
    if left is None:
        early = not (done.failed or counts.total or session.posargs)
        return done, counts, ["pytest ended well before it had found the tests"] if early else []
    own.keep(left)
    lost = [test for test in left.selected if test not in left.executed]
    cut = f"pytest ended well, but did not run {len(lost)} of the {len(left.selected)} tests that it was to run: "
    complaints = [] if done.failed or left.is_whole else [cut + active_job().redact(some(lost, 3))]
    done, counts, more = retrying.again(session, own, left, once, done=done, counts=counts)
    return done, counts, complaints + more


def _command(
    session: Session, paths: Sequence[str], *, coverage: bool, workers: bool
) -> tuple[list[str], dict[str, str]]:
    """Return how pytest is called in the package's folder, and the variables for it."""
    package, folder = session.package, sources.folder(session)
    argv: list[str] = ["pytest"]
    env: dict[str, str] = {}
    if coverage:
        code = sources.code_of(session.root, package)
        argv, env = coverage_data.measuring(session, folder, code, workers=workers)
    if coverage and "pytest-cov" in install.installed(session) and not addopts.blocks_pytest_cov(folder):
        argv.append("--no-cov")  # it would measure a second time, into another file
    if not sources.name_paths(session.posargs, folder):
        if missing := [path for path in paths if not (folder / path).exists()]:
            session.error(f"there is no {missing[0]!r} in {folder}, which the noxfile names in `paths`")
        argv += paths
    return argv, env


def _judge(session: Session, done: Outcome, counts: TestCounts, markers: str | None, complaints: Sequence[str]) -> None:
    """End the session red for every way in which tests can fail, or not have run."""
    if done.code == _NOTHING_COLLECTED or (done.code == 0 and counts.total == 0 and not complaints):
        if session.posargs:
            session.error(f"no test was collected: nothing matches {shlex.join(session.posargs)}")
        where = f" with the markers {markers!r}" if markers else ""
        session.error(f"no test was collected{where}: write one, or take the stage out of the noxfile")
    bad = counts.failed + counts.errors
    if done.failed or bad or complaints:  # a hook of the project may have changed how pytest ends
        failed = f"pytest failed: {done}" if done.failed else ""
        if bad and done.code == _INTERRUPTED and counts.errors == counts.total:  # none of them is a test
            failed = f"{count(bad, 'file')} with tests can't be collected"
        elif bad:
            failed = f"{bad} of {counts.total} tests failed"
        outcome.judge(session, [failed, *complaints])
    if counts.passed == 0 and session.shard.count > 1:
        session.note("every test of this shard was skipped")  # whether that is so of all, the run's proof tells
    elif counts.passed == 0:
        session.error(f"nothing was tested: every test was skipped ({counts.skipped})")


def _leave_nothing(session: Session) -> None:
    """End a shard that has no test, because the suite has fewer tests than shards: what it collected proves that."""
    active_job().tests = None
    for path in coverage_data.files(session.artifacts):
        path.unlink()  # it was opened for nothing; the coverage stage expects none
    session.note(f"no test is left for shard {session.shard}: the suite has fewer than shards")


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
        cases = [case for suite in junitparser.JUnitXml.fromfile(str(report)) for case in suite]
    except FileNotFoundError:
        return TestCounts()  # pytest never got as far; its exit code says why
    except Exception as error:  # whatever the XML parser raises: pytest was killed while writing
        raise ConfigurationError(f"{report} can't be read: {error}") from error
    tally = {"passed": 0, "failed": 0, "skipped": 0, "errors": 0}
    for case in filter(lambda one: one.name, cases):  # one without a name was cut off
        results = {type(result): result for result in case.result}
        if found := results.get(junitparser.Error) or results.get(junitparser.Failure):
            tally["errors" if isinstance(found, junitparser.Error) else "failed"] += 1
            _report(session, case, found, folder)
        else:
            tally["skipped" if junitparser.Skipped in results else "passed"] += 1
    counts = TestCounts(**tally)
    session.report_tests(counts)
    return counts


def _report(session: Session, case: Any, result: Any, folder: Path) -> None:
    """Report one failed test; pytest names files relative to its own root folder, and counts lines from 0."""
    file, line = case._elem.get("file"), case._elem.get("line")  # noqa: SLF001 - junitparser does not know them
    path = str(folder / file if (folder / file).exists() else session.root / file) if file else None
    message = (result.message or result.type or "failed").strip().splitlines() or ["failed"]
    place = int(line) + 1 if line else None
    if file and not line:
        place, message = _import_error(Path(file).name, result.text or "", message)
    outcome.report(session, "pytest", f"{case.name}: {message[0]}", path, place)


def _import_error(name: str, text: str, message: list[str]) -> tuple[int | None, list[str]]:
    """Return the line and the message for a file that can't be imported: only the traceback has them."""
    lines = re.findall(rf'^(?:.*[/\\"])?{re.escape(name)}(?:", line |:)(\d+)', text, re.MULTILINE)
    errors = re.findall(r"^E +(.+)$", text, re.MULTILINE)
    return int(lines[-1]) if lines else None, errors[-1:] or message
