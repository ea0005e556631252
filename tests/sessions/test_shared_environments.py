"""Environments that sessions share, seen through real nox runs."""

from __future__ import annotations

import hashlib
import http.server
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from isonox.model.record import Installation
from isonox.model.verdict import Verdict
from isonox.sessions import run_directory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import MakeRepository, Repository

    from isonox.model.record import Record

HEAD = """
import isonox

@isonox.session(python=["3.11", "3.12"])
def tools(session):
    session.install_group("bare")
    session.run("python", "-c", "import pytest")

@isonox.session(python="3.11")
def other(session):
    session.install_group("bare")
    session.run("pytest", "--version")
"""


def environments(made: Repository) -> list[str]:
    """Return the names of the folders of shared environments, with their parents'."""
    return sorted(str(path.parent.relative_to(made.path / ".nox/.shared")) for path in made.path.glob(_FINISHED))


_FINISHED = ".nox/.shared/*/*/pyvenv.cfg"


def environment_of(record: Record) -> Path:
    """Return the folder of the environment that a job ran in."""
    return Path(record.places["environment"])


def contents(folder: Path) -> dict[str, int]:
    """Return every file below a folder with the time of its last change, but for compiled code."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {str(path): path.stat().st_mtime_ns for path in found}


def test_sessions_that_install_the_same_share_an_environment_per_python(repository: MakeRepository) -> None:
    """Whatever their names; the second run finds it, and starts nothing but the session's own commands."""
    made = repository({"noxfile.py": HEAD})

    first, second = made.run_nox(), made.run_nox()

    assert (0, 0) == (first.exit_code, second.exit_code), first.output + second.output
    shared, same = (environment_of(first.records[job]) for job in ("tools-3.11", "other-3.11"))
    assert shared == same
    assert shared != environment_of(first.records["tools-3.12"])
    assert {"3.11", "3.12"} == {name.partition("-")[0] for name in environments(made)}
    assert 2 == len(environments(made))
    assert [1, 1, 1] == [len(record.commands) for record in second.records.values()]
    assert 3 == second.output.count("The environment is current")
    for job in ("tools-3.11", "tools-3.12", "other-3.11"):
        assert "pytest" in first.records[job].distributions
        assert first.records[job].distributions == second.records[job].distributions
        python = str(first.records[job].interpreter.version)
        assert (Installation(groups=("bare",), python=python),) == second.records[job].installations
    assert not (made.path / ".nox/other").exists()


def test_a_session_that_needs_no_environment_has_none_made(repository: MakeRepository) -> None:
    """Its interpreter is looked up all the same; one that runs something has its own."""
    noxfile = """
import isonox

@isonox.session(python="3.12")
def nothing(session): ...

@isonox.session(python="3.12")
def something(session):
    session.run("python", "--version")
"""
    made = repository({"noxfile.py": noxfile})

    run = made.run_nox()

    assert 0 == run.exit_code, run.output
    assert () == run.records["nothing-3.12"].commands
    assert str(run.records["nothing-3.12"].interpreter.version).startswith("3.12.")
    assert "CPython" == run.records["nothing-3.12"].interpreter.implementation
    assert ["environment", "session"] == [command.phase for command in run.records["something-3.12"].commands]
    assert ["something"] == sorted(path.name for path in (made.path / ".nox").iterdir() if path.name[0].islower())


INSTALLS = """
import isonox, pathlib

@isonox.session(python="3.11")
def more(session):
    session.install_group("bare")
    kept = pathlib.Path(session.create_tmp(), "kept")
    kept.write_text("yes")
    %s
    session.run("python", "-c", "import idna, pytest")
    assert kept.read_text() == "yes"
    assert session.bin == session.virtualenv.location + "/bin" == str(session.env_dir / "bin")

@isonox.session(python="3.11")
def plain(session):
    session.install_group("bare")
    session.install_group("coverage")
    session.run("python", "-c", "import coverage, pytest")
"""


@pytest.mark.parametrize(
    "statement", ["session.install('idna')", "session.run('uv', 'pip', 'install', 'idna', external=True)"]
)
def test_a_session_that_installs_more_has_an_environment_of_its_own(repository: MakeRepository, statement: str) -> None:
    """It holds what the lock says, too; the shared one is never touched, and temporary files stay."""
    made = repository({"noxfile.py": INSTALLS % "pass"})
    made.run_nox("-s", "plain")
    before = {place: contents(made.path / ".nox/.shared" / place) for place in environments(made)}
    made.write({"noxfile.py": INSTALLS % statement})

    run, again = made.run_nox("-s", "more"), made.run_nox("-s", "more")

    assert (0, 0) == (run.exit_code, again.exit_code), run.output + again.output
    assert made.path / ".nox/more" == environment_of(run.record)
    assert {"idna", "pytest"} <= set(run.record.distributions)
    assert 2 == len(before)
    assert before == {place: contents(made.path / ".nox/.shared" / place) for place in environments(made)}


def test_groups_of_several_calls_add_up(repository: MakeRepository) -> None:
    """Each call is recorded with what it and those before it asked for."""
    made = repository({"noxfile.py": INSTALLS % "pass"})

    run = made.run_nox("-s", "plain")

    assert [("bare",), ("bare", "coverage")] == [one.groups for one in run.record.installations]
    assert {"coverage", "pytest"} <= set(run.record.distributions)


def test_an_environment_that_somebody_changed_is_made_anew(repository: MakeRepository) -> None:
    """Behind isonox's back: by a script that installs something."""
    noxfile = """
import isonox

@isonox.session(python="3.11")
def sly(session):
    session.install_group("bare")
    session.run("sh", "-c", " ".join(session.posargs) or ":", external=True)
"""
    made = repository({"noxfile.py": noxfile})
    sly = made.run_nox("--", "uv", "pip", "install", "idna")

    after = made.run_nox()

    assert (0, 0) == (sly.exit_code, after.exit_code), sly.output + after.output
    assert environment_of(sly.record) != environment_of(after.record)
    assert not environment_of(sly.record).exists()
    assert "idna" not in after.record.distributions
    assert not list(environment_of(after.record).rglob("idna"))


def test_another_lock_entry_means_another_environment(repository: MakeRepository) -> None:
    """The one of the old lock stays as it is, for a branch that still has it."""
    made = repository({"noxfile.py": HEAD})
    old = made.run_nox("-s", "other")
    before = contents(environment_of(old.record))
    lock = (made.path / "uv.lock").read_text()
    lines = lock.splitlines(keepends=True)
    start = lines.index('name = "iniconfig"\n')
    place = next(number for number in range(start, len(lines)) if lines[number].startswith("sdist = "))
    made.write({"uv.lock": "".join(lines[:place] + lines[place + 1 :])})

    new = made.run_nox("-s", "other")
    made.write({"uv.lock": lock})
    back = made.run_nox("-s", "other")

    assert (0, 0) == (new.exit_code, back.exit_code), new.output + back.output
    assert environment_of(old.record) != environment_of(new.record)
    assert environment_of(old.record) == environment_of(back.record)
    assert before == contents(environment_of(old.record))


def test_local_packages_are_shared_by_who_installs_the_same(repository: MakeRepository) -> None:
    """In editable mode; their metadata decides. A copy is never shared: it is out of date with the next edit."""
    noxfile = """
import isonox

@isonox.session(python="3.11", per_package=True)
def tests(session):
    session.install_group(project=True)
    if "copied" in session.posargs:
        session.install_group(project=True, editable=False)
    session.run("python", "-c", "import core; print('core is in', core.__file__)")

@isonox.session(python="3.11", per_package=True)
def types(session):
    session.install_group(project=True)
"""
    made = repository({"noxfile.py": noxfile}, base="pair")
    run = made.run_nox()
    manifest = (made.path / "core/pyproject.toml").read_text()
    made.write({"core/pyproject.toml": f"{manifest}\n[tool.any]\n"})
    edited = made.run_nox("-s", "tests-3.11(core)")
    before = contents(environment_of(edited.record))
    copied = made.run_nox("-s", "tests-3.11(core)", "--", "copied")

    assert (0, 0, 0) == (run.exit_code, edited.exit_code, copied.exit_code), run.output + edited.output + copied.output
    places = {job: environment_of(record) for job, record in run.records.items()}
    assert places["tests-3.11(core)"] == places["types-3.11(core)"]
    assert places["tests-3.11(core)"] != places["tests-3.11(shop)"]
    assert environment_of(edited.record) not in places.values()
    assert made.path / ".nox/tests-core" == environment_of(copied.record)
    assert before == contents(environment_of(edited.record))
    assert f"core is in {made.path / '.nox/tests-core'}" in copied.output
    assert (True, "core") == (edited.record.installations[0].project, edited.record.installations[0].package)


@pytest.mark.parametrize("arguments", [("--reuse-venv", "never"), ("--force-venv-backend", "virtualenv"), ("-R",)])
def test_options_of_nox_about_environments(repository: MakeRepository, arguments: tuple[str, ...]) -> None:
    """Never to reuse one means never to share one; another backend makes another; one that is there is used by -R."""
    made = repository({"noxfile.py": HEAD})
    before = made.run_nox("-s", "other")

    run = made.run_nox(*arguments, "-s", "other")

    assert 0 == run.exit_code, run.output
    place = environment_of(run.record)
    expected = {"--reuse-venv": (False, False), "--force-venv-backend": (False, True), "-R": (True, True)}[arguments[0]]
    assert expected == (place == environment_of(before.record), ".shared" in place.parts)
    assert "pytest" in run.record.distributions


def test_another_python_by_force_has_another_environment(repository: MakeRepository) -> None:
    """And no environment at all is a clear error."""
    made = repository({"noxfile.py": HEAD})

    forced, none = made.run_nox("-s", "other", "--force-python", "3.13"), made.run_nox("--no-venv", "-s", "other")

    assert 0 == forced.exit_code, forced.output
    (record,) = forced.records.values()
    assert str(record.installations[0].python).startswith("3.13.")
    assert environment_of(record).parent.name.startswith("3.13-")
    assert (1, True) == (none.exit_code, "has no environment to install into" in none.record.reason)


# --- several processes


#: A uv that notes each `uv pip sync`, and then waits as long as there is a file "hold".
UV = """#!/bin/sh
case "$*" in *"pip sync"*)
    echo sync >> "{folder}/calls"
    while [ -e "{folder}/hold" ]; do sleep 0.05; done
esac
exec "{uv}" "$@"
"""


class Held:
    """Nox runs whose uv can be held up while it installs."""

    def __init__(self, made: Repository, folder: Path) -> None:
        self._made = made
        self._folder = folder
        uv = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
        self._uv = folder / "uv"
        self._uv.write_text(UV.format(folder=folder, uv=uv))
        self._uv.chmod(0o755)
        self.hold()

    @property
    def calls(self) -> int:
        """How often something was installed."""
        calls = self._folder / "calls"
        return len(calls.read_text().splitlines()) if calls.exists() else 0

    def hold(self) -> None:
        """Hold up what is installed from now on."""
        (self._folder / "hold").touch()

    def let_go(self) -> None:
        """Let it go on."""
        (self._folder / "hold").unlink(missing_ok=True)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start nox in a process group of its own."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("NOX", "COVERAGE_"))}
        return subprocess.Popen(
            [sys.executable, "-m", "nox", *arguments],
            cwd=self._made.path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            env={**kept, "UV": str(self._uv), "NO_COLOR": "1"},
        )

    def until_called(self) -> None:
        """Wait until something is installed."""
        deadline = time.monotonic() + 60
        while not self.calls and time.monotonic() < deadline:
            time.sleep(0.05)


@pytest.fixture
def held(repository: MakeRepository, tmp_path: Path) -> Iterator[tuple[Repository, Held]]:
    """Return a repository and nox runs in it that are held up while they install."""
    made = repository({"noxfile.py": HEAD})
    folder = tmp_path / "held"
    folder.mkdir()
    control = Held(made, folder)
    yield made, control
    control.let_go()


def test_what_was_killed_while_it_was_made_is_made_anew(held: tuple[Repository, Held]) -> None:
    """Nothing of it is used, even while something of it goes on; the next one that is made removes it."""
    made, control = held
    process = control.start("-s", "other")
    control.until_called()
    process.kill()
    process.communicate(timeout=60)
    unfinished = environments(made)

    control.let_go()
    run = made.run_nox("-s", "tools-3.11")

    assert 1 == len(unfinished)
    assert 0 == run.exit_code, run.output
    assert 1 == len(environments(made))
    assert unfinished != environments(made)


def test_one_that_is_interrupted_leaves_nothing(held: tuple[Repository, Held]) -> None:
    """Ctrl-C while it is made: the folder is removed."""
    made, control = held
    process = control.start("-s", "other")
    control.until_called()
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=60)

    assert [] == environments(made)


def test_who_needs_the_same_at_once_waits_for_the_one_who_makes_it(held: tuple[Repository, Held]) -> None:
    """Two processes, one installation, two green sessions; another Python's does not wait."""
    made, control = held
    maker = control.start("-s", "tools-3.11")
    control.until_called()
    waiting = control.start("-s", "other")
    assert waiting.stdout is not None
    said = next(line for line in waiting.stdout if "Waiting" in line)
    control.let_go()

    outputs = maker.communicate(timeout=120)[0], waiting.communicate(timeout=120)[0]

    assert "another session is making the environment 3.11-" in said
    assert (0, 0) == (maker.returncode, waiting.returncode), outputs
    assert 1 == control.calls
    assert 1 == len(environments(made))
    run = run_directory.latest(made.path)
    assert run is not None
    (record,) = run.read_records()
    assert (Verdict.PASSED, True) == (record.verdict, "pytest" in record.distributions)


def test_those_of_different_pythons_are_made_at_once(held: tuple[Repository, Held]) -> None:
    """Neither waits for the other."""
    made, control = held
    first, second = control.start("-s", "tools-3.11"), control.start("-s", "tools-3.12")
    deadline = time.monotonic() + 60
    while control.calls < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    both = control.calls
    control.let_go()

    outputs = first.communicate(timeout=120)[0], second.communicate(timeout=120)[0]

    assert (2, 0, 0) == (both, first.returncode, second.returncode), outputs
    assert 2 == len(environments(made))


MEETING = """
import os, pathlib, time
import isonox

@isonox.session(python="3.11")
def meet(session):
    session.install_group("bare")
    if session.posargs:
        session.create_tmp()
    pathlib.Path(f"here-{os.getpid()}").touch()
    deadline = time.monotonic() + 60
    while len(list(pathlib.Path().glob("here-*"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    session.log(f"{len(list(pathlib.Path().glob('here-*')))} are here")
"""


def test_two_runs_of_a_session_do_not_wait_for_each_other(held: tuple[Repository, Held]) -> None:
    """Each has the shared environment, and writes nothing elsewhere."""
    made, control = held
    made.write({"noxfile.py": MEETING})
    control.let_go()
    both = [control.start(), control.start()]

    outputs = [process.communicate(timeout=120)[0] for process in both]

    assert [True, True] == ["2 are here" in output for output in outputs], outputs


def test_two_runs_of_a_session_with_temporary_files_do(held: tuple[Repository, Held]) -> None:
    """They would have the same folder for them."""
    made, control = held
    made.write({"noxfile.py": MEETING})
    control.let_go()
    first = control.start("--", "tmp")
    while not list(made.path.glob("here-*")):
        time.sleep(0.05)
    second = control.start("--", "tmp")
    assert second.stdout is not None
    said = next(line for line in second.stdout if "Waiting" in line)
    (made.path / "here-test").touch()

    outputs = first.communicate(timeout=120)[0], second.communicate(timeout=120)[0]

    assert "another run is using the environment of meet" in said
    assert (0, 0) == (first.returncode, second.returncode), outputs


# --- the package index


class Index(http.server.BaseHTTPRequestHandler):
    """A package index with one wheel, which counts what is asked of it."""

    wheel: bytes
    asked: list[str]

    def do_GET(self) -> None:
        """Answer."""
        self.asked.append(self.path)
        body, kind = self.wheel, "application/octet-stream"
        if self.path == "/simple/tiny/":
            link = f"/tiny-1.0-py3-none-any.whl#sha256={hashlib.sha256(self.wheel).hexdigest()}"
            body, kind = f'<!DOCTYPE html><a href="{link}">tiny-1.0-py3-none-any.whl</a>'.encode(), "text/html"
        elif not self.path.endswith(".whl"):
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "max-age=0")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 - the library's name

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def index(tmp_path: Path) -> Iterator[tuple[http.server.ThreadingHTTPServer, list[str]]]:
    """Return a running index, and the list of what it is asked for."""
    wheel = tmp_path / "tiny.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny.py", "")
        archive.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        tags = "Wheel-Version: 1.0\nGenerator: a\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        archive.writestr("tiny-1.0.dist-info/WHEEL", tags)
        archive.writestr("tiny-1.0.dist-info/RECORD", "tiny.py,,\n")
    asked: list[str] = []
    handler = type("Handler", (Index,), {"wheel": wheel.read_bytes(), "asked": asked})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server, asked
    server.shutdown()
    server.server_close()


PROJECT = """
[project]
name = "shop"
version = "1.0"
requires-python = ">=3.11"

[dependency-groups]
tools = ["tiny"]
"""

NOXFILE = """
import isonox

@isonox.session(python="3.11", venv_backend="uv")
def tools(session):
    session.install_group("tools")
    session.run("python", "-c", "import tiny")
"""


def test_the_index_is_asked_only_for_what_uv_does_not_have(
    repository: MakeRepository, tmp_path: Path, index: tuple[http.server.ThreadingHTTPServer, list[str]]
) -> None:
    """An environment that is made again needs no network; what is not in the cache comes from the index."""
    server, asked = index
    url = f"http://127.0.0.1:{server.server_port}/simple"
    made = repository({"noxfile.py": NOXFILE, "pyproject.toml": PROJECT})
    variables = {"UV_DEFAULT_INDEX": url, "UV_CACHE_DIR": str(tmp_path / "locking"), "NO_PROXY": "*"}
    uv = [str(Path(sys.executable).parent / "uv"), "lock", "--quiet"]
    (made.path / "uv.lock").unlink()
    subprocess.run(uv, cwd=made.path, check=True, env={**os.environ, **variables})
    variables["UV_CACHE_DIR"] = str(tmp_path / "cache")
    asked.clear()

    online = made.run_nox(env=variables)
    times = len(asked)
    asked.clear()
    shutil.rmtree(made.path / ".nox")
    cached = made.run_nox(env=variables)

    assert (0, 0) == (online.exit_code, cached.exit_code), online.output + cached.output
    assert times > 0
    assert 1 == online.output.count("asking the package index")
    assert [] == asked
    assert "asking the package index" not in cached.output
    assert {"tiny": "1.0"} == cached.record.distributions
