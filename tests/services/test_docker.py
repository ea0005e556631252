"""The same services in containers, of an engine that answers and has the images; pulling would test the network."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from tests.services.conftest import missing, until
from tests.sessions.test_servers import ASK, ci, left

from isonox.errors import ServiceError
from isonox.services import backends, declaration, state
from isonox.services.kinds.postgres_protocol import Connection

if TYPE_CHECKING:
    from tests.conftest import MakeRepository
    from tests.services.conftest import Workspace

POSTGRES, REDIS = "15", "7"


def docker(*words: str) -> str:
    """Return what Docker says; nothing where it fails."""
    try:
        done = subprocess.run(["docker", *words], check=False, capture_output=True, text=True, timeout=30)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def lacking() -> str:
    """Return what these tests lack here."""
    if not docker("version", "--format", "{{.Server.Version}}"):
        return "no Docker engine answers"
    missing = [image for image in (f"postgres:{POSTGRES}", f"redis:{REDIS}") if not docker("image", "inspect", image)]
    return f"images are missing: {', '.join(missing)}" if missing else ""


pytestmark = pytest.mark.skipif(bool(why := lacking()), reason=why or "there")
needs_compose = pytest.mark.skipif(not why and not docker("compose", "version"), reason="no docker compose")

IN_DOCKER = {"ISONOX_SERVICES": "docker"}

COMPOSE = f"""
services:
  store:
    image: redis:{REDIS}
    command: ["redis-server", "--protected-mode", "no"]
    ports: ["127.0.0.1::6379"]
    healthcheck:
      test: ["CMD", "redis-cli", "ping"]
      interval: 200ms
  once:
    image: redis:{REDIS}
    command: ["true"]
  hidden:
    image: redis:{REDIS}
    command: ["redis-server", "--protected-mode", "no"]
"""


def containers(workspace: Workspace) -> str:
    """Return the containers of a workspace's services, by their tokens."""
    workspace.note()
    names = docker("ps", "--all", "--format", "{{.Names}}").split()
    return " ".join(name for name in names if any(token in name for token in workspace.tokens))


def test_jobs_share_a_container_and_nothing_is_left(workspace: Workspace) -> None:
    """Databases of their own, on 127.0.0.1 only, and the password in no argument."""
    service = declaration.postgres(POSTGRES)
    first, second = workspace.get(service, **IN_DOCKER), workspace.get(service, **IN_DOCKER)
    name = containers(workspace)
    known = first.place and first.place.read()
    assert known

    assert first.urls != second.urls
    assert ("docker", True) == (first.use.backend, str(first.use.version).startswith(f"{POSTGRES}."))
    assert "postgres" in (first.use.image or "")
    with Connection(known.endpoint, "postgres") as connection:
        assert [["UTC", "C.UTF-8"]] == connection.query(
            "SELECT current_setting('timezone'), datctype FROM pg_database WHERE datname = 'postgres'"
        )
    (port,) = json.loads(docker("inspect", "--format", '{{json (index .NetworkSettings.Ports "5432/tcp")}}', name))
    assert "127.0.0.1" == port["HostIp"]
    assert known.endpoint.password not in docker("top", name, "-o", "args")
    workspace.end()
    assert ("", []) == (containers(workspace), workspace.left())


def test_redis_answers_and_ends_with_its_owner(workspace: Workspace) -> None:
    """The keeper removes the container when the owner is killed."""
    found = workspace.get(declaration.redis(REDIS), **IN_DOCKER)
    assert str(found.use.version).startswith(f"{REDIS}.")

    workspace.owner.kill()

    until(lambda: not containers(workspace) and not workspace.left())


def test_a_container_whose_keeper_was_killed_is_removed_by_the_next_run(workspace: Workspace) -> None:
    """By its token; other containers are none of its business."""
    found = workspace.get(declaration.redis(REDIS), **IN_DOCKER)
    known = found.place and found.place.read()
    assert known
    assert known.keeper
    os.kill(known.keeper.pid, signal.SIGKILL)
    workspace.owner.kill()
    workspace.owner.wait()
    assert containers(workspace)

    assert [f"Redis {REDIS} of a run that is gone"] == state.sweep(workspace.root)

    assert ("", []) == (containers(workspace), workspace.left())


def test_a_container_that_dies_says_how(workspace: Workspace) -> None:
    """With the exit code of what ran in it."""
    found = workspace.get(declaration.redis(REDIS), **IN_DOCKER)

    docker("kill", containers(workspace))

    until(found.trouble)
    assert found.trouble().startswith(f"Redis {REDIS} died (exit 137); its last lines:")


def test_an_image_that_is_not_there_is_an_error_with_what_docker_says(workspace: Workspace) -> None:
    """Of a registry that nobody can reach."""
    with pytest.raises(ServiceError, match="docker pull failed"):
        workspace.get(declaration.redis(image="127.0.0.1:1/none:1"), **IN_DOCKER)


def test_any_image_is_a_service(workspace: Workspace) -> None:
    """It is healthy once somebody listens behind the port, which Docker opens before that."""
    service = declaration.custom(
        "store", image=f"redis:{REDIS}", port=6379, env={"STORE": "redis://{host}:{port}"},
        command=["sh", "-c", "sleep 2; exec redis-server --protected-mode no"],
    )  # fmt: skip

    found = workspace.get(service, **IN_DOCKER)

    parts = urlsplit(found.urls["STORE"])
    with socket.create_connection((parts.hostname, parts.port or 0), timeout=5) as connection:
        connection.sendall(b"PING\r\n")
        assert b"+PONG\r\n" == connection.recv(16)


@needs_compose
def test_a_compose_file_is_a_service(workspace: Workspace) -> None:
    """Its URLs are those of the ports that Docker chose; all is gone afterwards, networks too."""
    (workspace.root / "compose.yml").write_text(COMPOSE)
    service = declaration.compose(env={"STORE_URL": "redis://store:6379/0"}, wait=["store", "once"])

    found = workspace.get(service, **IN_DOCKER)
    project = containers(workspace)

    port = docker("port", next(name for name in project.split() if "store" in name), "6379/tcp").rpartition(":")[2]
    assert {"STORE_URL": f"redis://127.0.0.1:{port}/0"} == found.urls
    assert f"127.0.0.1:{port}" in found.addresses
    workspace.end()
    assert ("", []) == (containers(workspace), workspace.left())
    assert not any(token in docker("network", "ls") for token in workspace.tokens)


@needs_compose
def test_what_is_wrong_with_a_compose_file_is_said(workspace: Workspace) -> None:
    """No file, or a port that is not published; nothing is left."""
    with pytest.raises(ServiceError, match=r"there is no compose\.yml"):
        workspace.get(declaration.compose(env={"A": "http://web:80"}), **IN_DOCKER)
    (workspace.root / "compose.yml").write_text(COMPOSE)
    hidden = declaration.compose(env={"B": "redis://hidden:6379"}, name="other", wait=["hidden"])
    with pytest.raises(ServiceError, match="hidden does not publish its port 6379"):
        workspace.get(hidden, **IN_DOCKER)

    assert "" == containers(workspace)


def test_an_engine_that_does_not_answer_is_told(workspace: Workspace) -> None:
    """And where only Docker may be used, nothing else is."""
    with pytest.raises(ServiceError, match=r"only docker is asked for.*no engine answers"):
        workspace.get(declaration.postgres(POSTGRES), DOCKER_HOST="unix:///nonexistent.sock", **IN_DOCKER)
    with pytest.raises(backends.Unusable, match="not installed"):
        backends.Docker().find(declaration.postgres(POSTGRES), {"PATH": ""})


NOXFILE = f"""
import os, isonox
from isonox import services

@isonox.session(venv_backend="none", services=[services.postgres("{POSTGRES}"), services.redis("{REDIS}")])
def green(session):
    session.run("python", "ask.py", "DATABASE_URL", "REDIS_URL", external=True)

@isonox.session(venv_backend="none", inputs=["ask.py"], services=[services.postgres("{POSTGRES}")])
def red(session):
    session.run("python", "ask.py", "REDIS_URL", external=True)
"""


@pytest.mark.skipif(
    bool(missing(declaration.postgres(POSTGRES)) or missing(declaration.redis(REDIS))),
    reason="the same versions are not installed",
)
def test_a_run_has_the_same_verdicts_with_docker_as_natively(repository: MakeRepository) -> None:
    """And leaves as little."""
    made = repository({"noxfile.py": NOXFILE, "ask.py": ASK})

    runs = [ci(made, "--no-cache", ISONOX_SERVICES=backend)[:2] for backend in ("docker", "native")]

    verdicts = [(code, [record["verdict"] for record in run["records"]]) for code, run in runs]
    assert [(1, ["passed", "failed"])] * 2 == verdicts
    used = [{use["backend"] for record in run["records"] for use in record["services"]} for _, run in runs]
    assert [{"docker"}, {"native"}] == used
    assert [] == left(made)
