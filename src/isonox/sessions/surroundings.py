"""What decides the results of sessions beside the files of the tree, as it is on this machine now."""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import msgspec

from isonox.cache.fingerprint import Discovered, Surroundings
from isonox.errors import IsonoxError, StateError
from isonox.sessions import known
from isonox.system import clock, files, machine
from isonox.system.version import identity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from isonox.model.record import Installation, Record
    from isonox.model.tree import Tree
    from isonox.sessions.known import Memory, Project, Sources

_LOCK = "uv.lock"

#: Seconds to wait for an interpreter to say what it is.
_PATIENCE = 10


class _Interpreter(msgspec.Struct, array_like=True):
    """What was found for a spec, and what that depends on."""

    places: str
    path: str
    state: str
    identity: str


def of(root: Path, project: Project, tree: Tree, memory: Memory, environ: Mapping[str, str]) -> Surroundings:
    """Return the surroundings of a project's sessions."""
    finder = _Interpreters(root, memory, environ)
    asked = {session.python for session in project.pipeline.sessions if isinstance(session.python, str)}
    newest = project.config.newest_python
    own = f"{sys.version} {finder.identity(newest) if newest else ''}"
    lock = _Lock(root, tree, memory)
    return Surroundings(
        isonox=identity(),
        platform=machine.platform(),
        configuration=_hash(msgspec.json.encode(project.config)),
        expired=tuple(one.test for one in project.config.quarantine if one.expired(clock.now().date())),
        noxfile=_hash(_imported(project, tree, root).encode("utf-8", "surrogateescape")),
        noxfile_variables=_asked(project, environ),
        declarations=project.declarations,
        interpreters={"": own, **{python: finder.identity(python) for python in asked}},
        variables={name: environ[name] for name in project.config.pass_env if name in environ},
        discovered=recall(memory),
        lock=lock.digest,
        program=lambda path: program(path, root, memory, environ),
        read=lambda path: (root / path).read_bytes(),
    )


def watched(  # noqa: PLR0913 - as `of`, and what the project was read from
    root: Path, project: Project, sources: Sources, *, tree: Tree, memory: Memory, environ: Mapping[str, str]
) -> list[tuple[str, str]] | None:
    """Return all that decides results beside the tree, each as `isonox.system.machine.observed` takes it.

    While the tree and all of it are the same, so are the fingerprints. None where an interpreter was not found: it is
    looked for anew each time.

    Raises:
        StateError: It can't be told.
    """
    asked = {session.python for session in project.pipeline.sessions if isinstance(session.python, str)}
    if project.config.newest_python:
        asked.add(project.config.newest_python)
    try:
        kept = memory.recall_many("interpreter", asked)
        interpreters = [msgspec.msgpack.decode(one, type=_Interpreter).path for one in kept.values()]
    except msgspec.DecodeError:
        return None
    if len(interpreters) < len(asked):
        return None
    variables = sorted({"PATH", "HOME", *sources.variables, *project.config.pass_env})
    programs = {path for one in recall(memory).values() for path in one.programs}
    states = [*map(str, _outside(root)), *machine.interpreter_folders(environ), *interpreters]
    return [
        ("installation", ""),
        ("platform", ""),
        ("variables", "=".join((os.urandom(16).hex(), *variables))),
        *(("content", os.path.join(root, path)) for path in sources.files if path not in tree.files),  # noqa: PTH118
        *(("state", path) for path in states),
        *(("program", path) if os.path.isabs(path) else ("state", f"{root}/{path}") for path in programs),  # noqa: PTH117
    ]


def recall(memory: Memory) -> dict[str, Discovered]:
    """Return what earlier runs told of each job."""
    with contextlib.suppress(StateError, msgspec.DecodeError):
        if found := memory.recall("discovered", "jobs"):
            kinds, jobs = msgspec.msgpack.decode(found, type=tuple[list[Discovered], dict[str, int]])
            return {job: kinds[place] for job, place in jobs.items()}
    return {}


def remember(memory: Memory, found: Mapping[str, Discovered]) -> None:
    """Keep what runs told of each job.

    Raises:
        StateError: It can't be written.
    """
    kinds = list(dict.fromkeys(found.values()))
    places = {one: place for place, one in enumerate(kinds)}
    value = kinds, {job: places[one] for job, one in found.items()}
    memory.remember("discovered", "jobs", msgspec.msgpack.encode(value))


def discovered(record: Record) -> Discovered:
    """Return what a record tells of its job: what it installed, and the programs that are not in its environment.

    Those in the workspace, such as in the environment that isonox runs in, are named from its root: the next machine
    may have that somewhere else.
    """
    root = f"{record.places['root']}{os.sep}" if "root" in record.places else ""
    made = [f"{record.places[name]}{os.sep}" for name in ("environment", "environments") if name in record.places]
    programs = dict.fromkeys(
        command.argv[0].removeprefix(root)
        for command in record.commands
        if command.phase == "session" and command.argv and not command.argv[0].startswith(tuple(made))
    )
    return Discovered(installations=record.installations, programs=tuple(programs))


def locked(root: Path, tree: Tree, memory: Memory) -> Callable[[Installation], str]:
    """Return what returns a hash of what an installation takes from the lock at `root`."""
    return _Lock(root, tree, memory).digest


def program(path: str, root: Path, memory: Memory, environ: Mapping[str, str]) -> str:
    """Return what changes when a program does: where its name leads to now, its size, time and rights.

    Of one in the workspace it is the content: whoever installs there anew, gives it another time. One that can't be run
    is none.

    Args:
        path: As it was called; from the root where it is below that.
        root: The workspace's.
        memory: Keeps what content a file has.
        environ: Its PATH decides which one is meant.
    """
    if os.path.isabs(path):  # noqa: PTH117 - many of them, at each start
        return machine.program(path, environ)
    return f"{path} {_content(root / path, memory) if os.access(root / path, os.X_OK) else 'none'}"


def _content(path: Path, memory: Memory) -> str:
    try:
        status = path.stat()
    except OSError:
        return "none"
    key = f"{path} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"
    with contextlib.suppress(StateError):
        if kept := memory.recall("content", key):
            return kept.decode()
    try:
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return "none"
    with contextlib.suppress(StateError):
        memory.remember("content", key, found.encode())
    return found


class _Interpreters:
    """Which interpreter is meant by a version, without looking for it again while nothing was installed."""

    def __init__(self, root: Path, memory: Memory, environ: Mapping[str, str]) -> None:
        self._root = root
        self._memory = memory
        folders = machine.interpreter_folders(environ)
        self._places = _hash("\n".join(f"{folder} {machine.state(folder)}" for folder in folders).encode())

    def identity(self, spec: str) -> str:
        """Return the full version and the build; empty where there is none."""
        with contextlib.suppress(StateError, msgspec.DecodeError):
            if kept := self._memory.recall("interpreter", spec):
                found = msgspec.msgpack.decode(kept, type=_Interpreter)
                if found.places == self._places and found.state == machine.state(found.path):
                    return found.identity
        path = self._find(spec)
        if path is None:
            return ""
        said = _said(path)
        if said:
            kept = msgspec.msgpack.encode(_Interpreter(self._places, path, machine.state(path), said))
            with contextlib.suppress(StateError):
                self._memory.remember("interpreter", spec, kept)
        return said

    def _find(self, spec: str) -> str | None:
        import shutil  # noqa: PLC0415 - an unchanged run does without

        from isonox.system import interpreters  # noqa: PLC0415 - looking for one takes longer than all the rest

        found = interpreters.find(spec, cache=files.state_directory(self._root) / "cache")
        return found or shutil.which(spec) or shutil.which(f"python{spec}")


class _Lock:
    """What installations take from the lock, without reading it again while it is the same."""

    def __init__(self, root: Path, tree: Tree, memory: Memory) -> None:
        self._root = root
        self._memory = memory
        self._tree = tree
        self._key = ""

    def digest(self, installation: Installation) -> str:
        """Return a hash of what an installation takes."""
        self._key = self._key or key_of_lock(self._root, self._tree)
        key = _hash(self._key.encode() + msgspec.msgpack.encode(installation))
        with contextlib.suppress(StateError):
            if kept := self._memory.recall("lock", key):
                return kept.decode()
        found = self._read(installation)
        with contextlib.suppress(StateError):
            self._memory.remember("lock", key, found.encode())
        return found

    def _read(self, installation: Installation) -> str:
        from isonox.workspace import lock, lock_entries  # noqa: PLC0415 - only after a change of the lock

        try:
            return lock_entries.digest(lock.Lock.load(self._root / _LOCK), self._root, installation)
        except IsonoxError as error:
            return f"unreadable: {self._key} {error}"


def key_of_lock(root: Path, tree: Tree) -> str:
    """Return a hash of the lock and of everything that says what should be in it."""
    lines = [tree.files.get(_LOCK, "none"), *known.manifests(tree)]
    lines += [f"{path} {machine.state(str(path))}" for path in _outside(root)]
    return _hash("\n".join(lines).encode("utf-8", "surrogateescape"))


def _outside(root: Path) -> Iterable[Path]:
    """Yield the manifests of packages that the lock takes from folders outside of the workspace."""
    with contextlib.suppress(OSError):
        for line in (root / _LOCK).read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("source = {") and '"..' in line:
                yield root / line.split('"')[1] / "pyproject.toml"


def _imported(project: Project, tree: Tree, root: Path) -> str:
    """Return what the sessions of the noxfile share: its common statements, and what it imports, reads and lists."""
    listings: dict[str, set[str]] = {path: set() for path in project.modules if path.endswith("/")}
    for path in tree.files if listings else ():  # not what is there: tools make folders, such as __pycache__
        parts = path.split("/")
        for depth, name in enumerate(parts):
            if (names := listings.get("/".join((*parts[:depth], "")) or "./")) is not None:
                names.add(name)
    lines = [project.noxfile]
    for path in sorted(project.modules):
        found = tree.files.get(path)
        if path in listings:
            found = "/".join(sorted(listings[path]))
        lines.append(f"{path} {machine.content(root / path) if found is None else found}")
    return "\n".join(lines)


def _asked(project: Project, environ: Mapping[str, str]) -> str:
    """Return a hash of the variables that the noxfile asks for; empty if there are none."""
    values = "\n".join(f"{name}={environ.get(name)!r}" for name in project.variables)
    return _hash(values.encode("utf-8", "surrogateescape")) if values else ""


def _said(path: str) -> str:
    ask = "import sys; print(sys.implementation.name, sys.version)"
    try:
        done = subprocess.run(
            [path, "-I", "-S", "-c", ask], check=True, capture_output=True, text=True, timeout=_PATIENCE
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return " ".join(done.stdout.split())


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
