"""`isonox flaky --hunt`: a test that depends on something, and what is found of that."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.verbs.test_splits import isonox

from isonox.errors import ExitCode

if TYPE_CHECKING:
    from tests.conftest import MakeRepository

TESTS = """
import os
import random
import time

import pytest

SEEN = []


def test_first() -> None:
    SEEN.append(1)


@pytest.mark.parametrize("name", ["a b", "c"])
def test_order(name: str) -> None:
    assert SEEN, "nothing was seen"


def test_conditions() -> None:
    told = (os.environ["PYTHONHASHSEED"], random.random(), time.timezone // 3600)
    raise RuntimeError(told)


def test_steady() -> None:
    pass


@pytest.mark.skip
def test_skipped() -> None:
    pass
"""

FILES = {
    "noxfile.py": "import nox\nfrom isonox import stages\n\nstages.tests(pythons=['3.11'], shards=2, retries=1)\n"
    "\n\n@nox.session(venv_backend='none', tags=['tests'])\ndef plain(session): pass\n",
    "tests/test_it.py": TESTS,
    ".gitignore": ".nox/\n.isonox/\n__pycache__/\n.pytest_cache/\n",
}


def test_what_makes_a_test_fail_is_found_and_can_be_repeated(repository: MakeRepository) -> None:
    """One that needs its neighbours, for all its parameters; nothing is left behind, and no run is counted."""
    repo = repository(FILES)

    hunted = isonox(repo, "flaky", "--hunt", "tests/test_it.py::test_order", "--times", "16", "--json")
    found = json.loads(hunted.stdout)
    repeated = isonox(repo, *shlex.split(found["repeat"])[1:-1], "2")
    told = isonox(repo, "flaky", "--hunt", "tests/test_it.py::test_order[a b]", "--times", "2", "--under", "")

    assert ExitCode.JOB_FAILED == hunted.returncode, hunted.stderr
    assert ("alone", "tests-3.11", 16) == (found["factors"][0]["name"], found["session"], len(found["tries"]))
    assert (8, 8) == (found["factors"][0]["failures"], found["factors"][0]["runs"])
    assert {"", "AssertionError: nothing was seen"} == {one.get("message", "") for one in found["tries"]}
    assert "--only tests-3.11 --under alone=1" in found["repeat"]
    assert repeated.stdout.startswith("tests/test_it.py::test_order failed in 2 of 2 runs (tests-3.11)\n")
    assert (ExitCode.OK, "tests/test_it.py::test_order[a b] failed in 0 of 2 runs (tests-3.11)\n") == (
        told.returncode,
        told.stdout,
    )
    assert "" == repo.git("status", "--porcelain")
    assert not (repo.path / ".isonox" / "runs").exists()
    assert not list((repo.path / ".isonox").glob("hunt-*"))


def test_what_a_hunt_has_left_that_was_killed_is_removed(repository: MakeRepository) -> None:
    """What one is still using stays."""
    repo = repository(FILES)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left, used = (repo.path / ".isonox" / f"hunt-{pid}-x" for pid in (ended.pid, os.getpid()))
    for folder in (left, used):
        (folder / "records").mkdir(parents=True)

    isonox(repo, "flaky", "--hunt", "tests/test_it.py::test_steady", "--times", "1", "--under", "")

    assert [used] == list(left.parent.glob("hunt-*"))


def test_a_test_runs_under_the_conditions_that_are_named(repository: MakeRepository) -> None:
    """The seeds of hashes and of `random`, and the time zone."""
    repo = repository(FILES)

    done = isonox(
        repo, "flaky", "--hunt", "tests/test_it.py::test_conditions", "--times", "1", "--json",
        "--under", "hashes=7,random=1,zone=UTC-14,load=1,order=3",
    )  # fmt: skip
    (one,) = json.loads(done.stdout)["tries"]

    assert "RuntimeError: ('7', 0.13436424411240122, -14)" == one["message"]
    assert {"hashes": 7, "random": 1, "zone": "UTC-14", "load": True, "order": 3} == one["conditions"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--times", "3", "--seed", "2"], ExitCode.USAGE, "--times, --seed without --hunt"),
        (["--hunt", "tests/test_it.py::test_steady", "--run", "x"], ExitCode.USAGE, "do not go together"),
        (["--hunt", "tests/test_it.py::test_steady", "--times", "0"], ExitCode.USAGE, "a number from 1 to 1000"),
        (
            ["--hunt", "tests/test_it.py::test_steady", "--under", "lod=1"],
            ExitCode.USAGE,
            "there is no condition 'lod'",
        ),
        (["--hunt", "tests/test_no.py::test_x"], ExitCode.USAGE, "is no test here\nhint: name it from the"),
        (["--hunt", "tests/test_it.py"], ExitCode.USAGE, "is no test here"),
        (["--hunt", "tests/test_it.py::test_stead"], ExitCode.USAGE, "(did you mean 'tests/test_it.py::test_steady'?)"),
        (["--hunt", "tests/test_it.py::test_skipped"], ExitCode.USAGE, "was skipped, or is expected to fail"),
        (["--hunt", "tests/test_it.py::test_steady", "-o", "plain"], ExitCode.USAGE, "plain could not run"),
    ],
)
def test_what_can_not_be_hunted_is_said(
    repository: MakeRepository, arguments: list[str], code: ExitCode, message: str
) -> None:
    """With a way out, and no traceback."""
    repo = repository(FILES)

    done = isonox(repo, "flaky", *arguments)

    assert code == done.returncode
    assert message in done.stderr
    assert "Traceback" not in done.stderr
