"""What changes concern: the verb `affected`, `--base`, and that nothing is ever missed."""

from __future__ import annotations

import inspect
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.conftest import WORKSPACES, Repository

from isonox.cache.entry import Entry, of_parts
from isonox.errors import ConfigurationError
from isonox.model.plan import Selection
from isonox.model.record import Installation, Record
from isonox.model.verdict import Verdict
from isonox.planning.build import build
from isonox.system import clock
from isonox.verbs.affected import AffectedDocument
from isonox.verbs.checkout import Checkout

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from isonox.cache.fingerprint import Fingerprint

NOXFILE = inspect.cleandoc(
    '''
    """The sessions."""
    import pathlib

    import nox

    import isonox

    LIMIT = pathlib.Path("limit.txt").read_text()


    @isonox.session(venv_backend="none", per_package=True, inputs=[])
    def check(session):
        """Check one package."""


    @isonox.session(venv_backend="none", inputs=["docs/**", "names:libs/**/*.md", "tools/run.py"])
    def docs(session):
        """Check the documentation."""


    @isonox.session(venv_backend="none", inputs=["pyproject.toml#tool.ruff"])
    def tidy(session):
        """Check the style."""


    @isonox.session(venv_backend="none", requires=["check"], inputs=[])
    def after(session):
        """Look at what the checks left."""


    @isonox.session(venv_backend="none", default=False)
    def whole(session):
        """Look at everything."""
    '''
)
PLAIN = '\n\n@nox.session(python=False)\ndef plain(session):\n    """Do what nobody knows."""\n'
ROOT = '[tool.isonox]\npackages = ["libs/*"]\n[tool.ruff]\nline-length = {}\n'


def package(name: str, *needs: str, more: str = "") -> str:
    """Return the pyproject.toml of a package."""
    return f'[project]\nname = "{name}"\nversion = "1"\ndependencies = {json.dumps(needs)}\n{more}'


FILES = {
    "noxfile.py": NOXFILE,
    "pyproject.toml": ROOT.format(100),
    "limit.txt": "3\n",
    "README.md": "read\n",
    "docs/index.md": "index\n",
    "libs/money/pyproject.toml": package("money"),
    "libs/money/code.py": "1\n",
    "libs/catalog/pyproject.toml": package("catalog", "money"),
    "libs/catalog/code.py": "1\n",
    "libs/shop/pyproject.toml": package("shop", "catalog"),
    "libs/shop/code.py": "1\n",
    ".gitignore": ".nox/\n.isonox/\n__pycache__/\n",
}
CHECKS = {"check(money)", "check(catalog)", "check(shop)"}
ALL = {*CHECKS, "docs", "tidy", "after", "whole"}


def made(folder: Path, files: Mapping[str, str] = FILES) -> Repository:
    """Make a repository with the files on its branch main, and be on another branch."""
    folder.mkdir(parents=True)
    found = Repository(folder)
    found.git("init", "--quiet", "--initial-branch=main")
    found.write(files)
    found.git("checkout", "--quiet", "-b", "feature")
    return found


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    """Return a workspace of three packages: shop needs catalog, which needs money."""
    return made(tmp_path / "repository")


def edit(repo: Repository, files: Mapping[str, str | None]) -> None:
    """Write files without committing them; None removes one."""
    for name, content in files.items():
        path = repo.path / name
        if content is None:
            path.unlink(missing_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)


def isonox(repo: Repository, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run isonox."""
    unwanted = ("NOX", "ISONOX_", "CI", "GITHUB_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    return subprocess.run(
        [sys.executable, "-m", "isonox", *arguments],
        cwd=repo.path,
        check=False,
        capture_output=True,
        text=True,
        env=kept,
    )


def concerned(repo: Repository) -> dict[str, list[str]]:
    """Return the jobs of the plan since main, each with its reasons."""
    stages = ("check", "docs", "tidy", "after", "whole")
    asked = itertools.chain(*(("--only", stage) for stage in stages))
    done = isonox(repo, "plan", "--base", "main", "--json", *asked)
    assert 0 == done.returncode, done.stderr
    return {
        job["id"]: [f"{reason['kind']} {reason['detail']}" for reason in job["reasons"] if reason["kind"] != "asked"]
        for job in json.loads(done.stdout)["jobs"]
    }


def test_the_verb_lists_packages(repo: Repository) -> None:
    """One name a line, in the workspace's order; with the reason where it is asked for."""
    repo.write({"libs/catalog/code.py": "2\n"})
    edit(repo, {"README.md": "changed\n", "docs/new.md": "new\n"})

    names, why = isonox(repo, "affected", "--base", "main"), isonox(repo, "affected", "--base", "main", "--explain")

    assert (0, "catalog\nshop\n", "") == (names.returncode, names.stdout, names.stderr)
    assert why.stdout == (
        "catalog\tchanged libs/catalog/code.py\nshop\tchanged-dependency libs/catalog/code.py (catalog)\n"
    )


def test_the_document_has_reasons_and_files_outside(repo: Repository) -> None:
    """It names the merge base; bytes that are no UTF-8 do not break it."""
    edit(repo, {"libs/shop/code.py": None, os.fsdecode(b"docs/no\xff.md"): "new\n"})

    document = msgspec.json.decode(isonox(repo, "affected", "--json").stdout, type=AffectedDocument)

    assert ("main", repo.git("rev-parse", "main").strip()) == (document.base, document.merge_base)
    assert [("shop", "libs/shop", "changed libs/shop/code.py")] == [
        (one.name, one.path, str(one.reason)) for one in document.packages
    ]
    assert ("docs/no\\xff.md",) == document.outside


def test_nothing_affected_is_an_empty_list(repo: Repository) -> None:
    """Exit 0: a loop over it has nothing to do."""
    done = isonox(repo, "affected")

    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)


def test_an_empty_plan_is_green_and_says_so(repo: Repository) -> None:
    """On standard error and in the summary; in the document no job is there; the plan and its matrices are empty."""
    words = "nothing is affected by the changes since main (merge base "

    run, document = isonox(repo, "ci", "--base", "main"), isonox(repo, "ci", "--base", "main", "--json")
    plan, matrices = isonox(repo, "plan", "--base", "main"), isonox(repo, "plan", "--github", "--base", "main")

    assert 0 == run.returncode == document.returncode == plan.returncode == matrices.returncode
    assert f"note: {words}" in run.stderr
    assert f"green: 0 jobs: {words}" in run.stdout
    assert ("green", {}) == (json.loads(document.stdout)["verdict"], json.loads(document.stdout)["verdicts"])
    assert f"note: {words}" in plan.stdout
    gate = isonox(repo, "gate", "--base", "main", "--run", "none", "--results", "plan=success check=skipped")
    assert (0, "") == (gate.returncode, gate.stderr)


def test_an_empty_base_is_none(repo: Repository) -> None:
    """A workflow hands over what the event has: on a push that is nothing."""
    plan = json.loads(isonox(repo, "plan", "--json", "--base", "").stdout)

    assert CHECKS | {"docs", "tidy", "after"} == {job["id"] for job in plan["jobs"]}
    assert plan["merge_base"] is None


def test_explain_says_why_a_job_is_left_out(repo: Repository) -> None:
    """And why another one is there."""
    edit(repo, {"libs/catalog/code.py": "2\n"})

    out = isonox(repo, "plan", "--base", "main", "--explain", "docs").stdout
    there = isonox(repo, "plan", "--base", "main", "--explain", "check(shop)").stdout

    assert re.search(r"in the plan: +no: nothing that decides its result has changed since main \(merge base", out)
    assert re.search(r"in the plan: +yes: default, changed-dependency libs/catalog/code\.py \(catalog\)", there)


def test_ci_runs_only_what_is_affected(repo: Repository) -> None:
    """And what that requires."""
    edit(repo, {"libs/shop/code.py": "2\n"})

    done = isonox(repo, "ci", "--base", "main", "--json")

    assert {"check(money)": "passed", "check(catalog)": "passed", "check(shop)": "passed", "after": "passed"} == (
        json.loads(done.stdout)["verdicts"]
    )
    assert "note: 4 of 6 jobs are affected" in done.stderr


@pytest.mark.parametrize(
    ("files", "jobs"),
    [
        ({"noxfile.py": NOXFILE.replace("Check the style", "Check all style")}, {"tidy", "whole"}),
        ({"noxfile.py": NOXFILE.replace("import nox\n", "import nox  # as it is\n")}, {"whole"}),
        ({"noxfile.py": NOXFILE.replace("import nox\n", "import os\nimport nox\n")}, ALL),
        ({"noxfile.py": NOXFILE + PLAIN}, ALL),
        ({"limit.txt": "4\n"}, ALL),
        ({"pyproject.toml": ROOT.format(120)}, {"tidy", "whole"}),
        ({"pyproject.toml": ROOT.format(100) + "[tool.other]\n"}, {"whole"}),
        ({"pyproject.toml": f"{ROOT.format(100)}[tool.isonox.licenses]\n"}, {"whole"}),
        ({"pyproject.toml": ROOT.format(100).replace("[tool.ruff]", "timeout-minutes = 3\n[tool.ruff]")}, ALL),
        ({"docs/new.md": "new\n"}, {"docs", "whole"}),
        ({"libs/shop/README.md": "new\n"}, {"check(shop)", "after", "docs", "whole"}),
    ],
)
def test_what_lies_outside_of_packages_concerns_what_depends_on_it(
    repo: Repository, files: dict[str, str], jobs: set[str]
) -> None:
    """The noxfile by its statements, what it reads, tables, `[tool.isonox]`, patterns."""
    edit(repo, files)

    expected = jobs | (CHECKS if "after" in jobs else set())
    assert expected == {*concerned(repo)} - {"plain"}


def test_a_plain_session_always_runs(tmp_path: Path) -> None:
    """So do those that are not cached, and those whose verdict holds for a time; packages are not affected by that."""
    timed = "@isonox.session(venv_backend='none', inputs=[], cache={})\ndef {}(session): ...\n\n"
    head = "import datetime\nimport isonox, nox\n\n"
    noxfile = f"{head}{timed.format('False', 'never')}{timed.format('datetime.timedelta(hours=1)', 'hourly')}{PLAIN}"
    repo = made(tmp_path / "repository", FILES | {"noxfile.py": noxfile})

    plan = json.loads(isonox(repo, "plan", "--base", "main", "--json").stdout)

    assert {job["id"]: job["reasons"][1]["detail"][:20] for job in plan["jobs"]} == {
        "never": "cache=False",
        "hourly": "its inputs do not te",
        "plain": "a plain nox session ",
    }
    assert {"always"} == {job["reasons"][1]["kind"] for job in plan["jobs"]}
    assert "" == isonox(repo, "affected").stdout


def test_a_package_that_comes_goes_or_has_another_name(repo: Repository) -> None:
    """Those who need it have other dependencies, whatever their own files say."""
    edit(repo, {"libs/new/pyproject.toml": package("new")})
    assert {"check(new)", "after", "whole"} <= {*concerned(repo)}
    assert "check(new)" in isonox(repo, "plan", "--base", "main").stdout
    edit(repo, {"libs/new/pyproject.toml": None, "libs/money/pyproject.toml": package("cents")})

    found = concerned(repo)

    assert {"check(catalog)", "check(shop)", "check(cents)"} <= {*found}
    assert "changed libs/money/pyproject.toml" == found["check(cents)"][0]


def test_the_first_package_in_a_folder_concerns_everything(tmp_path: Path) -> None:
    """Standard stages look for configuration in the folders around packages."""
    repo = made(tmp_path / "repository", FILES | {"pyproject.toml": '[tool.isonox]\npythons = ["3.12"]\n'})

    edit(repo, {"libs/new/pyproject.toml": package("new")})
    beside = {*concerned(repo)}
    edit(repo, {"libs/new/pyproject.toml": None, "apps/new/pyproject.toml": package("new")})

    assert {"check(new)", "after", "whole", *CHECKS} == beside  # those of CHECKS are only required
    assert {"check(new)", *ALL} == {*concerned(repo)}


LOCKED = inspect.cleandoc(
    """
    import isonox


    @isonox.session(venv_backend="none", inputs=[])
    def lint(session): ...


    @isonox.session(venv_backend="none", inputs=[])
    def types(session): ...


    @isonox.session(venv_backend="none", inputs=[])
    def hooks(session): ...
    """
)


def remember(root: Path, **groups: str) -> None:
    """Put results of jobs as they are now into the store, each with the group that it installed."""
    checkout = Checkout.around(root)
    plan = build(checkout.pipeline, Selection(names=tuple(groups)), isonox="1")
    for job, found in checkout.fingerprints(plan).items():
        python = f"{sys.version_info[0]}.{sys.version_info[1]}.{sys.version_info[2]}"
        record = Record(
            isonox="1", run="1-a", job=job, stage=job, verdict=Verdict.PASSED, started="",
            installations=(Installation(groups=(groups[job],), python=python),),
        )  # fmt: skip
        checkout.store.add(
            Entry(
                fingerprint=found.value or "", job=job, run="1-a", stored=clock.posix(), origin="local",
                named=of_parts(found.parts), record=record,
            )
        )  # fmt: skip


def test_the_lock_concerns_those_that_install_what_differs(tmp_path: Path) -> None:
    """As far as earlier runs have told what they install; and all of them if isonox itself differs."""
    lock = (WORKSPACES / "tools" / "uv.lock").read_text()
    pyproject = (WORKSPACES / "tools" / "pyproject.toml").read_text()
    repo = made(tmp_path / "repository", {"noxfile.py": LOCKED, "uv.lock": lock, "pyproject.toml": pyproject})
    repo.write({".gitignore": ".isonox/\n"})
    repo.git("branch", "--force", "main")
    remember(repo.path, lint="lint", types="types")

    def jobs() -> set[str]:
        return {job["id"] for job in json.loads(isonox(repo, "plan", "--base", "main", "--json").stdout)["jobs"]}

    edit(repo, {"uv.lock": re.sub(r'(name = "mypy"\nversion = ")[\d.]+', r"\g<1>9.9", lock)})
    assert {"types", "hooks"} == jobs()
    edit(repo, {"uv.lock": f'{lock}\n[[package]]\nname = "isonox"\nversion = "9"\nsource = {{ virtual = "x" }}\n'})
    assert {"lint", "types", "hooks"} == jobs()
    edit(repo, {"uv.lock": lock, "pyproject.toml": f"{pyproject}[tool.ruff]\nline-length = 120\n"})
    assert set() == jobs()


def test_what_the_noxfile_found_then_and_does_not_find_now_concerns_everything(tmp_path: Path) -> None:
    """A module that it can do without, and a name in a folder that it lists; nothing beside them."""
    looks = "import os\nos.listdir('marks')\ntry:\n    import ci.local, ci.more\nexcept ImportError:\n    pass\n"
    names = ("marks/one/a", "marks/two", "ci/local.py", "ci/other.py", "ci/more/one.py")
    files = {"noxfile.py": f"{looks}{NOXFILE}", **dict.fromkeys(names, "")}
    repo = made(tmp_path / "repository", FILES | files)
    edit(repo, {"marks/one/b": "", "ci/other.py": None})
    assert {"whole"} == {*concerned(repo)}

    for path in ("ci/local.py", "marks/two", "ci/more/one.py"):
        edit(repo, {**files, path: None})
        if path == "ci/more/one.py":
            (repo.path / "ci/more").rmdir()  # even an empty folder is a package
        assert {f"changed {path}"} == {reasons[0] for reasons in concerned(repo).values()}
        assert {*ALL} == {*concerned(repo)}
    edit(repo, {**files, "marks/one/a": None, "marks/one/b": None})
    assert {*ALL} == {*concerned(repo)}


PROGRAMS = inspect.cleandoc(
    """
    import isonox


    @isonox.session(venv_backend="none", inputs=[])
    def direct(session):
        session.run("./run.sh", external=True)


    @isonox.session(venv_backend="none", inputs=[])
    def linked(session):
        session.run("./link/tool", external=True)


    @isonox.session(venv_backend="none", inputs=[])
    def none(session): ...
    """
)


def test_a_program_of_the_workspace_concerns_those_that_call_it(tmp_path: Path) -> None:
    """Even if it is none of their inputs, also through a link; all of them where no run here tells who calls it."""
    repo = made(tmp_path / "repository", {"noxfile.py": PROGRAMS, ".gitignore": ".isonox/\n__pycache__/\n"})
    for name in ("run.sh", "bin/tool", "other/tool", "idle"):
        edit(repo, {name: "#!/bin/sh\n"})
        (repo.path / name).chmod(0o755)
    (repo.path / "link").symlink_to("bin")
    repo.write({"pyproject.toml": "[tool.isonox]\n"})
    repo.git("branch", "--force", "main")
    assert 0 == isonox(repo, "ci").returncode

    def jobs() -> list[str]:
        return [job["id"] for job in json.loads(isonox(repo, "plan", "--base", "main", "--json").stdout)["jobs"]]

    for path, expected in (("run.sh", ["direct"]), ("bin/tool", ["linked"]), ("idle", [])):
        edit(repo, {path: "#!/bin/sh\n# changed\n"})
        assert expected == jobs()
        repo.git("checkout", "--quiet", "--", path)
    (repo.path / "link").unlink()
    (repo.path / "link").symlink_to("other")
    assert ["linked"] == jobs()
    shutil.rmtree(repo.path / ".isonox")
    assert ["direct", "linked", "none"] == jobs()


EDITS: dict[str, tuple[str | None, ...]] = {
    "README.md": ("changed\n", None),
    "docs/index.md": ("changed\n", None),
    "limit.txt": ("4\n",),
    "json.py": ("",),
    "tools/json.py": ("", "1\n"),
    "libs/money/code.py": ("2\n", None),
    "libs/money/sub/code.py": ("1\n",),
    "libs/money/pyproject.toml": (package("cents"), package("money", more="[tool.x]\n"), package("money", "shop")),
    "libs/catalog/pyproject.toml": (package("catalog"), package("catalog", "new", "money"), None),
    "libs/catalog/README.md": ("new\n",),
    "libs/shop/pyproject.toml": (package("shop"), package("shop", "catalog", "money")),
    "libs/new/pyproject.toml": (package("new"), package("new", "shop")),
    "libs/new/code.py": ("1\n",),
    "pyproject.toml": (
        ROOT.format(120),
        ROOT.format(100).replace('["libs/*"]', '["libs/*", "docs"]'),
        ROOT.format(100).replace("[tool.ruff]", "timeout-minutes = 3\n[tool.ruff]"),
    ),
    "docs/pyproject.toml": (package("docs"),),
    "uv.lock": ("version = 1\n",),
    "noxfile.py": (
        NOXFILE.replace("Check the style", "Check all style"),
        NOXFILE.replace("import nox\n", "import os\nimport nox\n"),
        NOXFILE.replace("inputs=[])\ndef check", 'inputs=["docs/**"])\ndef check'),
        NOXFILE.replace('requires=["check"], ', ""),
        NOXFILE + PLAIN,
        NOXFILE
        + NOXFILE[NOXFILE.index("@isonox.session") : NOXFILE.index("@isonox.session", 300)].replace("check", "again"),
    ),
}
edits = st.dictionaries(st.sampled_from([*EDITS]), st.integers(0, 5), max_size=4).map(
    lambda drawn: {path: EDITS[path][place % len(EDITS[path])] for path, place in drawn.items()}
)


def parts(checkout: Checkout) -> dict[str, Fingerprint]:
    """Return the fingerprint of every session."""
    names = checkout.pipeline.stages
    return checkout.fingerprints(build(checkout.pipeline, Selection(names=names), isonox="1"))


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(base=edits, committed=edits, further=edits)
def test_whatever_has_another_fingerprint_is_affected(
    base: dict[str, str | None], committed: dict[str, str | None], further: dict[str, str | None], tmp_path: Path
) -> None:
    """Never a false negative; and no false positive but by manifests and the lock."""
    number = sum(1 for _ in tmp_path.iterdir())
    states = [made(tmp_path / f"{number}-{name}" / "repository") for name in ("then", "now")]
    for repo in states:
        edit(repo, base)
        repo.write({})
        repo.git("branch", "--force", "main")
    then, repo = states
    edit(repo, committed)
    repo.write({})
    edit(repo, further)
    try:
        before, now = (Checkout.around(one.path) for one in (then, repo))
        earlier, later = parts(before), parts(now)
    except ConfigurationError:  # what was drawn makes no sense
        return

    found = now.since("main")

    differing = {
        name
        for name, one in later.items()
        if one.value is None or name not in earlier or one.value != earlier[name].value
    }
    assert differing <= {*found.sessions}
    if not any(path.endswith(("pyproject.toml", "uv.lock")) for path in found.changes.paths):
        assert differing == {*found.sessions}
