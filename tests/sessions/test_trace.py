"""What sessions use beside their inputs, seen through real nox runs."""

from __future__ import annotations

import os
import socket
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from tests.verbs.test_splits import isonox

from isonox.cache.tracer import sitecustomize
from isonox.model.verdict import Verdict
from isonox.sessions import trace

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeRepository

NOXFILE = f"""
import pathlib, sys
import isonox, nox

PYTHON = {sys.executable!r}
SETTINGS = {{"venv_backend": "none"}}

@isonox.session(**SETTINGS)
def commands(session):
    session.run(PYTHON, "-c", "open('.env'), open('pyproject.toml')", env={{"PYTHONPATH": "src"}}, external=True)

@isonox.session(**SETTINGS, inputs=["noxfile.py"])
def function(session):
    session.log(session.root.name)
    pathlib.Path("pyproject.toml").read_text()

@isonox.session(**SETTINGS, inputs=["data/**"])
def declared(session):
    session.run(PYTHON, "-c", "open('data/a.json'), open('made', 'w'), open('made')", external=True)

@isonox.session(**SETTINGS, per_package=["core"])
def other(session):
    session.run(PYTHON, "-c", "open('shop/pyproject.toml'), open('core/pyproject.toml'), open('pyproject.toml')",
                external=True)

@isonox.session(**SETTINGS, cache=False)
def uncached(session):
    session.run(PYTHON, "-c", "import os; open('.env'); assert 'ISONOX_TRACE' not in os.environ", external=True)

@isonox.session(**SETTINGS)
def red(session):
    session.run(PYTHON, "-c", "open('.env'); raise SystemExit(1)", external=True)

@isonox.session(**SETTINGS)
def lost(session):
    session.run(PYTHON, "-c", "import sys; sys.audit('open', 'nonsense')", external=True)

@nox.session(python=False)
def plain(session):
    session.run(PYTHON, "-c", "import os; open('.env'); assert 'ISONOX_TRACE' not in os.environ", external=True)
"""
FILES = {"noxfile.py": NOXFILE, ".gitignore": ".env\nmade\n.nox/\n", ".env": "SECRET=1\n", "data/a.json": "{}\n"}


def test_each_session_is_held_against_its_own_inputs(repository: MakeRepository) -> None:
    """Commands and the session function are traced, one after the other in one process; isonox itself is not."""
    repo = repository(FILES, base="pair")

    run = repo.run_nox()

    found = {job: [(one.kind, one.what) for one in record.undeclared] for job, record in run.records.items()}
    undeclared = {
        "commands": [("read", ".env")],
        "function": [("read", "pyproject.toml")],
        "other(core)": [("read", "shop/pyproject.toml")],
    }
    assert undeclared == {job: used for job, used in found.items() if used}, run.output
    traced = {job for job, record in run.records.items() if record.traced}
    assert {"commands", "function", "declared", "other(core)"} == traced
    assert {"red"} == {job for job, record in run.records.items() if record.verdict is Verdict.FAILED}


def test_a_server_of_somebody_else_is_told(repository: MakeRepository) -> None:
    """With a time limit on the verdict it is declared."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        program = f"import socket; socket.create_connection(('127.0.0.1', {address.partition(':')[2]}))"
        noxfile = f"""
from datetime import timedelta
import isonox

@isonox.session(venv_backend="none")
def asks(session):
    session.run({sys.executable!r}, "-c", {program!r}, external=True)

@isonox.session(venv_backend="none", cache=timedelta(hours=1))
def for_a_time(session):
    session.run({sys.executable!r}, "-c", {program!r}, external=True)
"""
        run = repository({"noxfile.py": noxfile}).run_nox()

    assert [("connected", address)] == [(one.kind, one.what) for one in run.records["asks"].undeclared], run.output
    assert () == run.records["for_a_time"].undeclared


def test_arguments_that_name_a_file_are_read(repository: MakeRepository) -> None:
    """A tool that is no Python program would be given a file that its session does not declare."""
    noxfile = """
import isonox

@isonox.session(venv_backend="none", inputs=["*.py"])
def native(session):
    session.run("cat", *session.posargs, external=True)
"""
    run = repository({"noxfile.py": noxfile}).run_nox("-s", "native", "--", "noxfile.py", "./pyproject.toml")

    assert ["pyproject.toml"] == [one.what for one in run.record.undeclared]


def test_files_that_are_installed_are_read(repository: MakeRepository) -> None:
    """Not where the session has made them, by whatever tool; a pinned version is what the index says it is."""
    noxfile = """
import isonox

def install(session, *words):
    session.run_install("echo", "pip", "install", *words, external=True)

@isonox.session(venv_backend="none", inputs=["noxfile.py", "declared.txt"])
def check(session):
    session.run("sh", "-c", "touch made.whl", external=True)
    install(session, "--no-deps", "--quiet", "-r", "declared.txt", "./made.whl")

@isonox.session(venv_backend="none", inputs=["noxfile.py"])
def old(session):
    install(session, "--no-deps", "./old.whl[extra]", "-e", ".", "-rdeclared.txt")

@isonox.session(venv_backend="none", per_package=["core"])
def synchronised(session):
    install(session, "--require-hashes", "-r", "more.txt")
    session.run("uv", "sync", "--help", external=True, silent=True)

@isonox.session(venv_backend="none")
def pinned(session):
    install(session, "--no-deps", "-r", "pinned.txt")
"""
    files = {
        "noxfile.py": noxfile,
        "declared.txt": "# none\n-c more.txt\nattrs==1 \\\n  --hash=sha256:1\n",
        "more.txt": "attrs==1 --hash=sha256:1\n",
        "pinned.txt": "attrs==1 ; python_version > '3'  # that one\n",
        ".gitignore": "*.whl\n.nox/\n.isonox/\n",
    }
    repo = repository(files, base="pair")
    (repo.path / "old.whl").touch()
    run = repo.run_nox()

    found = {job: [(one.kind, one.what) for one in record.undeclared] for job, record in run.records.items()}
    assert {
        "check": [("read", "more.txt")],
        "old": [("read", name) for name in ("old.whl", "pyproject.toml", "declared.txt", "more.txt")],
        "synchronised(core)": [("read", "uv.lock")],
        "pinned": [("connected", "a package index (pip install --no-deps -r pinned.txt)")],
    } == found, run.output


def test_an_artifact_from_before_the_session_is_read(repository: MakeRepository) -> None:
    """Whoever has a fresh clone would not have it; one that the session wrote by whatever tool is its own."""
    noxfile = """
import isonox

@isonox.session(venv_backend="none", inputs=["noxfile.py", "kept.txt"], artifacts=["*.txt"])
def writes(session):
    session.run("sh", "-c", "echo new > new.txt", external=True)
"""
    repo = repository({"noxfile.py": noxfile, "kept.txt": "", ".gitignore": "new.txt\nold.txt\n.nox/\n.isonox/\n"})
    for name in ("new.txt", "old.txt"):
        (repo.path / name).touch()

    record = repo.run_nox().record

    assert ["old.txt"] == [one.what for one in record.undeclared]
    assert ("writes/kept.txt", "writes/new.txt", "writes/old.txt") == record.artifacts


@pytest.fixture
def job(tmp_path: Path) -> Any:
    """Return as much of a running job as `around` needs."""
    report = tmp_path / "report"
    report.touch()
    return SimpleNamespace(trace=report, root=tmp_path, phase="session", redact=str, traced_since=0.0)


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["/bin/uv", "pip", "install", "pytest"], True),
        (["/env/bin/python", "-m", "pip", "--verbose", "install", "-r", "x.txt"], True),
        (["/env/bin/pip3", "install", "pytest"], True),
        (["/bin/uv", "pip", "sync", "--require-hashes", "x.txt"], False),
        (["/bin/uv", "pip", "install", "--no-deps", "-e", "."], False),
        (["/env/bin/python", "-m", "pip", "uninstall", "--yes", "x"], False),
    ],
)
def test_installers_are_not_traced(job: Any, argv: list[str], *, told: bool) -> None:
    """What comes from the lock is in the fingerprint; what does not is told."""
    values = trace.around(job, argv, {"A": "1"})

    assert {"A": "1"} == values
    assert told == job.trace.read_text(encoding="utf-8").startswith("Ca package index (")


def test_a_command_keeps_its_own_path(job: Any) -> None:
    """The tracer comes first, once; a path that is empty stays away, for it would mean the current folder."""
    folder = os.path.dirname(sitecustomize.__file__)  # noqa: PTH120 - as PYTHONPATH has it

    for given, expected in (("", folder), ("src", f"{folder}{os.pathsep}src")):
        values = trace.around(job, ["pytest"], {"PYTHONPATH": given})
        assert values is not None
        assert expected == values["PYTHONPATH"]
        assert values == trace.around(job, ["pytest"], values)

    job.phase = "environment"
    assert {"A": "1"} == trace.around(job, ["pytest"], {"A": "1"})


def test_all_of_a_folder_that_is_built_is_read(repository: MakeRepository) -> None:
    """What is packed is up to its build backend, which nobody sees; so the verdict is not kept."""
    noxfile = """
import isonox

@isonox.session(venv_backend="none", inputs=["noxfile.py", "vendor/pyproject.toml"])
def own(session):
    session.run_install("echo", "pip", "install", "--no-deps", "./vendor", external=True)
"""
    repo = repository(
        {"noxfile.py": noxfile, "vendor/pyproject.toml": "", "vendor/it.py": "", ".gitignore": ".isonox/\n"}
    )

    done = isonox(repo, "ci")

    assert 0 == done.returncode, done.stderr
    assert "not cached: own read vendor/it.py, which is none of its inputs" in done.stdout
