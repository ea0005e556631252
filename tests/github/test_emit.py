"""Generated YAML: the same bytes each time, and every parser reads the text that was meant."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from isonox.github import emit
from isonox.github.workflow import (
    Action,
    Job,
    Matrix,
    Permission,
    Step,
    Triggers,
    Uses,
    Workflow,
)

SMALL = Workflow(
    name="CI",
    triggers=Triggers(branches=("main", "release/*"), dispatch=True, cron="23 4 * * *"),
    env={"ANSWER": "42"},
    working_directory="libs/api",
    jobs=(
        Job(
            id="lint",
            name="lint",
            runs_on="ubuntu-24.04",
            timeout_minutes=15,
            permissions=(Permission("contents", "read", "check out the code"),),
            outputs={"found": "${{ steps.look.outputs.found }}"},
            steps=(
                Step(
                    name="Check out",
                    uses=Uses(f"actions/checkout@{40 * 'a'}", "v7.0.1"),
                    with_={"persist-credentials": False, "fetch-depth": 0, "path": "a\nb\n"},
                ),
                Step(name="Look: twice", id="look", env={"A": "yes"}, run='first "$A"\nsecond'),
            ),
        ),
        Job(
            id="on",
            name="${{ matrix.name }}",
            comment="After a comment.",
            runs_on="ubuntu-24.04",
            needs=("lint",),
            condition="!failure()",
            timeout_minutes=15,
            permissions=(),
            environment="ci",
            matrix=Matrix(include=({"name": "3.10"}, {"name": "b"})),
            steps=(Step(name="Keep", condition="always()", uses=Uses("$/.github/actions/keep")),),
        ),
    ),
)
SMALL_TEXT = f"""\
name: CI

on:
  push:
    branches: [main, "release/*"]
  pull_request:
  merge_group:
  workflow_dispatch:
  schedule:
    - cron: "23 4 * * *"

permissions: {{}}

# A new push to a pull request cancels its outdated run; nothing else is ever cancelled.
concurrency:
  group: isonox-${{{{ github.workflow }}}}-${{{{ github.event.pull_request.number || github.run_id }}}}
  cancel-in-progress: ${{{{ github.event_name == 'pull_request' }}}}

env:
  ANSWER: "42"

defaults:
  run: # with pipefail
    shell: bash
    working-directory: libs/api

jobs:
  lint:
    name: lint
    runs-on: ubuntu-24.04
    timeout-minutes: 15
    permissions:
      contents: read # check out the code
    outputs:
      found: ${{{{ steps.look.outputs.found }}}}
    steps:
      - name: Check out
        uses: actions/checkout@{40 * "a"} # v7.0.1
        with:
          persist-credentials: false
          fetch-depth: 0
          path: |
            a
            b
      - name: "Look: twice"
        id: look
        env:
          A: "yes"
        run: |
          first "$A"
          second

  # After a comment.
  "on":
    name: ${{{{ matrix.name }}}}
    needs: [lint]
    if: "!failure()"
    runs-on: ubuntu-24.04
    timeout-minutes: 15
    permissions: {{}}
    environment:
      name: ci
      deployment: false # secrets, no deployment
    strategy:
      fail-fast: false
      matrix:
        include:
          - name: "3.10"
          - name: b
    steps:
      - name: Keep
        if: always()
        uses: $/.github/actions/keep
"""

#: What some parser, somewhere, reads as something else when it is not quoted, or not escaped.
TRAPS = [
    *("'", '"', ":", ": ", "#", " #", "- ", "?", "!", "&", "*", "|", ">", "%", "@", "`", "{", "}", "[", "]", ",", "\\"),
    *("yes", "No", "on", "OFF", "y", "true", "Null", "~", "<<", "=", "null", ".inf", ".nan"),
    *("-.inf", ".", "..", "...", "._", "2026-11-21", "2026-11-21T10:45:00Z"),
    *("1", "1.0", "3.10", "0o17", "0x1f", "017", "1_000", "1e3", ".5", "1:30", "+1"),
    *("---", "--- a", "%YAML 1.1", "${{ github.event.issue.title }}", "$(x)", "'; rm -rf", "a\nb", "\n", "\r", "\r\n"),
    *("\t", " ", "  ", "\x00", "\x07", "\x1b", "\x7f", "\x85", "\xa0", "\u2028", "\u2029", "\ufeff", "\ufffe"),
    *("é", "😀"),
]  # fmt: skip
TEXT = st.lists(st.sampled_from(TRAPS) | st.text(max_size=3) | st.sampled_from("abz09"), max_size=6).map("".join)


def readings(document: str) -> list[Any]:
    """What parsers of YAML 1.2 and of YAML 1.1 read."""
    found = []
    for version in ("1.2", "1.1"):
        yaml = YAML(typ="safe", pure=True)
        yaml.version = version
        found.append(yaml.load(document))
    return found


def test_bytes_are_stable() -> None:
    """Layout, order, quotes, comments and blank lines: whoever changes this changes every repository's files."""
    assert SMALL_TEXT == emit.workflow(SMALL)


def test_both_versions_of_yaml_read_the_same() -> None:
    """Only the key `on` differs, which everybody writes like that; GitHub reads YAML 1.2."""
    new, old = readings(emit.workflow(SMALL))
    old["on"] = old.pop(True)

    assert new == old
    assert ["lint", "on"] == list(new["jobs"])
    assert {"main", "release/*"} == set(new["on"]["push"]["branches"])
    assert 'first "$A"\nsecond\n' == new["jobs"]["lint"]["steps"][1]["run"]


def test_text_that_is_a_trap_survives() -> None:
    """Each alone, and with something around it."""
    around = ("{}", "a{}", "{}a", "a {} b", "{0}{0}", "a\n{}", "a\n {}\nb", "{}\na\n")

    survives(*(form.replace("{0}", trap).replace("{}", trap) for form in around for trap in TRAPS))


@given(TEXT)
def test_every_text_survives(text: str) -> None:
    """Quotes, colons, hashes, line separators, control characters, spaces, numbers, dates, words and expressions."""
    survives(text)


def survives(*texts: str) -> None:
    """Texts are read back as they are: as values, keys, blocks, scripts, and in a list on one line."""
    steps = tuple(Step(name=text, env={f"A{text}": text, "B": text}, run=text) for text in texts)
    branches = "".join(emit._entry("branches", emit.Inline(texts), 0))

    for found in readings(emit.action(Action(name=texts[0], description=texts[0], inputs={}, steps=steps))):
        assert [texts[0], texts[0]] == [found["name"], found["description"]]
        for text, step in zip(texts, found["runs"]["steps"], strict=True):
            assert {
                "name": text,
                "shell": "bash",
                "env": {f"A{text}": text, "B": text},
                "run": f"{text}\n",
            } == step
    assert 2 * [{"branches": list(texts)}] == readings(branches)


def test_scripts_are_blocks_and_comments_stand_behind_what_needs_no_quotes() -> None:
    """No quotes in scripts, whatever they hold; versions and reasons are comments, not data."""
    text = emit.workflow(SMALL)
    (document, _) = readings(text)

    assert text.count("run: |\n") == 1
    assert f"actions/checkout@{40 * 'a'}" == document["jobs"]["lint"]["steps"][0]["uses"]
    assert {"contents": "read"} == document["jobs"]["lint"]["permissions"]
    assert document["jobs"]["on"]["environment"]["deployment"] is False
