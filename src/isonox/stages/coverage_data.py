"""Coverage data between the stages: how test jobs leave it, and which jobs must have left some."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

from isonox.errors import ConfigurationError
from isonox.model import shard
from isonox.model.shard import Shard, session_of
from isonox.sessions.recording import job_ids, session_id
from isonox.stages import configuration, outcome
from isonox.stages.configuration import Configuration

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from isonox.model.record import Record
    from isonox.sessions.session import Session

#: In the job's artifacts. Each process leaves a file with a longer name; at the end they become this one.
DATA = ".coverage"

#: Where coverage looks for its configuration: the first counts that is its own, or says something about it, alone.
#: Source: https://coverage.readthedocs.io/en/latest/config.html
_FILES = (".coveragerc", ".coveragerc.toml", "setup.cfg", "tox.ini", "pyproject.toml")
_SECTION = "coverage:"
#: Settings that say what to measure.
_CHOICE = {"source", "source_pkgs", "source_dirs", "include"}
#: The command that test jobs run.
_MEASURE = ("coverage", "run", "--parallel-mode")


def measuring(
    session: Session, folder: Path, code: Sequence[str], *, workers: bool
) -> tuple[list[str], dict[str, str]]:
    """Return the command and the variables with which pytest runs in `folder` under coverage.

    Args:
        session: The running session; its artifacts get the data.
        folder: Where pytest runs; its own coverage configuration wins over that of the root.
        code: What to measure where coverage's configuration does not say, relative to the root.
        workers: Whether pytest-xdist runs the tests, in processes of its own.

    Raises:
        ConfigurationError: What coverage is configured to do would lose data.
    """
    here, above = _configuration(folder), _configuration(session.root)
    argv = [*_MEASURE, *([f"--rcfile={above.path}"] if above and not here else [])]
    found = here or above
    run = found.values if found else {}
    if folder != session.root and str(run.get("relative_files", "")).lower() in ("true", "1", "yes", "on"):
        raise ConfigurationError(
            "coverage's relative_files does not work per package: two packages may have files of the same name",
            hint="remove relative_files; name other checkouts in [tool.coverage.paths]",
        )
    if workers and "subprocess" not in run.get("patch", ""):
        raise ConfigurationError(
            "the tests run in processes of pytest-xdist, which coverage is not configured to measure",
            hint='add to pyproject.toml: [tool.coverage.run] patch = ["subprocess"]; or take `workers` out',
        )
    if not run.keys() & _CHOICE and code:
        argv.append(f"--source={','.join(str(session.root / path) for path in code)}")
    return [*argv, "-m", "pytest"], {"COVERAGE_FILE": str(session.artifacts / DATA)}


def chosen(root: Path) -> bool:
    """Return whether coverage's own configuration of the root says what to measure."""
    found = _configuration(root)
    return bool(found and found.values.keys() & _CHOICE)


def _configuration(folder: Path) -> Configuration | None:
    """Return the file that configures coverage in a folder, and what it says of a run."""
    for name in _FILES:
        found, is_own = configuration.sections(folder / name), name.startswith(".")
        if found is None:
            continue
        if name.endswith(".toml"):
            found = configuration.table(found, "tool.coverage") or (found if is_own else {})
        else:
            named = {section for section in found if is_own or section.startswith(_SECTION)}
            found = {section.removeprefix(_SECTION): found[section] for section in named}
        if is_own or any(found.values()):
            return Configuration(folder / name, found.get("run", {}))
    return None


def combine(session: Session) -> str:
    """Make one data file of what the processes of this session left; return what went wrong.

    Names of files stay as they are: the coverage stage maps them, by the configuration of the whole workspace. What
    can't be read stays beside, for it to find. A process that was killed before it saved anything leaves no data, and
    may leave a file without tables: both is the same, but for the note.
    """
    left = files(session.artifacts)
    begun = [path for path in left if _is_begun(path)]
    if begun and len(begun) < len(left):
        who = "a process that was" if len(begun) == 1 else f"{len(begun)} processes that were"
        session.note(f"what {who} killed while saving ran is not in the coverage data")
        for path in begun:
            path.unlink()
        left = files(session.artifacts)
    if len(left) < 2:  # noqa: PLR2004 - there is nothing to combine
        for path in left:
            path.replace(session.artifacts / DATA)
        return ""
    argv = ("coverage", "combine", "--quiet", f"--rcfile={os.devnull}")
    done = outcome.run(session, *argv, env={"COVERAGE_FILE": str(session.artifacts / DATA)})
    return f"the coverage data can't be combined: {done.last_line}" if done.failed else ""


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
    return bool(_asked(path, "SELECT EXISTS (SELECT 1 FROM line_bits) OR EXISTS (SELECT 1 FROM arc)"))


def _is_begun(path: Path) -> bool:
    """Return whether a data file was made, and never written to: a table is missing, or the version, which is first."""
    tables = "SELECT count(*) FROM sqlite_master WHERE name IN ('coverage_schema', 'file', 'line_bits', 'arc')"
    try:
        return _asked(path, tables) < 4 or not _asked(path, "SELECT count(*) FROM coverage_schema")  # noqa: PLR2004 - all
    except ConfigurationError:
        return False


def schema(path: Path) -> int:
    """Return the version of a data file's format, which depends on the version of coverage that wrote it.

    Raises:
        ConfigurationError: It is damaged.
    """
    return _asked(path, "SELECT version FROM coverage_schema")


def _asked(path: Path, query: str) -> int:
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as data:
            return int(data.execute(query).fetchone()[0])
    except (sqlite3.Error, TypeError, ValueError) as error:
        raise ConfigurationError(f"{path} is no coverage data: {error}", hint="run the tests again") from error


class Job(NamedTuple):
    """A job of this run whose coverage data is combined.

    Attributes:
        record: What it did.
        folder: Its artifacts.
        measured: Whether it ran its tests under coverage, so that data must be there.
    """

    record: Record
    folder: Path
    measured: bool


def jobs(session: Session, requires: Sequence[str]) -> list[Job]:
    """Return the jobs of this run that the coverage stage combines: those it requires, or all that measure."""
    run = session.run_directory
    found = []
    for record in run.read_records():
        empty = record.split is not None and not record.split.selected
        measured = not empty and any(command.argv[1:3] == _MEASURE[1:] for command in record.commands)
        name = session_of(record.job)
        names = {record.stage, record.job, name, name.partition("(")[0]}
        if names & set(requires) if requires else measured:
            found.append(Job(record, run.kept_artifacts(record.job), measured))
    return found


def missing(session: Session, requires: Sequence[str]) -> list[str]:
    """Return what this run lacks of the sessions that the coverage stage requires: whole ones, and shards."""
    there = {record.job for record in session.run_directory.read_records()}
    # nox has no public question for it
    required = session._runner.get_direct_dependencies() if requires else ()  # noqa: SLF001
    wanted = {name for one in required if session_id(one) not in there for name in job_ids(one)}
    for job in there:
        name = session_of(job)
        if name != job:  # so all shards of it ran, or should have
            wanted |= set(shard.job_ids(name, Shard.parse(job.removeprefix(f"{name}#")).count))
    lost = wanted - there
    return [f"{name} left no record" for name in sorted(lost)]
