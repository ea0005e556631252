"""`isonox compare`: real runs of one repository in two places."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.conftest import WORKSPACES, Repository

from isonox.errors import ExitCode
from isonox.model.record import Record
from isonox.model.verdict import Verdict
from isonox.sessions import run_directory
from isonox.sessions.run_directory import RunDirectory

if TYPE_CHECKING:
    from tests.conftest import MakeRepository

NOXFILE = """
import os, pathlib, tempfile
import isonox

MODE = pathlib.Path("mode").read_text()

@isonox.session(env={"MODE": MODE, "DATA": str(pathlib.Path.cwd() / "data")}, artifacts=["out/*.txt"])
def tools(session):
    session.install_group("bare")
    pathlib.Path("out").mkdir(exist_ok=True)
    pathlib.Path("out/a.txt").touch()
    session.run("pytest", "--version", f"--rootdir={session.root}", "-p", f"no:{MODE}")

@isonox.session(venv_backend="none", requires=["tools"])
def look(session):
    with tempfile.TemporaryDirectory() as folder:
        words = [folder, session.create_tmp(), str(session.artifacts), os.path.expanduser("~/x")]
        session.run("python", "-c", "pass", *words, external=True)
    if MODE == "red":
        session.error("red")
"""
FILES = {"noxfile.py": NOXFILE, "mode": "green", ".gitignore": ".nox/\nout/\n__pycache__/\n"}


def isonox(folder: Path, *arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run isonox in a folder, with uv on PATH as in an environment that is activated."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.run(
        [sys.executable, "-m", "isonox", *arguments],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": path, "NO_COLOR": "1", **(env or {})},
    )


def ci(folder: Path, *arguments: str, expected: int = ExitCode.OK, env: dict[str, str] | None = None) -> Path:
    """Run the pipeline in a folder, and return the run's."""
    done = isonox(folder, "ci", *arguments, env=env)
    run = run_directory.latest(folder)

    assert expected == done.returncode, done.stdout + done.stderr
    assert run is not None
    return run.path


@pytest.fixture
def here(repository: MakeRepository) -> Repository:
    """One checkout."""
    return repository(FILES)


@pytest.fixture
def there(here: Repository, tmp_path: Path) -> Repository:
    """Another checkout of the same commit."""
    return Repository(Path(shutil.copytree(here.path, tmp_path / "elsewhere" / "deep" / "shop")))


def kept(folder: Path, *verdicts: Verdict, run: str = "20261121T104500Z-3fa94c") -> RunDirectory:
    """Keep a run of jobs with these verdicts in a folder's `.isonox`."""
    directory = RunDirectory(folder / ".isonox" / "runs" / run)
    for number, verdict in enumerate(verdicts):
        name = f"job{number}"
        directory.write_record(Record(isonox="1", run=run, job=name, stage=name, verdict=verdict, started=""))
    (folder / ".isonox" / "latest").write_text(f"{run}\n", encoding="utf-8")
    return directory


def test_two_checkouts_of_one_commit_are_the_same_run(here: Repository, there: Repository, tmp_path: Path) -> None:
    """In other folders, with another home; made anew or found; named by folder, id, start of an id, or `latest`."""
    other = {name: str(tmp_path / name.lower()) for name in ("HOME", "TMPDIR")}
    for folder in other.values():
        Path(folder).mkdir()
    cache = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    first = ci(here.path)
    second = ci(there.path, env={**other, "XDG_CACHE_HOME": cache})
    again = ci(there.path, "--no-cache")
    text = (second / "records" / "look.json").read_text(encoding="utf-8")

    by_folder = isonox(here.path, "compare", "latest", str(second))
    by_id = isonox(there.path, "compare", second.name, again.name[:-2], "--verbose")
    document = json.loads(isonox(tmp_path, "compare", str(first), str(again), "--json").stdout)

    assert other["TMPDIR"] in text
    assert other["HOME"] in text
    assert (0, "") == (by_folder.returncode, by_folder.stderr), by_folder.stdout
    assert by_folder.stdout.startswith("same: 2 jobs (verdicts, commands, ")
    assert 0 == by_id.returncode, by_id.stdout
    assert "  commands.environment: one that is there is not made anew" in by_id.stdout
    assert (True, ["tools", "look"], []) == (document["same"], document["jobs"], document["differences"])


def test_what_was_changed_is_named(here: Repository, there: Repository) -> None:
    """A locked version, a variable, a word of a command, a verdict; each with both values."""
    first = ci(here.path)
    lock, older = ((folder / "uv.lock").read_text() for folder in (there.path, WORKSPACES / "supply-chain"))
    iniconfig = re.compile(r'\[\[package\]\]\nname = "iniconfig"\nversion = "(.+)"\n(?:.+\n)+')
    new, old = iniconfig.search(lock), iniconfig.search(older)
    assert new is not None
    assert old is not None
    there.write({"uv.lock": lock.replace(new[0], old[0]), "mode": "red"})
    second = ci(there.path, expected=ExitCode.JOB_FAILED)

    done = isonox(here.path, "compare", str(first), str(second))
    only = isonox(here.path, "compare", str(first), str(second), "--job", "look", "--json")
    found = {(one["job"], one["field"]) for one in json.loads(only.stdout)["differences"]}

    assert 1 == done.returncode, done.stderr
    lines = done.stdout.splitlines()
    assert "different: 2 of 2 jobs, and the run as a whole" == lines[0]
    assert f"  distributions.iniconfig: {new[1]} -> {old[1]}" in lines
    assert "  environment.values.MODE: green -> red" in lines
    assert "  verdict: passed -> failed" in lines
    assert "    - {environment}/bin/pytest --version --rootdir={root} -p [-no:green-]" in lines
    assert "    + {environment}/bin/pytest --version --rootdir={root} -p {+no:red+}" in lines
    assert {(None, "commit"), ("look", "verdict")} == found


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["2027", "latest"], "there is no run '2027' here\nhint: name one of: 20261121T104500Z-3fa94c"),
        (["2026", "latest"], "'2026' is the start of 2 runs: 20261121T104400Z-000000, 20261121T104500Z-3fa94c"),
        (["latest", "out"], "out holds no records\nhint: "),
        (["latest", "latest", "--job", "jbo0"], "neither run has a job 'jbo0' (did you mean 'job0'?)"),
        (["latest"], "the following arguments are required: B"),
    ],
)
def test_what_is_no_run_is_explained(here: Repository, words: list[str], message: str) -> None:
    """Exit 2, with what there is."""
    (here.path / "out").mkdir()
    kept(here.path, Verdict.PASSED, run="20261121T104400Z-000000")
    kept(here.path, Verdict.PASSED)

    done = isonox(here.path, "compare", *words)

    assert (2, "") == (done.returncode, done.stdout)
    assert message in done.stderr


def test_without_any_run_the_hint_is_to_make_one(here: Repository) -> None:
    """A fresh clone."""
    done = isonox(here.path, "compare", "latest", "latest")

    assert 2 == done.returncode
    assert "there is no run 'latest' here\nhint: make one: isonox ci" in done.stderr


def test_a_damaged_record_is_an_error(here: Repository) -> None:
    """Half a run is not compared."""
    run = kept(here.path, Verdict.PASSED, Verdict.PASSED)
    (run.path / "records" / "job1.json").write_text('{"version": 1, "job"', encoding="utf-8")

    done = isonox(here.path, "compare", "latest", "latest")

    assert (2, "") == (done.returncode, done.stdout)
    assert "job1.json is damaged" in done.stderr


def test_jobs_that_differ_alike_stand_together(here: Repository, tmp_path: Path) -> None:
    """A run of many jobs stays readable."""
    kept(here.path, *[Verdict.PASSED] * 7)
    other = kept(tmp_path, *[Verdict.BLOCKED] * 7, Verdict.PASSED)

    said = isonox(here.path, "compare", "latest", str(other.path)).stdout.splitlines()

    assert "different: 8 of 8 jobs" == said[0]
    assert ["job0, job1, job2, job3, job4 and 2 more", "  verdict: passed -> blocked"] == said[4:6]
    assert ["job7", "  job: none -> passed"] == said[7:9]


def test_what_a_workflow_left_is_one_run(here: Repository, tmp_path: Path) -> None:
    """Its artifacts, each downloaded into a folder of its own below `parts`."""
    run = kept(here.path, Verdict.PASSED, Verdict.PASSED)
    for record in run.read_records():
        RunDirectory(tmp_path / "ci" / "parts" / record.job).write_record(record)

    done = isonox(here.path, "compare", "../ci", "latest")

    assert 0 == done.returncode, done.stdout + done.stderr
    assert done.stdout.startswith("same: 2 jobs")


def test_invoke_compares_too(here: Repository) -> None:
    """`inv compare A B`."""
    here.write({"tasks.py": "from isonox.tasks import namespace\n"})
    kept(here.path, Verdict.PASSED)

    done: Any = subprocess.run(
        [sys.executable, "-m", "invoke", "compare", "latest", "--json", "20261121"],
        cwd=here.path,
        check=False,
        capture_output=True,
        text=True,
    )

    assert 0 == done.returncode, done.stderr
    assert json.loads(done.stdout)["same"]
