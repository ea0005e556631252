"""Real repositories with real nox runs in them: a stage is seen from outside, as its users see it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import pytest

from isonox.sessions import run_directory

if TYPE_CHECKING:
    from collections.abc import Mapping

    from isonox.model.record import Record

#: Whole small workspaces, each with its lock; see `repository`.
WORKSPACES = Path(__file__).parent / "workspaces"

#: Seconds after which a nox run is taken to hang.
PATIENCE = 240

#: A shell starts what runs in its background with Ctrl-C ignored, which every process that tests start would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)


#: Files whose tests take long, most of it in sessions on a Python of their own, or in plain logic: one Python to start
#: them is enough.
ONCE = frozenset(
    {
        "github/verify/test_proof.py",
        "services/test_given.py",
        "services/test_kills.py",
        "stages/test_application.py",
        "stages/test_audit.py",
        "stages/test_benchmark.py",
        "stages/test_build.py",
        "stages/test_coverage.py",
        "stages/test_docs.py",
        "stages/test_e2e.py",
        "stages/test_inputs.py",
        "stages/test_licenses.py",
        "stages/test_lint.py",
        "stages/test_load.py",
        "stages/test_retrying.py",
        "stages/test_security.py",
        "stages/test_splitting.py",
        "stages/test_tests.py",
        "stages/test_types.py",
        "verbs/test_again.py",
        "verbs/test_flaky.py",
        "verbs/test_gate.py",
        "verbs/test_hunt.py",
        "verbs/test_remote.py",
        "verbs/test_split.py",
        "verbs/test_splits.py",
    }
)
#: The Python that runs them, which is also the one on which coverage is measured.
ONCE_ON = (3, 13)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip on other Pythons what runs on one."""
    here = Path(__file__).parent
    reason = f"takes long: runs on Python {'.'.join(map(str, ONCE_ON))} only"
    for item in items if sys.version_info[:2] != ONCE_ON else ():
        if item.path.is_relative_to(here) and item.path.relative_to(here).as_posix() in ONCE:
            item.add_marker(pytest.mark.skip(reason=reason))


class NoxRun(NamedTuple):
    """What one call of nox left behind.

    Attributes:
        exit_code: Nox's own: 0 only if every session was green.
        output: Standard output and standard error, as they came.
        records: By job id; empty where no session was started.
        folder: `.isonox/runs/<id>` of this run.
    """

    exit_code: int
    output: str
    records: dict[str, Record]
    folder: Path

    @property
    def record(self) -> Record:
        """The only record of a run of one job."""
        (record,) = self.records.values()
        return record


class Repository(NamedTuple):
    """A git repository in a temporary folder; everything in it is committed."""

    path: Path

    def write(self, files: Mapping[str, str]) -> None:
        """Write files, given by their path below the root, and commit them."""
        for name, content in files.items():
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content, encoding="utf-8")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "test: a state")

    def git(self, *arguments: str) -> str:
        """Run git in the repository and return what it says."""
        identity = ("-c", "user.name=A Tester", "-c", "user.email=tester@example.org", "-c", "commit.gpgsign=false")
        done = subprocess.run(["git", *identity, *arguments], cwd=self.path, check=True, capture_output=True, text=True)
        return done.stdout

    def run_nox(self, *arguments: str, env: Mapping[str, str] | None = None) -> NoxRun:
        """Run nox, the one of this test run's own environment, and read the records that it left.

        Args:
            arguments: As typed after `nox`.
            env: Variables beside those of this process.
        """
        before = run_directory.latest(self.path)
        done = subprocess.run(
            [sys.executable, "-m", "nox", *arguments],
            cwd=self.path,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            timeout=PATIENCE,
            env=_environment() | dict(env or {}),
        )
        run = run_directory.latest(self.path)
        if run is None or (before is not None and run.id == before.id):
            return NoxRun(done.returncode, done.stdout, {}, self.path)
        records = {record.job: record for record in run.read_records()}
        return NoxRun(done.returncode, done.stdout, records, run.path)


class MakeRepository(Protocol):
    """The type of the `repository` fixture."""

    def __call__(
        self, files: Mapping[str, str] | None = None, *, base: str = "tools", settings: str = ""
    ) -> Repository:
        """See `repository`."""


@pytest.fixture
def repository(tmp_path: Path) -> MakeRepository:
    """Return a function that makes a git repository.

    It starts as a copy of `tests/workspaces/<base>` (with its lock). `settings` is appended to its
    pyproject.toml; `files` are written over it.
    """

    def make(files: Mapping[str, str] | None = None, *, base: str = "tools", settings: str = "") -> Repository:
        made = Repository(tmp_path / "repository")
        shutil.copytree(WORKSPACES / base, made.path)
        made.git("init", "--quiet", "--initial-branch=main")
        pyproject = made.path / "pyproject.toml"
        pyproject.write_text(f"{pyproject.read_text(encoding='utf-8')}\n{settings}", encoding="utf-8")
        made.write({".gitignore": ".nox/\n__pycache__/\n", **(files or {})})
        return made

    return make


def _environment() -> dict[str, str]:
    """Return this process's environment, without what narrows nox or makes it think that it is in CI."""
    unwanted = ("NOX", "ISONOX_", "PYTEST_", "CI", "GITHUB_", "FORCE_COLOR", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    own = str(Path(sys.executable).parent)  # where uv is, beside nox
    return {**kept, "PATH": os.pathsep.join([own, kept.get("PATH", os.defpath)]), "NO_COLOR": "1"}
