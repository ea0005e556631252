"""What a run on GitHub takes from earlier ones: each job in a checkout of its own, the store carried as actions do."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from isonox.history.store import History

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import MakeRepository, Repository

NOXFILE = """
import isonox
from pathlib import Path

@isonox.session(venv_backend="none", inputs=["src/**"], artifacts=["out/*"])
def build(session):
    Path("out").mkdir(exist_ok=True)
    Path("out/wheel").write_text(Path("src/code").read_text())

@isonox.session(venv_backend="none", inputs=["src/**", "tests/**"], requires=["build"])
def tests(session):
    (wheel,) = session.run_directory.kept_artifacts("build").glob("**/wheel")
    assert wheel.read_text() == Path("src/code").read_text()

@isonox.session(venv_backend="none", inputs=["src/**"], cache=False)
def audit(session):
    pass
"""
FILES = {"noxfile.py": NOXFILE, "src/code": "one", "tests/case": "", ".gitignore": "out/\n.nox/\n__pycache__/\n"}
REMOTE = "[tool.isonox]\nremote-cache = true\n"
STORE = ("cache", "history.db")


class Done(NamedTuple):
    """What a run on GitHub did.

    Attributes:
        matrices: The sessions of each stage that the plan handed on.
        gate: The gate's exit code.
        said: What plan and gate said.
    """

    matrices: dict[str, list[str]]
    gate: int
    said: str


class GitHub:
    """A service that runs the workflow of a repository.

    Args:
        repository: Its clone is what each job gets.
        scratch: For the jobs' checkouts.
    """

    def __init__(self, repository: Repository, scratch: Path) -> None:
        self._repository = repository
        self._scratch = scratch
        self._store = scratch / "store"
        self._number = 0
        #: What happens to all that was uploaded, before the gate fetches it.
        self.tamper: Callable[[Path], None] = lambda _: None

    @property
    def store(self) -> Path:
        """What is saved for later runs."""
        return self._store

    def run(self, event: str = "push", ref: str = "refs/heads/main", base: str = "") -> Done:
        """Run the workflow for the newest commit."""
        self._number += 1
        scratch = self._scratch / str(self._number)
        scratch.mkdir(parents=True)
        parts = scratch / "parts"
        (scratch / "event.json").write_text('{"repository": {"default_branch": "main"}}')
        variables = {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": event, "GITHUB_REF": ref, "CI": "true"}
        variables |= {"GITHUB_EVENT_PATH": str(scratch / "event.json")}
        variables |= {"ISONOX_RUN_DIRECTORY": f".isonox/runs/github-{self._number}"}
        options = ["--base", base] if base else []

        plan = self._job(scratch / "plan", store=True)
        output = {"GITHUB_OUTPUT": str(scratch / "output")}
        planned = _isonox(plan, variables | output, "plan", "--github", *options)
        assert 0 == planned.returncode, planned.stderr
        lines = (scratch / "output").read_text().splitlines()
        entries = {name: json.loads(text)["include"] for name, text in (line.split("=", 1) for line in lines)}
        _keep(plan, variables, parts / "records.plan.0")
        for entry in [one for stage in ("build", "tests", "audit") for one in entries.get(stage, ())]:
            checkout = self._job(scratch / entry["artifact"])
            _fetch(checkout, variables, parts)
            command = ["nox", "--no-dependencies", "-s", *entry["sessions"].split("\n")]
            done = _python(checkout, variables, *command)
            assert 0 == done.returncode, done.stdout + done.stderr
            _keep(checkout, variables, parts / entry["artifact"])

        self.tamper(parts)
        gate = self._job(scratch / "gate", store=True)
        _fetch(gate, variables, parts)
        stages = ("build", "tests", "audit")
        results = ["plan=success", *(f"{one}={'success' if one in entries else 'skipped'}" for one in stages)]
        judged = _isonox(gate, variables, "gate", "--results", "\n".join(results), *options)
        if event == "push" and ref == "refs/heads/main":
            shutil.rmtree(self._store, ignore_errors=True)
            self._carry(gate / ".isonox", self._store)
        matrices = {stage: [one["sessions"] for one in found] for stage, found in entries.items()}
        return Done(matrices, judged.returncode, planned.stderr + judged.stdout + judged.stderr)

    def _job(self, folder: Path, *, store: bool = False) -> Path:
        self._repository.git("clone", "--quiet", str(self._repository.path), str(folder))
        if store:
            self._carry(self._store, folder / ".isonox")
        return folder

    @staticmethod
    def _carry(source: Path, target: Path) -> None:
        for name in STORE:
            if (source / name).is_dir():
                shutil.copytree(source / name, target / name)
            elif (source / name).exists():
                target.mkdir(exist_ok=True)
                shutil.copy(source / name, target / name)


def _python(folder: Path, variables: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    unwanted = ("CI", "GITHUB_", "ISONOX_", "NOX", "PYTEST_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True, env=kept | variables)


def _isonox(folder: Path, variables: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return _python(folder, variables, "isonox", *arguments)


def _keep(checkout: Path, variables: dict[str, str], target: Path) -> None:
    """Upload what a job left: without the parts that it had fetched."""
    run = checkout / variables["ISONOX_RUN_DIRECTORY"]
    if run.exists():
        shutil.copytree(run, target, ignore=shutil.ignore_patterns("parts"))


def _fetch(checkout: Path, variables: dict[str, str], parts: Path) -> None:
    if parts.exists():
        shutil.copytree(parts, checkout / variables["ISONOX_RUN_DIRECTORY"] / "parts")


@pytest.fixture
def hub(repository: MakeRepository, tmp_path: Path) -> tuple[Repository, GitHub]:
    """A repository whose results travel, and what runs its workflow."""
    made = repository(FILES, settings=REMOTE)
    return made, GitHub(made, tmp_path / "hub")


ALL = {"build": ["build"], "tests": ["tests"], "audit": ["audit"]}


def test_what_passed_on_the_default_branch_does_not_run_again(hub: tuple[Repository, GitHub]) -> None:
    """Its record and its artifacts come from the plan; what is not cached runs; the gate is green."""
    made, github = hub

    first = github.run()
    second = github.run()
    made.write({"tests/case": "changed"})
    third = github.run("pull_request", "refs/pull/1/merge")

    assert [ALL, {"audit": ["audit"]}, {"tests": ["tests"], "audit": ["audit"]}] == [
        one.matrices for one in (first, second, third)
    ]
    assert [0, 0, 0] == [one.gate for one in (first, second, third)], third.said
    assert "3 sessions in 3 jobs: about " in first.said
    assert "1 session in 1 job, 2 cached: about " in second.said
    assert "green: 3 jobs: passed 1, cached 2" in second.said


def test_pull_requests_save_nothing(hub: tuple[Repository, GitHub]) -> None:
    """Nor do pushes to other branches."""
    _, github = hub
    runs = [github.run("pull_request", "refs/pull/1/merge"), github.run("push", "refs/heads/topic")]

    assert [(ALL, 0)] * 2 == [(one.matrices, one.gate) for one in runs]
    assert not github.store.exists()


def test_durations_travel_with_the_results(hub: tuple[Repository, GitHub]) -> None:
    """Of all sessions that ran, cached or not."""
    _, github = hub
    github.run()

    assert {"build", "tests", "audit"} == set(History(github.store / "history.db").durations())


def test_a_laptop_never_lets_github_skip(hub: tuple[Repository, GitHub]) -> None:
    """Not even where its store gets there."""
    made, github = hub
    assert 0 == _isonox(made.path, {}, "ci").returncode
    assert "cached 2" in _isonox(made.path, {}, "ci").stdout
    github._carry(made.path / ".isonox", github.store)

    done = github.run()

    assert (ALL, 0) == (done.matrices, done.gate)


def cached(**facts: Any) -> Callable[[Path], None]:
    """Change the cached records of the plan."""

    def tamper(parts: Path) -> None:
        path = parts / "records.plan.0" / "cached.json"
        document = json.loads(path.read_text())
        path.write_text(json.dumps(document | {"records": [one | facts for one in document["records"]]}))

    return tamper


def _copy(parts: Path, source: str, target: str) -> None:
    shutil.copytree(parts / source, parts / target)


#: What can happen to the records of jobs that are cached, and what the gate says then.
TAMPERED: dict[str, Callable[[Path], None]] = {
    "missing build: its workflow job 'build' was skipped": lambda parts: shutil.rmtree(parts / "records.plan.0"),
    "missing build: its verdict was cached for other inputs than the gate finds": cached(fingerprint="f" * 64),
    "missing build: the record is of commit fffffff, this run is of ": cached(commit="f" * 40),
    "failed build": cached(verdict="failed"),
    "there is more than one record of 'build'": lambda parts: _copy(parts, "records.plan.0", "records.plan.1"),
}


def test_cached_records_that_are_not_right_are_red(hub: tuple[Repository, GitHub]) -> None:
    """They got lost, or are of something else."""
    _, github = hub
    github.run()
    for message, tamper in TAMPERED.items():
        github.tamper = tamper

        done = github.run("pull_request", "refs/pull/1/merge")

        assert (1, {"audit": ["audit"]}) == (done.gate, done.matrices)
        assert message in done.said


def test_a_verdict_that_the_store_does_not_have_is_red(hub: tuple[Repository, GitHub]) -> None:
    """A job that claims to be cached: the gate looks into the store itself."""
    _, github = hub

    def forge(parts: Path) -> None:
        path = parts / "records.build.0" / "records" / "build.json"
        plan = json.loads((parts / "records.plan.0" / "plan.json").read_text())
        (fingerprint,) = (one["fingerprint"] for one in plan["jobs"] if one["id"] == "build")
        forged = {"verdict": "cached", "from_run": "6", "fingerprint": fingerprint}
        path.write_text(json.dumps(json.loads(path.read_text()) | forged))

    github.tamper = forge
    done = github.run()

    assert (1, ALL) == (done.gate, done.matrices)
    assert "missing build: its cached verdict is not in the store\n" in done.said
    github.tamper = lambda _: None
    assert ALL == github.run().matrices  # nothing was kept: tests require it


def test_only_what_a_change_affects_runs(repository: MakeRepository, tmp_path: Path) -> None:
    """The ids of the workflow's jobs are those of the whole plan; nothing affected is green, too."""
    noxfile = NOXFILE.replace(", cache=False", "")  # what is not cached is always affected
    made = repository({**FILES, "noxfile.py": noxfile}, settings="[tool.isonox]\naffected = true\n")
    github = GitHub(made, tmp_path / "hub")
    base = made.git("rev-parse", "HEAD").strip()
    nothing = github.run("pull_request", "refs/pull/1/merge", base)
    made.write({"tests/case": "changed"})
    some = github.run("pull_request", "refs/pull/1/merge", base)
    push = github.run()

    assert [0, 0, 0] == [one.gate for one in (nothing, some, push)]
    assert [{}, {"build": ["build"], "tests": ["tests"]}, ALL] == [one.matrices for one in (nothing, some, push)]
    assert "green: 0 jobs" in nothing.said
