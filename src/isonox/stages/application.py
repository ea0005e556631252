"""Start the application that a stage tests, as a server of the session, and stop it with all that it started."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from isonox.errors import ConfigurationError
from isonox.model.record import Command
from isonox.services import declaration, lease
from isonox.services.kinds.application import VARIABLE, Around
from isonox.services.lease import Needs
from isonox.services.state import Place, owner_name
from isonox.sessions import trace
from isonox.sessions.commands import active_job
from isonox.stages import outcome, sources
from isonox.system import clock

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from isonox.model.service import Service
    from isonox.services.lease import Lease
    from isonox.sessions.session import Session

#: In the job's artifacts.
LOG = "application.log"

#: Where the tests find it.
URLS = ("APP_URL", "BASE_URL")

#: What the process that looks after it needs of the environment.
_FOR_KEEPER = ("PATH", "HOME", "TMPDIR", "TEMP", "TMP")


class Application(NamedTuple):
    """An application, as a noxfile declares it.

    Attributes:
        prepare: Commands that run to their end before it starts.
    """

    service: Service
    prepare: tuple[tuple[str, ...], ...]


def declared(
    stage: str, app: Sequence[str], health: str, prepare: Sequence[Sequence[str]], wait_seconds: float
) -> Application:
    """Return the application of a stage.

    Raises:
        ConfigurationError: A value makes no sense.
    """
    for argument, argv in (("app", app), *(("prepare", one) for one in prepare)):
        if not argv:
            raise ConfigurationError(
                f"{stage}: {argument}: there is no command", hint='a list of words: ["uvicorn", "--port", "{port}"]'
            )
    if not any("{port}" in word for word in app):
        raise ConfigurationError(
            f"{stage}: app: which port should {app[0]} listen on?", hint='write {port}: ["--port", "{port}"]'
        )
    if not health.startswith("/"):
        raise ConfigurationError(f"{stage}: health={health!r} is no path", hint='health="/health"')
    service = declaration.custom(
        "application",
        env=dict.fromkeys(URLS, "http://{host}:{port}"),
        command=app,
        health=f"http:{health}",
        wait_seconds=wait_seconds,
    )
    return Application(msgspec.structs.replace(service, kind="application"), tuple(map(tuple, prepare)))


@contextlib.contextmanager
def serving(session: Session, application: Application) -> Iterator[str]:
    """Have the application run while the context is open; give its URL, which commands find in their environment.

    Raises:
        ConfigurationError: There is no such program.
        ServiceError: It did not start, or did not become healthy.
    """
    job = active_job()
    for argv in application.prepare:
        with session.chdir(sources.folder(session)):
            done = outcome.run(session, *argv)
        if done.failed:
            session.error(f"the application was not started: {shlex.join(argv)}: {done}: {done.last_line}")
    service = _found(session, application.service)
    own = lease.own_process()
    needs = Needs(job.root, own, own, _environ(session, service), "native")
    place = Place(job.root, owner_name(own), service)
    started = clock.monotonic()
    session.log(f"application: {shlex.join(service.command)}")
    try:
        leased = lease.get(service, needs, started)
        url = leased.urls[URLS[0]]
        trace.serves(job, int(url.rpartition(":")[2]))
        session.log(f"It answers at {url} after {leased.use.seconds:.1f} s.")
        session.env.update(leased.urls)
        yield from _watched(session, leased, url)
    finally:
        if os.getpid() == job.pid:
            _keep_log(session, place)
            lease.end(place)
        argv = tuple(job.redact(word) for word in service.command)
        job.commands.append(Command(argv=argv, seconds=round(clock.monotonic() - started, 3)))


def _watched(session: Session, leased: Lease, url: str) -> Iterator[str]:
    """Give the URL; that the application has died is why the session is red, not what came of it."""
    try:
        yield url
    except Exception:
        if died := leased.trouble():
            session.error(died)
        raise
    if died := leased.trouble():
        session.error(died)


def _variables(session: Session) -> dict[str, str]:
    """Return the environment of the session's commands."""
    found = session.virtualenv._get_env({"PYTHONUNBUFFERED": "1"})  # noqa: SLF001 - what nox gives to a command
    return {name: value for name, value in found.items() if value is not None}


def _found(session: Session, service: Service) -> Service:
    """Return the service with the path of its program, which may be one from outside of the environment."""
    name, *arguments = service.command
    program = shutil.which(name, path=_variables(session).get("PATH", os.defpath))
    if program is None:
        raise ConfigurationError(
            f"the application can't be started: there is no {name!r} in the session's environment, nor on PATH",
            hint="does a package of the workspace, or the dependency group, bring it?",
        )
    return msgspec.structs.replace(service, command=(os.path.abspath(program), *arguments))  # noqa: PTH100 - links stay


def _environ(session: Session, service: Service) -> dict[str, str]:
    """Return the variables of the keeper: few of them, and those of the application in one."""
    variables = trace.around(active_job(), service.command, _variables(session)) or {}
    around = Around(str(sources.folder(session)), dict(variables))
    kept = {name: os.environ[name] for name in _FOR_KEEPER if name in os.environ}
    return {**kept, VARIABLE: msgspec.json.encode(around).decode()}


def _keep_log(session: Session, place: Place) -> None:
    """Keep what it printed, without secrets."""
    with contextlib.suppress(FileNotFoundError):  # its keeper was not even started
        text = place.log.read_text(encoding="utf-8", errors="replace")
        (session.artifacts / LOG).write_text(active_job().redact(text), encoding="utf-8")
