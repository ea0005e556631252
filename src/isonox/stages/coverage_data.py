"""Coverage data between the stages: how test jobs leave it, and which jobs must have left some."""

from __future__ import annotations

import configparser
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

from isonox.errors import ConfigurationError
from isonox.sessions import recording
from isonox.sessions.run_directory import RunDirectory
from isonox.stages.options import pyproject

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from isonox.model.record import Record
    from isonox.sessions.session import Session

#: Data files are called `.coverage.<host>.<process>.<random>`, in the job's artifacts.
DATA = ".coverage"

#: Where coverage looks for its configuration, first one wins, and the prefix of its sections there.
_CONFIGURATION = ((".coveragerc", ""), ("setup.cfg", "coverage:"), ("tox.ini", "coverage:"))

_MARK = "__isonox_measures__"


def mark(function: Callable[..., Any]) -> None:
    """Remember that a session function leaves coverage data (nox copies the mark to all sessions made of it)."""
    setattr(function, _MARK, True)


def is_marked(function: object) -> bool:
    """Return whether a session's function leaves coverage data."""
    return getattr(function, _MARK, False)


def measuring(session: Session, folder: Path, code: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Return the command and the variables with which pytest runs in `folder` under coverage.

    Args:
        session: The running session; its artifacts get the data.
        folder: Where pytest runs; its own coverage configuration wins over that of the root.
        code: What to measure where coverage's configuration does not say, relative to the root.
    """
    own = settings(folder)
    run = settings(session.root) or {} if own is None else own
    argv = ["coverage", "run", "--parallel-mode"]
    if own is None and (configuration := _file(session.root)):
        argv.append(f"--rcfile={configuration}")
    if folder != session.root and str(run.get("relative_files", "")).lower() in ("true", "1", "yes", "on"):
        raise ConfigurationError(
            "coverage's relative_files does not work per package: two packages may have files of the same name",
            hint="remove relative_files; name other checkouts in [tool.coverage.paths]",
        )
    if not run.keys() & {"source", "source_pkgs", "source_dirs", "include"} and code:
        argv.append(f"--source={','.join(str(session.root / path) for path in code)}")
    return [*argv, "-m", "pytest"], {"COVERAGE_FILE": str(session.artifacts / DATA)}


def check_left(session: Session) -> None:
    """End the session red if its tests passed and nothing was measured."""
    if any(holds_lines(path) for path in files(session.artifacts)):
        return
    session.error(
        "the tests ran, but not one line of the code was measured; with pytest-xdist, set "
        '[tool.coverage.run] patch = ["subprocess"]; else check `source` there'
    )


def files(folder: Path) -> list[Path]:
    """Return the data files in a job's artifacts."""
    return sorted(path for path in folder.glob(f"{DATA}*") if path.is_file())


def holds_lines(path: Path) -> bool:
    """Return whether a data file has at least one line or branch that ran (its schema is documented).

    Raises:
        ConfigurationError: It is damaged.
    """
    query = "SELECT EXISTS (SELECT 1 FROM line_bits) OR EXISTS (SELECT 1 FROM arc)"
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as data:
            return bool(data.execute(query).fetchone()[0])
    except sqlite3.Error as error:
        raise ConfigurationError(f"{path} is no coverage data: {error}", hint="run the tests again") from error


def settings(folder: Path) -> dict[str, Any] | None:
    """Return coverage's `run` settings of a folder; None if the folder does not configure coverage."""
    path = _file(folder)
    if path is None:
        return None
    if path.name == "pyproject.toml":
        run = pyproject(folder)["tool"]["coverage"].get("run", {})
        return run if isinstance(run, dict) else {}
    parser, prefix = _parsed(path), dict(_CONFIGURATION)[path.name]
    section = f"{prefix}run"
    return dict(parser[section]) if parser.has_section(section) else {}


def _file(folder: Path) -> Path | None:
    """Return the file from which coverage would read its configuration."""
    for name, prefix in _CONFIGURATION:
        path = folder / name
        if path.is_file() and (not prefix or any(s.startswith(prefix) for s in _parsed(path).sections())):
            return path
    table = pyproject(folder).get("tool", {}).get("coverage")
    return folder / "pyproject.toml" if isinstance(table, dict) else None


def _parsed(path: Path) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: {error}") from error
    return parser


class Job(NamedTuple):
    """A job of this run that may have left coverage data.

    Attributes:
        id: The job's id.
        folder: Its artifacts.
        marked: Whether its stage measures, so that data must be there.
        record: What it did; None if it left no record.
    """

    id: str
    folder: Path
    marked: bool
    record: Record | None


def jobs(session: Session, requires: Sequence[str]) -> list[Job]:
    """Return the jobs of this run that the coverage stage combines: those it requires, or all that measure."""
    run = session.run_directory
    present = {record.job: record for record in run.read_records()}
    planned = {job.id for job in run.read_plan().jobs} if run.plan_path.exists() else set()
    found = []
    for runner, _ in session._runner.manifest.list_all_sessions():  # noqa: SLF001 - nox's only list of all sessions
        job, marked = recording.job_id(runner), is_marked(runner.func)
        asked = {runner.name, *runner.signatures} & set(requires) if requires else marked
        if asked and job in {*present, *planned}:
            record = present.get(job)
            home = RunDirectory(run.path.parent / record.from_run) if record and record.from_run else run
            found.append(Job(job, home.artifacts_path(job), marked, record))
    return found
