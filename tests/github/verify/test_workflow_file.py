"""Workflows are read with their places, and refused with a message that says where and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from isonox.errors import ConfigurationError
from isonox.github.verify import workflow_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from isonox.github.verify.workflow_file import Workflow

    Load = Callable[..., Workflow]

GOOD = """\
on:
  push: {branches: [main]}
  pull_request:
jobs:
  one:
    runs-on: &runner ubuntu-24.04
    steps:
      - run: "true"
  two:
    needs: one
    runs-on: *runner
    if: always()
    steps:
      - name: Say
        uses: $/.github/actions/say
  three:
    needs: [two]
    uses: ./.github/workflows/other.yml
"""

ACTION = """\
name: Say
inputs: {what: {default: hello}}
runs:
  using: composite
  steps:
    - run: echo ${{ inputs.what }}
      shell: bash
"""


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Return a function that reads a workflow of a repository, with other files beside it."""

    def run(text: str | bytes, **others: str) -> Workflow:
        path = tmp_path / ".github" / "workflows" / "ci.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        for name, content in others.items():
            action = tmp_path / ".github" / "actions" / name / "action.yml"
            action.parent.mkdir(parents=True, exist_ok=True)
            action.write_text(content, encoding="utf-8")
        return workflow_file.load(path, tmp_path)

    return run


def test_a_workflow_knows_its_jobs_and_where_they_stand(load: Load) -> None:
    """Places are those of the file, counted from 1; aliases are read as what they stand for."""
    found = load(GOOD, say=ACTION)

    assert ("one", "two", "three") == found.order
    assert {"one": (), "two": ("one",), "three": ("one", "two")} == found.upstream
    assert ["push", "pull_request"] == list(found.triggers)
    assert ["main"] == found.triggers["push"]["branches"]
    assert "ubuntu-24.04" == found.jobs["two"].node.text("runs-on")
    assert (".github/workflows/ci.yml", 12) == found.jobs["two"].node.at("if")
    assert (".github/workflows/ci.yml", 14) == found.jobs["two"].steps[0].node.at("name")


def test_local_actions_are_read_too(load: Load) -> None:
    """Their steps follow the step that uses them; one that only a running job has is no error."""
    found = load(GOOD, say=ACTION)
    without = load(GOOD.replace("/say", "/other"))

    assert ["Say", "echo ${{ inputs.what }}"] == [step.label for step in found.jobs["two"].every_step()]
    assert ["Say"] == [step.label for step in without.jobs["two"].every_step()]


def test_an_action_may_use_itself_without_end(load: Load) -> None:
    """GitHub refuses that; reading it ends."""
    found = load(GOOD, say=ACTION.replace("- run: echo ${{ inputs.what }}", "- uses: ./.github/actions/say"))

    assert 2 == len(list(found.jobs["two"].every_step()))


@pytest.mark.parametrize(
    ("trigger", "expected"),
    [("push", ["push"]), ("[push, pull_request]", ["push", "pull_request"]), ("{push: }", ["push"])],
)
def test_events_have_three_forms(load: Load, trigger: str, expected: list[str]) -> None:
    """A word, a list, a mapping."""
    jobs = GOOD[GOOD.index("jobs:") :]

    assert expected == list(load(f"on: {trigger}\n{jobs}").triggers)


def test_scalars_are_what_github_reads(load: Load) -> None:
    """YAML 1.2: `on` and `yes` are words; numbers lose their zeros."""
    env = load(GOOD + "env: {a: yes, b: 3.10, c: true, d: 2020-01-01, e: 0o17, f: ~, 1: x}\n").node.node("env")

    assert {"a": "yes", "b": 3.1, "c": True, "d": "2020-01-01", "e": 15, "f": None, "1": "x"} == env
    assert ("true", "3.1", "") == (env.text("c"), env.text("b"), env.text("f"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1\n", "ci.yml:2: expected"),
        ("a: 1\na: 2\n", 'ci.yml:2: found duplicate key "a"'),
        ("- a\n", "ci.yml:1: this is no mapping"),
        ("", "ci.yml:1: this is no mapping"),
        ("site_name: x\n", "ci.yml:1: this is not a workflow"),
        (
            GOOD.replace("if: always()", "if: !cancelled()  # x"),
            "ci.yml:12: `!` starts a YAML tag here; write `if: ${{ !cancelled() }}`",
        ),
        (
            GOOD.replace("if: always()", "if: !cancelled() && github.ref"),
            "ci.yml:12: `!` starts a YAML tag here; write `if: ${{ !cancelled() && github.ref }}`",
        ),
        (
            GOOD.replace("if: always()", "if: !contains(needs.*.result, 'x') && true"),
            "ci.yml:12: `!` starts a YAML tag here; write `if: ${{ !contains(needs.*.result, 'x') && true }}`",
        ),
        (GOOD.replace("name: Say", "name: !Say it"), 'ci.yml:14: `!` starts a YAML tag here; write `name: "!Say it"`'),
        (GOOD.replace("needs: [two]", "needs: [!two x]"), "ci.yml:17: `!` starts a YAML tag here; put the value into"),
        ("a: 1\n---\nb: 1\n", "ci.yml"),
        ("x: " + "[" * 5000, "this is no YAML"),
        (b"\xff\xfe\xfa", "can't read .github/workflows/ci.yml"),
        (GOOD.partition("jobs:")[0], "ci.yml:1: there are no `jobs`"),
        (GOOD.replace("on:\n", "off:\n", 1), "ci.yml:1: there is no `on`"),
        (GOOD.replace("    runs-on: *runner\n", ""), "ci.yml:9: job 'two' has neither `runs-on` nor `uses`"),
        (GOOD.replace("needs: one", "needs: on"), "ci.yml:10: job 'two' needs 'on', which does not exist (did you"),
        (GOOD.replace("  one:\n", "  one:\n    needs: three\n"), "jobs need each other in a circle: "),
        (GOOD.replace("      - run:", "      - - run:"), "ci.yml:7: the steps of job 'one' are no list of mappings"),
    ],
)
def test_what_github_would_refuse_is_an_error_with_its_place(load: Load, text: str | bytes, message: str) -> None:
    """File, line, and what is wrong."""
    with pytest.raises(ConfigurationError) as caught:
        load(text)

    assert message in str(caught.value)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    """The message names it."""
    with pytest.raises(ConfigurationError, match=r"can't read no\.yml: No such file"):
        workflow_file.load(tmp_path / "no.yml", tmp_path)


def test_a_file_of_another_kind_is_no_workflow(tmp_path: Path) -> None:
    """No YAML parser gets to see it."""
    path = tmp_path / "README.md"
    path.write_text("# Title: [x\n", encoding="utf-8")

    with pytest.raises(ConfigurationError, match=r"^README\.md is not a workflow\nhint: name a file of \.github"):
        workflow_file.load(path, tmp_path)


def test_files_are_called_as_the_current_folder_sees_them(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From another folder of the repository, above it, and elsewhere."""
    (tmp_path / "docs").mkdir()

    names = [load(GOOD).file]
    for folder in (tmp_path, tmp_path / "docs", tmp_path.parent):
        monkeypatch.chdir(folder)
        names.append(load(GOOD).file)

    below = ".github/workflows/ci.yml"
    assert [below, below, f"../{below}", f"{tmp_path.name}/{below}"] == names


def test_aliases_of_aliases_cost_no_time(load: Load) -> None:
    """A file of a few lines that stands for a billion words is read at once."""
    bomb = "a0: &a0 {x: x}\n" + "".join(
        f"a{n}: &a{n} {{{', '.join(f'k{m}: *a{n - 1}' for m in range(9))}}}\n" for n in range(1, 12)
    )

    assert "a11" in load(GOOD + bomb).node
