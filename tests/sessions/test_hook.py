"""The wrapper around every session, seen through real nox runs."""

from __future__ import annotations

import inspect
import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import nox._cli
import nox.command
import nox.manifest
import nox.sessions
import nox.tasks
import nox.virtualenv
import pytest

from isonox.model.verdict import Verdict
from isonox.sessions import run_directory

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeRepository

TWO_KINDS = """
import os
import isonox, nox

@isonox.session(venv_backend="none", env={"APP_MODE": "test"}, secrets=["TOKEN"], artifacts=["out/*.txt"])
def declared(session):
    '''Say what it sees.'''
    script = "echo mode=$APP_MODE url=$DATABASE_URL zone=$TZ token=$TOKEN; mkdir -p out; date > out/a.txt"
    session.run("sh", "-c", script, external=True)
    session.note("100 % seen")
    session.log("the token is " + os.environ["TOKEN"])
    print("printed", os.environ["TOKEN"])
    session.run("sh", "-c", "echo argument $0 >&2", os.environ["TOKEN"], external=True)

@nox.session(python=False)
def plain(session):
    session.run("sh", "-c", "echo url=$DATABASE_URL ours=$ISONOX_RUN_DIRECTORY", external=True)
"""


def test_the_parts_of_nox_that_isonox_replaces_are_as_it_knows_them() -> None:
    """A nox release that changes one of these needs a look at sessions/hook.py and sessions/commands.py."""
    assert ["self"] == list(inspect.signature(nox.sessions.SessionRunner.execute).parameters)
    assert ["self", "target", "posargs"] == list(inspect.signature(nox.sessions.Session.notify).parameters)
    assert ["self"] == list(inspect.signature(vars(nox.sessions.SessionRunner)["_create_venv"]).parameters)
    assert "self.venv.create()" in inspect.getsource(vars(nox.sessions.SessionRunner)["_create_venv"])
    assert ["self"] == list(inspect.signature(nox.virtualenv.VirtualEnv.create).parameters)
    assert ["interpreter"] == list(inspect.signature(vars(nox.virtualenv)["_find_python"]).parameters)
    assert "args" == next(iter(inspect.signature(vars(nox.command)["popen"]).parameters))
    assert "return_code, output = popen(" in inspect.getsource(nox.command.run).replace("\n", " ")
    assert "global_config" in inspect.signature(nox.tasks.load_nox_module).parameters
    assert "_find_python(self.interpreter)" in inspect.getsource(nox.virtualenv.VirtualEnv)
    assert ["manifest", "global_config"] == list(inspect.signature(nox.tasks.filter_manifest).parameters)
    assert "tasks.filter_manifest," in inspect.getsource(nox._cli.execute_workflow)
    assert "self._queue.pop(0)" in inspect.getsource(nox.manifest.Manifest.__next__)
    assert () == tuple(inspect.signature(nox.virtualenv.find_uv).parameters)
    assert 'return ALL_VENVS["none"]()' in inspect.getsource(nox.virtualenv.get_virtualenv)
    assert nox.virtualenv.PassthroughEnv is nox.virtualenv.ALL_VENVS["none"]


def test_a_hand_typed_nox_leaves_the_same_record(repository: MakeRepository) -> None:
    """Declared environment, commands, artifacts, notes; secrets neither in the log nor in the record."""
    made = repository({"noxfile.py": TWO_KINDS})
    stray = {"DATABASE_URL": "postgres://stray", "TZ": "Asia/Tokyo", "TOKEN": "s3cret-token"}

    run = made.run_nox("-s", "declared", "plain", env=stray)

    assert 0 == run.exit_code, run.output
    record = run.records["declared"]
    assert "mode=test url= zone=UTC token=***" in run.output
    assert "url=postgres://stray ours=\n" in run.output
    assert "s3cret-token" not in (run.folder / "records" / "declared.json").read_text() + run.output
    assert Verdict.PASSED == record.verdict
    assert record.environment is not None
    assert ("declared", ("TOKEN",)) == (record.environment.policy, record.environment.secrets)
    assert {"TZ": "UTC", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "APP_MODE": "test"} == record.environment.values
    assert ("declared/out/a.txt",) == record.artifacts
    assert ("100 % seen",) == record.notes
    assert [0, 0] == [command.exit_code for command in record.commands]
    assert "***" == record.commands[1].argv[-1]
    assert {"the token is ***", "printed ***", "argument ***"} <= {
        line.removeprefix("nox > ") for line in run.output.splitlines()
    }
    assert made.git("rev-parse", "HEAD").strip() == record.commit
    assert run.records["plain"].environment is not None
    assert "inherited" == run.records["plain"].environment.policy


def test_a_secret_in_a_variable_of_another_session_is_one_there(repository: MakeRepository) -> None:
    """Neither its log nor its record has it."""
    noxfile = """
import os
import isonox

@isonox.session(venv_backend="none", secrets=["TOKEN"])
def owner(session): ...

@isonox.session(venv_backend="none", env={"URL": f"https://{os.environ['TOKEN']}@host", "MODE": "test"})
def other(session):
    session.run("sh", "-c", "echo at $URL", external=True)
"""
    made = repository({"noxfile.py": noxfile})

    run = made.run_nox("-s", "other", env={"TOKEN": "s3cret-token"})

    assert "at https://***@host" in run.output
    assert run.record.environment is not None
    assert {"URL": "https://***@host", "MODE": "test"}.items() <= run.record.environment.values.items()
    assert not [path for path in run.folder.rglob("*") if path.is_file() and b"s3cret" in path.read_bytes()]


def test_interpreters_are_found_recorded_with_their_patch_and_red_when_missing(repository: MakeRepository) -> None:
    """The same on a laptop as in CI: never a silent skip, never a download."""
    current = f"{sys.version_info.major}.{sys.version_info.minor}"
    made = repository(
        {"noxfile.py": f"import isonox\n@isonox.session(python=['{current}', '3.99'])\ndef a(session): ...\n"}
    )

    run = made.run_nox()

    found, missing = run.records[f"a-{current}"], run.records["a-3.99"]
    assert 1 == run.exit_code
    assert Verdict.PASSED == found.verdict
    assert found.interpreter.version is not None
    assert found.interpreter.version.startswith(f"{current}.")
    assert (current, "CPython") == (found.interpreter.asked, found.interpreter.implementation)
    assert Verdict.FAILED == missing.verdict
    assert "Python 3.99 is not installed here; install it: " in missing.reason
    assert "3.99" == missing.interpreter.asked


def test_the_distributions_and_the_environment_commands_are_recorded(repository: MakeRepository) -> None:
    """Installed from the lock, hash-checked; a second run finds the environment current and installs nothing."""
    noxfile = """
import isonox

@isonox.session
def tools(session):
    session.install_group("bare")
    session.run("python", "-c", "import pytest")
"""
    made = repository({"noxfile.py": noxfile})

    first, second = made.run_nox(), made.run_nox()

    assert (0, 0) == (first.exit_code, second.exit_code), first.output + second.output
    assert "pytest" in first.record.distributions
    assert first.record.distributions == second.record.distributions
    assert any("--require-hashes" in command.argv for command in first.record.commands)
    assert {"environment", "session"} == {command.phase for command in first.record.commands}
    assert 1 == len(second.record.commands)
    assert "The environment is current" in second.output


def test_an_environment_that_differs_from_the_lock_is_never_taken_for_current(repository: MakeRepository) -> None:
    """Neither after another install, nor with one that nox passed over; and --install-only is no pass."""
    noxfile = """
import pathlib, isonox

@isonox.session
def tools(session):
    session.install_group(pathlib.Path("group").read_text().strip())
    if session.posargs:
        session.install(*session.posargs)
"""
    made = repository({"noxfile.py": noxfile, "group": "bare"})
    first = made.run_nox("--install-only")
    made.run_nox("--", "idna")
    exact = made.run_nox()
    made.write({"group": "tests"})
    passed_over = made.run_nox("-R", "--", "idna")
    after = made.run_nox()

    assert (Verdict.WAIVED, "nothing was run: --install-only") == (first.record.verdict, first.record.reason)
    assert "idna" not in exact.record.distributions
    assert Verdict.FAILED == passed_over.record.verdict
    assert "does not hold what the lock says" in passed_over.record.reason
    assert (Verdict.PASSED, True) == (after.record.verdict, "coverage" in after.record.distributions)


def test_uv_and_pip_install_the_same(repository: MakeRepository) -> None:
    """One lock, two installers; what is no longer asked for is removed by both."""
    noxfile = """
import isonox, pathlib

def body(session):
    session.install_group(pathlib.Path("group").read_text().strip())

@isonox.session(venv_backend="uv")
def with_uv(session): body(session)

@isonox.session(venv_backend="virtualenv")
def with_pip(session): body(session)
"""
    made = repository({"noxfile.py": noxfile, "group": "tests"})
    own = {"pip", "setuptools", "wheel"}

    def distributions() -> tuple[dict[str, str], ...]:
        run = made.run_nox()
        assert 0 == run.exit_code, run.output
        return tuple(
            {name: version for name, version in run.records[job].distributions.items() if name not in own}
            for job in ("with_uv", "with_pip")
        )

    with_uv, with_pip = distributions()
    made.write({"group": "bare"})
    less_uv, less_pip = distributions()

    assert with_uv == with_pip
    assert less_uv == less_pip
    assert {"coverage"} == set(with_uv) - set(less_uv)


def test_a_lock_that_is_out_of_date_is_red_and_says_how_to_refresh(repository: MakeRepository) -> None:
    """Nothing is installed from a lock that contradicts pyproject.toml."""
    made = repository(
        {"noxfile.py": "import isonox\n@isonox.session\ndef a(session): session.install_group('extra')\n"},
        settings="[tool.uv]\nconstraint-dependencies = []\n",
    )
    pyproject = (made.path / "pyproject.toml").read_text()
    made.write({"pyproject.toml": pyproject.replace("[dependency-groups]", '[dependency-groups]\nextra = ["idna"]')})

    run = made.run_nox()

    assert 1 == run.exit_code
    assert "uv.lock is out of date" in run.record.reason
    assert "uv lock" in run.record.reason
    assert "Traceback" not in run.output


def test_an_interrupted_session_leaves_a_record(repository: MakeRepository) -> None:
    """Ctrl-C in a hand-typed nox: cancelled, and the command's children are gone."""
    seconds = f"6{os.getpid()}"
    script = (
        "import pathlib, subprocess, time\n"
        f"subprocess.Popen(['sleep', '{seconds}'], start_new_session=True)\n"
        "pathlib.Path('up').touch()\n"
        "time.sleep(600)\n"
    )
    made = repository(
        {
            "noxfile.py": "import sys, isonox\n@isonox.session(venv_backend='none')\n"
            f"def a(session): session.run(sys.executable, '-c', {script!r}, external=True)\n"
        }
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "nox"],
        cwd=made.path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={name: value for name, value in os.environ.items() if not name.startswith(("NOX", "COVERAGE_"))},
    )
    deadline = time.monotonic() + 30
    while not (made.path / "up").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    process.wait(20)

    run = run_directory.latest(made.path)
    assert run is not None
    (record,) = run.read_records()
    assert Verdict.CANCELLED == record.verdict
    listed = subprocess.run(["ps", "-eo", "args"], check=True, capture_output=True, text=True).stdout
    assert f"sleep {seconds}" not in listed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("services=['postgres']", "services: 'postgres' is none"),
        ("services=[services.redis()], env={'REDIS_URL': 'x'}", "REDIS_URL is the URL of the service 'redis'"),
        ("shards=0", "shards=0 must be a number from 1 to 64"),
        ("shards={'api': '2'}", "shards={'api': '2'} is not of the type int | Mapping[str, int]"),
        ("timeout_minutes=0", "must be more than 0"),
        ("env={'HOST': 'secret', 'PORT': 5432}", "env={'PORT': 5432} is not of the type Mapping[str, str] | None"),
        ("artifacts='*.txt'", "artifacts='*.txt' must be a list"),
        ("secrets=['A', 1]", "secrets=['A', 1] is not of the type Sequence[str]"),
        ("required='no'", "required='no' is not of the type bool"),
        ("exclusive=1", "exclusive=1 is not of the type bool"),
        ("cache='no'", "cache='no' is not of the type bool | timedelta"),
        ("weight='some'", "weight='some' is not of the type int | Literal['all']"),
        ("permissions=['id-token']", "is not of the type Mapping[str, str] | None"),
        ("per_package=[]", "per_package=[] names no package"),
        ("per_package=['nope']", "no package of this workspace"),
    ],
)
def test_facts_that_make_no_sense_are_refused(repository: MakeRepository, arguments: str, message: str) -> None:
    """At load time, with the session's name."""
    start = "import isonox\nfrom isonox import services\n"
    made = repository({"noxfile.py": f"{start}@isonox.session({arguments})\ndef a(session): ...\n"})

    done = subprocess.run(
        [sys.executable, "-m", "isonox", "plan"], cwd=made.path, check=False, capture_output=True, text=True
    )

    assert 2 == done.returncode
    assert message in done.stderr
    assert "session 'a'" in done.stderr
    assert "Traceback" not in done.stderr


NEEDS_A_TOKEN = """
import isonox

@isonox.session(venv_backend="none", secrets=["TOKEN"])
def publish(session):
    session.run("sh", "-c", "echo token=${TOKEN-unset}", external=True)
"""


def test_a_session_whose_secret_github_holds_back_is_waived(repository: MakeRepository, tmp_path: Path) -> None:
    """A pull request from a fork: it does not run, and says why. Anywhere else it runs, an empty secret unset."""
    made = repository({"noxfile.py": NEEDS_A_TOKEN})
    event = tmp_path / "event.json"
    sides = {"head": {"repo": {"full_name": "fork/x"}}, "base": {"repo": {"full_name": "team/x"}}}
    event.write_text(json.dumps({"pull_request": sides}), encoding="utf-8")
    github = {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_PATH": str(event), "TOKEN": ""}

    held_back = made.run_nox("-s", "publish", env=github)
    elsewhere = made.run_nox("-s", "publish", env={"TOKEN": ""})

    assert (0, Verdict.WAIVED) == (held_back.exit_code, held_back.record.verdict)
    assert "GitHub gives pull requests from forks no secrets: TOKEN" == held_back.record.reason
    assert "token=" not in held_back.output
    assert (0, Verdict.PASSED) == (elsewhere.exit_code, elsewhere.record.verdict)
    assert "token=unset" in elsewhere.output


def test_a_session_without_a_python_runs_on_the_newest_of_the_workspace(repository: MakeRepository) -> None:
    """Not on the one that runs nox, which differs by machine; the environment of another is made anew."""
    noxfile = """
import isonox, nox

@isonox.session
def declared(session):
    session.run("python", "--version")

@nox.session
def plain(session):
    session.run("python", "--version")
"""
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    pythons = "[tool.isonox]\npythons = ['3.11', '3.13', '3.12']\n"
    made = repository({"noxfile.py": noxfile}, settings=pythons.replace("'3.13', ", ""))
    before = made.run_nox("-s", "declared")
    made.write({"pyproject.toml": (made.path / "pyproject.toml").read_text().replace("'3.11', ", "'3.11', '3.13', ")})

    run = made.run_nox("-s", "declared", "plain")

    assert str(before.records["declared"].interpreter.version).startswith("3.12.")
    assert 0 == run.exit_code, run.output
    assert "3.13" == run.records["declared"].interpreter.asked
    assert str(run.records["declared"].interpreter.version).startswith("3.13.")
    assert str(run.records["plain"].interpreter.version).startswith(f"{own}.")


RIVALS = """
import os, pathlib, time
import isonox

@isonox.session(venv_backend="none", artifacts=["out.txt"], cache=False)
def slow(session):
    mine, other = session.posargs
    pathlib.Path("out.txt").write_text(f"{mine}, half")
    pathlib.Path(f"{mine}.begun").touch()
    until = time.monotonic() + 1.5
    while not pathlib.Path(f"{other}.begun").exists() and time.monotonic() < until:
        time.sleep(0.01)
    with open("out.txt", "a") as out:
        out.write(", whole")
"""


def test_two_runs_at_once_keep_their_own_artifacts(repository: MakeRepository) -> None:
    """They write the same file of the checkout: the second waits until the first has kept it."""
    repo = repository({"noxfile.py": RIVALS})
    nox = [sys.executable, "-m", "nox", "-s", "slow", "--"]

    env = {name: value for name, value in os.environ.items() if not name.startswith(("NOX", "COVERAGE_"))}

    running = [subprocess.Popen([*nox, *names], cwd=repo.path, env=env) for names in (("a", "b"), ("b", "a"))]

    assert [0, 0] == [one.wait() for one in running]
    kept = [path.read_text() for path in (repo.path / ".isonox/runs").glob("*/artifacts/slow/out.txt")]
    assert ["a, half, whole", "b, half, whole"] == sorted(kept)


def test_nox_runs_sessions_per_package_in_parallel(repository: MakeRepository) -> None:
    """Its children write the parameters of their sessions to JSON, so a package is a name there."""
    noxfile = inspect.cleandoc(
        """
        import isonox

        @isonox.session(per_package=True, venv_backend="none")
        def check(session, package):
            assert package is session.package
            session.log("this is %s", package.path)
        """
    )
    manifests = {f"libs/{name}/pyproject.toml": f'[project]\nname = "{name}"\nversion = "1"\n' for name in ("a", "b")}
    repo = repository({"noxfile.py": noxfile, **manifests}, settings='[tool.isonox]\npackages = ["libs/*"]\n')

    run = repo.run_nox("--parallel", "2", "--session", "check")

    assert 0 == run.exit_code, run.output
    assert "check(a): success" in run.output
    assert "check(b): success" in run.output


def test_the_sessions_of_a_parallel_nox_belong_to_one_run(repository: MakeRepository) -> None:
    """Nox starts a process for each; what one requires finds the records of those before."""
    noxfile = inspect.cleandoc(
        """
        import isonox

        @isonox.session(per_package=True, venv_backend="none")
        def check(session, package):
            pass

        @isonox.session(venv_backend="none", requires=["check"])
        def total(session):
            session.log("of %s", sorted(record.job for record in session.run_directory.read_records()))
        """
    )
    manifests = {f"libs/{name}/pyproject.toml": f'[project]\nname = "{name}"\nversion = "1"\n' for name in ("a", "b")}
    repo = repository({"noxfile.py": noxfile, **manifests}, settings='[tool.isonox]\npackages = ["libs/*"]\n')

    for already in range(2):
        run = repo.run_nox("--parallel", "2", "--session", "total")

        assert 0 == run.exit_code, run.output
        assert "of ['check(a)', 'check(b)']" in run.output
        assert already + 1 == len(list((repo.path / ".isonox/runs").iterdir()))
    kept = list((repo.path / ".isonox/parallel").glob("*.run"))
    assert 2 == len(kept)
    for path, content in zip(kept, ("", "nothing"), strict=True):  # such as after a power failure
        path.write_text(content)
        os.utime(path, (0, 0))
    assert 0 == repo.run_nox("--parallel", "2", "--session", "total").exit_code
    assert 1 == len(list((repo.path / ".isonox/parallel").glob("*.run")))
