"""Whole runs of `isonox ci` in which something goes wrong: every job ends in a verdict, and nothing is left behind."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from isonox.errors import ExitCode
from isonox.run.warm import START_VARIABLE
from isonox.sessions import run_directory

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: A sleeping process that leaves its group and its parent, as daemons do; $1 marks it.
DAEMON = "import os, sys, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        time.sleep(600)\n"

#: Ends a daemon, and waits until it is gone.
REAPS = """
import os, signal, sys, time

told, tell = os.pipe()
if os.fork() == 0:
    os.setsid()
    daemon = os.fork()
    if daemon == 0:
        time.sleep(600)
    os.write(tell, str(daemon).encode())
    os._exit(0)
os.wait()
daemon = int(os.read(told, 20))
os.kill(daemon, signal.SIGTERM)
for _ in range(200):
    try:
        os.kill(daemon, 0)
    except ProcessLookupError:
        sys.exit(0)
    time.sleep(0.05)
sys.exit("it is still there")
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Callable[[str], Path]:
    """Return a function that makes a git repository with this noxfile."""

    def make(noxfile: str) -> Path:
        subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
        (tmp_path / "noxfile.py").write_text(noxfile)
        return tmp_path

    return make


@pytest.fixture(params=["forked", "spawned"])
def _each_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start jobs in both ways that there are."""
    if request.param == "spawned":
        monkeypatch.setenv(START_VARIABLE, "spawn")


def start(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Start `isonox` in a folder, unmeasured: killed while it saves its coverage, it would leave half a file."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    return subprocess.Popen(
        [sys.executable, "-m", "isonox", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**kept, "NO_COLOR": "1"},
    )


def ci(folder: Path, *arguments: str) -> tuple[int, dict[str, dict[str, Any]], str]:
    """Run `isonox ci --json`; return exit code, records by job, and what was said."""
    process = start(folder, "ci", "--json", *arguments)
    out, err = process.communicate(timeout=120)
    document = json.loads(out) if out.strip() else {"records": []}
    return process.returncode, {record["job"]: record for record in document["records"]}, err.decode()


def alive(marker: str) -> list[psutil.Process]:
    """Return living processes with a word in their command line."""
    return [
        process
        for process in psutil.process_iter(["cmdline", "status"])
        if marker in " ".join(process.info["cmdline"] or ()) and process.info["status"] != psutil.STATUS_ZOMBIE
    ]


def wait_until_gone(marker: str, seconds: float) -> list[psutil.Process]:
    """Wait for processes to end, and return those that did not."""
    deadline = time.monotonic() + seconds
    while (left := alive(marker)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


@pytest.mark.usefixtures("_each_way")
def test_every_way_to_die_ends_in_the_right_verdict(
    checkout: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session that forks and exits, is killed, prints rubbish or too much, is skipped, times out, raises."""
    monkeypatch.setenv("HIDDEN", "it's top5ecret")
    folder = checkout(
        r"""
import os, sys
import isonox, nox

@nox.session(python=False)
def vanishes(session):
    if os.fork():
        os._exit(0)
    os._exit(0)

@nox.session(python=False)
def killed(session):
    os.kill(os.getpid(), 9)

@nox.session(python=False)
def rubbish(session):
    code = "import sys; sys.stdout.buffer.write(b'\\xff\\xfe\\x1b[2J\\x1b]0;title\\x07 the end'); sys.exit(4)"
    session.run(sys.executable, "-c", code)

@nox.session(python=False)
def huge(session):
    session.run(sys.executable, "-c", "import sys\nfor _ in range(100): sys.stdout.write('x' * 1_000_000)")

@nox.session(python=False)
def skipped(session):
    session.skip("no need: 100 %")

@isonox.session(venv_backend="none", timeout_minutes=0.02)
def slow(session):
    session.run("sh", "-c", "sleep 600 & sleep 600", external=True)

@isonox.session(venv_backend="none", timeout_minutes=0.02)
def stubborn(session):
    while True:
        try:
            while True: pass
        except Exception:
            pass

@nox.session(python=False)
def raises(session):
    raise ValueError("on purpose")

@isonox.session(venv_backend="none", required=False)
def informs(session):
    session.error("only saying")

@nox.session(python=False, requires=["raises"])
def follows(session): ...

@nox.session(python="3.99")
def absent(session): ...

@isonox.session(venv_backend="none", timeout_minutes=0.02)
def swallows(session):
    try:
        session.run("sleep", "600", external=True)
    except BaseException:
        pass

@nox.session(python=False)
def exits(session):
    sys.exit(0)

@nox.session(python=False)
def forks(session):
    if os.fork():
        os._exit(0)

@nox.session(python=False)
def killed_with_children(session):
    import subprocess
    subprocess.Popen(["sleep", "613"])
    os.kill(os.getpid(), 9)

@isonox.session(venv_backend="none", secrets=["HIDDEN"], env={"COPY": "a " + os.environ["HIDDEN"]})
def tells(session):
    session.error("bad token " + os.environ["HIDDEN"])

@isonox.session(venv_backend="none", secrets=["HIDDEN"])
def stops(session):
    class Stop(BaseException): ...
    raise Stop("bad token " + os.environ["HIDDEN"])

@isonox.session(venv_backend="none", secrets=["HIDDEN"])
def quotes(session):
    session.run(sys.executable, "-c", "", os.environ["HIDDEN"] + "'s")

@nox.session(python=False)
def reaps(session):
    session.run(sys.executable, "reaps.py")

@nox.session(python=False)
def leaves(session):
    session.run(sys.executable, "-c", "import subprocess; subprocess.Popen(['sleep', '611'], start_new_session=True)")
"""
    )

    (folder / "reaps.py").write_text(REAPS)

    code, records, said = ci(folder)

    verdicts = {job: record["verdict"] for job, record in records.items()}
    assert {
        "vanishes": "missing",
        "killed": "failed",
        "rubbish": "failed",
        "huge": "passed",
        "skipped": "waived",
        "slow": "timed-out",
        "stubborn": "timed-out",
        "raises": "failed",
        "informs": "waived",
        "follows": "blocked",
        "absent-3.99": "failed",
        "swallows": "timed-out",
        "exits": "failed",
        "forks": "missing",
        "killed_with_children": "failed",
        "tells": "failed",
        "stops": "failed",
        "quotes": "passed",
        "reaps": "passed",
        "leaves": "passed",
    } == verdicts, said
    assert ExitCode.JOB_FAILED == code
    assert "left no record" in records["vanishes"]["reason"]
    assert "signal 9 (SIGKILL" in records["killed"]["reason"]
    assert "no need: 100 %" == records["skipped"]["reason"]
    assert "on purpose" in records["raises"]["reason"]
    assert "only saying" in records["informs"]["reason"]
    assert "raises failed" == records["follows"]["reason"]
    assert "install it" in records["absent-3.99"]["reason"]
    assert "left 1 process(es) running" in " ".join(records["leaves"]["notes"])
    assert [] == records["slow"]["notes"]
    assert [] == wait_until_gone("sleep 611", 1)
    assert [] == wait_until_gone("sleep 613", 1)
    assert "sys.exit(0)" in records["exits"]["reason"]
    assert ["bad token ***", "Stop: bad token ***"] == [records[job]["reason"] for job in ("tells", "stops")]
    written = [path.read_bytes() for path in (folder / ".isonox").rglob("*") if path.is_file()]
    assert not any(b"top5ecret" in text for text in (said.encode(), *written))
    run = run_directory.latest(folder)
    assert run is not None
    forked = run.read_record("forks")
    assert forked is not None
    assert "missing" == forked.verdict.value  # the copy came by later, and wrote nothing


def test_posargs_notifications_and_a_chain_of_requires(checkout: Callable[[str], Path]) -> None:
    """A plain noxfile runs unchanged: forty parametrised sessions, a chain, and a session that is notified."""
    folder = checkout(
        """
import nox

nox.options.sessions = ["many", "third"]

@nox.session(python=False)
def first(session): ...

@nox.session(python=False, requires=["first"])
def second(session): ...

@nox.session(python=False, requires=["second"])
def third(session):
    session.run("echo", *session.posargs, external=True)
    session.notify("report", posargs=["from", "third"])

@nox.session(python=False)
@nox.parametrize("number", range(20))
@nox.parametrize("letters", [[], ["a", "b"]])
def many(session, number, letters):
    session.notify("report", posargs=["from", "many"])

@nox.session(python=False)
def report(session):
    session.run("echo", "report", *session.posargs, external=True)
"""
    )

    code, records, said = ci(folder, "--", "-k", "a name")

    assert ExitCode.OK == code, said
    assert 44 == len(records)
    assert ["-k", "a name"] == records["third"]["commands"][0]["argv"][1:]
    assert ["report", "from"] == records["report"]["commands"][0]["argv"][1:3]
    started = {job: record["started"] for job, record in records.items()}
    assert started["first"] <= started["second"] <= started["third"] <= started["report"]
    assert started["report"] == max(started.values())
    assert [] == records["first"]["posargs"]


@pytest.mark.usefixtures("_each_way")
def test_jobs_that_start_while_what_a_killed_one_left_is_ended_go_on(checkout: Callable[[str], Path]) -> None:
    """They are children of the same process as what it left."""
    folder = checkout(
        """
import os, subprocess
import nox

@nox.session(python=False)
def killed(session):
    for _ in range(20):
        subprocess.Popen(["sleep", "614"])
    os.kill(os.getpid(), 9)

@nox.session(python=False)
@nox.parametrize("number", range(6))
def fine(session, number): ...
"""
    )

    _, records, said = ci(folder)

    verdicts = [record["verdict"] for job, record in sorted(records.items())]
    assert ["passed"] * 6 + ["failed"] == verdicts, said


def test_two_runs_at_once_take_turns_in_an_environment(checkout: Callable[[str], Path]) -> None:
    """Neither corrupts the other's environment, plan or records."""
    folder = checkout(
        """
import nox
nox.options.default_venv_backend = "uv|virtualenv"

@nox.session
def a(session):
    session.run("python", "-c", "import time; time.sleep(0.5)")
"""
    )

    first, second = start(folder, "ci"), start(folder, "ci")
    outputs = [process.communicate(timeout=120) for process in (first, second)]

    assert [0, 0] == [first.returncode, second.returncode], outputs
    runs = run_directory.runs(folder)
    assert 2 == len(runs)
    assert [["a"], ["a"]] == [[record.job for record in run.read_records()] for run in runs]


@pytest.mark.usefixtures("_each_way")
def test_ctrl_c_stops_everything_within_two_seconds_and_keeps_the_records(checkout: Callable[[str], Path]) -> None:
    """Children's children too, daemons included; what was running and what was waiting is cancelled."""
    marker = f"ctrl-c-{os.getpid()}"
    folder = checkout(
        f"""
import sys, nox

@nox.session(python=False)
@nox.parametrize("n", [1, 2, 3])
def sleeps(session, n):
    session.run(sys.executable, "-c", {DAEMON!r}, "{marker}")
    session.run("sh", "-c", "trap '' TERM INT; sleep 600; : {marker}", external=True)
"""
    )
    process = start(folder, "ci", "--jobs", "2", "--json")
    deadline = time.monotonic() + 20
    while len(alive(marker)) < 4 and time.monotonic() < deadline:
        time.sleep(0.05)

    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=20)
    seconds = time.monotonic() - begin

    assert ExitCode.INTERRUPTED == process.returncode
    assert {"cancelled"} == {record["verdict"] for record in json.loads(out)["records"]}
    assert 3 == len(json.loads(out)["records"])
    assert [] == wait_until_gone(marker, 0.5)
    assert seconds < 4  # two on an idle machine; the suite shares its cores


@pytest.mark.usefixtures("_each_way")
def test_killing_the_parent_leaves_nothing_behind(checkout: Callable[[str], Path]) -> None:
    """`kill -9` at random moments: no child after five seconds, no half-written file, and the next run is right."""
    marker = f"kill-nine-{os.getpid()}"
    folder = checkout(
        f"""
import sys, nox

@nox.session(python=False)
@nox.parametrize("n", [1, 2, 3, 4])
def sleeps(session, n):
    session.run(sys.executable, "-c", {DAEMON!r}, "{marker}")
    session.run("sh", "-c", "sleep $0; : {marker}", *(session.posargs or ["0.3"]), external=True)
"""
    )
    moments = random.Random(20261121)  # noqa: S311 - not for secrets
    for _ in range(5):
        process = start(folder, "ci", "--", "600")
        time.sleep(moments.uniform(0.1, 2.5))
        process.kill()
        process.communicate(timeout=20)

        assert [] == wait_until_gone(marker, 5)
        for path in (folder / ".isonox").rglob("*.json"):
            assert json.loads(path.read_text()), path

    code, records, said = ci(folder)
    assert ExitCode.OK == code, said
    assert {"passed"} == {record["verdict"] for record in records.values()}
    assert [] == wait_until_gone(marker, 1)


@pytest.mark.parametrize("arguments", [["--jobs", "0"], ["--only", "nope"], ["--jbos", "2"], ["--package", "x"]])
def test_wrong_arguments_exit_2_without_a_traceback(checkout: Callable[[str], Path], arguments: list[str]) -> None:
    """And nothing is written."""
    folder = checkout("import nox\n@nox.session(python=False)\ndef a(session): ...\n")

    code, records, said = ci(folder, *arguments)

    assert (ExitCode.USAGE, {}) == (code, records)
    assert said.startswith("error: ")
    assert "Traceback" not in said
    assert not (folder / ".isonox" / "runs").exists()


@pytest.mark.usefixtures("_each_way")
def test_what_a_stopped_session_started_by_itself_ends_too(checkout: Callable[[str], Path]) -> None:
    """Not only what nox ran for it."""
    marker = f"7{os.getpid()}"
    folder = checkout(
        f"""
import subprocess, time, nox

@nox.session(python=False)
def a(session):
    subprocess.Popen(["sleep", "{marker}"], start_new_session=True)
    time.sleep(600)
"""
    )
    process = start(folder, "ci")
    deadline = time.monotonic() + 20
    while not alive(f"sleep {marker}") and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)

    assert ExitCode.INTERRUPTED == process.returncode
    assert [] == wait_until_gone(f"sleep {marker}", 1)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every job loads the noxfile anyway")
def test_a_noxfile_that_starts_a_thread_is_said_to_be_loaded_by_each_job(
    checkout: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, however many jobs there are; asked for, it is not worth a word."""
    folder = checkout(
        """
import threading, time, nox
threading.Thread(target=time.sleep, args=(600,), daemon=True).start()

@nox.session(python=False)
@nox.parametrize("number", [1, 2, 3])
def a(session, number): ...
"""
    )

    code, records, said = ci(folder)

    assert ExitCode.OK == code, said
    assert 3 == len(records)
    assert 1 == said.count("note: jobs loaded the noxfile for themselves: noxfile.py starts threads")
    monkeypatch.setenv(START_VARIABLE, "spawn")
    assert "for themselves" not in ci(folder, "--no-cache")[2]


def test_fail_fast_stops_what_runs(checkout: Callable[[str], Path]) -> None:
    """The first red job ends the run."""
    folder = checkout(
        """
import nox

@nox.session(python=False)
def red(session):
    session.run("false", external=True)

@nox.session(python=False)
def long(session):
    session.run("sleep", "600", external=True)
"""
    )

    code, records, _ = ci(folder, "--fail-fast", "--jobs", "2")

    assert ExitCode.JOB_FAILED == code
    assert ("failed", "cancelled") == (records["red"]["verdict"], records["long"]["verdict"])


def test_a_read_only_state_folder_is_an_error_before_anything_runs(checkout: Callable[[str], Path]) -> None:
    """A file where the folder should be: the same way through the code, and also true for root."""
    folder = checkout("import nox\n@nox.session(python=False)\ndef a(session): ...\n")
    (folder / ".isonox").write_text("in the way")

    code, _, said = ci(folder)

    assert ExitCode.USAGE == code
    assert "can't create" in said


def test_a_full_disk_while_records_are_written_is_red(checkout: Callable[[str], Path]) -> None:
    """The session's record can't be written: its verdict is red, the error says why, no traceback of isonox."""
    folder = checkout(
        """
import pathlib, shutil, nox

@nox.session(python=False)
def a(session):
    for records in pathlib.Path(".isonox/runs").glob("*/records"):
        shutil.rmtree(records)
        records.write_text("in the way, as a full disk would be")
"""
    )

    code, records, said = ci(folder)

    assert ExitCode.JOB_FAILED == code
    assert "failed" == records["a"]["verdict"]
    assert "error: can't" in said
    assert "Traceback" not in said


@pytest.mark.usefixtures("_each_way")
def test_a_secret_is_kept_out_of_everything_that_is_written(
    checkout: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the session and after it, in names of files, in what it hands to another; and where its process dies."""
    monkeypatch.setenv("TOKEN", "hunter2-secret")
    folder = checkout(
        """
import atexit, os, threading, time
import isonox

token = os.environ["TOKEN"]
if os.path.exists("fails") and "ISONOX_RUN_DIRECTORY" in os.environ:
    raise RuntimeError(f"not with {token}")

@isonox.session(venv_backend="none", secrets=["TOKEN"])
def late(session):
    (session.artifacts / f"for-{token}.txt").touch()
    session.report_finding("tool", "found", path=f"src/{token}.py")
    atexit.register(print, "at exit", token)
    threading.Thread(target=lambda: (time.sleep(0.3), print("thread", token))).start()

@isonox.session(venv_backend="none", secrets=["TOKEN"])
def hands_over(session):
    session.notify("dies", posargs=[f"--token={token}"])

@isonox.session(venv_backend="none")
def dies(session):
    print(f"dying {token}", flush=True)
    os._exit(3)
"""
    )

    _, records, _ = ci(folder)
    (folder / "fails").touch()
    _, unloaded, said = ci(folder, "--only", "dies")

    assert ["late/for-***.txt"] == records["late"]["artifacts"]
    assert "src/***.py" == records["late"]["findings"][0]["path"]
    assert records["hands_over"]["reason"].startswith("notify('dies', posargs=...) holds the value of a secret")
    assert "exit 3: dying ***" == records["dies"]["reason"]
    assert "exit 1: RuntimeError: not with ***" == unloaded["dies"]["reason"]
    assert "hunter2" not in said
    written = {path.name: path.read_bytes() for path in (folder / ".isonox" / "runs").rglob("*") if path.is_file()}
    assert b"thread ***\nat exit ***\n" in written["late.log"]
    assert [] == [name for name, content in written.items() if b"hunter2" in content]


def test_a_run_that_is_stopped_before_it_begins_leaves_no_folder(checkout: Callable[[str], Path]) -> None:
    """As with Ctrl-C: the noxfile is still being read."""
    folder = checkout("import pathlib, time\npathlib.Path('reading').touch()\ntime.sleep(600)\n")
    process = start(folder, "ci")
    while not (folder / "reading").exists():
        time.sleep(0.02)

    process.terminate()
    _, said = process.communicate(timeout=60)

    assert (ExitCode.INTERRUPTED, b"interrupted\n") == (process.returncode, said)
    assert not (folder / ".isonox" / "runs").exists()
