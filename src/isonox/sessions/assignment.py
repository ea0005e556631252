"""Which job this process runs, and what it was told of it: by variables of its environment, or by the forkserver."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING

import msgspec
import nox.registry

from isonox.errors import ConfigurationError
from isonox.model.pipeline import PLAIN
from isonox.model.shard import Shard
from isonox.sessions import environment, interpreter, pool, project, recording, redaction, trace
from isonox.sessions.active import ActiveJob
from isonox.sessions.messages import (
    HUNT_VARIABLE,
    OWNER_VARIABLE,
    PLANNED_VARIABLE,
    RUN_VARIABLE,
    SEED_VARIABLE,
    SHARD_VARIABLE,
    Planned,
)
from isonox.sessions.run_directory import RunDirectory
from isonox.system import clock, files, processes, terminal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from nox.sessions import SessionRunner

    from isonox.model.pipeline import Facts


#: Seconds.
_DAY = 86400


def job_of(runner: SessionRunner, root: Path) -> ActiveJob:
    """Return the job that a session is.

    Raises:
        ConfigurationError: What this process was told does not fit the session.
    """
    facts = recording.facts_of(runner)
    owner()
    planned = _planned()
    name, shard = recording.session_id(runner), _shard(runner, planned)
    return ActiveJob(
        id=f"{name}#{shard}" if shard else name,
        shard=shard,
        seed=_seed(os.environ),
        hunt=os.environ.get(HUNT_VARIABLE, ""),
        root=root,
        run=_run_directory(root, parallel=runner.global_config.parallel_worker),
        facts=facts,
        config=project.config(root),
        in_ci=terminal.in_ci(),
        in_run=_given_run() is not None,
        planned=planned,
        cores=planned.cores if planned and planned.cores else environment.given_cores(os.environ),
        secrets=redaction.texts(_secrets(facts), os.environ),
        outer=dict(os.environ),
    )


@functools.cache
def _given_run() -> str | None:
    """Return the folder of the run that this process was started for; None in a hand-typed nox."""
    return os.environ.pop(RUN_VARIABLE, None) or None


@functools.cache
def owner() -> str:
    """Return the process that the run's services belong to; nothing in a hand-typed nox."""
    return os.environ.pop(OWNER_VARIABLE, "")


#: What `take` was given.
_taken: list[Planned] = []


def take(planned: Planned) -> None:
    """Know what `isonox ci` knows of the job that this process runs, without a variable that says it."""
    _taken.append(planned)


@functools.cache
def _planned() -> Planned | None:
    given = os.environ.pop(PLANNED_VARIABLE, None)
    if _taken:
        return _taken[-1]
    return msgspec.json.decode(given, type=Planned) if given else None


def find_out(root: Path) -> None:
    """Find out what is the same for every job of a run: what forks from this process need not ask again."""
    _given_run()
    owner()
    files.make_directory(_run_directory(root, parallel=False).trace_path("any").parent)
    trace.find_out(root)
    recording.find_out()
    interpreter.own_interpreter()


@functools.cache
def _run_directory(root: Path, *, parallel: bool) -> RunDirectory:
    """Return the run that this process belongs to: the given one, that of `nox -j`, or one of its own."""
    if given := _given_run():
        return RunDirectory.at(root / given)
    return _run_of_parent(root, os.getppid()) if parallel else RunDirectory.create(root)


def _run_of_parent(root: Path, parent: int) -> RunDirectory:
    """Return the run of all sessions that one `nox -j` starts; the first that comes by makes it.

    A file for each `nox -j` names its run. Its own name tells that process from all others, those of other containers
    included.

    Raises:
        StateError: `.isonox/` can't be written.
    """
    state = files.state_directory(root)
    folder = files.make_directory(state / "parallel")
    try:
        with pool.locked(folder / "lock", "another session of nox -j begins the run"):
            for old in folder.glob("*.run"):
                if old.stat().st_mtime < clock.posix() - _DAY:
                    old.unlink()
            path = folder / f"{parent}-{processes.identity(parent)}.run"
            known = path.read_text("ascii", "replace") if path.exists() else ""
            if known and (state / "runs" / known / "records").is_dir():
                return RunDirectory(state / "runs" / known)
            run = RunDirectory.create(root)
            files.write_atomic(path, run.id.encode())
    except OSError as error:
        raise files.state_error(error, f"can't begin a run in {folder}") from error
    return run


def _secrets(facts: Facts) -> list[str]:
    """Return the variables whose values must not be printed.

    Another session's secret is one here, too, where the noxfile puts it into a variable of this session.
    """
    if not facts.env:
        return list(facts.secrets)
    declared = (getattr(function, "__isonox__", PLAIN).secrets for function in nox.registry.get().values())
    others = {name for names in declared for name in names if os.environ.get(name)}
    return [*facts.secrets, *(name for name in others if any(os.environ[name] in one for one in facts.env.values()))]


@functools.cache
def _given_shard() -> str:
    """Return which shard this process is to run: what a workflow sets, or somebody who repeats a shard."""
    return os.environ.pop(SHARD_VARIABLE, "")


def _shard(runner: SessionRunner, planned: Planned | None) -> Shard | None:
    """Return which shard of the session is to run; None for all of it.

    Raises:
        ConfigurationError: The session is not split like that.
    """
    count = recording.shards_of(runner)
    given = planned.shard if planned else _given_shard()
    if not given or count == 1:
        return None
    shard = Shard.parse(given)
    if shard.count != count:
        raise ConfigurationError(
            f"{SHARD_VARIABLE}={given}: {recording.session_id(runner)} is split into {count} shards",
            hint=f"one of them is {SHARD_VARIABLE}=1/{count}; without the variable, all of it runs",
        )
    return shard


def _seed(environ: Mapping[str, str]) -> int | None:
    """Return the seed that somebody gives for a random order.

    Raises:
        ConfigurationError: It is no whole number.
    """
    given = environ.get(SEED_VARIABLE, "")
    if given and not given.isdecimal():
        raise ConfigurationError(f"{SEED_VARIABLE}={given!r} must be a whole number, such as 20261")
    return int(given) if given else None
