"""Run one test many times under conditions that vary, in the session that has it, instead of all of its tests."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, NoReturn

import msgspec

from isonox.errors import ConfigurationError, did_you_mean
from isonox.model.hunt import FILE, Try, Wanted
from isonox.sessions import install
from isonox.sessions.commands import active_job
from isonox.sessions.messages import HUNT_VARIABLE
from isonox.stages import outcome, splitting
from isonox.stages.retrying import named
from isonox.system import files

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from isonox.sessions.session import Session
    from isonox.stages.outcome import Outcome
    from isonox.stages.splitting import Left, Pytest


def hunt(session: Session, folder: Path, given: str) -> NoReturn:
    """Run a test as often as is asked for, leave what came of it in the artifacts, and end the session, waived.

    Args:
        session: The running session, with its tools installed.
        folder: Where pytest runs.
        given: What is asked for: a `Wanted` as JSON.

    Raises:
        ConfigurationError: That is not readable.
    """
    try:
        wanted = msgspec.json.decode(given, type=Wanted)
    except msgspec.DecodeError as error:
        raise ConfigurationError(f"{HUNT_VARIABLE}: {error}", hint="isonox flaky --hunt TEST sets it") from error
    own = splitting.Pytest(session, folder, splitting.Taking())
    _run(session, own, folder, wanted.test, "--collect-only")
    mine = _found(session, own.left(), wanted.test)
    done: list[Try] = []
    for conditions in wanted.tries:
        own.seed, own.random = conditions.order, conditions.random
        own.only = mine if conditions.alone else None
        env = {"PYTHONHASHSEED": str(conditions.hashes), "TZ": conditions.zone}
        with _busy(session.cores if conditions.load else 0):
            ended = _run(session, own, folder, wanted.test, env=env)
        left = own.left()
        if left is None or not left.executed.keys() >= set(mine):
            session.error(f"{wanted.test} did not run: pytest ended before, with {ended}")
        if not any(one in left.failed or one in left.passed for one in mine):
            session.error(f"{wanted.test} was skipped, or is expected to fail: nothing can be found out about it")
        failures = [active_job().redact(left.failed[one]) for one in mine if one in left.failed]
        done.append(Try(conditions=conditions, message=failures[0] if failures else ""))
        how = "failed" if failures else "passed"
        session.log("%d of %d %s: %s", len(done), len(wanted.tries), how, str(conditions) or "as usual")
    files.write_atomic(session.artifacts / FILE, msgspec.json.encode(done))
    session.waive("a hunt: one test ran many times, which says nothing about the others")


#: How the plugins that are installed are kept out of it.
_PLAIN = {
    "pytest-xdist": "--numprocesses=0",
    "pytest-cov": "--no-cov",
    "pytest-randomly": "-pno:randomly",
    "pytest-rerunfailures": "--reruns=0",
}


def _run(
    session: Session, own: Pytest, folder: Path, test: str, *options: str, env: Mapping[str, str] | None = None
) -> Outcome:
    """Run pytest on the file of the test, in one process; what it prints is not shown."""
    installed = install.installed(session)
    argv = ["pytest", *own.arguments(), *(option for name, option in _PLAIN.items() if name in installed), *options]
    path = str(session.root / test.partition("::")[0])
    with nullcontext() if folder == session.root else session.chdir(folder):
        return outcome.run(session, *argv, path, env={**own.variables(), **(env or {})}, shown="errors")


def _found(session: Session, left: Left | None, test: str) -> tuple[str, ...]:
    """Return the node ids that a test has for pytest: several, if it has parameters that were not named."""
    ids = {named(session, left.root, one): one for one in left.selected} if left else {}
    mine = tuple(one for name, one in ids.items() if name == test or name.startswith(f"{test}["))
    if not mine:
        session.error(f"pytest finds no test {test!r} here{did_you_mean(test, ids)}")
    return mine


@contextlib.contextmanager
def _busy(number: int) -> Iterator[None]:
    """Keep so many processes computing while the context is open."""
    started = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(number)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()
