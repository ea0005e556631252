"""Where a run keeps its plan, records, logs and artifacts: `.isonox/runs/<id>/`."""

from __future__ import annotations

import contextlib
import hashlib
import re
from typing import TYPE_CHECKING, TypeVar

import msgspec

from isonox.errors import StateError
from isonox.model.plan import PLAN_VERSION, Plan
from isonox.model.record import RECORD_VERSION, Record
from isonox.system import files, run_folders

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_Document = TypeVar("_Document")

_UNSAFE = re.compile(r"[^\w.,=()+ -]", re.ASCII)
_MAX_NAME = 120
END_VERSION = 1

#: Jobs of a plan that somebody may want to read; with more, it is not indented.
_READABLE = 200

#: The records of jobs that did not have to run.
_CACHED = "cached.json"


def file_name(job: str) -> str:
    """Return a file name for a job id: readable, legal on every platform, different for different ids."""
    name = _UNSAFE.sub("_", job).strip(" .") or "_"
    if name == job and len(name) <= _MAX_NAME:
        return name
    return f"{name[:_MAX_NAME]}-{hashlib.sha256(job.encode(errors='surrogateescape')).hexdigest()[:10]}"


class _Versioned(msgspec.Struct):
    version: int


class _Cached(msgspec.Struct, kw_only=True):
    """What `cached.json` holds."""

    version: int = RECORD_VERSION
    records: tuple[Record, ...]


class End(msgspec.Struct, frozen=True, kw_only=True):
    """How a run on one machine ended: what `end.json` holds.

    Attributes:
        slots: How many cores its jobs shared.
        seconds: Wall time.
    """

    version: int = END_VERSION
    slots: int
    seconds: float


class RunDirectory:
    """One run's folder.

    Args:
        path: `.isonox/runs/<id>`, existing or not.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.id = path.name

    @classmethod
    def create(cls, root: Path) -> RunDirectory:
        """Make the folder of a new run in the workspace at `root`, the latest from now on; forget the oldest runs.

        Raises:
            StateError: `.isonox/` can't be written.
        """
        directory = cls.reserve(root)
        directory.begin()
        return directory

    @classmethod
    def reserve(cls, root: Path) -> RunDirectory:
        """Make the folder of a run that may never begin; see `begin` and `discard`.

        Raises:
            StateError: `.isonox/` can't be written.
        """
        return cls(run_folders.reserve(root))

    def begin(self) -> None:
        """Make this the latest run.

        Raises:
            StateError: `.isonox/` can't be written.
        """
        run_folders.begin(self.path)

    def discard(self) -> None:
        """Remove the folder of a run that did not begin."""
        run_folders.discard(self.path)

    @classmethod
    def at(cls, path: Path) -> RunDirectory:
        """Return the run in a folder that somebody chose, made if it is missing.

        Raises:
            StateError: It can't be made.
        """
        files.make_directory(path / "records")
        return cls(path)

    @property
    def is_fetched(self) -> bool:
        """Whether other machines did this run, or a part of it."""
        return (self.path / "parts").is_dir()

    @property
    def plan_path(self) -> Path:
        """The plan's file."""
        return self.path / "plan.json"

    def log_path(self, job: str) -> Path:
        """The file that gets everything a job prints."""
        return self.path / "logs" / f"{file_name(job)}.log"

    def trace_path(self, job: str) -> Path:
        """The file in which a job's processes note what they use, until the job has ended."""
        return self.path / "traces" / file_name(job)

    def artifacts_path(self, job: str) -> Path:
        """The folder for a job's artifacts."""
        return self.path / "artifacts" / file_name(job)

    def write_plan(self, plan: Plan) -> None:
        """Store the plan."""
        content = msgspec.json.encode(plan)
        if len(plan.jobs) <= _READABLE:
            content = msgspec.json.format(content, indent=2)
        files.write_atomic(self.plan_path, content)

    def read_plan(self) -> Plan:
        """Read the plan back, also if another machine made it.

        Raises:
            StateError: It is missing, unreadable, or of another format.
        """
        found = (path for folder in self._folders() if (path := folder / "plan.json").is_file())
        return _decode(next(found, self.plan_path), Plan, PLAN_VERSION)

    def write_end(self, end: End) -> None:
        """Store how the run ended."""
        files.write_atomic(self.path / "end.json", msgspec.json.encode(end))

    def read_end(self) -> End | None:
        """Return how the run ended; None for one that was killed, or whose jobs had machines of their own.

        Raises:
            StateError: It can't be read.
        """
        path = self.path / "end.json"
        return _decode(path, End, END_VERSION) if path.exists() else None

    def write_record(self, record: Record) -> None:
        """Store one job's record."""
        content = msgspec.json.format(msgspec.json.encode(record), indent=2)
        files.write_atomic(self._record_path(record.job), content)

    def write_cached(self, records: Iterable[Record]) -> None:
        """Store the records of jobs that did not have to run, all in one file: there may be thousands."""
        cached = _Cached(records=tuple(records))
        if cached.records:
            files.write_atomic(self.path / _CACHED, msgspec.json.encode(cached))

    def read_record(self, job: str) -> Record | None:
        """Return a job's record, or None where there is none (yet).

        Raises:
            StateError: There is one, but it can't be read.
        """
        path = self._record_path(job)
        if not path.exists():
            return None
        return _decode(path, Record, RECORD_VERSION)

    def read_records(self) -> tuple[Record, ...]:
        """Return all records, in order of file name.

        Raises:
            StateError: One can't be read.
        """
        own = tuple(_decode(path, Record, RECORD_VERSION) for path in self._record_paths())
        return (
            *own,
            *(record for path in self._cached_paths() for record in _decode(path, _Cached, RECORD_VERSION).records),
        )

    def readable_records(self) -> tuple[tuple[Record, ...], tuple[str, ...]]:
        """Return all records that can be read, and what is wrong with each of the others."""
        records, problems = [], []
        for path in self._record_paths():
            try:
                records.append(_decode(path, Record, RECORD_VERSION))
            except StateError as error:
                problems.append(error.message)
        for path in self._cached_paths():
            try:
                records += _decode(path, _Cached, RECORD_VERSION).records
            except StateError as error:
                problems.append(error.message)
        return tuple(records), tuple(problems)

    def kept_artifacts(self, job: str) -> Path:
        """The folder that holds a job's artifacts, also if another machine ran the job."""
        found = (folder / "artifacts" / file_name(job) for folder in self._folders())
        return next((path for path in found if path.is_dir()), self.artifacts_path(job))

    def _folders(self) -> list[Path]:
        """Return this folder, and those of what other machines did of this run.

        A workflow fetches their artifacts into `parts`: a single one right there, several each into a folder.
        """
        parts = self.path / "parts"
        return [self.path, parts, *run_folders.inside(parts)]

    def _record_paths(self) -> list[Path]:
        found = [path for folder in self._folders() for path in (folder / "records").glob("*.json")]
        return sorted(found, key=lambda path: (path.name, path))

    def _cached_paths(self) -> list[Path]:
        return [path for folder in self._folders() if (path := folder / _CACHED).is_file()]

    def _record_path(self, job: str) -> Path:
        return self.path / "records" / f"{file_name(job)}.json"


def latest(root: Path) -> RunDirectory | None:
    """Return the run that started last in the workspace at `root`, if it is still there."""
    pointer = root / files.STATE / "latest"
    with contextlib.suppress(OSError):
        directory = RunDirectory(pointer.parent / "runs" / pointer.read_text().strip())
        if directory.path.is_dir():
            return directory
    return None


def runs(root: Path) -> tuple[RunDirectory, ...]:
    """Return all runs that are kept, oldest first."""
    folder = root / files.STATE / "runs"
    return tuple(RunDirectory(path) for path in run_folders.inside(folder))


def _decode(path: Path, kind: type[_Document], version: int) -> _Document:
    content = files.read_state(path)
    try:
        found = msgspec.json.decode(content, type=_Versioned).version
        if found != version:
            raise StateError(
                f"{path} has format {found}, this isonox reads format {version}",
                hint="run again, or read it with the isonox that wrote it",
            )
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise StateError(f"{path} is damaged: {error}", hint="remove it and run again") from error
