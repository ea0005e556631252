"""What every kind of service has to tell."""

from __future__ import annotations

import glob
import importlib.util
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from isonox.model.service import Service
    from isonox.services.state import Endpoint, State

#: Seconds for a program to say its version.
_PATIENCE = 10


class Program(NamedTuple):
    """A server's program on this machine."""

    path: str
    version: str


class Setup(NamedTuple):
    """What a native server is made with.

    Attributes:
        folder: Empty, and the account's that the server runs as; of a compose file, the workspace.
        name: Nobody else has it.
        run: Runs a command as that account; it raises `ServiceError` where the command fails.
    """

    service: Service
    program: str
    folder: Path
    name: str
    endpoint: Endpoint
    run: Callable[[Sequence[str]], None]


class Container(NamedTuple):
    """What a container is made with: variables, and the arguments behind the image's name."""

    variables: dict[str, str]
    arguments: tuple[str, ...] = ()


class Kind:
    """A kind of service; what is here fits most.

    Attributes:
        image: The image of Docker Hub.
        port: The port that it listens on.
        end: The signal at which a server with all of its processes ends at once.
        names: Names of the program, on PATH.
        patterns: Where else it may be, as globs.
        wheels: Distributions' modules that bring it, and a glob of its path in their folder.
        as_root: Whether root may run the server as itself.
        install: What to install natively; empty where there is no such server.
    """

    image = ""
    port = 0
    end = getattr(signal, "SIGKILL", signal.SIGTERM)
    names: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    wheels: tuple[tuple[str, str], ...] = ()
    as_root = False
    install = ""

    def image_of(self, service: Service) -> str:
        """Return the image's name; empty where there is none."""
        return service.image or (f"{self.image}:{service.version or 'latest'}" if self.image else "")

    def programs(self, service: Service, environ: Mapping[str, str]) -> list[Program]:  # noqa: ARG002 - custom's need it
        """Return the server's programs on this machine, each version once."""
        path = environ.get("PATH", os.defpath)
        found = [shutil.which(name, path=path) for name in self.names]
        found += [one for pattern in self.patterns for one in sorted(glob.glob(pattern), reverse=True)]  # noqa: PTH207
        for module, inside in self.wheels:
            if (spec := importlib.util.find_spec(module)) and spec.origin:
                found += glob.glob(f"{glob.escape(str(Path(spec.origin).parent))}/{inside}")  # noqa: PTH207 - as above
        places: dict[str, str] = {}
        for one in filter(None, found):
            places.setdefault(os.path.realpath(one), one)
        programs: dict[str, Program] = {}
        for one in places.values():
            version = self.version_of(one)
            if version and version not in programs:
                programs[version] = Program(one, version)
        return list(programs.values())

    def version_of(self, path: str) -> str:
        """Return what a program says is its version; empty where it can't be run."""
        try:
            done = subprocess.run(
                [path, "--version"], capture_output=True, text=True, timeout=_PATIENCE, check=True, cwd="/"
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError):
            return ""
        return self.read_version(done.stdout)

    def read_version(self, text: str) -> str:
        """Return the version in a text; empty without one."""
        found = re.search(r"\d+(\.\d+)+", text)
        return found[0] if found else ""

    def bundle(self, path: str) -> list[Path]:
        """Return what a program needs: it is copied, side by side, where the server's account can't reach it."""
        return [Path(path).resolve()]

    def native(self, setup: Setup) -> list[str]:
        """Make what the server needs, and return its argv."""
        raise NotImplementedError

    def options(self, environ: Mapping[str, str]) -> dict[str, Any]:  # noqa: ARG002 - the application's
        """Return how a native server is started, as `subprocess.Popen` takes it; by default in a folder of its own."""
        return {}

    def container(self, service: Service, password: str) -> Container:
        """Return what the container is made with."""
        raise NotImplementedError

    def ping(self, service: Service, endpoint: Endpoint) -> str | None:
        """Return the version of a server that is ready; None where it does not say.

        Raises:
            OSError: It is not ready; what it answers is no reason to go on waiting where that is a `ServiceError`.
        """
        raise NotImplementedError

    def urls(self, state: State) -> dict[str, str]:  # noqa: ARG002 - compose's
        """Return the URLs of variables that no template tells."""
        return {}

    def ready(self, state: State) -> str | None:
        """Return what `ping` does, of a server that is being started."""
        return self.ping(state.service, state.endpoint)

    def prepare(self, state: State) -> None:
        """Make what the jobs' databases are copied from."""

    def open(self, state: State, databases: Sequence[str]) -> None:
        """Make databases for a job."""

    def close(self, state: State, databases: Sequence[str]) -> None:
        """Remove a job's databases."""
