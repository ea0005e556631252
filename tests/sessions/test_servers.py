"""Services of sessions, seen through real nox runs and runs of `isonox ci`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.services.conftest import missing

from isonox.model.verdict import Verdict
from isonox.services import declaration

if TYPE_CHECKING:
    from tests.conftest import MakeRepository, Repository

pytestmark = [
    pytest.mark.skipif(bool(why := missing(declaration.postgres())), reason=why or "there"),
    pytest.mark.skipif(bool(why := missing(declaration.redis())), reason=why or "there"),
]

NATIVE = {"ISONOX_SERVICES": "native"}

#: What sessions run: it connects as an application would, and says where to.
ASK = """
import os, socket, sys
from urllib.parse import urlsplit
for name in sys.argv[1:]:
    parts = urlsplit(os.environ[name])
    socket.create_connection((parts.hostname, parts.port)).close()
    print(name, parts.path, parts.password, parts.port)
"""

TWO = """
import os, isonox
from isonox import services

@isonox.session(venv_backend="none", inputs=["ask.py"], services=[services.postgres(), services.redis()])
def both(session):
    assert os.environ["DATABASE_URL"] == session.service_urls["DATABASE_URL"]
    session.run("python", "ask.py", "DATABASE_URL", "REDIS_URL", external=True)

@isonox.session(venv_backend="none", inputs=["ask.py"], services=[services.postgres()])
def one(session):
    session.run("python", "ask.py", "DATABASE_URL", external=True)
"""


def ci(made: Repository, *options: str, **env: str) -> tuple[int, dict[str, Any], str]:
    """Run `isonox ci` and return its exit code, its document, and what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "isonox", "ci", "--json", *options],
        cwd=made.path,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **NATIVE, **env},
    )
    return done.returncode, json.loads(done.stdout or "{}"), done.stderr


def left(made: Repository) -> list[str]:
    """Return what services have left in `.isonox/`."""
    return [str(path) for path in (made.path / ".isonox" / "services").rglob("*")]


def logs(made: Repository, document: dict[str, Any]) -> str:
    """Return what all jobs of a run printed."""
    folder = made.path / ".isonox" / "runs" / document["run"] / "logs"
    return "".join(path.read_text() for path in sorted(folder.iterdir()))


def test_a_hand_typed_session_gets_urls_and_leaves_a_record(repository: MakeRepository) -> None:
    """The password is printed as `***`; the server of both sessions is the same, and gone when nox ends."""
    made = repository({"noxfile.py": TWO, "ask.py": ASK})

    run = made.run_nox(env=NATIVE)

    assert 0 == run.exit_code, run.output
    lines = [line.split() for line in run.output.splitlines() if line.startswith(("DATABASE_URL", "REDIS_URL"))]
    assert ["***", "***", "***"] == [line[2] for line in lines]
    assert lines[0][3] == lines[2][3], "one server"
    assert lines[0][1] != lines[2][1], "two databases"
    uses = run.records["both"].services
    assert [("postgres", "native", ""), ("redis", "native", "")] == [
        (one.name, one.backend, one.problem) for one in uses
    ]
    assert all(one.version for one in uses)
    assert (True, ()) == (run.records["both"].traced, run.records["both"].undeclared)
    assert [] == left(made)


def test_the_jobs_of_a_run_share_a_server_and_their_verdicts_are_reused(repository: MakeRepository) -> None:
    """Until the declared version changes."""
    made = repository({"noxfile.py": TWO, "ask.py": ASK})

    first = ci(made)
    ports = {line.split()[3] for line in logs(made, first[1]).splitlines() if line.startswith("DATABASE_URL")}
    second = ci(made)
    version = first[1]["records"][0]["services"][0]["version"].partition(".")[0]
    made.write({"noxfile.py": TWO.replace("services.postgres()]", f'services.postgres("{version}")]')})
    third = ci(made)

    assert (0, 0, 0) == (first[0], second[0], third[0]), first[2] + third[2]
    assert 1 == len(ports)
    assert ["cached", "cached"] == [record["verdict"] for record in second[1]["records"]]
    assert ["cached", "passed"] == [record["verdict"] for record in third[1]["records"]]
    assert [] == left(made)


def test_a_service_that_is_not_to_be_had_exits_5_and_says_what_to_do(repository: MakeRepository) -> None:
    """The record says so, too; the command is never started."""
    made = repository({"noxfile.py": TWO.replace("services.postgres()", 'services.postgres("99")'), "ask.py": ASK})

    code, document, _ = ci(made, "--only", "one")

    (record,) = document["records"]
    assert (5, "failed", []) == (code, record["verdict"], record.get("commands", []))
    assert "PostgreSQL 99 is not to be had here" in record["reason"]
    assert "ISONOX_SERVICE_POSTGRES_URL" in record["reason"]
    assert "PostgreSQL 99 is not to be had here" in record["services"][0]["problem"]


def test_a_server_that_dies_in_a_session_is_the_reason(repository: MakeRepository) -> None:
    """Not the errors of whoever could not connect any more; even a session that did not notice is red."""
    noxfile = """
import json, os, pathlib, signal, isonox
from isonox import services

@isonox.session(venv_backend="none", services=[services.postgres()])
def killing(session):
    (document,) = pathlib.Path(".isonox/services").glob("*/postgres-*.json")
    os.kill(json.loads(document.read_text())["server"]["pid"], signal.SIGKILL)
    session.run("sleep", "0.5", external=True)
    if session.posargs:
        session.run("python", "ask.py", "DATABASE_URL", external=True)
"""
    made = repository({"noxfile.py": noxfile, "ask.py": ASK})

    quiet, loud = made.run_nox(env=NATIVE), made.run_nox("--", "ask", env=NATIVE)

    for run in (quiet, loud):
        assert (1, Verdict.FAILED) == (run.exit_code, run.record.verdict)
        assert run.record.reason.startswith("PostgreSQL died (killed by signal 9")
        assert "database system is ready" in run.record.reason
        assert run.record.reason == run.record.services[0].problem
    assert "ConnectionRefusedError" in loud.output
    assert [] == left(made)


def test_another_version_that_is_accepted_is_told_and_its_verdict_not_reused(repository: MakeRepository) -> None:
    """The summary states the divergence."""
    accepted = TWO.replace("services.postgres()]", 'services.postgres("99", any_version=True)]')
    made = repository({"noxfile.py": accepted, "ask.py": ASK})

    code, document, _ = ci(made, "--only", "one")
    (record,) = document["records"]

    assert 0 == code
    assert [f"PostgreSQL 99 was declared, {record['services'][0]['version']} was used"] == record["notes"]
    assert "postgres" in document["not_cached"]["one"]
    assert "passed" == ci(made, "--only", "one")[1]["records"][0]["verdict"]


def test_environment_and_services_are_made_at_the_same_time(repository: MakeRepository) -> None:
    """A session with an environment has its URLs once it has installed something."""
    noxfile = """
import os, isonox
from isonox import services

@isonox.session(services=[services.redis()])
def own(session):
    assert "REDIS_URL" not in os.environ
    session.install_group("bare")
    assert os.environ["REDIS_URL"].startswith("redis://")
    session.run("python", "ask.py", "REDIS_URL")
"""
    made = repository({"noxfile.py": noxfile, "ask.py": ASK})

    run = made.run_nox(env=NATIVE)

    assert 0 == run.exit_code, run.output
    assert "REDIS_URL" not in (run.record.environment.values if run.record.environment else {})


@pytest.mark.parametrize("word", ["nativ", "podman"])
def test_an_unknown_backend_is_red(repository: MakeRepository, word: str) -> None:
    """It is no reason to take another one."""
    made = repository({"noxfile.py": TWO, "ask.py": ASK})

    run = made.run_nox("-s", "one", env={"ISONOX_SERVICES": word})

    assert (1, Verdict.FAILED) == (run.exit_code, run.record.verdict)
    assert f"ISONOX_SERVICES='{word}'" in run.record.reason


def test_the_pythonpath_of_these_tests_is_not_needed() -> None:
    """A keeper starts in the root folder, and still finds isonox."""
    done = subprocess.run(
        [sys.executable, "-m", "isonox.services.keeper", str(Path("/nonexistent/x.json"))], check=False, cwd="/"
    )

    assert 0 == done.returncode
