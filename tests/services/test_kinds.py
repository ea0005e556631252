"""The other kinds of servers: MySQL or MariaDB, RabbitMQ, QuestDB."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from tests.services.conftest import missing
from tests.services.test_docker import docker

from isonox.services import declaration

if TYPE_CHECKING:
    from tests.services.conftest import Workspace


@pytest.mark.skipif(bool(why := missing(declaration.mysql())), reason=why or "there")
def test_jobs_share_a_mysql_and_have_databases_of_their_own(workspace: Workspace) -> None:
    """They log in over TCP with the URL's password; what is given back is dropped."""
    service = declaration.mysql(databases=["shop"])
    first, second = workspace.get(service), workspace.get(service)

    def ask(url: str, statement: str) -> subprocess.CompletedProcess[str]:
        parts = urlsplit(url)
        argv = ["mysql", f"-h{parts.hostname}", f"-P{parts.port}", f"-u{parts.username}", "-N", parts.path[1:]]
        environ = {**os.environ, "MYSQL_PWD": parts.password or ""}
        return subprocess.run([*argv, "-e", statement], check=False, capture_output=True, text=True, env=environ)

    assert first.urls != second.urls
    assert first.addresses == second.addresses
    assert first.use.version
    found = ask(first.urls["MYSQL_URL"], "SELECT @@character_set_server, @@bind_address")
    assert "utf8mb4\t127.0.0.1\n" == found.stdout, found.stderr
    first.close()
    assert "Unknown database" in ask(first.urls["MYSQL_URL"], "SELECT 1").stderr
    workspace.end()
    assert [] == workspace.left()


@pytest.mark.skipif(bool(why := missing(declaration.rabbitmq())), reason=why or "there")
def test_each_job_has_a_rabbitmq_of_its_own(workspace: Workspace) -> None:
    """With the node's name server, which starts itself as a daemon: nothing of it is left."""
    found = workspace.get(declaration.rabbitmq())

    assert found.use.version
    assert found.urls["AMQP_URL"].startswith("amqp://isonox:")
    found.close()
    assert [] == workspace.left()


@pytest.mark.skipif(
    not docker("image", "inspect", "questdb/questdb:8.2.1"), reason="QuestDB is only to be had as an image, not here"
)
def test_questdb_answers(workspace: Workspace) -> None:
    """In PostgreSQL's protocol."""
    assert workspace.get(declaration.questdb("8.2.1"), ISONOX_SERVICES="docker").use.version
