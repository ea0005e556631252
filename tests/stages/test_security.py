"""The security stage, seen from outside: what each tool finds, and that none of them passes over a file silently."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from isonox import stages
from isonox.errors import ConfigurationError
from isonox.model.verdict import Verdict

if TYPE_CHECKING:
    from tests.conftest import MakeRepository

TOKEN = 'TOKEN = "ghp_abcdefghijklmnopqrstuvwxyz0123456789"\n'  # pragma: allowlist secret
WORKFLOW = """\
name: ci
on: pull_request_target
permissions: {}
jobs:
  test:
    name: test
    runs-on: ubuntu-latest
    steps:
      - run: echo ${{ github.event.pull_request.title }}
"""


def _noxfile(call: str) -> dict[str, str]:
    return {"noxfile.py": f"from isonox import stages\n\nstages.{call}\n"}


def test_a_clean_repository_passes_and_the_log_says_what_was_left_out(sharing: MakeRepository) -> None:
    """Tests are left out of bandit's search, and zizmor has nothing to look at: both are said."""
    repo = sharing(_noxfile("security()"), base="supply-chain")

    run = repo.run_nox("-s", "security")

    assert run.record.verdict is Verdict.PASSED, run.output
    assert run.record.notes == (
        "bandit: 1 test file(s) are left out; `exclude_dirs` in [tool.bandit] replaces this rule",
    )
    assert "zizmor has nothing to look at" in run.output


def test_all_three_tools_report_and_known_secrets_stay_allowed(sharing: MakeRepository) -> None:
    """Each finding is in the record with file and line; a baseline allows a secret that moved, and is not rewritten."""
    repo = sharing(
        {
            **_noxfile("security()"),
            "src/till/shell.py": "import os\n\nos.system(input())\n",
            "src/till/token.py": TOKEN,
            ".github/workflows/ci.yml": WORKFLOW,
        },
        base="supply-chain",
    )

    run = repo.run_nox("-s", "security")

    places = {(finding.tool, finding.path, finding.line) for finding in run.record.findings}
    assert run.record.verdict is Verdict.FAILED
    assert {
        ("bandit", "src/till/shell.py", 3),
        ("detect-secrets", "src/till/token.py", 1),
        ("zizmor", ".github/workflows/ci.yml", 2),
        ("zizmor", ".github/workflows/ci.yml", 9),
    } <= places, run.output
    assert all(tool in run.record.reason for tool in ("bandit: ", "detect-secrets: ", "zizmor: "))
    assert "pragma: allowlist secret" in run.output

    known = subprocess.run(
        [f"{run.record.places['environment']}/bin/detect-secrets", "scan"],
        cwd=repo.path,
        check=True,
        capture_output=True,
        text=True,
    )
    moved = {".secrets.baseline": known.stdout, "src/till/token.py": f"# It moved.\n{TOKEN}"}
    repo.write({**moved, **_noxfile('security(tools=["detect-secrets"])')})

    again = repo.run_nox("-s", "security")

    assert again.record.verdict is Verdict.PASSED, again.output
    assert ".secrets.baseline is behind the code" in again.output
    assert repo.git("status", "--porcelain") == ""


def test_a_baseline_that_excludes_every_file_is_red(sharing: MakeRepository) -> None:
    """It would be content with anything."""
    excluding = {"path": "detect_secrets.filters.regex.should_exclude_file", "pattern": [".*"]}
    baseline = {"version": "1.5.0", "plugins_used": [], "filters_used": [excluding], "results": {}}
    repo = sharing(
        {**_noxfile('security(tools=["detect-secrets"])'), ".secrets.baseline": json.dumps(baseline)},
        base="supply-chain",
    )

    run = repo.run_nox("-s", "security")

    assert "detect-secrets: .secrets.baseline excludes every file: there is nothing to look at" in run.record.reason


def test_files_that_a_tool_cannot_read_are_red(sharing: MakeRepository) -> None:
    """Bandit and zizmor themselves would be content."""
    repo = sharing(
        {
            **_noxfile('security(tools=["bandit", "zizmor"], severity="high")'),
            "src/till/broken.py": "def (\n",
            ".github/workflows/ci.yml": "on: [\n",
        },
        base="supply-chain",
    )

    run = repo.run_nox("-s", "security")

    assert run.record.verdict is Verdict.FAILED
    assert "1 file(s) could not be read" in run.record.reason, run.output
    assert "zizmor: it stopped with exit 1" in run.record.reason
    assert "src/till/broken.py" in {finding.path for finding in run.record.findings}

    only_a_path = repo.run_nox("-s", "security", "--", "docs")

    assert only_a_path.record.verdict is Verdict.PASSED, only_a_path.output
    for said in ("bandit: there is no Python file among those given", "zizmor: there is no workflow among those given"):
        assert said in only_a_path.record.notes


def test_a_tool_that_the_group_lacks_is_red(sharing: MakeRepository) -> None:
    """What is on PATH does not count; the reason says how to add it."""
    repo = sharing(_noxfile('security(group="bare")'), base="supply-chain")

    run = repo.run_nox("-s", "security")

    assert run.record.verdict is Verdict.FAILED
    assert "bandit and detect-secrets" in run.record.reason, run.output
    assert "uv add --group bare bandit detect-secrets" in run.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tools": ["bandid"]}, r"tools names 'bandid'.*did you mean 'bandit'"),
        ({"severity": "hihg"}, r"severity names 'hihg'.*did you mean 'high'"),
    ],
)
def test_unknown_options_are_refused_at_once(options: dict[str, Any], message: str) -> None:
    """A misspelt tool would otherwise be one that never runs."""
    with pytest.raises(ConfigurationError, match=message):
        stages.security(**options)
