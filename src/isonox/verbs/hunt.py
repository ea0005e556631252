"""`isonox flaky --hunt`: run one test many times in its session, and say which condition makes it fail."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from isonox.errors import ExitCode, IsonoxError, UsageError
from isonox.model import hunt as model
from isonox.model.hunt import Conditions, HuntDocument, Try, Wanted
from isonox.model.plan import Selection
from isonox.model.shard import session_of
from isonox.planning import hunting
from isonox.planning.select import select
from isonox.report import flaky_view
from isonox.sessions import messages
from isonox.sessions.run_directory import RunDirectory
from isonox.system import files, processes, terminal
from isonox.system.git import NOXFILE
from isonox.verbs.checkout import Checkout

if TYPE_CHECKING:
    from isonox.model.pipeline import Session


#: Seconds between SIGTERM and SIGKILL for what is interrupted.
_GRACE = 1.0

#: What the name of a hunt's folder begins with; the id of the process that hunts follows.
_FOLDER = "hunt-"

#: A session hears in one variable what it has to try.
_MOST = 1000


def hunt(  # noqa: PLR0913 - the options of the verb
    test: str, *, times: int, seed: int, under: str | None, only: Sequence[str], json: bool
) -> ExitCode:
    """Hunt one test, and print what was found.

    Raises:
        UsageError: The options make no sense, or no session can run the test.
        IsonoxError: The session failed; what it says.
    """
    if not 1 <= times <= _MOST:
        raise UsageError(f"--times {times}: a number from 1 to {_MOST} is needed")
    conditions = None if under is None else Conditions.parsed(under)
    checkout = Checkout.here()
    session = _session(checkout, test, only)
    tries = hunting.tries(times, seed) if conditions is None else (conditions,) * times
    done = _run(checkout.root, session, Wanted(test=test, tries=tries))
    found = hunting.factors(done) if conditions is None else ()
    worst = hunting.simplest(done, found[0] if found else None)
    document = HuntDocument(
        test=test,
        session=session,
        failures=sum(bool(one.message) for one in done),
        factors=found,
        threshold=round(hunting.THRESHOLD, 4),
        repeat="" if worst is None else _repeat(test, session, worst),
        tries=done,
    )
    terminal.write_document(document, flaky_view.show_hunt, json=json)
    return ExitCode.JOB_FAILED if document.failures else ExitCode.OK


def _session(checkout: Checkout, test: str, only: Sequence[str]) -> str:
    """Return the session that runs a test: the first that tests, of the test's own package where there is one.

    Raises:
        UsageError: There is none, or no such file.
    """
    file = test.partition("::")[0]
    if "::" not in test or not (checkout.root / file).is_file():
        raise UsageError(
            f"{test!r} is no test here", hint="name it from the workspace's root: tests/test_it.py::test_name"
        )
    chosen = select(checkout.pipeline, Selection(names=tuple(only))) if only else checkout.pipeline.by_id
    testing = [one for one in map(checkout.pipeline.by_id.__getitem__, chosen) if "tests" in one.tags]
    places = {package.name: package.path for package in checkout.workspace.packages}

    def distance(one: Session) -> int:
        place = places.get(one.package or "", ".")
        if one.package and place != "." and not file.startswith(f"{place}/"):
            return 2
        return 0 if one.package else 1

    ordered = sorted((one for one in testing if distance(one) < 2), key=distance)  # noqa: PLR2004 - another package
    if not ordered:
        of = f"--only {', '.join(only)}" if only else "stages.tests"
        raise UsageError(f"no session of {of} runs {file}", hint="name one that runs pytest: --only SESSION")
    return session_of(ordered[0].id) if ordered[0].shard else ordered[0].id


def _sweep(state: Path) -> None:
    """Remove what hunts have left that were killed."""
    for folder in state.glob(f"{_FOLDER}*-*"):
        owner = folder.name.removeprefix(_FOLDER).partition("-")[0]
        if owner.isdecimal() and not processes.identity(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)


def _run(root: Path, session: str, wanted: Wanted) -> tuple[Try, ...]:
    """Let the session hunt; it ends with everything below it when this process does.

    Raises:
        IsonoxError: It did not; what its record says.
    """
    state = files.state_directory(root)
    _sweep(state)
    with tempfile.TemporaryDirectory(prefix=f"{_FOLDER}{os.getpid()}-", dir=state) as folder:
        lifeline, held = os.pipe()
        given = {
            messages.HUNT_VARIABLE: msgspec.json.encode(wanted).decode(),
            messages.RUN_VARIABLE: os.path.relpath(folder, root),
            messages.LIFELINE_VARIABLE: str(lifeline),
        }
        kept = {name: value for name, value in os.environ.items() if name not in messages.SELECTING_VARIABLES}
        arguments = [*messages.nox_arguments(NOXFILE), *messages.selecting_arguments(session, ())]
        processes.become_subreaper()
        for ends in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(ends, signal.default_int_handler)
        child = subprocess.Popen(
            [sys.executable, "-m", "isonox.sessions.child", *arguments],
            cwd=root,
            env={**kept, **given},
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            pass_fds=(lifeline,),
            start_new_session=True,
        )
        try:
            child.wait()
        finally:  # interrupted or not: nothing goes on computing
            processes.kill_tree(child.pid, grace=_GRACE)
            processes.end_children()
            os.close(lifeline)
            os.close(held)
        directory = RunDirectory(Path(folder))
        found = directory.artifacts_path(session) / model.FILE
        if found.exists():
            return msgspec.json.decode(found.read_bytes(), type=tuple[Try, ...])
        reasons = [record.reason for record in directory.readable_records()[0] if not record.verdict.green]
    ended = processes.describe_exit(child.returncode) if child.returncode else "it is no session of stages.tests"
    raise IsonoxError(f"{session} could not run {wanted.test}: {reasons[0] if reasons else ended}")


def _repeat(test: str, session: str, conditions: Conditions) -> str:
    words = ["isonox", "flaky", "--hunt", test, "--only", session, "--under", str(conditions), "--times", "10"]
    return shlex.join(words)
