"""What is known of services that run or ran: `.isonox/services/<owner>/<name>-<hash>.{json,log,lock}`.

The owner is a run of `isonox ci`, a hand-typed nox, or a job; for `isonox services up` it is "up". A keeper
(`isonox.services.keeper`) writes the JSON document before it makes anything, so that whoever comes after a dead one
knows what to look for: processes by id and start time, a folder and a container by a random token.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from isonox.errors import StateError
from isonox.model.service import Service
from isonox.system import files, processes

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Iterator

STATE_VERSION = 1

#: The owner of what `isonox services up` started: it ends with `down`.
UP = "up"

#: The shortest token, in characters.
_TOKEN = 16

#: How often it is tried to remove a folder, and the seconds in between.
_TRIES, _PAUSE = 100, 0.02

#: Seconds for one call of Docker that removes something.
_PATIENCE = 30


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """A process, told from others that had or will have its id; see `isonox.system.processes.identity`."""

    pid: int
    identity: str

    @classmethod
    def of(cls, pid: int) -> Process:
        """Return a process that lives."""
        return cls(pid=pid, identity=processes.identity(pid))

    @property
    def alive(self) -> bool:
        """Whether it still lives."""
        return bool(self.identity) and processes.identity(self.pid) == self.identity


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where a server answers, and to whom."""

    host: str = "127.0.0.1"
    port: int
    user: str = "isonox"
    password: str = ""


class State(msgspec.Struct, frozen=True, kw_only=True):
    """One server.

    Attributes:
        token: Random; the data folder and the container have it in their names.
        root: The workspace.
        owner: With it the server ends; None where it stays until `isonox services down`.
        wanted: The backend that was asked for; empty for the first that can be used.
        program: Path of the program, or name of the image.
        temporary: The folder in which the data folder is.
        urls: For services whose addresses no template tells: variables and their URLs.
        problem: Why it failed or died.
    """

    version: int = STATE_VERSION
    service: Service
    token: str
    root: str
    owner: Process | None
    wanted: str = ""
    keeper: Process | None = None
    server: Process | None = None
    phase: Literal["starting", "ready", "failed", "died"] = "starting"
    backend: Literal["docker", "native"] | None = None
    program: str = ""
    temporary: str = ""
    endpoint: Endpoint = Endpoint(port=0)
    actual: str | None = None
    urls: dict[str, str] = {}
    problem: str = ""
    hint: str = ""

    @property
    def folder(self) -> Path:
        """The server's data."""
        return Path(self.temporary or tempfile.gettempdir(), f"isonox-{self.token}")

    @property
    def container(self) -> str:
        """The container's name, or the compose project's."""
        return f"isonox-{self.token}"

    @property
    def running(self) -> bool:
        """Whether somebody looks after it."""
        return self.keeper is not None and self.keeper.alive

    @property
    def abandoned(self) -> bool:
        """Whether nobody needs it any more, and nobody is there to remove it."""
        if self.running:
            return False
        return self.owner is None or not self.owner.alive


#: Made here, once: threads that each begin to decode a type that msgspec has not seen yet can crash it (0.22).
_DECODER = msgspec.json.Decoder(State)


class Place:
    """The files of one server.

    Args:
        root: The workspace.
        owner: The owner's folder; see `owner_name`.
        service: Its service.
    """

    def __init__(self, root: Path, owner: str, service: Service) -> None:
        key = hashlib.sha256(msgspec.json.encode(service, order="sorted")).hexdigest()[:8]
        self.base = root / files.STATE / "services" / owner / f"{service.name}-{key}"

    @classmethod
    def at(cls, path: Path) -> Place:
        """Return the place of a JSON document."""
        made = cls.__new__(cls)
        made.base = path.with_suffix("")
        return made

    @property
    def document(self) -> Path:
        """The state."""
        return self.base.with_name(f"{self.base.name}.json")

    @property
    def log(self) -> Path:
        """What the server prints."""
        return self.base.with_name(f"{self.base.name}.log")

    @property
    def lock(self) -> Path:
        """Held by whoever starts it."""
        return self.base.with_name(f"{self.base.name}.lock")

    def read(self) -> State | None:
        """Return the state, if there is one."""
        try:
            return _DECODER.decode(self.document.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            raise StateError(f"can't read {self.document}: {error}", hint=f"remove {self.document}") from error

    def write(self, state: State) -> None:
        """Keep the state; only this user may read it, as it has the password.

        Raises:
            StateError: It can't be written.
        """
        files.write_atomic(self.document, msgspec.json.encode(state), mode=0o600)

    def remove(self) -> None:
        """Remove the files, and the owner's folder with the last of them."""
        for path in (self.document, self.log, self.lock):
            with contextlib.suppress(OSError):
                path.unlink()
        with contextlib.suppress(OSError):
            self.base.parent.rmdir()


def owner_name(owner: Process | None) -> str:
    """Return the name of an owner's folder."""
    if owner is None:
        return UP
    return f"{owner.pid}-{hashlib.sha256(owner.identity.encode()).hexdigest()[:8]}"


def places(root: Path, owner: str = "*") -> Iterator[Place]:
    """Yield what there is, of one owner or of all."""
    for path in sorted((root / files.STATE / "services").glob(f"{owner}/*.json")):
        yield Place.at(path)


@contextlib.contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold a lock that the system lets go of when this process dies.

    Raises:
        BlockingIOError: Somebody else holds it, and there is no wish to wait.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if sys.platform != "win32":
                fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            if not _is_open(descriptor, path):  # it was removed meanwhile, so it keeps nobody out
                continue
            yield
            return
        finally:
            os.close(descriptor)


def _is_open(descriptor: int, path: Path) -> bool:
    try:
        return sys.platform == "win32" or os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def sweep(root: Path) -> list[str]:
    """Remove what dead owners and dead keepers left; return what it was."""
    removed = []
    for place in places(root):
        try:
            state = place.read()
        except StateError as error:
            removed.append(f"an unreadable note of a service ({error.message})")
            place.remove()
            continue
        if state is None or not state.abandoned:
            continue
        # else somebody is starting it, or has removed it
        with contextlib.suppress(BlockingIOError, FileNotFoundError), locked(place.lock, wait=False):
            if not discard(state):
                continue
            place.remove()
            removed.append(f"{state.service.title} of a run that is gone")
    for folder in (root / files.STATE / "services").glob("*"):
        pid = folder.name.partition("-")[0]
        if pid.isdecimal() and folder.name != owner_name(Process.of(int(pid))) and not any(folder.glob("*.json")):
            shutil.rmtree(folder, ignore_errors=True)
    return removed


def discard(state: State) -> bool:
    """End a server and remove its data, by what only it can be: its start time, and its token.

    Returns:
        Whether nothing is left; else it is worth another try.
    """
    if state.server is not None and state.server.alive:
        if state.service.kind == "postgres":
            with contextlib.suppress(OSError):  # without, what it shares with its children would stay
                os.kill(state.server.pid, signal.SIGQUIT)
        processes.kill_tree(state.server.pid, grace=2)
    if state.backend == "docker":
        remove_container(state)
    return len(state.token) < _TOKEN or remove_folder(state.folder)  # never a folder without a token


def remove_folder(folder: Path) -> bool:
    """Remove a folder in which dying processes may still write; return whether it is gone."""
    for _ in range(_TRIES):
        shutil.rmtree(folder, ignore_errors=True)  # it refuses a link
        if not folder.exists():
            return True
        time.sleep(_PAUSE)
    return False


def remove_container(state: State) -> None:
    """Remove the server's container, or its compose project, if there is one."""
    if state.service.kind == "compose":
        file = str(Path(state.root, state.service.file or ""))
        argv = ["docker", "compose", "-p", state.container, "-f", file, "down", "-v", "--remove-orphans", "-t", "2"]
    else:
        argv = ["docker", "rm", "--force", "--volumes", state.container]
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        subprocess.run(argv, check=False, capture_output=True, timeout=_PATIENCE, stdin=subprocess.DEVNULL)
