"""The lint stage, seen from outside: which tools run, and when their silence counts."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.conftest import WORKSPACES

from isonox import stages
from isonox.errors import ConfigurationError
from isonox.model.verdict import Verdict
from isonox.stages import sources

if TYPE_CHECKING:
    from tests.conftest import MakeRepository

    from isonox.model.record import Record

#: Unsorted and unused imports, a bad layout.
BAD = "import sys\nimport abc\nx = {  }\n"
GOOD = '"""Nothing to complain about."""\n'

CONTRACT = """
[tool.importlinter]
root_package = "shop"

[[tool.importlinter.contracts]]
name = "Prices know nothing of orders, however long it takes to say so, which is longer than eighty columns"
type = "forbidden"
source_modules = ["shop.prices"]
forbidden_modules = ["shop.orders"]
"""


def _noxfile(call: str) -> dict[str, str]:
    return {
        "noxfile.py": f"from isonox import stages\n\nstages.{call}\n",
        ".isort.cfg": "[settings]\nprofile = black\n",
    }


def _programs(record: Record) -> list[str]:
    """Return what the session ran, without the folder and without arguments."""
    return [command.argv[0].rpartition("/")[2] for command in record.commands if command.phase == "session"]


def test_every_tool_runs_whatever_the_others_find(sharing: MakeRepository) -> None:
    """Ruff's complaints do not hide those of import-linter; findings name file and line; green once it is repaired."""
    repo = sharing(
        {
            "noxfile.py": 'from isonox import stages\n\nstages.lint(tools=["import-linter", "ruff"])\n',
            "src/shop/__init__.py": "",
            "src/shop/orders.py": BAD,
            "src/shop/prices.py": "import shop.orders  # noqa: F401\n",
        },
        settings=CONTRACT,
    )

    run = repo.run_nox("-s", "lint")

    assert (run.exit_code, run.record.verdict) == (1, Verdict.FAILED)
    assert run.record.reason == "not clean: ruff-check, ruff-format, import-linter"
    places = {(finding.tool, finding.path, finding.line) for finding in run.record.findings}
    assert {
        ("ruff-check", "src/shop/orders.py", 1),
        ("ruff-check", "src/shop/orders.py", 2),
        ("ruff-format", "src/shop/orders.py", 3),
        ("import-linter", None, None),
    } <= places
    assert "`sys` imported but unused" in run.output
    (contract,) = [finding for finding in run.record.findings if finding.tool == "import-linter"]
    assert contract.message.startswith("Prices know nothing of orders, however long")

    repo.write({"src/shop/orders.py": GOOD, "src/shop/prices.py": GOOD})
    run = repo.run_nox("-s", "lint")

    assert (run.exit_code, run.record.findings) == (0, ())
    assert _programs(run.record) == ["ruff", "ruff", "lint-imports"]


def test_tools_of_the_group_are_used_and_paths_narrow_them(sharing: MakeRepository) -> None:
    """Black, isort and flake8 run because the group lists them; paths after -- are all they see then."""
    repo = sharing({**_noxfile('lint(group="classic")'), "bad.py": BAD, "ignored/bad.py": BAD})
    repo.write({".gitignore": ".nox/\nignored/\n"})
    repo.git("rm", "--quiet", "--cached", "ignored/bad.py")

    run = repo.run_nox("-s", "lint")

    assert run.record.reason == "not clean: isort, black, flake8"
    assert {finding.tool for finding in run.record.findings} == {"isort", "black", "flake8"}
    assert {finding.path for finding in run.record.findings} == {"bad.py"}
    assert "ignored" not in run.output

    run = repo.run_nox("-s", "lint", "--", "noxfile.py")

    assert (run.exit_code, run.record.verdict) == (0, Verdict.PASSED)
    assert _programs(run.record) == ["isort", "isort", "black", "flake8"]  # isort is asked what it looks at


def test_ruff_mends_nothing_whatever_it_is_configured_to_do(sharing: MakeRepository) -> None:
    """Of a check, what is wrong is told, and what is committed stays."""
    repo = sharing({**_noxfile('lint(tools=["ruff-check"])'), "bad.py": BAD}, settings="[tool.ruff]\nfix-only = true\n")

    run = repo.run_nox("-s", "lint")

    assert "not clean: ruff-check" == run.record.reason
    assert "" == repo.git("status", "--porcelain")


def test_looking_at_nothing_is_red(sharing: MakeRepository) -> None:
    """Every tool excludes every file by its configuration and is content: the stage is not."""
    settings = '[tool.ruff]\nexclude = ["*"]\n[tool.black]\nextend-exclude = ".*"\nquiet = true\n'
    repo = sharing(
        {
            **_noxfile('lint(group="every")'),
            ".isort.cfg": "[settings]\nskip_glob = *\n",
            ".flake8": "[flake8]\nexclude = *.py\n",
            "bad.py": BAD,
        },
        settings=settings,
    )

    run = repo.run_nox("-s", "lint")

    assert run.exit_code == 1
    assert run.record.reason == "not clean: ruff-check, isort, black, flake8"  # black is there: no `ruff format`
    assert len(run.record.notes) == 4
    assert all("found no file to look at" in note for note in run.record.notes)


@pytest.mark.parametrize(
    ("call", "settings", "reason"),
    [
        ("lint()", "[tool.black]", "black is needed here, but not in the dependency group 'lint'"),
        ('lint(group="types")', "", "no linter is configured"),
        ('lint(group="style")', "", "pyproject.toml has no dependency group 'style'"),
    ],
)
def test_nothing_to_work_with_is_red_and_says_why(
    sharing: MakeRepository, call: str, settings: str, reason: str
) -> None:
    """No tool, no group: each is a failure whose reason says what is missing."""
    files = {"noxfile.py": f"from isonox import stages\n\nstages.{call}\n", "docs/index.md": "# Shop\n"}
    repo = sharing(files, settings=settings)

    run = repo.run_nox("-s", "lint")

    assert (run.exit_code, run.record.verdict) == (1, Verdict.FAILED)
    assert run.record.reason.startswith(reason)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("docs", "there is nothing to do: git knows no Python file below docs"),
        ("missing.py", "there is no 'missing.py'"),
        ("--fix", "only paths can be given here, not the option '--fix'"),
    ],
)
def test_paths_without_python_are_red(sharing: MakeRepository, stand_in: Any, path: str, reason: str) -> None:
    """A linter without a file would be content."""
    stand_in.root = sharing({"docs/index.md": "# Shop\n"}).path

    with pytest.raises(Exception, match=f"red: {reason}"):
        sources.files(stand_in, [path], sources.PYTHON)


def test_generated_workflows_that_are_out_of_date_are_red(sharing: MakeRepository) -> None:
    """The finding names the file; paths after -- leave them alone."""
    lock = (WORKSPACES / "tools" / "uv.lock").read_text(encoding="utf-8")
    uv = '\n[[package]]\nname = "uv"\nversion = "0.9.11"\nsource = { registry = "https://pypi.org/simple" }\n'
    noxfile = "from isonox import stages\n\nstages.lint()\n"
    files = {"noxfile.py": noxfile, "uv.lock": lock + uv, "Makefile": "", "bootstrap.sh": ""}
    repo = sharing(files, settings="[tool.ruff]")
    subprocess.run([sys.executable, "-m", "isonox", "workflows"], cwd=repo.path, check=True, capture_output=True)
    current = repo.run_nox("-s", "lint").record
    repo.write({"noxfile.py": f"{noxfile}stages.types()\n"})

    outdated = repo.run_nox("-s", "lint").record
    narrowed = repo.run_nox("-s", "lint", "--", "noxfile.py").record

    assert [Verdict.PASSED, Verdict.PASSED] == [current.verdict, narrowed.verdict]
    assert "not clean: isonox workflows --check (exit 4)" == outdated.reason
    ci = (".github/workflows/ci.yml", "is out of date")
    assert [("isonox workflows", *ci)] == [(one.tool, one.path, one.message) for one in outdated.findings]
    checked = [command.argv[1:] for one in (current, outdated, narrowed) for command in one.commands]
    assert 2 == checked.count(("-m", "isonox", "workflows", "--check"))


def test_an_unknown_tool_is_refused_when_the_stage_is_declared() -> None:
    """A misspelt tool is answered with the one that was meant."""
    with pytest.raises(ConfigurationError, match=r"tools names 'blakc', .* \(did you mean 'black'\?\)"):
        stages.lint(tools=["blakc"])
