"""Sessions that are split, from `isonox ci` to the gate: no test is lost, and no shard."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from isonox.errors import ExitCode
from isonox.sessions import run_directory
from isonox.sessions.run_directory import RunDirectory

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import MakeRepository, Repository

    from isonox.model.record import Record

NOXFILE = 'from isonox import stages\n\nstages.tests(pythons=["3.11"], coverage=False, shards=3{})\n'
TESTS = "import pytest\n\n\n@pytest.mark.parametrize('number', range(9))\ndef test_it(number: int) -> None:\n    pass\n"
FILES = {"noxfile.py": NOXFILE.format(""), "tests/test_it.py": TESTS, ".gitignore": ".nox/\n.isonox/\n__pycache__/\n"}
RUN = ".isonox/runs/github-7"


def isonox(repo: Repository, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a verb as on a laptop."""
    unwanted = ("CI", "GITHUB_", "NOX", "ISONOX_", "PYTEST_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    return subprocess.run(
        [sys.executable, "-m", "isonox", *arguments],
        cwd=repo.path,
        check=False,
        capture_output=True,
        text=True,
        env={**kept, "NO_COLOR": "1", **more},
    )


def verdicts(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Return the verdicts that `--json` prints."""
    found: dict[str, str] = json.loads(done.stdout)["verdicts"]
    return found


def test_shards_are_jobs_of_their_own_and_proved_together(repository: MakeRepository) -> None:
    """Each has its verdict, its log and its cached result; what requires the session waits for all of them."""
    last = "\n\n@isonox.session(venv_backend='none', requires=['tests'])\ndef last(session): pass\n"
    repo = repository({**FILES, "noxfile.py": f"import isonox\n{FILES['noxfile.py']}{last}"})

    first = isonox(repo, "ci", "--json")
    again = isonox(repo, "ci")
    names = [f"tests-3.11#{number}/3" for number in (1, 2, 3)]
    document = json.loads(first.stdout)

    assert ExitCode.OK == first.returncode, first.stderr
    assert [*names, "last"] == list(verdicts(first))
    assert names == json.loads(isonox(repo, "plan", "--json").stdout)["jobs"][-1]["requires"]
    assert ("tests-3.11", 3, 9) == tuple(document["splits"][0][key] for key in ("session", "shards", "tests"))
    assert 9 == document["tests"]["passed"]
    assert "green: 4 jobs: cached 4\n" in again.stdout
    assert ExitCode.OK == again.returncode


def test_a_session_means_all_shards_and_a_shard_one(repository: MakeRepository) -> None:
    """By stage, by session, by shard; another number of shards is unknown."""
    repo = repository(FILES)

    planned = {
        asked: [one["id"] for one in json.loads(isonox(repo, "plan", "-o", asked, "--json").stdout)["jobs"]]
        for asked in ("tests", "tests-3.11", "tests-3.11#2/3")
    }
    one = isonox(repo, "ci", "-o", "tests-3.11#2/3", "--json")
    unknown = isonox(repo, "ci", "-o", "tests-3.11#2/4")

    assert [3, 3, 1] == [len(found) for found in planned.values()]
    assert {"tests-3.11#2/3": "passed"} == verdicts(one)
    assert ExitCode.USAGE == unknown.returncode
    assert "unknown session 'tests-3.11#2/4' (did you mean" in unknown.stderr


def test_a_red_shard_says_how_to_repeat_it(repository: MakeRepository) -> None:
    """With its number, and the seed of its order."""
    failing = TESTS.replace("pass\n", "assert number != 4\n")
    repo = repository({**FILES, "tests/test_it.py": failing, "noxfile.py": NOXFILE.format(", random_order=True")})

    document = json.loads(isonox(repo, "ci", "--json").stdout)
    (red,) = (record for record in document["records"] if record["verdict"] == "failed")
    (repeat,) = document["repeat"]
    shard, seed = red["job"].partition("#")[2], red["split"]["seed"]
    again = repo.run_nox("-s", "tests-3.11", env={"ISONOX_SHARD": shard, "ISONOX_SEED": str(seed)})

    assert f"ISONOX_SHARD={shard} ISONOX_SEED={seed} nox -s tests-3.11" == repeat["command"]
    assert (red["job"], "1 of 3 tests failed") == (again.record.job, again.record.reason)


@pytest.mark.parametrize(
    ("files", "ended", "problem"),
    [
        (
            {"tests/conftest.py": "def pytest_runtest_protocol(item):\n    return '[4]' in item.name or None\n"},
            "red: 3 jobs: passed 2, failed 1\n",
            "pytest ended well, but did not run 1 of the 3 tests that it was to run",
        ),
        (
            {"tests/test_it.py": f"import os\n{TESTS}".replace("range(9)", "[*range(9), os.urandom(8).hex()]")},
            "red: 3 jobs: passed 3\n",
            "error: tests-3.11: shards 1/3 and 2/3 collected different tests: ",
        ),
    ],
)
def test_a_test_that_no_shard_ran_is_red_and_stays_red(
    repository: MakeRepository, files: dict[str, str], ended: str, problem: str
) -> None:
    """A shard that left a test out is red by itself, one that does not know is green; no verdict is used again."""
    repo = repository({**FILES, **files})

    done = isonox(repo, "ci")
    again = isonox(repo, "ci")

    assert [ExitCode.JOB_FAILED] * 2 == [done.returncode, again.returncode]
    assert ended in done.stdout
    assert problem in done.stderr
    assert problem in again.stderr
    assert not re.search(r"tests-3\.11#2/3 +cached", again.stdout)


def test_tests_that_are_all_skipped_are_red_together(repository: MakeRepository) -> None:
    """A shard of skipped tests is green; the whole is not."""
    skipped = TESTS.replace("    pass\n", "    pytest.skip('later')\n")
    repo = repository({**FILES, "tests/test_it.py": skipped})

    done = isonox(repo, "ci")

    assert ExitCode.JOB_FAILED == done.returncode
    assert "error: tests-3.11: nothing was tested: every test was skipped (9)\n" in done.stderr


def test_cached_shards_and_new_ones_are_proved_together(repository: MakeRepository) -> None:
    """One has failed and runs again; the others are what they were."""
    flag = "    import pathlib\n    assert number != 4 or pathlib.Path('.nox/there').exists()\n"
    repo = repository({**FILES, "tests/test_it.py": TESTS.replace("    pass\n", flag)})

    red = isonox(repo, "ci", "--json")
    (repo.path / ".nox" / "there").touch()
    green = isonox(repo, "ci", "--json")

    assert [ExitCode.JOB_FAILED, ExitCode.OK] == [red.returncode, green.returncode], green.stderr
    assert ["cached", "cached", "passed"] == sorted(verdicts(green).values())
    assert 9 == json.loads(green.stdout)["splits"][0]["tests"]


def test_new_durations_let_every_shard_run_again(repository: MakeRepository) -> None:
    """A cached shard of the old split beside a new one of another would lose tests."""
    repo = repository(FILES)
    isonox(repo, "ci")

    stored = isonox(repo, "split", "--store")
    after = isonox(repo, "ci", "--json")

    assert "wrote .test_durations\n" == stored.stderr
    assert {"passed"} == set(verdicts(after).values())


# On GitHub


@pytest.fixture
def left(repository: MakeRepository) -> tuple[Repository, RunDirectory]:
    """What three jobs of a workflow left."""
    repo = repository(FILES)
    for number in (1, 2, 3):
        env = {"ISONOX_RUN_DIRECTORY": RUN, "ISONOX_SHARD": f"{number}/3"}
        repo.run_nox("--no-dependencies", "-s", "tests-3.11", env=env)
    return repo, RunDirectory(repo.path / RUN)


def gate(repo: Repository) -> subprocess.CompletedProcess[str]:
    """Run the verb as the workflow does."""
    return isonox(repo, "gate", "--results", "tests=success", ISONOX_RUN_DIRECTORY=RUN)


def rewrite(directory: RunDirectory, job: str, change: Callable[[dict[str, Any]], None]) -> None:
    """Change what a job left, and its record, so that they fit together."""
    path = directory.artifacts_path(job) / "tests.json"
    document = json.loads(path.read_bytes())
    change(document)
    content = msgspec.json.encode(document)
    path.write_bytes(content)
    record: Record | None = directory.read_record(job)
    assert record
    assert record.split
    split = msgspec.structs.replace(record.split, evidence=hashlib.sha256(content).hexdigest())
    directory.write_record(msgspec.structs.replace(record, split=split))


def test_the_gate_is_green_with_all_shards(left: tuple[Repository, RunDirectory]) -> None:
    """And says what they took together."""
    done = gate(left[0])

    assert ExitCode.OK == done.returncode, done.stderr
    assert "split: tests-3.11: 9 tests, each in one of 3 shards; the longest took " in done.stdout


def test_a_lost_shard_is_red(left: tuple[Repository, RunDirectory]) -> None:
    """Its record did not arrive, or what it ran did not."""
    repo, directory = left
    job = "tests-3.11#2/3"
    (directory.artifacts_path(job) / "tests.json").unlink()
    without = gate(repo)
    (directory.path / "records" / f"{run_directory.file_name(job)}.json").unlink()

    done = gate(repo)

    assert [ExitCode.JOB_FAILED] * 2 == [without.returncode, done.returncode]
    assert "error: tests-3.11: what shard 2/3 ran is not known: " in without.stderr
    assert "missing tests-3.11#2/3: its workflow job 'tests' ended as success, but its record" in done.stdout
    assert "repeat: ISONOX_SHARD=2/3 nox -s tests-3.11\n" in done.stdout


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            lambda one: one.update(executed=list(range(9)), seconds=[1.0] * 9),
            "tests-3.11: 6 tests ran in two shards (1/3 and 2/3): tests/test_it.py::test_it[0], ",
        ),
        (lambda one: one.update(executed=[], seconds=[]), "tests-3.11: 3 tests ran in no shard: "),
        (lambda one: one.update(executed=[77], seconds=[1.0]), "it names tests that it did not collect"),
        (lambda one: one.update(shard="1/3"), "tests-3.11: 2/3 says that it is shard 1/3"),
        (lambda one: one.update(extra=1), "is damaged"),
    ],
)
def test_a_test_in_two_shards_or_in_none_is_red(
    left: tuple[Repository, RunDirectory], change: Callable[[dict[str, Any]], None], problem: str
) -> None:
    """Named, though every job is green."""
    repo, directory = left
    rewrite(directory, "tests-3.11#2/3", change)

    done = gate(repo)

    assert ExitCode.JOB_FAILED == done.returncode
    assert "red: 3 jobs: passed 3\n" in done.stdout
    assert problem in done.stderr
    assert "Traceback" not in done.stderr


def test_what_was_changed_on_its_way_is_red(left: tuple[Repository, RunDirectory]) -> None:
    """The record has its hash."""
    repo, directory = left
    path = directory.artifacts_path("tests-3.11#2/3") / "tests.json"
    path.write_bytes(path.read_bytes() + b" ")

    done = gate(repo)

    assert ExitCode.JOB_FAILED == done.returncode
    assert "tests.json is not what tests-3.11#2/3 left" in done.stderr


def test_a_session_without_its_shard_is_no_job_of_the_plan(repository: MakeRepository) -> None:
    """A workflow that forgets the variable runs everything three times, and is red."""
    repo = repository(FILES)
    repo.run_nox("--no-dependencies", "-s", "tests-3.11", env={"ISONOX_RUN_DIRECTORY": RUN})

    done = gate(repo)

    assert ExitCode.JOB_FAILED == done.returncode
    assert "there is a record of 'tests-3.11', which is not in the plan" in done.stderr
