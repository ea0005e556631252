"""The command line: help, errors, exit codes, and the same verbs through Invoke."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from isonox import cli
from isonox.errors import ExitCode, IsonoxError
from isonox.verbs import boundary
from isonox.verbs.table import verbs

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeRepository, Repository

NOXFILE = """
import isonox, nox

@nox.session(python=False, tags=["style"])
def lint(session):
    '''Look.'''

@isonox.session(venv_backend="none", timeout_minutes=3, requires=["lint"], default=False)
def tests(session): ...
"""


def isonox(folder: Path, *arguments: str, program: str = "isonox") -> subprocess.CompletedProcess[str]:
    """Run isonox (or another module's command line) in a folder."""
    return subprocess.run(
        [sys.executable, "-m", program, *arguments],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "120"},
    )


@pytest.fixture
def made(repository: MakeRepository) -> Repository:
    """A repository with two stages."""
    return repository({"noxfile.py": NOXFILE, "tasks.py": "from isonox.tasks import namespace\n"})


def test_every_verb_has_help_that_reads_well(made: Repository) -> None:
    """The list names each verb with one line; each verb's own help shows its options."""
    listed = isonox(made.path, "--help").stdout

    for verb in verbs():
        assert re.search(rf"^    {verb.name}\s", listed, re.MULTILINE)
        shown = isonox(made.path, verb.name, "--help")
        assert (0, "") == (shown.returncode, shown.stderr)
        assert verb.summary[:40] in shown.stdout
        assert all(option.flag in shown.stdout for option in verb.options)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lnit"], "unknown verb 'lnit' (did you mean 'lint'?)"),
        (["ci", "--fail-fats"], "unknown argument '--fail-fats' (did you mean '--fail-fast'?)"),
        (["ci", "--jobs", "many"], "invalid int value: 'many'"),
        (["doctor", "--", "x"], "takes nothing after `--`"),
        (["plan", "--explain", "testz"], "unknown job 'testz' (did you mean 'tests'?)"),
        (["docs"], "no stage 'docs'"),
        (["ci", "--", "\udcff"], "is not valid UTF-8"),
    ],
)
def test_wrong_words_are_explained(made: Repository, arguments: list[str], message: str) -> None:
    """Exit 2, did-you-mean, no traceback, nothing on standard output."""
    done = isonox(made.path, *arguments)

    assert (2, "") == (done.returncode, done.stdout)
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_plan_shows_explains_and_prints_json(made: Repository) -> None:
    """Defaults only, unless asked; what is required comes along."""
    shown = isonox(made.path, "plan", "--only", "tests")
    document = json.loads(isonox(made.path, "plan", "--json").stdout)
    everything = isonox(made.path, "plan", "--all").stdout
    explained = isonox(made.path, "plan", "--explain", "tests").stdout
    workspace = json.loads(isonox(made.path, "plan", "--packages", "--json").stdout)

    assert "required-by tests" in shown.stdout or "required by tests" in shown.stdout
    assert ["lint"] == [job["id"] for job in document["jobs"]]
    assert 1 == document["version"]
    assert "tests" in everything
    assert "3 min" in explained
    assert ["shop"] == [package["name"] for package in workspace["packages"]]


def test_a_stage_verb_runs_that_stage(made: Repository) -> None:
    """`isonox test` is `isonox ci --only tests`, from any folder of the checkout."""
    (made.path / "deep" / "down").mkdir(parents=True)

    done = isonox(made.path / "deep" / "down", "test", "--json")

    assert 0 == done.returncode, done.stderr
    assert ["lint", "tests"] == [record["job"] for record in json.loads(done.stdout)["records"]]


def test_invoke_has_the_same_verbs_options_and_exit_codes(made: Repository) -> None:
    """`inv --list` names all; a red job exits 1; what follows `--` keeps its words."""
    made.write(
        {
            "noxfile.py": "import nox\n@nox.session(python=False)\ndef tests(session):\n"
            "    assert session.posargs == ['-k', 'two words'], session.posargs\n"
            "@nox.session(python=False, default=False)\ndef lint(session): session.error('red')\n"
        }
    )

    listed = isonox(made.path, "--list", program="invoke").stdout
    green = isonox(made.path, "test", "--", "-k", "two words", program="invoke")
    red = isonox(made.path, "ci", "--only", "lint", "--jobs", "1", program="invoke")
    both = isonox(made.path, "plan", "--only", "lint", "--only", "tests", program="invoke")
    nothing = isonox(made.path, "ci", "--only", program="invoke")

    assert all(f"  {verb.name} " in listed for verb in verbs())
    assert 0 == green.returncode, green.stderr
    assert 1 == red.returncode, red.stderr
    assert "2 jobs" in both.stdout
    assert 1 == nothing.returncode
    assert "needed value" in nothing.stderr


def test_outside_of_git_and_without_a_noxfile(tmp_path: Path) -> None:
    """Both say what to do."""
    outside = isonox(tmp_path, "plan")
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    without = isonox(tmp_path, "plan")

    assert (2, 2) == (outside.returncode, without.returncode)
    assert "not inside a git repository" in outside.stderr
    assert "isonox init" in without.stderr


def test_a_detached_and_shallow_head_is_fine(made: Repository, tmp_path: Path) -> None:
    """As on a CI runner."""
    made.write({"more": "1"})
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", "--depth=1", f"file://{made.path}", str(clone)], check=True)
    subprocess.run(["git", "checkout", "--quiet", "--detach"], cwd=clone, check=True)

    done = isonox(clone, "ci", "--json")

    assert 0 == done.returncode, done.stderr
    assert made.git("rev-parse", "HEAD").strip() == json.loads(done.stdout)["records"][0]["commit"]


def test_configuration_errors_come_all_at_once(made: Repository) -> None:
    """File and key for each."""
    pyproject = (made.path / "pyproject.toml").read_text()
    made.write({"pyproject.toml": f"{pyproject}\n[tool.isonox]\npyhtons = []\nci = 3\n"})

    done = isonox(made.path, "ci")

    assert 2 == done.returncode
    assert "tool.isonox.pyhtons" in done.stderr
    assert "did you mean 'pythons'" in done.stderr
    assert "tool.isonox.ci" in done.stderr


@pytest.mark.parametrize(
    ("lock", "message"),
    [
        (None, "there is no uv.lock in {root}\nhint: write it with: uv lock\n"),
        ("version =\n", "uv.lock is not valid TOML: Invalid value (at line 1, column 10)\nhint: a merge conflict? "),
    ],
)
def test_a_missing_or_damaged_lock_is_one_error_before_anything_runs(
    made: Repository, lock: str | None, message: str
) -> None:
    """`plan` says it, too; what installs nothing from it needs none."""
    made.write({"noxfile.py": f"from isonox import stages\nstages.types()\nstages.security()\n{NOXFILE}"})
    (made.path / "uv.lock").unlink()
    if lock:
        made.write({"uv.lock": lock})

    said = [isonox(made.path, verb) for verb in ("plan", "ci")]

    assert [2, 2] == [done.returncode for done in said]
    assert all(done.stderr.startswith(f"error: {message.format(root=made.path)}") for done in said), said
    assert not (made.path / ".isonox" / "runs").exists()
    assert 0 == isonox(made.path, "ci", "--only", "lint").returncode


def test_doctor_finds_what_is_broken(made: Repository) -> None:
    """A missing interpreter and a missing lock, with what to do; exit 1."""
    made.write({"noxfile.py": "import isonox\n@isonox.session(python='3.99')\ndef a(session): ...\n"})
    (made.path / "uv.lock").unlink()

    done = isonox(made.path, "doctor", "--json")
    checks = {check["what"]: check for check in json.loads(done.stdout)}

    assert 1 == done.returncode
    assert ("broken", "uv lock") == (checks["uv.lock"]["state"], checks["uv.lock"]["fix"])
    assert "broken" == checks["Python 3.99"]["state"]
    assert "3.99" in checks["Python 3.99"]["fix"]
    assert "differs" == checks["working tree"]["state"]


def test_errors_of_ours_and_bugs_have_their_own_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    """The boundary: a message for what is expected, a traceback and 70 for what is not."""

    def fail(error: BaseException) -> ExitCode:
        raise error

    assert ExitCode.USAGE == boundary.guarded(lambda: fail(IsonoxError("what", hint="do")))
    assert "error: what\nhint: do\n" == capsys.readouterr().err
    assert ExitCode.INTERRUPTED == boundary.guarded(lambda: fail(KeyboardInterrupt()))
    assert ExitCode.BUG == boundary.guarded(lambda: fail(ZeroDivisionError("oops")))
    assert "a bug in isonox" in capsys.readouterr().err


def test_version_and_no_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    """The version is data; no verb is wrong usage, with the help on standard error."""
    assert 0 == cli.main(["--version"])
    assert capsys.readouterr().out.startswith("isonox ")
    assert ExitCode.USAGE == cli.main([])
    assert "verbs:" in capsys.readouterr().err


def test_a_reader_that_leaves_changes_no_verdict(made: Repository) -> None:
    """`isonox ci | true` with a red job is red."""
    made.write({"noxfile.py": "import nox\n@nox.session(python=False)\ndef a(session): session.error('red')\n"})
    for arguments in (["ci"], ["ci", "--json"]):
        process = subprocess.Popen(
            [sys.executable, "-m", "isonox", *arguments],
            cwd=made.path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdout is not None
        process.stdout.close()
        said = process.stderr.read() if process.stderr else b""

        assert ExitCode.JOB_FAILED == process.wait(30), said
        assert b"Traceback" not in said
        assert b"BrokenPipe" not in said
        if process.stderr:
            process.stderr.close()


def test_variables_that_are_no_text_and_a_closed_stream_change_no_verdict(made: Repository) -> None:
    """The job sees the bytes; nobody has to listen to what goes on."""
    made.write({"noxfile.py": NOXFILE.replace("'''Look.'''", "assert '\\udcff' == __import__('os').environ['WEIRD']")})
    script = '"$0" -m isonox ci --no-cache >/dev/null; echo $?; "$0" -m isonox cache 2>&- >/dev/null; echo $?'

    done = subprocess.run(
        ["sh", "-c", script, sys.executable],
        cwd=made.path,
        check=True,
        capture_output=True,
        env={**os.environb, b"WEIRD": b"\xff"},
    )

    assert [b"0", b"0"] == done.stdout.splitlines(), done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is forked")
@pytest.mark.parametrize("thread", [False, True])
def test_whoever_ignores_the_end_of_children_gets_the_same_run(made: Repository, *, thread: bool) -> None:
    """Some supervisors do, and what they start inherits it; also where the jobs can't be forked."""
    begin = "import threading, time\nthreading.Thread(target=time.sleep, args=(3,), daemon=True).start()\n"
    made.write({"noxfile.py": (begin if thread else "") + NOXFILE})
    ignoring = (
        "signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    )

    done = subprocess.run(
        [sys.executable, "-c", f"import os, signal, sys; {ignoring}", "-m", "isonox", "ci", "--no-cache"],
        cwd=made.path,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert 0 == done.returncode, done.stderr
    assert "green" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is forked")
def test_modules_are_found_as_with_a_safe_path(made: Repository) -> None:
    """Python puts no folder of its own before those of PYTHONPATH then, and none of them is lost."""
    made.write({"noxfile.py": "import helping\n" + NOXFILE, "away/helping.py": ""})
    env = {**os.environ, "PYTHONSAFEPATH": "1", "PYTHONPATH": str(made.path / "away")}

    done = subprocess.run(
        [sys.executable, "-m", "isonox", "ci", "--no-cache"],
        cwd=made.path,
        check=False,
        capture_output=True,
        text=True,
        env=env,
    )

    assert 0 == done.returncode, done.stderr
    assert "loaded the noxfile for themselves" not in done.stderr
