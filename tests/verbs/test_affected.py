"""What changes concern: the verb `affected`, `--base`, and that nothing is ever missed."""

from __future__ import annotations

import inspect
import itertools
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from isonox.cache.entry import Entry
from isonox.model.plan import Selection
from isonox.model.record import Installation, Record
from isonox.model.verdict import Verdict
from isonox.planning.build import build
from isonox.system import clock
from isonox.verbs.affected import AffectedDocument
from isonox.verbs.checkout import Checkout
from tests.conftest import WORKSPACES, Repository

if TYPE_CHECKING:
    from collections.abc import Mapping

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


    @isonox.session(venv_backend="none", inputs=["docs/**", "names:libs/**/*.md"])
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


def concerned(repo: Repository, *options: str) -> dict[str, list[str]]:
    """Return the jobs of the plan since main, each with its reasons."""
    done = isonox(repo, "plan", "--base", "main", "--json", *options, *itertools.chain(*(("--only", one) for one in ("check", "docs", "tidy", "after", "whole"))))
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
    assert "Traceback" not in matrices.stderr


def test_an_empty_base_is_none(repo: Repository) -> None:
    """A workflow hands over what the event has: on a push that is nothing."""
    plan = json.loads(isonox(repo, "plan", "--json", "--base", "").stdout)

    assert CHECKS | {"docs", "tidy", "after"} == {job["id"] for job in plan["jobs"]}
    assert plan["merge_base"] is None


def test_explain_says_why_a_job_is_left_out(repo: Repository) -> None:
    """And why another one is there."""
    edit(repo, {"libs/catalog/code.py": "2\n"})

    out = isonox(repo, "plan", "--base", "main", "--explain", "check(money)").stdout
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
    stored(repo, *ALL)

    expected = jobs | (CHECKS if "after" in jobs else set())
    assert expected == {*concerned(repo)} - {"plain"}
