"""What GitHub would run is run, and leaves the same records as `isonox ci`.

act runs the generated workflows in host mode. Remote actions can't be had offline: the stand-ins in `actions/` do
what the workflows need of them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from isonox.github import pins
from isonox.model.verdict import Verdict
from isonox.sessions.run_directory import RunDirectory
from isonox.system import git, interpreters

pytestmark = [pytest.mark.act, pytest.mark.timeout(1800)]

ROOT = Path(__file__).parents[2]
ACTIONS = Path(__file__).parent / "actions"

#: The repository's name; act asks for those of actions, so the shared actions get one, too.
_NAME = "example/repository"
_REF = "here"


class ActRun(NamedTuple):
    """What a run of act left.

    Attributes:
        exit_code: 0 if every job succeeded, the gate included.
        output: Everything that was printed.
        folder: All records that were uploaded, as one run's folder.
        results: Whether each job, by its name, succeeded; act gives all jobs of a matrix the same.
    """

    exit_code: int
    output: str
    folder: Path
    results: dict[str, bool]


def isonox(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the isonox of a copy, from the environment that `make` gives it, as on a laptop."""
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    subprocess.run(["make", "--silent", ".isonox/env/.bootstrapped"], cwd=folder, env=environment, check=True)
    command = [str(folder / ".isonox/env/bin/isonox"), *arguments]
    return subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True)


def copy(target: Path) -> Path:
    """Copy this repository's files, as they are now, into a git repository of their own."""
    for name in git.tracked(ROOT):
        if (ROOT / name).is_file():
            destination = target / name
            destination.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, destination)
    commit(target)
    return target


def commit(repository: Path) -> None:
    """Commit everything in the repository, which is made if need be."""
    who = ("-c", "user.name=nobody", "-c", "user.email=nobody@example.org")
    for arguments in (("init", "-q", "-b", "main"), ("add", "--all"), (*who, "commit", "-q", "-m", "state")):
        subprocess.run(["git", *arguments], cwd=repository, check=True)


def run(repository: Path, workflow: str, scratch: Path, *, event: str = "pull_request") -> ActRun:
    """Run a committed workflow of the repository, by default for a pull request; `scratch` gets all that it leaves.

    What it saves for later runs is beside `scratch`. One thing is changed in it: `$/`, which act does not know,
    becomes the name that the repository has for act.
    """
    # act copies the folder for each job, and looks at every file for that: it gets one without environments.
    checkout = scratch / "checkout"
    git.run(repository, "clone", "--quiet", ".", str(checkout))
    text = (checkout / workflow).read_text(encoding="utf-8")
    changed = re.sub(r"uses: \$/(\S+)", rf"uses: {_NAME}/\1@{_REF}", text)
    path = scratch / "workflow.yml"
    path.write_text(changed, encoding="utf-8")
    artifacts, store = scratch / "artifacts", scratch.parent / "store"
    artifacts.mkdir()
    store.mkdir(exist_ok=True)
    (scratch / "event.json").write_text('{"repository": {"default_branch": "main"}}', encoding="utf-8")
    tools = _tools(scratch / "tools")
    locals_ = {f"{_NAME}@{_REF}": checkout}
    for action, pin in pins.shipped().items():
        if (stand_in := ACTIONS / action.split("/")[1]).is_dir():  # act checks out by itself
            locals_[f"{action}@{pin.commit}"] = stand_in
    variables = {"ACT_ARTIFACTS": str(artifacts), "ACT_TOOLS": str(tools), "ACT_STORE": str(store)}
    variables |= {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_", "SSL_"))}
    command = ["act", event, "--workflows", str(path), "-P", "ubuntu-24.04=-self-hosted", "--no-cache-server"]
    command += ["--action-cache-path", str(scratch / "act"), "--eventpath", str(scratch / "event.json")]
    command += [word for name, folder in locals_.items() for word in ("--local-repository", f"{name}={folder}")]
    command += [word for name, value in variables.items() for word in ("--env", f"{name}={value}")]
    done = subprocess.run(
        command, cwd=checkout, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=1800
    )
    folder = scratch / "run"
    for artifact in sorted(artifacts.iterdir()):
        shutil.copytree(artifact, folder, dirs_exist_ok=True)
    output = done.stdout.decode(errors="replace")
    (scratch / "act.log").write_text(output, encoding="utf-8")
    prefix = re.escape(re.findall(r"^name: (.*)$", text, re.MULTILINE)[0])
    # Jobs of a matrix get a number, but for a single one.
    ends = re.findall(rf"^\[{prefix}/(.+?)(?:-\d+)?\s*\] 🏁  Job (succeeded|failed)$", output, re.MULTILINE)
    return ActRun(done.returncode, output, folder, {name: word == "succeeded" for name, word in ends})


def _tools(folder: Path) -> Path:
    """Make the folder that stands for what setup-uv and `uv python install` leave: uv, and interpreters."""
    folder.mkdir()
    uv = shutil.which("uv")
    assert uv, "uv is not on PATH"
    (folder / "uv-itself").symlink_to(uv)
    shutil.copy2(ACTIONS / "download.py", folder)
    for version in ("3.11", "3.12", "3.13"):
        found = interpreters.find(version, cache=folder / "cache")
        assert found, f"Python {version} is not installed here"
        (folder / f"python{version}").symlink_to(found)
    (folder / "uv").write_text(
        "#!/bin/sh\n"
        "# Interpreters are not downloaded here: to install one is to look whether it is there.\n"
        'if [ "$1 $2" = "python install" ]; then shift 2; for version\n'
        f'do "{folder}/python$version" -V || exit 1; done\n'
        f'else exec "{folder}/uv-itself" "$@"; fi\n'
    )
    (folder / "uv").chmod(0o755)
    return folder


def differences(folder: Path, act: ActRun) -> str:
    """Run the pipeline of a folder here, and return what isonox says about the two runs."""
    isonox(folder, "ci")
    done = isonox(folder, "compare", str(act.folder), "latest")
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this repository; its environments stay from test to test, as on a laptop."""
    return copy(tmp_path_factory.mktemp("here") / "repository")


@pytest.fixture
def repository(copied: Path) -> Path:
    """The copy, as it was in the beginning."""
    first = git.run(copied, "rev-list", "--max-parents=0", "HEAD").strip()
    git.run(copied, "reset", "--quiet", "--hard", first)
    return copied


def narrow(folder: Path, *sessions: str, more: str = "") -> None:
    """Let CI mean only these sessions, and one Python; write the workflow for that, and commit. Without any: all.

    `more` is more of `[tool.isonox]`.
    """
    if sessions:
        path = folder / "pyproject.toml"
        names = ", ".join(f'"{name}"' for name in sessions)
        text = path.read_text(encoding="utf-8")
        settings = f'[tool.isonox]\nci = [{names}]\npythons = ["3.13"]\n{more}'
        path.write_text(re.sub(r"\[tool\.isonox\]\npythons = .*\n", settings, text), encoding="utf-8")
    written = isonox(folder, "workflows")
    assert written.returncode == 0, written.stderr
    commit(git.find_root(folder))


THIS = ".github/workflows/ci.yml"
BROKEN = "tests-3.13(storefront-catalog)"
STOREFRONT = ".github/workflows/ci-examples-storefront.yml"


def test_this_repository(repository: Path, tmp_path: Path) -> None:
    """Lint, types and security of this repository end the same there and here, record by record."""
    narrow(repository, "lint", "types-3.13", "security")

    act = run(repository, THIS, tmp_path)

    assert act.exit_code == 0, act.output[-5000:]
    assert {"lint": True, "types-3.13": True, "security": True, "gate": True} == act.results
    assert "same: 3 jobs" in differences(repository, act)


def test_storefront(repository: Path, tmp_path: Path) -> None:
    """A pipeline with packages, whose matrices are planned at run time: green there and here, and the same."""
    storefront = repository / "examples/storefront"
    narrow(storefront, "lint", "tests-3.13", "coverage", "build(storefront-money)")

    act = run(repository, STOREFRONT, tmp_path)

    assert act.exit_code == 0, act.output[-5000:]
    assert "same: 12 jobs" in differences(storefront, act)


@pytest.mark.whole
def test_sharded_storefront(repository: Path, tmp_path: Path) -> None:
    """Each shard is a job there and here; the gate holds what they ran together, and coverage has the data of all."""
    storefront = repository / "examples/storefront"
    noxfile = storefront / "noxfile.py"
    noxfile.write_text(noxfile.read_text().replace("tests(per_package=True", "tests(per_package=True, shards=2"))
    narrow(storefront, "tests-3.13", "coverage")

    act = run(repository, STOREFRONT, tmp_path)

    assert act.exit_code == 0, act.output[-5000:]
    assert {"tests-3.13(storefront-money)#1/2", "tests-3.13(storefront-money)#2/2", "coverage"} < act.results.keys()
    assert 4 == len(re.findall(r"split\S*: tests-3\.13\(\S+\): \d+ tests, each in one of 2 shards", act.output))
    assert "same: 14 jobs" in differences(storefront, act)


def test_known_results(repository: Path, tmp_path: Path) -> None:
    """What passed for a push to the default branch starts no runner for a pull request, which changes nothing of it."""
    storefront = repository / "examples/storefront"
    narrow(storefront, "lint", "build(storefront-money)", more="remote-cache = true\n")
    for name in ("push", "pull"):
        (tmp_path / name).mkdir()

    push = run(repository, STOREFRONT, tmp_path / "push", event="push")
    pull = run(repository, STOREFRONT, tmp_path / "pull")

    assert push.exit_code == 0, push.output[-5000:]
    assert pull.exit_code == 0, pull.output[-5000:]
    assert {"plan", "lint", "build(storefront-money)", "gate (examples/storefront)"} == set(push.results)
    assert {"plan", "gate (examples/storefront)"} == set(pull.results)
    verdicts = [
        {record.job: record.verdict for record in RunDirectory(one.folder).read_records()} for one in (push, pull)
    ]
    assert [dict.fromkeys(verdicts[0], verdict) for verdict in (Verdict.PASSED, Verdict.CACHED)] == verdicts


def test_broken_storefront(repository: Path, tmp_path: Path) -> None:
    """A broken test is red there and here: the same jobs fail, what needs them is blocked, and the gate is red."""
    storefront = repository / "examples/storefront"
    broken = storefront / "libs/catalog/tests/test_broken.py"
    broken.write_text("def test_broken() -> None:\n    assert 1 + 1 == 3\n", encoding="utf-8")
    narrow(storefront, BROKEN, "tests-3.13(storefront-money)")

    act = run(repository, STOREFRONT, tmp_path)

    assert act.exit_code == 1
    assert not act.results["gate (examples/storefront)"]
    verdicts = {record.job: record.verdict for record in RunDirectory(act.folder).read_records()}
    assert {BROKEN: Verdict.FAILED, "tests-3.13(storefront-money)": Verdict.PASSED} == verdicts
    assert "1 + 1 == 3" in act.output
    assert f'nox -s "{BROKEN}"' in act.output
    assert "same: 2 jobs" in differences(storefront, act)


@pytest.mark.whole
def test_the_whole_of_this_repository(repository: Path, tmp_path: Path) -> None:
    """Its tests, too, which takes its time."""
    narrow(repository, "lint", "types", "tests-3.13", "security")

    act = run(repository, THIS, tmp_path)

    assert act.exit_code == 0, act.output[-5000:]
    assert "same: 4 jobs" in differences(repository, act)


@pytest.mark.whole
def test_the_whole_storefront(repository: Path, tmp_path: Path) -> None:
    """All of its jobs, on every Python."""
    storefront = repository / "examples/storefront"
    narrow(storefront)

    act = run(repository, STOREFRONT, tmp_path)

    assert act.exit_code == 0, act.output[-5000:]
    assert "same: 23 jobs" in differences(storefront, act)
