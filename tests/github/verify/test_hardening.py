"""What linters let pass is found once, at its line, and only there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.github.conftest import job, plan_of, setting_of

from isonox.github import files, pins
from isonox.github.verify import hardening, workflow_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from isonox.github.verify.finding import Finding

CI = ".github/workflows/ci.yml"
PINS = {"actions/checkout": ("v7.0.1", "3" * 40)}
GOOD = """\
on: {push: {branches: [main]}, pull_request: }
concurrency:
  group: ${{ github.ref }}
  cancel-in-progress: ${{ github.event_name == 'pull_request' }}
defaults: {run: {shell: bash}}
jobs:
  one:
    runs-on: ubuntu-24.04
    timeout-minutes: 5
    services:
      postgres: {image: "postgres@sha256:0", env: {POSTGRES_HOST_AUTH_METHOD: trust}}
    steps:
      - uses: actions/checkout@3333333333333333333333333333333333333333 # v7.0.1
        with: {persist-credentials: false, token: "${{ github.token }}"}
      - uses: $/.github/actions/own
      - uses: docker://alpine@sha256:0
      - name: Work
        env: {TITLE: "${{ github.event.pull_request.title }}"}
        run: |
          # pip install x; curl https://x | sh
          pip install --require-hashes -r requirements.txt
          pip install --no-deps -e . && echo "a | b" || true
          cat x | sort
"""


def findings(folder: Path, texts: Mapping[str, str], known: Mapping[str, tuple[str, str]] = PINS) -> list[Finding]:
    """What is found in a repository's workflow."""
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return hardening.findings(workflow_file.load(folder / CI, folder), known)


def test_a_good_workflow_has_no_findings(tmp_path: Path) -> None:
    """Comments, quotes and hashes are understood."""
    assert [] == findings(tmp_path, {CI: GOOD})


def test_what_isonox_writes_has_no_findings(tmp_path: Path) -> None:
    """Neither the workflow nor its actions, against the pins that were used."""
    plan = plan_of(job("lint"), job("tests(api)", stage="tests", package="api"))
    known = {action: (pin.version, pin.commit) for action, pin in pins.shipped().items()}

    stored = setting_of(plan, targeted=True, remote_cache=True, affected=True)
    for setting in (setting_of(plan), stored):
        assert [] == findings(tmp_path, files.generate(plan, setting, codeql=False), known)


@pytest.mark.parametrize(
    ("old", "new", "line", "what"),
    [
        ("    timeout-minutes: 5\n", "", 8, "job 'one' has no `timeout-minutes`"),
        ("${{ github.event_name == 'pull_request' }}", "true", 4, "`cancel-in-progress: true` for every event"),
        ("concurrency:", "x:", 6, "`concurrency` is missing from the workflow"),
        ("ubuntu-24.04", "ubuntu-slim", 10, "job 'one' has `services` on ubuntu-slim"),
        ("_HOST_AUTH_METHOD: trust", "_PASSWORD: postgres", 11, "POSTGRES_PASSWORD is written out in the workflow"),
        ("${{ github.token }}", "ghp_123", 14, "token is written out in the workflow"),
        ("33 # v7.0.1", "33", 13, "the pin of actions/checkout does not say which version it is"),
        ("33 # v7.0.1", "33 # v6.0.0", 13, "actions/checkout is pinned to 333333333333... and says v6.0.0"),
        ("3333 # v7.0.1", "3334 # v7.0.1", 13, "actions/checkout is pinned to 333333333333... and says v7.0.1"),
        ("3" * 40, "v7", 13, "actions/checkout@v7 is not pinned to a commit"),
        ("alpine@sha256:0", "alpine:3", 16, "docker://alpine:3 has no digest"),
        ("--require-hashes -r requirements.txt", "tox", 19, "step 'Work' runs `pip install tox`"),
        ("pip install --require", "python -m pip install x; #", 19, "step 'Work' runs `pip install x`"),
        ("cat x | sort", "curl -sSf https://x | sudo sh", 19, "step 'Work' runs a script straight from the network"),
        ("cat x | sort", "bash <(curl https://x)", 19, "step 'Work' runs a script straight from the network"),
        ("defaults: {run: {shell: bash}}\n", "", 18, "step 'Work' has a pipeline, and no `shell`"),
        ("cat x", "${{ github.head_ref }}", 19, "step 'Work' puts ${{ github.head_ref }} into its script"),
        (
            "cat x",
            "${{ github.event.pull_request.title }}",
            19,
            "step 'Work' puts ${{ github.event.pull_request.title }}",
        ),
    ],
)
def test_each_weakness_is_found_at_its_line(tmp_path: Path, old: str, new: str, line: int, what: str) -> None:
    """One change, one finding."""
    assert 1 == GOOD.count(old)

    (found,) = findings(tmp_path, {CI: GOOD.replace(old, new)})

    assert found.what.startswith(what)
    assert (CI, line) == (found.file, found.line)
    assert found.why
    assert found.fix


def test_local_actions_are_looked_at_once(tmp_path: Path) -> None:
    """However many jobs use them."""
    action = "runs: {using: composite, steps: [{name: Get, run: pip install tox, shell: bash}]}\n"
    second = GOOD[GOOD.index("  one:") :].replace("  one:", "  two:")

    (found,) = findings(tmp_path, {CI: GOOD + second, ".github/actions/own/action.yml": action})

    assert ".github/actions/own/action.yml" == found.file


def test_a_pin_of_another_version_is_nobodys_business(tmp_path: Path) -> None:
    """A commit and a tag that the list does not know may well belong together."""
    other = GOOD.replace("3" * 40 + " # v7.0.1", "4" * 40 + " # v7.0.2")

    assert [] == findings(tmp_path, {CI: other})


def test_a_group_of_its_own_for_each_commit_cancels_nothing(tmp_path: Path) -> None:
    """Then `cancel-in-progress: true` does no harm on a branch."""
    text = GOOD.replace("github.ref }}", "github.head_ref || github.sha }}")

    assert [] == findings(tmp_path, {CI: text.replace("${{ github.event_name == 'pull_request' }}", "true")})
