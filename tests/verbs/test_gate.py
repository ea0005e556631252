"""`isonox gate` after real sessions that ran as in a workflow: each in a process of its own, into one folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from isonox.sessions.run_directory import RunDirectory

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.conftest import MakeRepository, Repository

NOXFILE = """
import isonox, nox
from isonox.model.record import TestCounts

@nox.session(python=False)
def lint(session):
    '''Look.'''

@isonox.session(venv_backend="none", requires=["lint"])
def tests(session):
    session.report_tests(TestCounts(passed=3))
    session.report_coverage(91.25)

@isonox.session(venv_backend="none", required=False)
def audit(session):
    session.report_finding("pip-audit", "old", path="uv.lock", line=7)
    session.error("one is old")
"""

RUN = ".isonox/runs/github-7"
RESULTS = "lint=success\ntests=success\naudit=success\n"


def environment(**more: str) -> dict[str, str]:
    """Return this process's variables, without those that mean CI, and with the run's folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CI", "GITHUB_", "NOX"))}
    return {**kept, "NO_COLOR": "1", "ISONOX_RUN_DIRECTORY": RUN, **more}


def gate(repo: Repository, results: str = RESULTS, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the verb as the workflow does."""
    return subprocess.run(
        [sys.executable, "-m", "isonox", "gate", "--results", results, *arguments],
        cwd=repo.path,
        check=False,
        capture_output=True,
        text=True,
        env=environment(**more),
    )


def run(repo: Repository, *sessions: str) -> RunDirectory:
    """Run sessions, and return where they left their records."""
    for session in sessions:
        repo.run_nox("--no-dependencies", "-s", session, env={"ISONOX_RUN_DIRECTORY": RUN})
    return RunDirectory(repo.path / RUN)


@pytest.fixture
def made(repository: MakeRepository) -> Repository:
    """A repository with three stages, one of which is not required."""
    return repository({"noxfile.py": NOXFILE})


def test_a_run_whose_jobs_are_all_green_is_green(made: Repository) -> None:
    """The folder is made on demand, relative to the noxfile, and ignored by git; the summary is on standard output."""
    run(made, "lint", "tests", "audit")

    done = gate(made)
    document = json.loads(gate(made, RESULTS, "--json").stdout)

    assert (0, "") == (done.returncode, done.stderr), done.stdout
    assert "waived audit: not required; it failed: one is old\n" in done.stdout
    assert "green: 3 jobs: passed 2, waived 1\n" in done.stdout
    assert f"\nrecords: {RUN}\n" in done.stdout
    assert ("green", 0, "github-7") == (document["verdict"], document["exit_code"], document["run"])
    assert 0 < document["sum_seconds"]
    assert 0 < document["wall_seconds"] < 60
    assert "" == made.git("status", "--porcelain")
    assert not (made.path / RUN / "logs").exists()


def test_a_record_that_got_lost_is_red(made: Repository) -> None:
    """It is named, and what requires it is blocked; the run's folder may be given, too."""
    directory = run(made, "tests", "audit")

    done = gate(made, RESULTS, "--run", str(directory.path), ISONOX_RUN_DIRECTORY="")

    assert 1 == done.returncode
    lost = "its workflow job 'lint' ended as success, but its record did not arrive: the artifact was lost"
    assert f"missing lint: {lost}\n  repeat: nox -s lint\n" in done.stdout
    assert "red: 3 jobs: passed 1, waived 1, missing 1\n" in done.stdout
    assert "  log: " not in done.stdout


def test_a_red_job_is_told_to_github(made: Repository) -> None:
    """Its cause on standard output and on the job's page, its findings beside the code, with what was waived."""
    red = "session.report_finding('tool', '100 %', path='a.py', line=3); session.error('bad')"
    lint = NOXFILE.replace("@nox.session(python=False)", "@isonox.session(venv_backend='none')")
    made.write({"noxfile.py": lint.replace("'''Look.'''", red)})
    page = made.path / ".isonox" / "page.md"
    run(made, "lint", "audit")
    page.write_text("before\n")

    done = gate(
        made,
        "lint=failure tests=skipped audit=success",
        GITHUB_ACTIONS="true",
        GITHUB_STEP_SUMMARY=str(page),
    )

    assert 1 == done.returncode
    assert "failed lint: bad\n  repeat: nox -s lint\n" in done.stdout
    assert "blocked tests: lint failed\n" in done.stdout
    assert (
        "::error file=a.py,line=3,title=tool::100 %25\n::warning file=uv.lock,line=7,title=pip-audit::old\n"
        == done.stderr
    )
    assert page.read_text().startswith("before\n## red: 3 jobs: failed 1, waived 1, blocked 1\n")
    assert "### failed lint\n\nbad\n\n```text\nnox -s lint\n```\n" in page.read_text()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"version": 1, "is', "is damaged"),
        (b'{"version": 1, "isonox": "\xff"}', "is damaged"),
        (b'{"version": 1, "x": ' + b"[" * 100_000, "is damaged"),
        (b'{"version": 99}', "has format 99"),
    ],
)
def test_a_record_that_cannot_be_read_is_a_problem(made: Repository, content: bytes, message: str) -> None:
    """Its file is named, and its job is missing; a record that nobody asked for is a problem as well."""
    directory = run(made, "tests", "audit")
    (directory.path / "records" / "lint.json").write_bytes(content)

    done = gate(made)
    run(made, "lint")
    (directory.path / "records" / "other.json").write_bytes(content)
    surplus = gate(made)

    assert (1, 1) == (done.returncode, surplus.returncode)
    assert "missing lint: " in done.stdout
    assert f"records/lint.json {message}" in done.stderr
    assert "red: 3 jobs: passed 2, waived 1\n" in surplus.stdout
    assert f"records/other.json {message}" in surplus.stderr
    assert "Traceback" not in done.stderr + surplus.stderr


def test_records_of_another_commit_do_not_count(made: Repository) -> None:
    """A gate that checks out something else than the jobs did is red."""
    run(made, "lint", "tests", "audit")
    old = made.git("rev-parse", "HEAD")[:7]
    made.write({"more": "1"})
    new = made.git("rev-parse", "HEAD")[:7]

    done = gate(made)

    assert 1 == done.returncode
    assert f"missing lint: the record is of commit {old}, this run is of {new}\n" in done.stdout


def test_problems_alone_are_red(made: Repository) -> None:
    """Every job is green, but a workflow job is not, and another one nobody waited for."""
    run(made, "lint", "tests", "audit")

    done = gate(made, "lint=success tests=cancelled")
    document = json.loads(gate(made, "lint=success tests=cancelled", "--json").stdout)

    assert 1 == done.returncode
    assert "error: workflow job 'tests' ended as cancelled, although all of its jobs are green\n" in done.stderr
    assert "error: the gate does not need 'audit', so nobody knows how it ended\n" in done.stderr
    assert ("red", 1, 2) == (document["verdict"], document["exit_code"], len(document["problems"]))


def test_a_run_that_counted_no_test_is_red_here_and_there(made: Repository) -> None:
    """`isonox ci` does not believe it either."""
    made.write({"noxfile.py": NOXFILE.replace("TestCounts(passed=3)", "TestCounts()")})
    run(made, "lint", "tests", "audit")

    done = gate(made)
    here = subprocess.run(
        [sys.executable, "-m", "isonox", "ci"], cwd=made.path, check=False, capture_output=True, text=True,
        env=environment(ISONOX_RUN_DIRECTORY=""),
    )  # fmt: skip

    assert (1, 1) == (done.returncode, here.returncode)
    assert "failed tests: no test was run\n" in done.stdout
    assert "failed tests: no test was run\n" in here.stdout


@pytest.mark.parametrize(
    ("results", "more", "message"),
    [
        (RESULTS, {"ISONOX_RUN_DIRECTORY": ""}, "there is no run to judge\nhint: name its folder: --run DIR, or "),
        ("lint", {}, "--results: 'lint' is not JOB=RESULT\nhint: "),
        ("lint=", {}, "--results: 'lint=' is not JOB=RESULT\nhint: "),
        ("lint=failure lint=success", {}, "--results: 'lint' has more than one result"),
    ],
)
def test_wrong_words_are_explained(made: Repository, results: str, more: Mapping[str, str], message: str) -> None:
    """Exit 2, before anything is judged."""
    done = gate(made, results, **more)

    assert (2, "") == (done.returncode, done.stdout)
    assert f"error: {message}" in done.stderr


def test_nothing_arrived_and_the_page_cannot_be_written(made: Repository) -> None:
    """Every job is missing; the verdict does not depend on who can read it."""
    done = gate(made, GITHUB_STEP_SUMMARY=str(made.path / "none" / "page.md"))

    assert 1 == done.returncode
    assert "red: 3 jobs: blocked 1, missing 2\n" in done.stdout
    assert "warning: there is no job summary: can't write " in done.stderr
    assert f"{RUN}: no record arrived\n" in done.stderr


def test_work_that_was_left_out_is_red(made: Repository) -> None:
    """Arguments that were not planned, a job that only installed, and another commit than GitHub's."""
    folder = run(made, "lint", "tests", "audit")
    assert 0 == gate(made).returncode

    elsewhere = gate(made, GITHUB_ACTIONS="true", GITHUB_SHA="f" * 40)
    made.run_nox("--no-dependencies", "-s", "tests", "--", "-k", "one", env={"ISONOX_RUN_DIRECTORY": RUN})
    narrowed = gate(made)
    made.run_nox("--no-dependencies", "--install-only", "-s", "tests", env={"ISONOX_RUN_DIRECTORY": RUN})
    installed = gate(made)

    assert [1, 1, 1] == [elsewhere.returncode, narrowed.returncode, installed.returncode]
    assert "this run is for commit fffffff, and " in elsewhere.stderr
    assert "missing tests: it ran with other arguments than planned: -k one, not none" in narrowed.stdout
    assert "failed tests: nothing was run: --install-only" in installed.stdout
    assert folder.path.is_dir()


def test_plain_sessions_leave_records_too(repository: MakeRepository) -> None:
    """The workflow of a noxfile without a session of isonox's calls nox with the wrapper."""
    made = repository({"noxfile.py": "import nox\n\n@nox.session(python=False)\ndef lint(session): ...\n"})
    command = [sys.executable, "-m", "isonox.sessions.child", "--no-dependencies", "-s", "lint"]
    subprocess.run(command, cwd=made.path, check=True, capture_output=True, env=environment())
    assert "green: 1 job: passed 1" in gate(made, "lint=success").stdout


def test_a_file_is_no_run(made: Repository) -> None:
    """It says what to name instead."""
    done = gate(made, RESULTS, "--run", "noxfile.py")
    assert (2, True) == (done.returncode, "noxfile.py is no folder" in done.stderr)
