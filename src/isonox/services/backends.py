"""Where a server comes from: Docker, or a program of this machine. A URL that is given needs neither."""

from __future__ import annotations

import contextlib
import functools
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from isonox.errors import ServiceError, UsageError, did_you_mean
from isonox.model.service import matches, same_major
from isonox.services import account, kinds
from isonox.services.kinds.kind import Setup

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from isonox.model.service import Service
    from isonox.services.state import State

#: Forces a backend, as `[tool.isonox] service-backend` does.
VARIABLE = "ISONOX_SERVICES"

NAMES = ("given", "docker", "native")

#: Seconds for Docker's engine to answer, and for an image to arrive.
_ENGINE, _PULL = 5, 600


class Choice(NamedTuple):
    """What a service would be started with.

    Attributes:
        program: A path, or an image.
        version: As far as it is known before it is started.
    """

    backend: Literal["docker", "native"]
    program: str
    version: str = ""


class Unusable(Exception):  # noqa: N818 - it is an answer
    """Why a backend can't be used for a service."""


class Command(NamedTuple):
    """How the server is started.

    Attributes:
        options: For `subprocess.Popen`.
    """

    argv: list[str]
    options: dict[str, Any]


class Tools(NamedTuple):
    """What a backend needs of whoever starts the server.

    Attributes:
        run: Runs a command as somebody (options for `subprocess.Popen`), for some seconds at most; it raises
            `ServiceError` where the command fails.
    """

    run: Callable[[Sequence[str], Mapping[str, Any], float], None]
    environ: Mapping[str, str]


class Backend(Protocol):
    """A way to have a server."""

    def find(self, service: Service, environ: Mapping[str, str]) -> Choice:
        """Return what would be used.

        Raises:
            Unusable: Nothing can be.
        """

    def identity(self, program: str, environ: Mapping[str, str]) -> str:
        """Return what the record says was started: an image by its digest, if it has one."""

    def command(self, state: State, tools: Tools) -> Command:
        """Make what the server needs, and return how it is started.

        Raises:
            ServiceError: That fails.
        """


class Native:
    """A program of this machine."""

    def find(self, service: Service, environ: Mapping[str, str]) -> Choice:
        """See `Backend.find`."""
        kind = kinds.of(service)
        programs = kind.programs(service, environ)
        if not programs:
            raise Unusable("not installed" if kind.install or service.command else "there is no such server")
        for fits in (matches, same_major):
            for program in programs:
                if fits(service.version, program.version):
                    return Choice("native", *program)
        newest = max(programs, key=lambda one: [int(part) for part in one.version.split(".") if part.isdigit()])
        if service.any_version:
            return Choice("native", *newest)
        raise Unusable(f"another version is installed: {', '.join(f'{one.version} ({one.path})' for one in programs)}")

    def command(self, state: State, tools: Tools) -> Command:
        """See `Backend.command`."""
        kind = kinds.of(state.service)
        who = account.Account() if kind.as_root else account.server()
        folder = state.folder
        try:
            folder.mkdir(mode=0o700)
            who.give(folder)
        except OSError as error:
            raise ServiceError(f"can't create {folder}: {error.strerror}") from error
        variables = {
            "PATH": tools.environ.get("PATH", os.defpath),
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            **{name: fill(value, state) for name, value in state.service.environment.items()},
        }
        options = kind.options(tools.environ) or {"cwd": folder, "env": variables, **who.options}
        run = functools.partial(_run, tools, options, state.service.wait_seconds)
        program = state.program
        try:
            if not kind.as_root:
                program = account.reachable_program(program, kind.bundle(program), folder)
        except OSError as error:
            raise ServiceError(f"can't copy {program} to {folder}: {error}") from error
        argv = kind.native(Setup(state.service, program, folder, state.container, state.endpoint, run))
        return Command(argv, options)

    def identity(self, program: str, environ: Mapping[str, str]) -> str:  # noqa: ARG002 - see Backend
        """See `Backend.identity`."""
        return program


class Docker:
    """A container of Docker's engine, with its port on 127.0.0.1."""

    def find(self, service: Service, environ: Mapping[str, str]) -> Choice:
        """See `Backend.find`."""
        kind = kinds.of(service)
        image = kind.image_of(service)
        if not image:
            raise Unusable("there is no image for it")
        if not _docker(environ, "version", "--format", "{{.Server.Version}}"):
            raise Unusable("no engine answers")
        if service.kind == "compose" and not _docker(environ, "compose", "version"):
            raise Unusable("it has no compose (v2)")
        return Choice("docker", image)

    def command(self, state: State, tools: Tools) -> Command:
        """See `Backend.command`."""
        options = {"env": dict(tools.environ), "cwd": "/"}
        kind = kinds.of(state.service)
        if state.service.kind == "compose":
            setup = Setup(state.service, state.program, Path(state.root), state.container, state.endpoint, _no)
            return Command(kind.native(setup), options)
        self._pull(state.program, tools, options)
        made = kind.container(state.service, state.endpoint.password)
        variables = made.variables | {name: fill(value, state) for name, value in state.service.environment.items()}
        argv = [
            "docker", "run", "--rm", f"--name={state.container}", f"--label=isonox.token={state.token}",
            f"--label=isonox.root={state.root}", "--pull=never", "--init",
            f"--publish={state.endpoint.host}:{state.endpoint.port}:{state.service.port or kind.port}",
            *(f"--env={name}" for name in variables),  # values stay out of argv
            state.program, *made.arguments,
        ]  # fmt: skip
        return Command(argv, options | {"env": {**tools.environ, **variables}})

    def identity(self, program: str, environ: Mapping[str, str]) -> str:
        """See `Backend.identity`."""
        with contextlib.suppress(Unusable):
            digest = _docker(environ, "image", "inspect", "--format={{range .RepoDigests}}{{.}} {{end}}", program)
            return digest.partition(" ")[0] or program
        return program

    def _pull(self, image: str, tools: Tools, options: Mapping[str, Any]) -> None:
        with contextlib.suppress(ServiceError):
            tools.run(["docker", "image", "inspect", "--format={{.Id}}", image], options, _ENGINE)
            return
        tools.run(["docker", "pull", "--quiet", image], options, _PULL)


#: In the order in which they are tried.
BACKENDS: dict[Literal["docker", "native"], Backend] = {"docker": Docker(), "native": Native()}


def choose(service: Service, environ: Mapping[str, str], wanted: str = "") -> Choice:
    """Return what a service would be started with.

    Args:
        service: The service.
        environ: The variables that nox was started with.
        wanted: The backend to use, or empty for the first that can be used.

    Raises:
        ServiceError: There is nothing; it names the ways out.
    """
    reasons = []
    for name, backend in BACKENDS.items():
        if wanted in ("", name):
            try:
                return backend.find(service, environ)
            except Unusable as why:
                reasons.append(f"{name}: {why}")
    forced = f" (only {wanted} is asked for, by {VARIABLE} or [tool.isonox] service-backend)" if wanted else ""
    install = kinds.of(service).install.format(version=service.version or "17")
    ways = [
        f"set {service.url_variable} to the URL of a server",
        f"start Docker (image {image})" if (image := kinds.of(service).image_of(service)) else "",
        f"install it: {install}" if install else "",
        "any_version=True accepts another version" if any("another version" in one for one in reasons) else "",
    ]
    raise ServiceError(
        f"{service.title} is not to be had here{forced}: no URL is given; {'; '.join(reasons)}".replace(": ;", ":"),
        hint="; or ".join(filter(None, ways)),
    )


def wanted(environ: Mapping[str, str], configured: str = "") -> str:
    """Return the backend that is asked for; empty for the first that can be used.

    Raises:
        UsageError: There is no such backend.
    """
    name = environ.get(VARIABLE, "") or configured
    if name and name not in NAMES:
        raise UsageError(f"{VARIABLE}={name!r}{did_you_mean(name, NAMES)}", hint=f"one of: {', '.join(NAMES)}")
    return name


def fill(template: str, state: State) -> str:
    """Put in what is only known once the server is being started."""
    endpoint = state.endpoint
    return template.format(
        host=endpoint.host, port=endpoint.port, password=endpoint.password, folder=state.folder, user=endpoint.user
    )


def _docker(environ: Mapping[str, str], *words: str) -> str:
    """Return what Docker answers; nothing where it fails.

    Raises:
        Unusable: It is not installed.
    """
    try:
        done = subprocess.run(
            ["docker", *words], check=False, capture_output=True, text=True, timeout=_ENGINE, env=dict(environ),
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except FileNotFoundError:
        raise Unusable("not installed") from None
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _run(tools: Tools, options: Mapping[str, Any], seconds: float, argv: Sequence[str]) -> None:
    tools.run(argv, options, seconds)


def _no(_argv: Sequence[str]) -> None:
    """Compose makes everything itself."""
