"""RabbitMQ: a server for each job; a node has one name and one place on a machine, which are random here."""

from __future__ import annotations

import re
import shlex
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from isonox.services.kinds.kind import Container, Kind, Setup
from isonox.services.ports import free_port

if TYPE_CHECKING:
    from isonox.model.service import Service
    from isonox.services.state import Endpoint

#: Seconds for an answer.
_PATIENCE = 3


class RabbitMQ(Kind):
    """See `isonox.services.rabbitmq`."""

    image = "rabbitmq"
    port = 5672
    names = ()  # on PATH there is a script that refuses all accounts but two
    patterns = (
        "/usr/lib/rabbitmq/bin/rabbitmq-server",  # Debian, Ubuntu, RPMs
        "/opt/homebrew/opt/rabbitmq/sbin/rabbitmq-server",
        "/usr/local/opt/rabbitmq/sbin/rabbitmq-server",
    )
    install = "apt install rabbitmq-server, or brew install rabbitmq"

    def version_of(self, path: str) -> str:
        """Return the version that the libraries beside the script have in their names."""
        home = Path(path).resolve().parent.parent
        found = [*home.glob("lib/rabbitmq_server-*"), *home.glob("plugins/rabbit-*")]
        return self.read_version(found[0].name) if found else ""

    def native(self, setup: Setup) -> list[str]:
        """Write the configuration. Source: https://www.rabbitmq.com/docs/configure."""
        folder, endpoint = setup.folder, setup.endpoint
        lines = [
            f"listeners.tcp.default = {endpoint.host}:{endpoint.port}", f"default_user = {endpoint.user}",
            f"default_pass = {endpoint.password}", "loopback_users = none", "log.console = true", "log.file = false",
            "disk_free_limit.absolute = 1MB",
        ]  # fmt: skip
        (folder / "rabbitmq.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (folder / "plugins").write_text("[].\n", encoding="utf-8")
        for path in folder.iterdir():
            path.chmod(0o644)  # in a folder that only the account can enter
        variables = {
            "RABBITMQ_NODENAME": f"{setup.name}@localhost",
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "logs"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "ERL_EPMD_PORT": str(free_port()),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "HOME": str(folder),
        }
        script = " ".join(f"{name}={shlex.quote(value)}" for name, value in variables.items())
        start = folder / "start"
        start.write_text(f"#!/bin/sh\nexec env {script} {shlex.quote(setup.program)}\n", encoding="utf-8")
        start.chmod(0o755)
        return [str(start)]

    def container(self, service: Service, password: str) -> Container:  # noqa: ARG002 - see Kind
        """Return what the official image takes."""
        return Container({"RABBITMQ_DEFAULT_USER": "isonox", "RABBITMQ_DEFAULT_PASS": password})

    def ping(self, service: Service, endpoint: Endpoint) -> str | None:  # noqa: ARG002 - see Kind
        """Say hello in AMQP 0-9-1; the answer has the version among the server's properties."""
        with socket.create_connection((endpoint.host, endpoint.port), timeout=_PATIENCE) as connection:
            connection.sendall(b"AMQP\0\0\x09\x01")
            answer = connection.recv(4096)
        if not answer.startswith(b"\x01"):  # a method frame: Connection.Start
            raise ConnectionError("it does not answer in AMQP")
        found = re.search(rb"version(?:S....)([\d.]+)", answer, re.DOTALL)
        return found[1].decode() if found else None
