"""`isonox flaky`, and what `isonox ci` says and keeps of flaky tests."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.verbs.test_splits import isonox

from isonox.errors import ExitCode
from isonox.model.plan import Selection
from isonox.system import clock
from isonox.verbs.checkout import Checkout
from isonox.verbs.results import explained

if TYPE_CHECKING:
    from tests.conftest import MakeRepository, Repository

NOXFILE = 'from isonox import stages\n\nstages.tests(pythons=["3.11"], coverage=False, retries=1)\n'

LATE = "tests/test_it.py::test_late"

#: `test_late` passes when it runs for the second time.
TESTS = """
import pathlib


def test_late() -> None:
    seen = pathlib.Path(".nox", "seen")
    first = not seen.exists()
    seen.touch()
    assert not first


def test_steady() -> None:
    pass
"""

FILES = {
    "noxfile.py": NOXFILE,
    "tests/test_it.py": TESTS,
    ".gitignore": ".nox/\n.isonox/\n__pycache__/\n.pytest_cache/\n",
}

ENTRY = """
[[tool.isonox.quarantine]]
test = "tests/test_it.py::test_{}"
owner = "mail team"
until = {}
reason = "the clock"
"""


def entry(test: str, *, days: int) -> str:
    """Return an entry of the quarantine whose last day is so many days from now."""
    return ENTRY.format(test, (clock.now() + timedelta(days=days)).date())


def again(repo: Repository) -> None:
    """Let the test be late once more."""
    (repo.path / ".nox" / "seen").unlink()


def test_what_is_flaky_is_told_counted_and_never_cached(repository: MakeRepository) -> None:
    """Red without quarantine; green with a note in it, and run again next time; counted when the run is gone."""
    repo = repository(FILES)
    red = isonox(repo, "ci")
    again(repo)
    settings = repo.path / "pyproject.toml"
    settings.write_text(settings.read_text() + entry("late", days=2))
    green = isonox(repo, "ci")
    steady = isonox(repo, "ci")
    cached = isonox(repo, "ci", "--json")
    shutil.rmtree(repo.path / ".isonox" / "runs")
    (one,) = json.loads(isonox(repo, "flaky", "--json").stdout)["tests"]
    table = isonox(repo, "flaky").stdout

    assert ExitCode.JOB_FAILED == red.returncode
    assert (
        "failed tests-3.11: tests/test_it.py::test_late is flaky: it failed in 1 of 2 runs: assert not True;"
        in red.stdout
    )
    assert f"flaky: 1 test failed before passing: {LATE}\n" in red.stdout
    assert "1 passed, 1 flaky\n" in red.stdout
    assert ExitCode.OK == green.returncode, green.stderr
    assert "note tests-3.11: in quarantine (mail team, until " in green.stdout
    assert f"{LATE} (in quarantine)\n" in green.stdout
    assert "tests-3.11 will run again next time: 1 of its tests failed before they passed" in green.stderr
    assert "green: 1 job: passed 1" in steady.stdout
    assert {"tests-3.11": "cached"} == json.loads(cached.stdout)["verdicts"]
    assert (LATE, 3, 2, 2) == tuple(one[key] for key in ("test", "runs", "failures", "flaky"))
    assert 0.6667 == one["probability"]
    assert one["quarantine"].startswith("mail team, until ")
    assert table.startswith(
        "test                         fails  95 % interval   failed  flaky  last failed  quarantine\n"
    )
    assert "2 tests counted, 1 failed at least once\n" in table


def test_shards_forgive_their_own_tests(repository: MakeRepository) -> None:
    """A retry changes nothing of the proof that no test was lost; an expired entry is red in the shard that has it."""
    noxfile = NOXFILE.replace("retries=1", "retries=1, shards=2")
    repo = repository({**FILES, "noxfile.py": noxfile}, settings=entry("late", days=1) + entry("steady", days=-1))

    document = json.loads(isonox(repo, "ci", "--json").stdout)
    records = sorted(document["records"], key=lambda record: str(record["verdict"]))

    assert ["failed", "passed"] == [record["verdict"] for record in records]
    assert records[0]["reason"].startswith("the quarantine of tests/test_it.py::test_steady has expired on ")
    assert [LATE] == [one["test"] for one in records[1]["flaky"]]
    assert {"passed": 2, "failed": 0, "skipped": 0, "errors": 0} == document["tests"]


def test_a_verdict_does_not_outlive_the_quarantine(repository: MakeRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    """The day after its last, the job runs again, and is red."""
    repo = repository(FILES, settings=entry("steady", days=2))
    isonox(repo, "ci")
    isonox(repo, "ci")
    now = clock.now()

    def told(days: int) -> str:
        monkeypatch.setattr(clock, "now", lambda: now + timedelta(days=days))
        checkout = Checkout(repo.path)
        plan = checkout.plan(Selection())
        return explained(checkout, plan, plan.jobs[0])

    assert told(2).startswith("cached: from run ")
    assert told(3).endswith(": expired quarantine")


def test_runs_from_elsewhere_are_counted_once(repository: MakeRepository) -> None:
    """As a run of GitHub that was downloaded."""
    repo = repository(FILES)
    isonox(repo, "ci")
    shutil.copytree(repo.path / ".isonox" / "runs", repo.path / ".nox" / "there")
    (folder,) = (repo.path / ".nox" / "there").iterdir()
    folder.rename(folder.with_name("github-7"))
    for record in folder.with_name("github-7").glob("records/*"):
        record.write_text(record.read_text().replace(folder.name, "github-7"))

    for _ in range(2):
        done = isonox(repo, "flaky", "--run", ".nox/there/github-7", "--json")

    assert 2 == json.loads(done.stdout)["tests"][0]["runs"], done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], ExitCode.NOTHING_SELECTED, "no run has recorded which tests it ran"),
        (["--run", "nowhere"], ExitCode.USAGE, "nowhere holds no records"),
    ],
)
def test_what_can_not_be_ranked_is_said(
    repository: MakeRepository, arguments: list[str], code: ExitCode, message: str
) -> None:
    """With a way out."""
    repo = repository(FILES)

    done = isonox(repo, "flaky", *arguments)

    assert code == done.returncode
    assert message in done.stderr
    assert "Traceback" not in done.stderr
