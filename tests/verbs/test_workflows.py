"""`isonox workflows` and `isonox plan --github`, in real repositories."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple, Protocol

import pytest
from tests.conftest import WORKSPACES

from isonox import cli
from isonox.github import pins
from isonox.github.jobs import SET_UP_SECONDS
from isonox.planning.estimates import PRIOR_SECONDS
from isonox.report import wording
from isonox.sessions import project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import MakeRepository, Repository

NOXFILE = """
import isonox

@isonox.session(venv_backend="none")
def lint(session): ...

@isonox.session(python=["3.12", "3.13"], requires=["lint"], timeout_minutes=5, secrets=["KEY"])
def tests(session): ...
"""
DOCS = """
@isonox.session
def docs(session): ...
"""
UV = '\n[[package]]\nname = "uv"\nversion = "0.9.11"\nsource = { registry = "https://index.example/simple" }\n'
LOCK = (WORKSPACES / "tools" / "uv.lock").read_text(encoding="utf-8") + UV
FILES = {"noxfile.py": NOXFILE, "uv.lock": LOCK, "Makefile": "", "bootstrap.sh": ""}

CI = ".github/workflows/ci.yml"
CODEQL = ".github/workflows/codeql.yml"
WRITTEN = (CI, ".github/actions/set-up/action.yml", ".github/actions/keep-records/action.yml", CODEQL)


class Done(NamedTuple):
    """What a call left."""

    code: int
    out: str
    err: str


class Isonox(Protocol):
    """The type of the `isonox` fixture."""

    def __call__(self, folder: Path, *arguments: str) -> Done:
        """See `isonox`."""


@pytest.fixture
def isonox(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Isonox]:
    """Return a function that does what isonox does in a folder, as a process of its own would."""
    monkeypatch.delenv("GITHUB_OUTPUT", raising=False)

    def call(folder: Path, *arguments: str) -> Done:
        project.config.cache_clear()
        project.workspace.cache_clear()
        monkeypatch.chdir(folder)
        code = cli.main(list(arguments))
        return Done(code, *capsys.readouterr())

    yield call
    project.config.cache_clear()
    project.workspace.cache_clear()


@pytest.fixture
def made(repository: MakeRepository) -> Repository:
    """A repository that has all that a workflow stands on."""
    return repository(FILES)


def content(top: Path) -> dict[str, str]:
    """Return everything in `.github`."""
    found = sorted(path for path in (top / ".github").rglob("*") if path.is_file())
    return {path.relative_to(top).as_posix(): path.read_text(encoding="utf-8") for path in found}


def test_what_was_written_is_not_written_again(made: Repository) -> None:
    """Four files; a second call has nothing to do, and the check is silent. Nothing else in the repository changes."""

    def call(*options: str) -> tuple[int, str, str]:
        command = [sys.executable, "-m", "isonox", "workflows", *options]
        done = subprocess.run(command, cwd=made.path, check=False, capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr

    assert (0, "", "".join(f"wrote {name}\n" for name in WRITTEN)) == call()
    assert (0, "", "nothing to do: 4 files are as they should be\n") == call()
    assert (0, "", "") == call("--check")
    assert "?? .github/\n" == made.git("status", "--porcelain")
    text = content(made.path)
    assert set(WRITTEN) == set(text)
    assert 'version: "0.9.11"' in text[WRITTEN[1]]
    assert "- name: tests-3.13\n" in text[CI]
    assert "      name: ci\n" in text[CI]


def test_a_new_session_is_drift(made: Repository, isonox: Isonox) -> None:
    """The check shows what is missing and writes nothing; what isonox wrote it may replace."""
    isonox(made.path, "workflows")
    before = content(made.path)
    made.write({"noxfile.py": NOXFILE + DOCS})

    checked = isonox(made.path, "workflows", "--check")

    assert (4, f"error: {CI} is out of date\nhint: isonox workflows\n") == (checked.code, checked.err)
    assert checked.out.startswith(f"--- {CI}\n+++ {CI} (as isonox writes it)\n@@ ")
    assert "+  docs:\n+    name: docs\n" in checked.out
    assert "-    needs: [lint, tests]\n+    needs: [lint, tests, docs]\n" in checked.out
    assert before == content(made.path)
    assert (0, "", f"wrote {CI}\n") == isonox(made.path, "workflows")
    assert 0 == isonox(made.path, "workflows", "--check").code


@pytest.mark.parametrize(
    ("name", "change", "state"),
    [
        (CI, ("    runs-on: ubuntu-24.04", "    runs-on: windows-2025"), "was edited by hand"),
        (CODEQL, ("# Made by isonox", "# Made by us"), "was not made by isonox"),
    ],
)
def test_work_of_others_is_not_lost(
    made: Repository, isonox: Isonox, name: str, change: tuple[str, str], state: str
) -> None:
    """It is named and shown, and nothing at all is written, unless by force."""
    isonox(made.path, "workflows")
    made.write({"noxfile.py": NOXFILE + DOCS, name: content(made.path)[name].replace(*change)})
    before = content(made.path)

    checked = isonox(made.path, "workflows", "--check")
    refused = isonox(made.path, "workflows")

    assert [4, 4] == [checked.code, refused.code]
    assert f"{name} {state}\n" in checked.err
    assert refused.err.startswith(f"error: {name} {state}\nhint: ")
    assert "isonox workflows --force" in refused.err
    assert all(f"\n-{change[1]}" in done.out for done in (checked, refused))
    assert before == content(made.path)
    assert 0 == isonox(made.path, "workflows", "--force").code
    assert 0 == isonox(made.path, "workflows", "--check").code
    assert change[1] not in content(made.path)[name]


def test_a_first_workflow_of_their_own_stays(repository: MakeRepository, isonox: Isonox) -> None:
    """`ci.yml` is refused; workflows beside it are none of isonox's business."""
    theirs = {CI: "name: theirs\n", ".github/workflows/release.yml": "name: release\n"}
    made = repository({**FILES, **theirs})

    refused = isonox(made.path, "workflows")

    assert (4, f"error: {CI} was not made by isonox") == (refused.code, refused.err.splitlines()[0])
    assert theirs == content(made.path)
    assert 0 == isonox(made.path, "workflows", "-f").code
    assert "name: release\n" == content(made.path)[".github/workflows/release.yml"]


def test_codeql_can_be_left_out(made: Repository, isonox: Isonox) -> None:
    """Isonox's own file goes; one that was edited does not."""
    isonox(made.path, "workflows")
    pyproject = (made.path / "pyproject.toml").read_text(encoding="utf-8")
    made.write({"pyproject.toml": f"{pyproject}\n[tool.isonox]\ncodeql = false\n"})
    text = content(made.path)[CODEQL]

    checked = isonox(made.path, "workflows", "--check")
    removed = isonox(made.path, "workflows")
    made.write({CODEQL: text.replace("23 4", "42 4")})
    refused = isonox(made.path, "workflows")

    assert (4, f"error: {CODEQL} is not needed any more") == (checked.code, checked.err.splitlines()[0])
    assert (0, f"removed {CODEQL}\n") == (removed.code, removed.err)
    assert (4, f"error: {CODEQL} was edited by hand") == (refused.code, refused.err.splitlines()[0])
    assert "42 4" in content(made.path)[CODEQL]


def test_settings_reach_the_workflow(repository: MakeRepository, isonox: Isonox) -> None:
    """Runner, branches, environment, time limit, Pythons; a wrong one is named."""
    settings = """[tool.isonox]
    runner = "ubuntu-24.04-arm"
    branches = ["trunk"]
    environment = "staging"
    timeout-minutes = 20
    pythons = ["3.12", "3.13.1", "3.10", "pypy3.11"]
    """
    made = repository(FILES, settings=settings)

    assert 0 == isonox(made.path, "workflows").code
    text = content(made.path)
    assert "branches: [trunk]" in text[CI]
    assert "runs-on: ubuntu-24.04-arm" in text[CI]
    assert "name: staging" in text[CI]
    assert [35, 20] == [int(line.split()[1]) for line in text[CI].splitlines() if "timeout-minutes" in line][:2]
    assert "PYTHONS: 3.12 3.10 pypy3.11 3.13.1 ${{ inputs.python }}" in text[WRITTEN[1]].replace('"', "")
    assert "PYTHON=python3.13\n" in text[WRITTEN[1]]

    made.write({"pyproject.toml": "[tool.isonox]\ntimeout-minutes = inf\ncodeql = 'no'\nenvironment = ' '\n"})
    refused = isonox(made.path, "workflows")
    assert 2 == refused.code
    assert "tool.isonox.timeout-minutes: inf must be more than 0 and finite" in refused.err
    assert "tool.isonox.codeql: expected true or false, got the string 'no'" in refused.err
    assert "tool.isonox.environment: is empty" in refused.err


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("Makefile", None, "there is no Makefile in "),
        ("bootstrap.sh", None, "there is no bootstrap.sh in "),
        ("uv.lock", None, "there is no uv.lock in "),
        (
            "uv.lock",
            LOCK.removesuffix(UV),
            "uv.lock does not name uv, which the workflow pins\nhint: uv add --group ci",
        ),
        ("uv.lock", "damaged", "uv.lock"),
        (
            "noxfile.py",
            NOXFILE.replace("KEY", "A-B"),
            "no secret of the name 'A-B'",
        ),
        (".github", "", "error: can't write "),
        (
            pins.FILE,
            "{}",
            "line 1 is not ACTION@COMMIT # VERSION, with a full commit hash: '{}'\nhint: remove it, and write",
        ),
        (pins.FILE, "actions/checkout@main # v7.0.1\n", f"{pins.FILE}: line 1 is not "),
        (pins.FILE, f"actions/checkout@{40 * 'a'} # v7\n", f"{pins.FILE}: line 1 is not "),
        (pins.FILE, "\udcff", f"{pins.FILE}: line 1 is not "),
    ],
)
def test_what_is_missing_or_wrong_is_explained(
    made: Repository, isonox: Isonox, name: str, text: str | None, message: str
) -> None:
    """Exit 2, with what to do; no traceback, nothing written."""
    path = made.path / name
    path.unlink(missing_ok=True)
    if text is not None:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8", errors="surrogateescape")

    done = isonox(made.path, "workflows")

    assert (2, "") == (done.code, done.out), done.err
    assert message in done.err
    assert not (made.path / CI).exists()


def test_plain_nox_sessions_are_jobs_too(repository: MakeRepository, isonox: Isonox) -> None:
    """Without a limit of their own they get GitHub's."""
    made = repository({**FILES, "noxfile.py": "import nox\n\n@nox.session(python=False)\ndef lint(session): ...\n"})

    assert 0 == isonox(made.path, "workflows").code
    assert "  lint:\n    name: lint\n    runs-on: ubuntu-24.04\n    timeout-minutes: 360\n" in content(made.path)[CI]


def test_a_noxfile_in_a_folder_has_workflows_of_its_own(made: Repository, isonox: Isonox) -> None:
    """Beside those at the top, at the top; CodeQL looks at the whole repository already."""
    pyproject = (made.path / "pyproject.toml").read_text(encoding="utf-8")
    folder = {f"libs/api/{name}": text for name, text in {**FILES, "pyproject.toml": pyproject}.items()}
    made.write(folder)
    isonox(made.path, "workflows")
    before = content(made.path)

    done = isonox(made.path / "libs" / "api", "workflows")

    assert "wrote .github/workflows/ci-libs-api.yml\n" == done.err.splitlines(keepends=True)[0]
    assert 3 == len(content(made.path)) - len(before)
    assert before.items() <= content(made.path).items()
    assert [0, 0] == [isonox(folder, "workflows", "--check").code for folder in (made.path, made.path / "libs" / "api")]
    twin = {name.replace("libs/api", "libs-api"): text for name, text in folder.items()}
    made.write(twin)
    refused = isonox(made.path / "libs-api", "workflows")
    assert 4 == refused.code
    assert ".github/workflows/ci-libs-api.yml was made from another noxfile" in refused.err


def test_the_plan_is_handed_to_github(made: Repository, isonox: Isonox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each stage's matrix goes behind what is in the file that GitHub names, or is printed; with an estimate."""
    printed = isonox(made.path, "plan", "--github")
    output = made.path / "output"
    output.write_text("before=1\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_OUTPUT", str(output))
    written = isonox(made.path, "plan", "--github")
    matrices = dict(line.split("=", 1) for line in printed.out.splitlines())

    assert [0, 0] == [printed.code, written.code]
    assert "" == written.out
    assert f"before=1\n{printed.out}" == output.read_text(encoding="utf-8")
    assert ["lint", "tests"] == list(matrices)
    assert [
        {
            "name": f"tests-{one}",
            "sessions": f"tests-{one}",
            "python": one,
            "artifact": f"records.tests.{number}",
            "minutes": "20",
        }
        for number, one in enumerate(["3.12", "3.13"])
    ] == json.loads(matrices["tests"])["include"]
    span = wording.span(4 * SET_UP_SECONDS + 2 * PRIOR_SECONDS)
    assert f"3 sessions in 3 jobs: about {span} with 20 runners\n" == written.err

    monkeypatch.setenv("GITHUB_OUTPUT", str(made.path))
    refused = isonox(made.path, "plan", "--github")
    assert (2, "") == (refused.code, refused.out)
    assert "can't write" in refused.err


@pytest.fixture
def forge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Put a repository with tags in the place of each action on GitHub; return the commits of the tags."""
    source = tmp_path / "source"
    git = ["git", "-c", "user.name=A Tester", "-c", "user.email=tester@example.org", "-c", "tag.gpgsign=false", "-C"]

    def run(*arguments: str) -> str:
        done = subprocess.run([*git, str(source), *arguments], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    source.mkdir()
    run("init", "--quiet")
    commits = {}
    for tag in ("v7.2.0", "v7.10.0", "v8.1.0", "v10.0.1", "v11.0.0"):
        run("-c", "commit.gpgsign=false", "commit", "--quiet", "--allow-empty", "--message", tag)
        run("tag", *(["--annotate", "--message", tag] if tag == "v7.10.0" else []), tag)
        commits[tag] = run("rev-parse", "HEAD")
    for tag in ("v7", "v7.11.0-rc.1", "latest", "7.12.0"):
        run("tag", tag)
    for action in pins.shipped():
        (tmp_path / "forge" / action).parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([*git, ".", "clone", "--quiet", "--bare", source, tmp_path / "forge" / action], check=True)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.file://{tmp_path}/forge/.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "https://github.com/")
    return commits


def test_pins_follow_the_releases_of_their_major_version(
    made: Repository, isonox: Isonox, forge: dict[str, str]
) -> None:
    """Ten is more than two; an annotated tag gives its commit; a later major is only told, and so is nothing new."""
    done = isonox(made.path, "workflows", "--update-pins")
    kept = pins.load(made.path)

    assert 0 == done.code, done.err
    assert ("v7.10.0", forge["v7.10.0"]) == kept["actions/checkout"] == kept["actions/upload-artifact"]
    assert ("v8.1.0", forge["v8.1.0"]) == kept["actions/download-artifact"]
    same = ("astral-sh/setup-uv", "github/codeql-action")
    assert [pins.shipped()[name] for name in same] == [kept[name] for name in same]
    line = f"actions/checkout@{forge['v7.10.0']} # v7.10.0\n"
    assert line in (made.path / pins.FILE).read_text(encoding="utf-8").splitlines(keepends=True)
    assert "actions/checkout v7.0.1 -> v7.10.0 (there is v11.0.0; its inputs may differ)\n" in done.err
    assert "github/codeql-action v4.36.2 is the newest (there is v11.0.0; its inputs may differ)\n" in done.err
    assert f"uses: {line}" in content(made.path)[WRITTEN[1]]
    assert 0 == isonox(made.path, "workflows", "--check").code

    before = (made.path / pins.FILE).read_bytes()
    again = isonox(made.path, "workflows", "--update-pins")
    assert "actions/checkout v7.10.0 is the newest (there is v11.0.0; its inputs may differ)\n" in again.err
    assert before == (made.path / pins.FILE).read_bytes()


def test_pins_that_can_not_be_looked_up_stay(
    made: Repository, isonox: Isonox, forge: dict[str, str], tmp_path: Path
) -> None:
    """Exit 2 with the action's address; neither pins nor workflows are written."""
    shutil.rmtree(tmp_path / "forge" / "github")

    done = isonox(made.path, "workflows", "--update-pins")

    assert 2 == done.code
    assert "error: git ls-remote failed in " in done.err
    assert "github/codeql-action" in done.err
    assert not (made.path / ".github").exists()


def test_a_check_updates_no_pins(made: Repository, isonox: Isonox) -> None:
    """One writes nothing, the other does."""
    done = isonox(made.path, "workflows", "--check", "--update-pins")

    assert (2, "") == (done.code, done.out)
    assert "error: --check writes nothing, so it goes with neither" in done.err
    assert not (made.path / ".github").exists()


def test_a_lock_that_points_out_of_the_repository_is_refused(made: Repository, isonox: Isonox) -> None:
    """No runner has what lies beside the checkout; and `make` would say so only there."""
    beside = '\n[[package]]\nname = "beside"\nversion = "1"\nsource = { editable = "../beside" }\n'
    made.write({"uv.lock": LOCK + beside})
    refused = isonox(made.path, "workflows")
    assert (2, True) == (refused.code, "uv.lock has beside at ../beside, outside of this repository" in refused.err)


def test_branches_that_nobody_has_are_warned_of(made: Repository, isonox: Isonox) -> None:
    """Nothing would ever be checked on a push."""
    made.git("branch", "--move", "main", "trunk")
    assert "warning: pushes to main are checked" in isonox(made.path, "workflows").err


def test_the_drift_is_there_as_json(made: Repository, isonox: Isonox) -> None:
    """For programs."""
    missing = isonox(made.path, "workflows", "--check", "--json")
    assert 4 == missing.code
    assert {"is missing"} == {one[1] for one in json.loads(missing.out)}


@pytest.mark.parametrize(
    "arguments",
    [
        ("plan", "--github", "--json"),
        ("plan", "--github", "--only", "lint"),
        ("plan", "--explain", "lint", "--all"),
        ("workflows", "--check", "--force"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    made: Repository, isonox: Isonox, arguments: tuple[str, ...]
) -> None:
    """Rather than passed over."""
    done = isonox(made.path, *arguments)
    assert (2, "", True) == (
        done.code,
        done.out,
        ("go" in done.err and "together" in done.err) or "neither" in done.err,
    )
