"""Any image or command, with a health check of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

from isonox.services.kinds.kind import Container, Kind, Program, Setup

if TYPE_CHECKING:
    from collections.abc import Mapping

    from isonox.model.service import Service
    from isonox.services.state import Endpoint

#: Seconds for an answer.
_PATIENCE = 2

#: Seconds in which nothing happens to a connection that is there. Docker opens a port before anybody listens behind it,
#: and for a second it does not know that yet.
_SILENCE = 2.0


class Custom(Kind):
    """See `isonox.services.custom`."""

    as_root = True  # whatever it is, it was declared so

    def programs(self, service: Service, environ: Mapping[str, str]) -> list[Program]:
        """Return the command's program; an image that brings its own command has none."""
        argv = () if service.image else service.command
        found = shutil.which(argv[0], path=environ.get("PATH", os.defpath)) if argv else None
        return [Program(found, "")] if found else []

    def native(self, setup: Setup) -> list[str]:
        """Fill in the command."""
        return [setup.program, *(_fill(word, setup) for word in setup.service.command[1:])]

    def container(self, service: Service, password: str) -> Container:
        """Hand the command on."""
        inside = {"host": "0.0.0.0", "folder": "/tmp"}  # noqa: S104, S108  # nosec B104, B108 - inside the container
        fields = inside | {"port": str(service.port), "password": password}
        return Container({}, tuple(word.format(**fields) for word in service.command))

    def ping(self, service: Service, endpoint: Endpoint) -> str | None:
        """Check its health as declared; it has no version."""
        health = service.health
        if health.kind == "command":
            fields = {"host": endpoint.host, "port": str(endpoint.port), "password": endpoint.password, "folder": "."}
            argv = [word.format(**fields) for word in health.command]
            try:
                subprocess.run(argv, check=True, capture_output=True, timeout=_PATIENCE, stdin=subprocess.DEVNULL)
            except subprocess.SubprocessError as error:
                raise ConnectionError(f"its health check failed: {error}") from error
        elif health.kind == "http":
            url = f"http://{endpoint.host}:{endpoint.port}{health.path}"
            try:
                with _DIRECTLY.open(url, timeout=_PATIENCE):
                    pass
            except (urllib.error.URLError, OSError) as error:
                raise ConnectionError(f"{url}: {getattr(error, 'reason', error)}") from error
        else:
            with socket.create_connection((endpoint.host, endpoint.port), timeout=_PATIENCE) as connection:
                if service.image:
                    _refuse_closed(connection)
        return None


#: Without the proxy that the environment may name.
_DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _refuse_closed(connection: socket.socket) -> None:
    """Wait whether Docker closes a connection for want of somebody who listens."""
    connection.settimeout(_SILENCE)
    with contextlib.suppress(TimeoutError):
        if not connection.recv(1):
            raise ConnectionError("it closes the connection")


def _fill(word: str, setup: Setup) -> str:
    endpoint = setup.endpoint
    return word.format(host=endpoint.host, port=endpoint.port, password=endpoint.password, folder=setup.folder)
