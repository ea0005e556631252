"""`isonox split`: how even shards are, and the file that decides it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.verbs.test_splits import FILES, NOXFILE, TESTS, isonox

from isonox.errors import ExitCode

if TYPE_CHECKING:
    from tests.conftest import MakeRepository

SLOW = """
import time


def test_slow() -> None:
    time.sleep(0.3)


def test_fast() -> None:
    pass


def test_other() -> None:
    pass
"""


def test_durations_are_recorded_and_decide(repository: MakeRepository) -> None:
    """What is stored is pytest-split's format; tests that are gone go, new ones are told."""
    repo = repository(
        {**FILES, "tests/test_it.py": SLOW, ".test_durations": '{"tests/test_it.py::test_gone": 5, "x": 1}'}
    )
    isonox(repo, "ci")

    before = json.loads(isonox(repo, "split", "--json").stdout)["sessions"][0]
    stored = isonox(repo, "split", "--store", "--shards", "2", "--json")
    after = json.loads(stored.stdout)
    durations = json.loads((repo.path / ".test_durations").read_text())

    assert (3, 0, 3) == (before["tests"], before["known"], before["shards"])
    assert [f"tests/test_it.py::test_{name}" for name in ("fast", "other", "slow")] == list(durations)
    assert 0.3 <= durations["tests/test_it.py::test_slow"]
    assert [".test_durations"] == after["stored"]
    assert (3, 2) == (after["sessions"][0]["known"], after["sessions"][0]["shards"])
    assert 3 == len(after["sessions"][0]["real"])
    assert max(after["sessions"][0]["predicted"]) == pytest.approx(durations["tests/test_it.py::test_slow"], abs=1e-3)


def test_the_table_is_for_people(repository: MakeRepository) -> None:
    """Predicted and real, and what is not known; of a stage that is not split only when it is asked for."""
    whole = 'stages.tests(pythons=["3.11"], coverage=False, name="whole", group="tests")\n'
    repo = repository({**FILES, "noxfile.py": FILES["noxfile.py"] + whole, "tests/test_it.py": SLOW})
    isonox(repo, "ci")

    done = isonox(repo, "split")
    named = json.loads(isonox(repo, "split", "--only", "whole", "--shards", "2", "--json").stdout)["sessions"]

    assert ExitCode.OK == done.returncode
    assert "whole-3.11" not in done.stdout
    assert [("whole-3.11", 3, 2, 1)] == [
        (one["session"], one["tests"], one["shards"], len(one["real"])) for one in named
    ]
    assert done.stdout.startswith("session     shards  tests  longest, predicted")
    assert "tests-3.11: 3 tests without a duration: isonox split --store records them\n" in done.stdout


def test_the_number_of_shards_follows_from_what_is_recorded(repository: MakeRepository) -> None:
    """The first run is not split; the next is planned from its durations."""
    noxfile = NOXFILE.format("").replace("shards=3", 'shards="auto"')
    settings = "[tool.isonox]\nset-up-seconds = 0.05\n"
    tests = TESTS.replace("range(9)", "range(3)").replace("pass", "__import__('time').sleep(0.2)")
    repo = repository({**FILES, "noxfile.py": noxfile, "tests/test_it.py": tests}, settings=settings)

    first = json.loads(isonox(repo, "ci", "--json").stdout)
    isonox(repo, "split", "--store")
    after = json.loads(isonox(repo, "plan", "--json").stdout)

    assert {"tests-3.11": "passed"} == first["verdicts"]
    assert ["tests-3.11#1/3", "tests-3.11#2/3", "tests-3.11#3/3"] == [one["id"] for one in after["jobs"]][:3]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--shards", "0"], ExitCode.USAGE, "--shards 0: a number from 1 to 64 is needed"),
        (["--only", "test"], ExitCode.USAGE, "unknown session 'test' (did you mean 'tests'?)"),
        (["--run", "nowhere"], ExitCode.USAGE, "there is no folder "),
        ([], ExitCode.NOTHING_SELECTED, "no run has recorded which tests ran in these sessions"),
        (["--only", "tests"], ExitCode.NOTHING_SELECTED, "no run has recorded which tests ran in tests"),
    ],
)
def test_what_can_not_be_shown_is_said(
    repository: MakeRepository, arguments: list[str], code: ExitCode, message: str
) -> None:
    """With a way out."""
    repo = repository(FILES)

    done = isonox(repo, "split", *arguments)

    assert code == done.returncode
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_damaged_file_is_an_error_and_can_be_written_anew(repository: MakeRepository) -> None:
    """Whatever is in it."""
    repo = repository(FILES)
    isonox(repo, "ci")
    (repo.path / ".test_durations").write_text("<<<<<<<")

    damaged = isonox(repo, "split")
    stored = isonox(repo, "split", "--store")

    assert ExitCode.USAGE == damaged.returncode
    assert "/.test_durations: it is no JSON: " in damaged.stderr
    assert ExitCode.OK == stored.returncode
