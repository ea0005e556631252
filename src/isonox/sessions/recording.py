"""What is known about a session, and the record that it becomes."""

from __future__ import annotations

import contextlib
import functools
import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from nox.sessions import Status

from isonox.errors import IsonoxError
from isonox.model import shard
from isonox.model.pipeline import PLAIN, Facts
from isonox.model.record import Environment, Interpreter, Platform, Record
from isonox.model.verdict import Verdict
from isonox.sessions import environment, trace
from isonox.sessions.messages import Planned
from isonox.system import files, git
from isonox.system.version import own_version

if TYPE_CHECKING:
    from nox.sessions import Result, SessionRunner

    from isonox.model.record import Undeclared
    from isonox.sessions.active import ActiveJob

_VERDICTS = {
    Status.SUCCESS: Verdict.PASSED,
    Status.FAILED: Verdict.FAILED,
    Status.ABORTED: Verdict.FAILED,
    Status.SKIPPED: Verdict.WAIVED,
}


def session_id(runner: SessionRunner) -> str:
    """Return nox's full signature: the longest one is unambiguous (`tests-3.12(api)`)."""
    return max(runner.signatures, key=len) if runner.signatures else runner.name


def shards_of(runner: SessionRunner) -> int:
    """Return into how many jobs the session is split."""
    return facts_of(runner).shards_of(package_of(runner))


def job_ids(runner: SessionRunner) -> tuple[str, ...]:
    """Return the ids of the jobs that the session means: its own, or those of its shards."""
    return shard.job_ids(session_id(runner), shards_of(runner))


def facts_of(runner: SessionRunner) -> Facts:
    """Return the facts that the noxfile declared for this session."""
    return getattr(runner.func, "__isonox__", None) or PLAIN


def package_of(runner: SessionRunner) -> str | None:
    """Return the name of the package that a per-package session is for."""
    call_spec = getattr(runner.func, "call_spec", {})
    return call_spec["package"] if facts_of(runner).per_package else None


def write(runner: SessionRunner, job: ActiveJob, result: Result | None, *, started: str, seconds: float) -> str:
    """Keep the artifacts and write the record of a session that has ended; `result` is None where it was interrupted.

    Returns:
        What went wrong with that, or an empty string.
    """
    problem = ""
    try:
        _keep_artifacts(job)
    except IsonoxError as error:
        problem = str(error)
        result = result and type(result)(runner, Status.FAILED, reason=problem, duration=seconds)
    try:
        job.run.write_record(_record_of(runner, job, result, started=started, seconds=seconds))
    except IsonoxError as error:
        problem = str(error)
    return problem


def _record_of(runner: SessionRunner, job: ActiveJob, result: Result | None, *, started: str, seconds: float) -> Record:
    """Return the record of a session that has ended; `result` is None where it was interrupted."""
    planned = job.planned or _found_out(job.root)
    verdict, reason = _verdict(job, result)
    traced, undeclared = _undeclared(runner, job) if verdict is Verdict.PASSED else (False, ())
    return Record(
        isonox=own_version(),
        run=job.run.id,
        job=job.id,
        stage=runner.name,
        verdict=verdict,
        reason=job.redact(reason),
        commit=planned.commit,
        dirty=planned.dirty,
        package=package_of(runner),
        posargs=tuple(job.redact(str(arg)) for arg in runner.posargs),
        required=job.facts.required,
        started=started,
        seconds=round(seconds, 3),
        interpreter=job.interpreter or Interpreter(asked=_asked(runner)),
        platform=_platform(),
        environment=_environment(job),
        commands=tuple(job.commands),
        distributions=job.distributions,
        tests=job.tests,
        split=job.split,
        flaky=job.flaky,
        coverage_percent=job.coverage_percent,
        findings=tuple(job.findings),
        notified=tuple(job.notified),
        artifacts=tuple(job.redact(path) for path in _kept(job)),
        notes=tuple(job.notes),
        fingerprint=planned.fingerprint,
        undeclared=undeclared,
        services=job.servers.uses() if job.servers else (),
        traced=traced,
        installations=tuple(job.installations),
        places={name: job.redact(path) for name, path in _places(runner, job).items()},
    )


def _undeclared(runner: SessionRunner, job: ActiveJob) -> tuple[bool, tuple[Undeclared, ...]]:
    """Return whether that was looked for, and what was found."""
    try:
        return trace.judged(job, package_of(runner), [str(arg) for arg in runner.posargs])
    except (IsonoxError, OSError) as error:  # git, or a file that is just being removed
        job.notes.append(f"what it used beside its inputs can't be told: {error}")
        return False, ()


def find_out() -> None:
    """Find out what the records of all jobs have in common."""
    _platform()
    _machine_places()


def _places(runner: SessionRunner, job: ActiveJob) -> dict[str, str]:
    """Return the folders that are elsewhere on another machine, for whoever compares what ran here and there."""
    return {
        "root": str(job.root),
        "run": str(job.run.path),
        "environment": str(job.environment or job.root / runner.envdir),
        "environments": str(job.root / runner.global_config.envdir),
        **_machine_places(),
    }


@functools.cache
def _machine_places() -> dict[str, str]:
    places = {}
    if sys.prefix != sys.base_prefix:  # else it is /usr or so, which means nothing
        places["nox"] = sys.prefix
    with contextlib.suppress(RuntimeError):  # a user without a home
        places["home"] = str(Path.home())
    with contextlib.suppress(OSError):  # no temporary folder can be written
        places["temporary"] = tempfile.gettempdir()
    return places


@functools.cache
def _platform() -> Platform:
    return Platform(system=platform.system(), release=platform.release(), machine=platform.machine())


def _environment(job: ActiveJob) -> Environment:
    """Describe what the session saw; a secret may have been put into a declared value."""
    described = environment.describe(job.outer, job.facts, cores=job.cores, extra=job.config.pass_env)
    values = {name: job.redact(value) for name, value in described.values.items()}
    return msgspec.structs.replace(described, values=values)


def _verdict(job: ActiveJob, result: Result | None) -> tuple[Verdict, str]:
    if result is None:
        return Verdict.CANCELLED, "interrupted"
    if job.timed_out and not result:
        return Verdict.TIMED_OUT, result.reason or ""
    return _VERDICTS[result.status], result.reason or ""


def _asked(runner: SessionRunner) -> str | None:
    python = runner.func.python
    return python if isinstance(python, str) else None


def _found_out(root: Path) -> Planned:
    try:
        head = git.head(root)
    except IsonoxError:
        return Planned(commit=None, dirty=True, fingerprint=None)
    return Planned(commit=head.commit, dirty=head.dirty, fingerprint=None)


def _keep_artifacts(job: ActiveJob) -> None:
    """Copy the files that the session declared as artifacts into the run's folder; those of before count as read."""
    for pattern in job.facts.artifacts:
        for path in sorted(job.root.glob(pattern)):
            if path.is_file():
                trace.takes(job, [path])
                target = job.run.artifacts_path(job.id) / path.relative_to(job.root)
                files.make_directory(target.parent)
                try:
                    shutil.copy2(path, target)
                except OSError as error:
                    raise files.state_error(error, f"can't keep the artifact {path}") from error


def _kept(job: ActiveJob) -> tuple[str, ...]:
    folder = job.run.artifacts_path(job.id)
    if not os.path.exists(folder):  # noqa: PTH110 - many jobs keep nothing, and this is faster
        return ()
    base = folder.parent
    return tuple(sorted(path.relative_to(base).as_posix() for path in folder.rglob("*") if path.is_file()))
