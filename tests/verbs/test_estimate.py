"""`isonox estimate`: of the whole pipeline, and of runs that have ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from isonox.sessions.run_directory import RunDirectory, latest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeRepository, Repository

NOXFILE = """
import isonox, nox, time

@isonox.session(venv_backend="none", cache=False)
@nox.parametrize("part", [1, 2, 3])
def tests(session, part):
    time.sleep(0.2)

@isonox.session(venv_backend="none", cache=False, requires=["tests"])
def coverage(session):
    pass
"""


def isonox(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run isonox as a user does."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CI", "GITHUB_", "ISONOX_"))}
    command = [sys.executable, "-m", "isonox", *arguments]
    return subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True, env=kept)


def document(folder: Path, *arguments: str) -> dict[str, Any]:
    """Return what `isonox estimate --json` prints."""
    return dict(json.loads(isonox(folder, "estimate", "--json", *arguments).stdout))


@pytest.fixture
def made(repository: MakeRepository) -> Repository:
    """A repository with two stages, in which nothing ran yet."""
    return repository({"noxfile.py": NOXFILE}, settings="[tool.isonox]\ntarget-minutes = 5\n")


def test_three_layouts_are_compared(made: Repository) -> None:
    """Guesses before the first run, recorded durations after it: then the sessions of a stage share a job."""
    before = document(made.path)
    assert 0 == isonox(made.path, "ci").returncode
    after = document(made.path)
    page = isonox(made.path, "estimate").stdout.splitlines()

    assert [0, 4] == [one["timed"] for one in (before, after)]
    assert ["as packed", "a job each", "one job"] == [one["way"] for one in after["ways"]]
    assert [[6, 6, 1], [4, 6, 1]] == [[way["jobs"] for way in one["ways"]] for one in (before, after)]
    assert [4, 6, 1] == [way["billed_minutes"] for way in after["ways"]]
    assert ["plan", "tests (1 of 1)", "coverage", "gate"] == after["ways"][0]["critical_path"]
    assert (20, 3.0, "prior") == tuple(after[key] for key in ("runners", "set_up_seconds", "set_up_from"))
    assert ["layout", "jobs", "time", "billed"] == page[0].split()
    assert "as packed               4     " in page[1]
    assert page[-2:] == ["at most 20 at once, 3.0s of set-up in each (never recorded here)", "4 of 4 sessions timed"]


def test_a_prediction_is_compared_with_the_run_that_followed(made: Repository) -> None:
    """The plan of a run says what was expected before it; what the jobs then took tells the schedule's own error."""
    for _ in range(2):
        assert 0 == isonox(made.path, "ci", "--jobs", "2").returncode
    run = latest(made.path)
    assert run

    found = document(made.path, "--run", "latest")
    page = isonox(made.path, "estimate", "--run", run.id).stdout

    assert (4, 4, 0, 2) == tuple(found[key] for key in ("jobs", "timed", "red", "slots"))
    assert sum(one.seconds for one in run.read_records()) == pytest.approx(found["work"]["recorded_seconds"])
    expected = sum(one.estimate_seconds for one in run.read_plan().jobs)
    assert expected == pytest.approx(found["work"]["predicted_seconds"])
    end = run.read_end()
    assert end
    assert end.seconds == found["wall"]["recorded_seconds"] == found["schedule"]["recorded_seconds"]
    for one in (found[key] for key in ("wall", "work", "schedule")):
        error = 100 * (one["predicted_seconds"] / one["recorded_seconds"] - 1)
        assert error == pytest.approx(one["error_percent"], abs=0.1)
    assert f"{run.id}: 4 jobs on 2 cores, 4 timed before, 0 red\n" in page


def test_a_run_on_github_is_played_with_its_set_ups(made: Repository) -> None:
    """As fetched by `gh run download`: the plan is one of the artifacts."""
    isonox(made.path, "ci")
    run = latest(made.path)
    assert run
    there = RunDirectory.at(made.path / ".isonox" / "fetched")
    part = there.path / "parts" / "records.plan.0"
    part.parent.mkdir()
    run.path.rename(part)
    (part / "end.json").unlink()

    found = document(made.path, "--run", str(there.path))
    killed = isonox(made.path, "estimate", "--run", str(part))

    assert ("fetched", 4, None) == (found["run"], found["jobs"], found["slots"])
    assert 0 < found["schedule"]["predicted_seconds"]
    assert (2, True) == (killed.returncode, "does not say how long it took: it was killed, or" in killed.stderr)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--runners", "0"], "error: --runners 0: at least one job has to run at once\n"),
        (["--run", "latest"], "error: there is no run 'latest' here\nhint: make one: isonox ci\n"),
        (["--run", "."], "error: nothing ran in "),
    ],
)
def test_what_cannot_be_estimated_is_explained(made: Repository, arguments: list[str], message: str) -> None:
    """Exit 2."""
    done = isonox(made.path, "estimate", *arguments)

    assert (2, "") == (done.returncode, done.stdout)
    assert done.stderr.startswith(message)
