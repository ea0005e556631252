"""Real jobs, forked from a warm process and spawned: what they are, and what happens to them when something dies."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from isonox.errors import UsageError
from isonox.model.plan import PlannedJob
from isonox.model.verdict import Verdict
from isonox.run.executor import NoxExecutor
from isonox.run.warm import START_VARIABLE
from isonox.sessions.run_directory import RunDirectory, latest
from isonox.system import processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import psutil
    from tests.conftest import MakeRepository

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every job is spawned")

#: Seconds after which a job is taken to hang.
PATIENCE = 60

#: In the warm process, nox is not told which session to run.
WARM = "'-s' not in sys.argv"

#: A session that tells what it is, and changes what it should not share.
TELLS = """
import atexit, json, os, pathlib, random, signal, sys, threading
import nox

STATE = []
atexit.register(lambda: print("loaded, ended"))
own = pathlib.Path(__file__).parent

@nox.session(python=False)
@nox.parametrize("number", [1, 2])
def tells(session, number):
    STATE.append(number)
    os.environ["LEFT"] = "behind"
    atexit.register(lambda: (own / f"ended-{number}").touch())
    print("printed")
    session.run("sh", "-c", "echo out; echo err >&2; cat", external=True)
    told = {
        "state": STATE, "posargs": session.posargs, "argv": sys.argv, "folder": os.getcwd(),
        "environment": {name: value for name, value in os.environ.items() if name != "COVERAGE_PROCESS_CONFIG"},
        "leader": os.getpid() == os.getsid(0) == os.getpgid(0), "input": os.readlink("/proc/self/fd/0"),
        "output": [os.readlink(f"/proc/self/fd/{descriptor}") for descriptor in (1, 2)],
        "handler": str(signal.getsignal(signal.SIGTERM)), "child": signal.getsignal(signal.SIGCHLD).__name__,
        "main": threading.current_thread() is threading.main_thread(),
    }
    (own / f"told-{number}.json").write_text(json.dumps(told))
    (own / f"random-{number}").write_text(str(random.random()))
    session.error("on purpose") if number == 2 else None
"""


class Runs:
    """Starts jobs in a folder, and waits for them."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.directory = RunDirectory.create(folder)
        self.ended: dict[str, int] = {}
        self.executor = NoxExecutor(
            folder, "noxfile.py", self.directory, {**os.environ, **environment}, commit="abc", dirty=True, slots=2
        )

    def start(self, *jobs: str, posargs: tuple[str, ...] = ()) -> None:
        """Start jobs."""
        for job in jobs:
            planned = PlannedJob(
                id=job,
                session=job,
                stage=job,
                posargs=posargs,
                estimate_seconds=1,
                estimate_from="prior",
                fingerprint=f"of {job}",
            )
            self.executor.start(planned, self.ended.__setitem__)

    def codes(self, *jobs: str) -> list[int]:
        """Wait until jobs have ended, and return their exit codes."""
        wait_until(lambda: all(job in self.ended for job in jobs))
        return [self.ended[job] for job in jobs]

    def run(self, *jobs: str, posargs: tuple[str, ...] = ()) -> list[int]:
        """Start jobs, and return their exit codes."""
        self.start(*jobs, posargs=posargs)
        return self.codes(*jobs)

    def log(self, job: str) -> str:
        """Return what a job has printed so far."""
        return self.directory.log_path(job).read_text()


@contextlib.contextmanager
def runs(folder: Path, noxfile: str, **environment: str) -> Iterator[Runs]:
    """Return something to start this noxfile's sessions with; nothing of it is left afterwards."""
    (folder / "noxfile.py").write_text(noxfile)
    made = Runs(folder, environment)
    try:
        yield made
    finally:
        made.executor.close()
    assert [] == below()


def below() -> list[psutil.Process]:
    """Return everything that this process has started and that lives."""
    return processes.descendants(os.getpid())


def forkserver() -> psutil.Process:
    """Return the warm process, of which forks are copies."""
    (found,) = (process for process in below() if process.ppid() == os.getpid())
    return found


def wait_until(happened: Callable[[], Any]) -> None:
    """Wait for something that happens soon."""
    deadline = time.monotonic() + PATIENCE
    while not happened() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert happened()


def test_a_forked_job_is_what_a_spawned_one_is(tmp_path: Path) -> None:
    """Variables, arguments, folder, signals, process group, log, record; and no job sees what another has done."""
    told: dict[str, Any] = {}
    for way, environment in (("forked", {}), ("spawned", {START_VARIABLE: "spawn"})):
        folder = tmp_path / way
        folder.mkdir()
        with runs(folder, TELLS, **environment) as made:
            codes = made.run("tells(number=1)", "tells(number=2)", posargs=("-k", "a name"))
            assert "" == made.executor.lost
            log = made.log("tells(number=1)").replace("loaded, ended\n", "")
            record = made.directory.read_record("tells(number=1)")
        assert [0, 1] == codes
        assert record is not None
        assert (Verdict.PASSED, "session") == (record.verdict, record.written_by)
        assert ("abc", True, "of tells(number=1)") == (record.commit, record.dirty, record.fingerprint)
        assert (folder / "ended-1").exists()
        assert (folder / "random-1").read_text() != (folder / "random-2").read_text()
        found = [json.loads((folder / f"told-{number}.json").read_text()) for number in (1, 2)]
        assert [[1], [2]] == [one["state"] for one in found]
        assert found[0]["leader"]
        for one in found:
            one["environment"].pop(START_VARIABLE, None)
        text = json.dumps([*found, log]).replace(str(folder), "FOLDER").replace(made.directory.id, "RUN")
        told[way] = json.loads(text)

    assert told["spawned"] == told["forked"]


def test_a_job_of_isonox_ci_is_what_a_spawned_one_is(repository: MakeRepository) -> None:
    """There the warm process is a copy of `isonox` itself: nothing of that is seen in a job."""
    told, logs = [], []
    folder = repository({"noxfile.py": TELLS}).path
    for variables in ({}, {START_VARIABLE: "spawn"}):
        environment = {**os.environ, **variables, "LEFT": "before"}
        command = [sys.executable, "-m", "isonox", "ci", "--no-cache", "--", "-k", "a name"]
        done = subprocess.run(
            command, cwd=folder, check=False, capture_output=True, text=True, env=environment, stdin=subprocess.PIPE
        )
        assert 1 == done.returncode, done.stderr  # the second session fails on purpose
        found = [json.loads((folder / f"told-{number}.json").read_text()) for number in (1, 2)]
        for one in found:
            one["environment"].pop(START_VARIABLE, None)
        run = latest(folder)
        assert run is not None
        told.append(json.loads(json.dumps(found).replace(run.id, "RUN")))
        logs.append((run.path / "forkserver.log").exists())

    assert told[1] == told[0]
    assert [True, False] == logs


@pytest.mark.parametrize(
    ("at_load", "reason"),
    [
        (
            f"threading.Thread(target=time.sleep, args=(600,), daemon={WARM.replace('not in', 'in')}).start()",
            "starts threads when it is loaded",
        ),
        ("import subprocess; subprocess.Popen(['sleep', '600'])", "starts processes when it is loaded"),
        (f"os.kill(os.getpid(), 9) if {WARM} else None", "killed by signal 9"),
        (f"sys.exit('not today') if {WARM} else None", "exit 1: not today"),
    ],
)
def test_a_noxfile_that_can_not_be_forked_is_loaded_by_each_job(tmp_path: Path, at_load: str, reason: str) -> None:
    """Jobs run as they do where there is no fork, and it is said why."""
    noxfile = f"import os, sys, threading, time, nox\n{at_load}\n@nox.session(python=False)\ndef a(session): ...\n"

    with runs(tmp_path, noxfile + "@nox.session(python=False)\ndef b(session): ...\n") as made:
        assert [0, 0] == made.run("a", "b")

        assert reason in made.executor.lost
        assert [0] == made.run("a")


def test_jobs_of_a_warm_process_that_dies_are_red_and_later_ones_spawned(tmp_path: Path) -> None:
    """Nothing that they had started goes on, and the log says what happened."""
    noxfile = """
import nox

@nox.session(python=False)
def sleeps(session):
    session.run("sh", "-c", "echo up; sleep 600 & sleep 600", external=True)

@nox.session(python=False)
def quick(session): ...
"""
    with runs(tmp_path, noxfile) as made:
        made.start("sleeps")
        wait_until(lambda: "up" in made.log("sleeps"))
        forkserver().kill()

        assert [-signal.SIGKILL] == made.codes("sleeps")
        assert [] == below()
        assert "isonox: the process to fork them from ended: killed by signal 9" in made.log("sleeps")
        assert [0] == made.run("quick")


def test_a_job_is_interrupted_and_killed_on_its_own(tmp_path: Path) -> None:
    """The interrupted one writes its record; neither leaves anything behind, and others go on."""
    noxfile = """
import nox

@nox.session(python=False)
@nox.parametrize("n", [1, 2, 3])
def sleeps(session, n):
    session.run("sh", "-c", "sleep ${0} & sleep ${0}", session.posargs[0], external=True)
"""

    def sleeping() -> int:
        return sum(process.name() == "sleep" for process in below())

    first, second, third = (f"sleeps(n={n})" for n in (1, 2, 3))
    with runs(tmp_path, noxfile) as made:
        made.start(first, second, third, posargs=("600",))
        wait_until(lambda: sleeping() == 6)

        made.executor.interrupt(first)
        made.executor.kill(second)

        assert [130] == made.codes(first)
        assert [0] != made.codes(second)
        record = made.directory.read_record(first)
        assert record is not None
        assert (Verdict.CANCELLED, "session") == (record.verdict, record.written_by)
        assert third not in made.ended
        assert 2 == sleeping()
        made.executor.interrupt("unknown")
        made.executor.kill(first)  # it is gone
        made.executor.kill(third)
        assert [0] != made.codes(third)


def test_jobs_that_wait_for_the_warm_process_can_be_ended_too(tmp_path: Path) -> None:
    """However long the noxfile takes to load; those that were not to be ended start elsewhere."""
    noxfile = f"""
import sys, time, nox
if {WARM}:
    open("loading", "w").close()
    time.sleep(600)

@nox.session(python=False)
def a(session): ...

@nox.session(python=False)
def b(session): ...
"""
    with runs(tmp_path, noxfile) as made:
        made.start("a", "b")
        wait_until((tmp_path / "loading").exists)
        made.executor.interrupt("a")

        made.executor.kill("a")

        assert [-signal.SIGKILL, 0] == made.codes("a", "b")
        assert made.directory.read_record("a") is None


def test_a_prepared_run_without_jobs_ends_at_once(tmp_path: Path) -> None:
    """Preparing again changes nothing; the process that loads the noxfile is not waited for."""
    with runs(tmp_path, "import time\ntime.sleep(600)\n") as made:
        made.executor.prepare()
        made.executor.prepare()

        assert forkserver().is_running()


def test_a_log_that_can_not_be_made_is_an_error(tmp_path: Path) -> None:
    """Before anything is started for the job."""
    with runs(tmp_path, "import nox\n@nox.session(python=False)\ndef a(session): ...\n") as made:
        made.directory.log_path("a").mkdir()

        with pytest.raises(Exception, match="can't write"):
            made.start("a")


def test_an_unknown_way_to_start_is_refused(tmp_path: Path) -> None:
    """A typo would be ignored otherwise."""
    with pytest.raises(UsageError, match="ISONOX_START='spwan' is unknown"):
        Runs(tmp_path, {START_VARIABLE: "spwan"})
