"""The services of a compose file, by Docker's own `docker compose`; its addresses are asked for once they are up."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isonox.errors import ServiceError
from isonox.services.kinds.kind import Kind, Setup

if TYPE_CHECKING:
    from isonox.model.service import Service
    from isonox.services.state import State

#: Seconds for one question to Docker.
_PATIENCE = 20

#: In a URL: the service and its port.
_PLACE = re.compile(r"(?<=//)(?P<user>[^@/]*@)?(?P<service>[\w.-]+):(?P<port>\d+)")


class Compose(Kind):
    """See `isonox.services.compose`."""

    def image_of(self, service: Service) -> str:
        """Return the compose file."""
        return service.file or ""

    def native(self, setup: Setup) -> list[str]:
        """Return what brings all services up, and ends with them."""
        if not (setup.folder / setup.program).is_file():
            raise ServiceError(f"{setup.service.title}: there is no {setup.program} in {setup.folder}")
        return [*self.project(setup.folder, setup.program, setup.name), "up", "--no-color", *setup.service.waits_for]

    def project(self, root: Path, file: str, name: str) -> list[str]:
        """Return the beginning of every command about one project."""
        return ["docker", "compose", "--project-name", name, "--file", str(root / file)]

    def ready(self, state: State) -> str | None:
        """Look at every container that is waited for."""
        found = self._containers(state)
        wanted = state.service.waits_for or tuple(found)
        for name in wanted:
            container = found.get(name, {})
            status, health = container.get("State", "missing"), container.get("Health", "")
            if status == "exited" and container.get("ExitCode") == 0:
                continue  # it was there to do something
            if status == "exited":
                raise ServiceError(f"{state.service.title}: {name} ended (exit {container.get('ExitCode')})")
            if status != "running" or health not in ("", "healthy"):
                raise ConnectionError(f"{name} is {health or status}")
        if not found:
            raise ConnectionError("nothing runs yet")
        return None

    def urls(self, state: State) -> dict[str, str]:
        """Return the declared URLs with the addresses on this machine."""
        return {
            name: _PLACE.sub(lambda found: self._address(state, found), url)
            for name, url in state.service.variables.items()
        }

    def _address(self, state: State, found: re.Match[str]) -> str:
        published = self._ask(state, "port", found["service"], found["port"]).strip()
        port = published.rpartition(":")[2]
        if not port.isdecimal() or port == "0":
            raise ServiceError(
                f"{state.service.title}: {found['service']} does not publish its port {found['port']}",
                hint=f'add to its ports in {state.program}: "127.0.0.1::{found["port"]}"',
            )
        return f"{found['user'] or ''}127.0.0.1:{port}"

    def _containers(self, state: State) -> dict[str, dict[str, Any]]:
        text = self._ask(state, "ps", "--all", "--format", "json").strip()
        if text.startswith("["):  # before v2.21
            return {one["Service"]: one for one in json.loads(text)}
        return {one["Service"]: one for one in map(json.loads, text.splitlines())}

    def _ask(self, state: State, *words: str) -> str:
        argv = [*self.project(Path(state.root), state.program, state.container), *words]
        try:
            done = subprocess.run(
                argv, check=False, capture_output=True, text=True, timeout=_PATIENCE, stdin=subprocess.DEVNULL
            )
        except subprocess.SubprocessError as error:
            raise ConnectionError(f"docker compose {words[0]}: {error}") from error
        return done.stdout if done.returncode == 0 else ""
