"""The last run again, as long as nothing has changed that its verdicts depend on.

A run in which every verdict was known leaves a note: what was looked at, and how it was. The next one with the same
arguments looks at the same, and where all of it is as it was, it repeats that run: the same plan, records, artifacts
and summary in a folder of its own. It plans nothing, and imports next to nothing. Where anything differs, or is
missing, or can't be read, the verb does its whole work.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from typing import TYPE_CHECKING, NamedTuple

from isonox.errors import ExitCode, GitError, StateError
from isonox.system import clock, files, machine, run_folders, terminal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from isonox.model.events import RunEnded
    from isonox.verbs.checkout import Checkout
    from isonox.verbs.results import Results
    from isonox.workspace.tree import Reading

#: What the whole work needs, and what jobs that run need: imported while git is at work.
_PLANNING = ("isonox.cli", "isonox.verbs.ci")
_RUNNING = ("isonox.verbs.running", "isonox.report.summary")
_COMPARING = ("isonox.verbs.since",)  # with --base
_DRAWING = ("isonox.report.console", "rich.console")  # on a terminal

#: Of notes; another one makes those of before useless.
_FORMAT = b"note 1\n"

#: Seconds that the times of files may be behind the clock.
_COARSE = 0.05

#: Notes that are kept: one for each list of arguments.
_KEPT = 20

#: Files of a run that is repeated.
_PLAN, _RECORDS = "plan.json", "cached.json"

#: In the note of how the last run ended: it has run something.
_RAN = "ran"

#: Paths may hold bytes that are no text.
_CODEC = ("utf-8", "surrogateescape")

#: What `isonox` was called with; empty where something else called (`inv ci`).
_arguments: tuple[str, ...] = ()


class Note(NamedTuple):
    """What a run leaves for the next one.

    No field but the last may be left out, and none holds a NUL byte.

    Attributes:
        tree: Digest of the files and the commit.
        day: When it was written, in UTC: some verdicts hold until a date.
        made: The same in POSIX seconds.
        until: POSIX seconds when the first verdict expires; empty if none does.
        run: Id of the run.
        sums: Hashes of its plan and of its records.
        started: When its jobs "started", as its records have it.
        verdicts: The first lines of its summary.
        artifacts: Fingerprints of the jobs that have some, one per line.
        observed: Kind, name and value of everything else, one after the other.
    """

    tree: str
    day: str
    made: str
    until: str
    run: str
    sums: str
    started: str
    verdicts: str
    artifacts: str
    observed: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether everything beside the tree is as it was."""
        now = clock.posix()
        return (
            self.day == _today()
            and float(self.made) <= now < float(self.until or "inf")
            and all(machine.observed(kind, name, os.environ) == value for kind, name, value in _triples(self.observed))
        )


def answer(root: Path, arguments: Sequence[str], reading: Reading) -> ExitCode | None:
    """Repeat the last run with these arguments; None where its verdicts may not be those of a new one.

    Args:
        root: The workspace's.
        arguments: Of `isonox`.
        reading: What is being read of the files.
    """
    global _arguments  # noqa: PLW0603 - what this process was called with
    _arguments = tuple(arguments)
    begun = clock.monotonic()
    note = read(_place(root, arguments))
    if note and (os.environ.get("GITHUB_ACTIONS") or not note.holds):
        note = None
    for name in _PLANNING if note else _needed(arguments):
        if not reading.is_over:
            importlib.import_module(name)
    folder = None
    with contextlib.suppress(GitError, StateError, OSError):  # the verb says it, with what it knows
        if note and reading.digest == note.tree:
            folder = _repeated(root, note)
    if note is None or folder is None:
        return None
    from isonox.report import unchanged  # noqa: PLC0415 - only now is it needed

    terminal.write_data(f"{note.verdicts}\n{unchanged.ending(clock.monotonic() - begun, folder)}")
    return ExitCode.OK


def _needed(arguments: Sequence[str]) -> tuple[str, ...]:
    """Return what a run with these arguments needs if something has changed."""
    compares = any(one.startswith(("--base", "-b")) for one in arguments)
    draws = sys.stderr.isatty()
    return (*_PLANNING, *(_COMPARING if compares else ()), *_RUNNING, *(_DRAWING if draws else ()))


def keep(checkout: Checkout, ended: RunEnded, results: Results) -> None:
    """Leave a note of a run in which every verdict was known; without one, the next does its whole work."""
    if not _arguments or os.environ.get("GITHUB_ACTIONS") or ended.plan.notes or ended.problems:
        return
    if results.problems or checkout.store.problems:
        return
    with contextlib.suppress(OSError, StateError):
        if watched := checkout.watched():
            _write(checkout, ended, results, watched)


def _write(checkout: Checkout, ended: RunEnded, results: Results, watched: list[tuple[str, str]]) -> None:
    from isonox.report import unchanged  # noqa: PLC0415 - only where it is needed

    expire = [entry.expires for entry in results.found.values() if entry.expires is not None]
    store = str(checkout.store.path / "results.db")
    names = [*watched, ("state", store), ("state", f"{store}-wal")]
    note = Note(
        tree=checkout.digest,
        day=_today(),
        made=repr(clock.posix()),
        until=repr(min(expire)) if expire else "",
        run=ended.directory.name,
        sums=_sums((ended.directory / _PLAN).read_bytes(), (ended.directory / _RECORDS).read_bytes()),
        started=ended.records[0].started,
        verdicts=unchanged.verdicts(ended),
        artifacts="\n".join(one.fingerprint for one in results.found.values() if one.artifacts),
        observed=tuple(
            field for kind, name in names for field in (kind, name, machine.observed(kind, name, os.environ))
        ),
    )
    if any(machine.touched(*one, os.environ, results.started - _COARSE) for one in names[:-1]):
        return  # the verdicts may be those of what was there before
    place = _place(checkout.root, _arguments)
    files.write_atomic(place, _packed(note), mode=0o600)
    for old in sorted(place.parent.iterdir(), key=lambda path: path.stat().st_mtime)[:-_KEPT]:
        old.unlink()


def is_settled(root: Path, digest: str) -> bool:
    """Return whether the files are those of the last run, after which nothing had to run again."""
    return _last(root)[0] == digest


def is_busy(root: Path) -> bool:
    """Return whether something is likely to have to run, before anybody has looked: it was so last time."""
    return _last(root)[1]


def settle(root: Path, digest: str, *, ran: bool) -> None:
    """Note how a run ended; it only makes the next one quicker.

    Args:
        root: The workspace's.
        digest: Of the files with which nothing has to run any more; empty where something has.
        ran: Whether this run has run something.
    """
    if _last(root) != (digest, ran):
        with contextlib.suppress(StateError):
            files.write_atomic(_settled(root), f"{digest} {_RAN if ran else ''}".encode())


def _last(root: Path) -> tuple[str, bool]:
    """Return what `settle` noted; without a note, something has to run."""
    try:
        digest, _, word = _settled(root).read_text().partition(" ")
    except (OSError, ValueError):
        return "", True
    return digest, word == _RAN


def _settled(root: Path) -> Path:
    return root / files.STATE / "cache" / "settled"


def _repeated(root: Path, note: Note) -> Path | None:
    """Make the folder of a run like the one before; None where that is not what it was."""
    before = root / files.STATE / "runs" / note.run
    plan, records = (before / _PLAN).read_bytes(), (before / _RECORDS).read_bytes()
    if _sums(plan, records) != note.sums:
        return None
    folder = run_folders.reserve(root)
    try:
        if note.artifacts and not _restored(root, note, folder):
            run_folders.discard(folder)
            return None
        now = clock.timestamp(clock.now())
        for name, old, new in (("run", note.run, folder.name), ("started", note.started, now)):
            records = records.replace(f'"{name}":"{old}"'.encode(), f'"{name}":"{new}"'.encode())
        files.write_atomic(folder / _PLAN, plan)
        files.write_atomic(folder / _RECORDS, records)
        run_folders.begin(folder)
    except BaseException:
        run_folders.discard(folder)
        raise
    return folder


def _restored(root: Path, note: Note, folder: Path) -> bool:
    """Copy the artifacts of all jobs from the cache, verified; return whether all are there."""
    from isonox.cache.store import Store  # noqa: PLC0415 - only with artifacts
    from isonox.sessions.run_directory import RunDirectory  # noqa: PLC0415 - as above

    store = Store.of(root)
    wanted = note.artifacts.split("\n")
    found = store.find(wanted, now=clock.posix())
    for entry in found.values():
        store.restore(entry, RunDirectory(folder).artifacts_path(entry.job))
    return len(found) == len(wanted)


def _place(root: Path, arguments: Sequence[str]) -> Path:
    return root / files.STATE / "cache" / "again" / _hash("\0".join(arguments).encode(*_CODEC))


def _packed(note: Note) -> bytes:
    content = "\0".join((*note[:-1], *note.observed)).encode(*_CODEC)
    return f"{_hash(_FORMAT + content)}\0".encode() + content


def read(path: Path) -> Note | None:
    """Return a note, if there is one, and it is whole and of this format."""
    try:
        digest, _, content = path.read_bytes().partition(b"\0")
    except OSError:
        return None
    if digest.decode(errors="replace") != _hash(_FORMAT + content):
        return None
    tree, day, made, until, run, sums, started, verdicts, artifacts, *observed = content.decode(*_CODEC).split("\0")
    return Note(tree, day, made, until, run, sums, started, verdicts, artifacts, tuple(observed))


def _triples(fields: Sequence[str]) -> zip[tuple[str, str, str]]:
    return zip(fields[::3], fields[1::3], fields[2::3], strict=True)


def _sums(plan: bytes, records: bytes) -> str:
    return f"{_hash(plan)} {_hash(records)}"


def _today() -> str:
    return clock.timestamp(clock.now())[:10]


def _hash(content: bytes) -> str:
    import hashlib  # noqa: PLC0415 - git has begun before

    return hashlib.sha256(content).hexdigest()
