"""What a job gets: servers that are started by whoever needs them first, and databases of its own on them."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import select
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from isonox.errors import IsonoxError, ServiceError, StateError
from isonox.model.service import Service, ServiceUse, matches, same_major
from isonox.services import given, kinds
from isonox.services import state as states
from isonox.services.backends import fill
from isonox.services.state import Place, Process, State
from isonox.system import clock, files, processes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: Seconds between two looks at a keeper that is starting; to find out how a server died; and for a keeper to end.
_LOOK, _DYING, _ENDING = 0.25, 2.0, 15.0

#: Keepers that this process started; nobody waits for them but the end of this process.
_started: list[subprocess.Popen[bytes]] = []


class Needs(NamedTuple):
    """What servers of a job are started with.

    Attributes:
        root: The workspace.
        run: With it, shared servers end.
        job: With it, the others end.
        environ: The variables that nox was started with.
        wanted: The backend that is asked for; see `isonox.services.backends.wanted`.
    """

    root: Path
    run: Process | None
    job: Process | None
    environ: Mapping[str, str]
    wanted: str = ""


class Lease(NamedTuple):
    """A service that a job may use.

    Attributes:
        urls: By the variable that gets it.
        secrets: What must not be printed.
        addresses: Where the server answers: "127.0.0.1:5432".
        notes: What is different from what was declared.
        databases: Those of this job, by their names on the server.
    """

    service: Service
    use: ServiceUse
    urls: dict[str, str]
    secrets: tuple[str, ...]
    addresses: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    databases: tuple[str, ...] = ()
    place: Place | None = None
    server: Process | None = None

    @property
    def other_major(self) -> bool:
        """Whether the server has another major version than the declared one."""
        return self.use.version is not None and not same_major(self.service.version, self.use.version)

    def trouble(self) -> str:
        """Return how the server died; empty where it lives."""
        if self.place is None:
            return ""
        give_up = time.monotonic() + _DYING
        while True:
            state = self.place.read()
            if state is None:  # a session may clear everything away
                return "" if self.server and self.server.alive else f"{self.service.title} was stopped"
            if state.phase == "died":
                return state.problem
            if state.server is None or state.server.alive:
                return ""
            if not state.running or time.monotonic() > give_up:
                return f"{self.service.title} died, and so did the process that looked after it"
            time.sleep(_LOOK / 10)  # its keeper is about to say why

    def close(self) -> None:
        """Give it back: the databases are dropped, or the server ends."""
        if self.place is None:
            return
        with contextlib.suppress(OSError, IsonoxError):  # a server that is gone has no databases
            if not self.service.shared:
                end(self.place)
            elif (state := self.place.read()) and state.running and state.phase == "ready":
                kinds.of(self.service).close(state, self.databases)


def get(service: Service, needs: Needs, since: float) -> Lease:
    """Return a service, started if need be.

    Args:
        service: What is needed.
        needs: For whom.
        since: When the job began to wait for it, by the monotonic clock.

    Raises:
        ServiceError: It is not to be had.
        StateError: `.isonox/` can't be written.
    """
    url = needs.environ.get(service.url_variable)
    if url and needs.wanted in ("", "given"):
        return _given(service, url, since)
    if needs.wanted == "given":
        raise ServiceError(f"{service.title}: no URL is given", hint=f"set {service.url_variable}")
    owner = needs.run if service.shared else needs.job
    place = Place(needs.root, states.owner_name(owner), service)
    state = running(place, service, owner, needs)
    kind = kinds.of(service)
    suffix = f"_{secrets.token_hex(4)}" if owner else ""  # by hand, they have the names that were declared
    names = {one: f"{one}{suffix}" for one in service.databases}
    try:
        # of two that ask by hand, for the same names, the second finds what the first has made
        with contextlib.nullcontext() if owner else states.locked(place.lock):
            kind.open(state, tuple(names.values()))
    except OSError as error:
        problem = f"{service.title}: no database can be made: {error}"
        raise ServiceError(_dead(place) or problem) from error
    urls = state.urls or {one: _url(text, state, names) for one, text in service.variables.items()}
    return Lease(
        service=service,
        use=ServiceUse(
            name=service.name,
            kind=service.kind,
            declared=service.version,
            version=state.actual,
            backend=state.backend,
            image=state.program if state.backend == "docker" else None,
            seconds=round(clock.monotonic() - since, 3),
        ),
        urls=urls,
        secrets=tuple(filter(None, [state.endpoint.password])),
        addresses=(
            f"{state.endpoint.host}:{state.endpoint.port}",
            *(given.address(one) for one in state.urls.values()),
        ),
        notes=_divergence(service, state.actual),
        databases=tuple(names.values()),
        place=place,
        server=state.server,
    )


def running(place: Place, service: Service, owner: Process | None, needs: Needs) -> State:
    """Return the state of a server that is ready; whoever comes first starts it.

    Raises:
        ServiceError: It can't be started, or could not when somebody else tried.
        StateError: `.isonox/` can't be written.
    """
    files.state_directory(needs.root)
    files.make_directory(place.base.parent).chmod(0o700)
    with states.locked(place.lock):
        state = place.read()
        while state is not None and state.phase == "starting" and state.running:
            time.sleep(_LOOK / 10)  # whoever waited for its keeper is gone
            state = place.read()
        again = owner is None or (state is not None and state.phase in ("starting", "ready"))
        if state is not None and not state.running and again:
            states.discard(state)  # whoever kept it was killed; or it is asked for by hand, again
            state = None
        if state is None:
            _start(place, service, owner, needs)
            state = place.read()
    if state is None:
        raise ServiceError(f"{service.title}: its keeper ended without a word", hint=f"see {place.log}")
    if state.phase != "ready":
        raise ServiceError(state.problem or f"{service.title} was not started", hint=state.hint or None)
    return state


def _start(place: Place, service: Service, owner: Process | None, needs: Needs) -> None:
    """Start a keeper, and wait until it says how it went."""
    token = secrets.token_hex(8)
    place.write(State(service=service, token=token, root=str(needs.root), owner=owner, wanted=needs.wanted))
    with place.log.open("wb") as log:
        keeper = subprocess.Popen(
            [sys.executable, "-m", processes.KEEPER, str(place.document)],
            cwd="/",
            env={**needs.environ, "PYTHONSAFEPATH": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    _started.append(keeper)
    if keeper.stdout is None:
        raise RuntimeError("a pipe was asked for")
    with keeper.stdout as pipe:  # closed by the keeper; a fork of this process may hold the other end open
        while not select.select([pipe], [], [], _LOOK)[0] and keeper.poll() is None:
            if (state := place.read()) is None or state.phase == "ready":
                break  # else it is cleaning up


def end(place: Place) -> None:
    """End a server, wait until nothing is left of it, and forget it."""
    if state := place.read():
        _end(place, state)


def give_up(service: Service, needs: Needs) -> None:
    """End a server of one job that has not become ready."""
    with contextlib.suppress(IsonoxError):
        end(Place(needs.root, states.owner_name(needs.job), service))


def end_all(root: Path, owner: Process | None) -> None:
    """End every server of an owner, all at once."""
    found: list[tuple[Place, State]] = []
    for place in states.places(root, states.owner_name(owner)):
        with contextlib.suppress(StateError):  # `sweep` removes what can't be read
            if state := place.read():
                found.append((place, state))
                if state.keeper:
                    _signal(state.keeper, signal.SIGTERM)
    for place, state in found:
        with contextlib.suppress(StateError):
            _end(place, state)


def _end(place: Place, state: State) -> None:
    if keeper := state.keeper:
        _signal(keeper, signal.SIGTERM)
        give_up = time.monotonic() + _ENDING
        while keeper.alive and time.monotonic() < give_up:
            time.sleep(_LOOK / 25)
        _signal(keeper, signal.SIGKILL)
    _started[:] = [one for one in _started if one.poll() is None]
    if place.document.exists():  # else the keeper has seen to it
        states.discard(place.read() or state)
    place.remove()


def own_process() -> Process:
    """Return this process."""
    return Process.of(os.getpid())


def decoded(text: str) -> Process | None:
    """Return the owner that a variable names, by its id and what tells it from others with that; None without one."""
    pid, _, identity = text.partition(":")
    return Process(pid=int(pid), identity=identity) if pid.isdecimal() and identity else None


def _given(service: Service, url: str, since: float) -> Lease:
    version = given.version(service, url)
    use = ServiceUse(
        name=service.name,
        kind=service.kind,
        declared=service.version,
        version=version,
        backend="given",
        seconds=round(clock.monotonic() - since, 3),
    )
    notes = (
        *_divergence(service, version),
        f"{service.title} is the one of {service.url_variable}, which is not fresh",
    )
    return Lease(
        service=service,
        use=use,
        urls=given.urls(service, url),
        secrets=tuple({given.password(url), unquote(given.password(url))} - {""}),
        addresses=(given.address(url),),
        notes=notes,
    )


def _divergence(service: Service, actual: str | None) -> tuple[str, ...]:
    another = actual is not None and "(" in actual  # what answers as a Redis, and is none
    if actual is None or (matches(service.version, actual) and not another):
        return ()
    return (f"{service.title} was declared, {actual} was used",)


def _url(template: str, state: State, databases: Mapping[str, str]) -> str:
    """Fill a template, in which databases are called by their declared names."""
    named = re.sub(r"\{(\w+)\}", lambda found: databases.get(found[1], found[0]), template)
    return fill(named, state)


def _dead(place: Place) -> str:
    state = place.read()
    return state.problem if state is not None and state.phase == "died" else ""


def _signal(process: Process, number: signal.Signals) -> None:
    if process.alive:
        with contextlib.suppress(OSError):
            os.kill(process.pid, number)
