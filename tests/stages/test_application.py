"""The stages that start an application: api and integration, and all that can go wrong with one."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from isonox import services, stages
from isonox.errors import ConfigurationError, IsonoxError
from isonox.model.record import Finding, TestCounts
from isonox.model.verdict import Verdict
from isonox.services import backends, state
from isonox.system import processes

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeRepository

API = """
import os
import urllib.request

import pytest


def get(path: str) -> bytes:
    with urllib.request.urlopen(os.environ["APP_URL"] + path) as answer:
        return answer.read()


@pytest.mark.api
def test_page() -> None:
    assert b"Tea" in get("/")
    assert os.environ["APP_URL"] == os.environ["BASE_URL"]


@pytest.mark.dying
def test_end() -> None:
    get("/die")


@pytest.mark.integration
def test_redis() -> None:
    assert os.environ["REDIS_URL"].startswith("redis://")
"""

FILES = {"tests/test_api.py": API, "pytest.ini": "[pytest]\nmarkers =\n    api\n    dying\n    integration\n"}

#: Starts a process, and writes its id into a file before it becomes the application.
FAMILY = """
import os
import pathlib
import subprocess
import sys

child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
pathlib.Path("pid").write_text(str(child.pid))
os.execv(sys.executable, [sys.executable, "app.py", sys.argv[1]])
"""


def _noxfile(*calls: str) -> dict[str, str]:
    lines = ["from isonox import services, stages", "", 'APP = ["python", "app.py", "{port}"]', *calls, ""]
    return {"noxfile.py": "\n".join(lines)}


def test_the_application_runs_while_it_is_tested_and_not_longer(sharing: MakeRepository) -> None:
    """What it started ends with it, and its log is kept; a verdict of its own port may be used again."""
    call = 'stages.api(app=["python", "family.py", "{port}"], prepare=[["python", "-c", "print(12345)"]])'
    repo = sharing(_noxfile(call) | FILES | {"family.py": FAMILY, ".gitignore": ".nox/\npid\n"}, base="served")

    run = repo.run_nox("-s", "api")

    assert run.record.verdict is Verdict.PASSED, run.output
    assert run.record.tests == TestCounts(passed=1)
    assert {"api/application.log", "api/junit.xml", "api/tests.json"} == set(run.record.artifacts)
    assert '"GET / HTTP/1.1" 200' in (run.folder / "artifacts/api/application.log").read_text()
    assert "" == processes.identity(int((repo.path / "pid").read_text()))
    assert not any(one.kind == "connected" for one in run.record.undeclared)
    assert [] == list((repo.path / ".isonox/services").rglob("application*"))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody is told that a process was killed")
def test_a_killed_session_takes_its_application_along(sharing: MakeRepository) -> None:
    """Nobody is left to end it but the process that looks after it."""
    waits = "import time\n\nimport pytest\n\n\n@pytest.mark.api\ndef test_wait() -> None:\n    time.sleep(20)\n"
    repo: Any = sharing(_noxfile("stages.api(app=APP)") | FILES | {"tests/test_api.py": waits}, base="served")
    repo.run_nox("-s", "api", "--", "--collect-only")  # its environment is there now
    command = [sys.executable, "-m", "nox", "--envdir", str(repo.environments), "-s", "api"]
    nox = subprocess.Popen(command, cwd=repo.path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    server = _server(repo.path)

    nox.kill()
    nox.wait()

    give_up = time.monotonic() + 20
    while (server.alive or [*state.places(repo.path)]) and time.monotonic() < give_up:
        time.sleep(0.05)
    assert not server.alive
    assert [] == [*state.places(repo.path)]


def _server(root: Path) -> state.Process:
    """Return the application's process as soon as it is ready."""
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        for place in state.places(root):
            if (found := place.read()) and found.phase == "ready" and found.server:
                return found.server
        time.sleep(0.05)
    raise AssertionError("it was never ready")


def test_an_application_that_dies_is_the_reason(sharing: MakeRepository) -> None:
    """Not what its clients say of it; with its last words, but without secrets, which its log has not either."""
    call = 'stages.api(app=APP, name="dying", markers="dying", secrets=["TOKEN"])'
    run = sharing(_noxfile(call) | FILES, base="served").run_nox("-s", "dying", env={"TOKEN": "hunter2"})

    assert run.record.verdict is Verdict.FAILED
    assert run.record.reason.startswith("the application died (exit 3); its last lines:\n"), run.output
    assert "I have had enough, ***" in run.record.reason
    assert "I have had enough, ***" in (run.folder / "artifacts/dying/application.log").read_text()
    assert "hunter2" not in run.output


def test_an_application_that_does_not_start_is_red(sharing: MakeRepository) -> None:
    """It never gets healthy, ends at once, is not there, or what prepares it fails; each says what it said."""
    repo = sharing(
        _noxfile(
            'stages.api(app=APP, name="ill", env={"HEALTH": "500"}, wait_seconds=1)',
            'stages.api(app=["python", "nothing.py", "{port}"], name="ended")',
            'stages.api(app=["nonsense", "{port}"], name="absent")',
            'stages.api(app=APP, name="unprepared", prepare=[["python", "-c", "raise SystemExit(\'no tables\')"]])',
            'stages.api(app=APP, name="untested", markers="slow")',
        )
        | FILES,
        base="served",
    )

    run = repo.run_nox()

    reasons = {job: record.reason for job, record in run.records.items()}
    assert {Verdict.FAILED} == {record.verdict for record in run.records.values()}
    assert reasons["ill"].startswith("the application did not become healthy within 1 s"), run.output
    assert '"GET /health HTTP/1.1" 500' in reasons["ill"]
    assert "the application ended at once (exit 2)" in reasons["ended"]
    assert "nothing.py" in reasons["ended"]
    assert "there is no 'nonsense' in the session's environment" in reasons["absent"]
    assert reasons["unprepared"].endswith("exit 1: no tables")
    assert "no test was collected with the markers 'slow'" in reasons["untested"]


def test_integration_runs_what_is_marked_so(sharing: MakeRepository) -> None:
    """With its servers."""
    try:
        backends.choose(services.redis(), os.environ, "native")
    except IsonoxError as why:
        pytest.skip(str(why))
    call = 'stages.integration(services=[services.redis()], pythons=["3.11"], coverage=False)'
    run = sharing(_noxfile(call) | FILES, base="served").run_nox("-s", "integration", env={"ISONOX_SERVICES": "native"})

    assert run.exit_code == 0, run.output
    assert run.record.tests == TestCounts(passed=1)
    assert ["redis"] == [one.name for one in run.record.services]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"app": "uvicorn shop:app"}, "api: app='uvicorn shop:app' must be a list"),
        ({"app": []}, "api: app: there is no command"),
        ({"app": ["uvicorn"]}, "api: app: which port should uvicorn listen on"),
        ({"app": ["x", "{port}", "{user}"]}, "only {host}, {port}"),
        ({"app": ["x", "{port}"], "health": "health"}, "api: health='health' is no path"),
        (
            {"app": ["x", "{port}"], "prepare": ["migrate"]},
            "api: prepare=['migrate'] is not of the type Sequence[Sequence[str]]",
        ),
        ({"app": ["x", "{port}"], "wait_seconds": 0}, "wait_seconds=0 must be more than 0"),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(options: dict[str, object], message: str) -> None:
    """Before anything is installed."""
    with pytest.raises(ConfigurationError) as error:
        stages.api(**options)  # type: ignore[arg-type]  # wrong on purpose

    assert message in str(error.value)


def test_findings_name_the_failed_test(sharing: MakeRepository) -> None:
    """As in the tests stage."""
    failing = "import pytest\n\n\n@pytest.mark.api\ndef test_wrong() -> None:\n    assert 1 == 2\n"
    run = sharing(_noxfile("stages.api(app=APP)") | FILES | {"tests/test_api.py": failing}, base="served").run_nox()

    assert "1 of 1 tests failed" == run.record.reason, run.output
    assert [Finding(tool="pytest", message="test_wrong: assert 1 == 2", path="tests/test_api.py", line=4)] == list(
        run.record.findings
    )
