"""A gate is proved or refuted: planted mistakes are found, named, and placed; correct gates pass."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from tests.github.conftest import job, plan_of, setting_of

from isonox.errors import ConfigurationErrors, UsageError
from isonox.github import files, gate
from isonox.github.verify import proof, workflow_file
from isonox.model.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from isonox.github.verify.proof import CounterExample, Proof
    from isonox.model.plan import Plan

    #: See the fixture `prove`.
    Prove = Callable[..., Proof]

CI = ".github/workflows/ci.yml"

STATIC = plan_of(
    job("lint"),
    job("tests-3.12", python="3.12"),
    job("tests-3.13", python="3.13"),
    job("coverage", "tests-3.12", "tests-3.13"),
)
DYNAMIC = plan_of(*STATIC.jobs, job("docs(api)", stage="docs", package="api"))

BY_HAND = """\
name: CI
on:
  push: {branches: [main]}
  pull_request:
  merge_group:
jobs:
  lint:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@v7
      - name: Lint
        run: ruff check
  tests:
    runs-on: ubuntu-24.04
    strategy:
      matrix:
        python: ["3.12", "3.13"]
    steps:
      - name: Test
        run: pytest
  coverage:
    needs: tests
    runs-on: ubuntu-24.04
    steps:
      - run: coverage report
"""

ALLS_GREEN = """\
  required-checks-pass:
    if: always()
    needs: [lint, tests, coverage]
    runs-on: ubuntu-24.04
    steps:
      - name: Decide
        uses: re-actors/alls-green@v1.2.2
        with:
          jobs: ${{ toJSON(needs) }}
"""

CONTAINS = """\
  gate:
    if: always()
    needs: [lint, tests, coverage]
    runs-on: ubuntu-24.04
    steps:
      - name: Judge
        if: >-
          contains(needs.*.result, 'failure') || contains(needs.*.result, 'cancelled')
          || contains(needs.*.result, 'skipped')
        run: exit 1
"""

SHELL = """\
  gate:
    if: ${{ always() }}
    needs: [lint, tests, coverage]
    runs-on: ubuntu-24.04
    steps:
      - name: Judge
        env:
          LINT: ${{ needs.lint.result }}
          TESTS: ${{ needs.tests.result }}
        run: |
          [ "$LINT" = "success" ] || exit 1
          if [[ "$TESTS" != "success" ]]; then
            echo "tests ended as $TESTS"
            exit 1
          fi
          test "${{ needs.coverage.result }}" = success
"""

INVERTED = """\
  gate:
    if: failure() || cancelled() || contains(needs.*.result, 'cancelled')
    needs: [lint, tests, coverage]
    runs-on: ubuntu-24.04
    steps:
      - run: exit 1
"""


class Planted(NamedTuple):
    """A mistake: what is replaced by what, and what the cause has to say."""

    old: str
    new: str
    cause: str
    line_of: str = ""


@pytest.fixture
def prove(tmp_path: Path) -> Prove:
    """Return a function that proves the gate of a workflow as it is in a repository."""

    def run(text: str, others: Mapping[str, str] | None = None, *, plan: Plan | None = None, gate: str = "") -> Proof:
        for name, content in {**(others or {}), CI: text}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        return proof.prove(workflow_file.load(tmp_path / CI, tmp_path), plan, gate=gate or None)

    return run


def generated(plan: Plan, **changes: Any) -> dict[str, str]:
    """The files that isonox writes."""
    return files.generate(plan, setting_of(plan, **changes), codeql=False)


def planted(text: str, mistake: Planted) -> str:
    """The text with a mistake; it has to be new."""
    assert 1 <= text.count(mistake.old)
    return text.replace(mistake.old, mistake.new, 1)


def refuted(found: Proof, text: str, mistake: Planted) -> CounterExample:
    """The counter-example whose cause is the planted mistake, at its line."""
    causes = [str(one.cause) for one in found.counter_examples]
    matching = [one for one in found.counter_examples if mistake.cause in one.cause.what]
    assert matching, f"{mistake.cause!r} is not among {causes}"
    assert not found.proved
    lines = text.splitlines()
    if mistake.line_of:
        assert any(mistake.line_of in lines[one.cause.line - 1] for one in matching), causes
    return matching[0]


@pytest.mark.parametrize(
    ("plan", "changes"),
    [(STATIC, {}), (DYNAMIC, {}), (STATIC, {"codecov": True})],
    ids=["static", "dynamic", "codecov"],
)
def test_what_isonox_writes_is_proved(prove: Prove, plan: Plan, changes: dict[str, Any]) -> None:
    """The generated gate is right in every case, for every event alike."""
    made = generated(plan, **changes)

    found = prove(made[CI], made, plan=plan)

    assert () == found.counter_examples
    assert () == found.findings + found.unproved
    assert found.proved
    assert ("gate", "isonox", len(plan.jobs)) == (found.gate, found.shape, found.jobs)
    assert ("pull_request; pull_request from a fork; push to main; merge_group",) == found.events
    assert 1 == found.cases["no fault"]
    assert sum(found.cases.values()) > 500


@pytest.mark.parametrize(
    "gate", [ALLS_GREEN, CONTAINS, SHELL, INVERTED], ids=["alls-green", "contains", "shell", "inverted"]
)
def test_correct_gates_that_were_written_by_hand_are_proved(prove: Prove, gate: str) -> None:
    """Four ways to write a gate that work."""
    found = prove(BY_HAND + gate)

    assert () == found.counter_examples
    assert found.proved
    assert ("hand-written", 4) == (found.shape, found.jobs)


#: An entry of the matrix of `tests`.
ENTRY = """\
          - name: tests-3.13
            session: tests-3.13
            artifact: records.tests.1
"""
#: The end of the gate's `needs`, and its `if`.
ALWAYS = "]\n    if: always()"
TWICE = ENTRY.replace("tests.1", "tests.2")
COVERAGE = """\
          SESSION: coverage
        run: |
          .isonox/env/bin/nox --no-dependencies -s"""
OVERLOOKED = "continue-on-error on step 'Hold the records against the plan' of job 'gate'"

#: Mistakes in what isonox writes for few sessions.
IN_STATIC = {
    "not cancelled": Planted(ALWAYS, "]\n    if: ${{ !cancelled() }}", "`if: ${{ !cancelled() }}` of the gate", "!c"),
    "success": Planted(ALWAYS, "]\n    if: success()", "`if: success()` of the gate", "success()"),
    "no if": Planted(ALWAYS, "]", "the gate 'gate' has no `if`"),
    "not needed": Planted("needs: [lint, tests, ", "needs: [tests, ", "does not need 'lint'", "needs: [tests"),
    "not in results": Planted("            tests=${{ needs.tests.result }}\n", "", "do not name 'tests'", "env:"),
    "no result": Planted("lint=${{ needs.lint.result }}", "lint=", "'lint=' is not JOB=RESULT", "Hold"),
    "no results": Planted("RESULTS: |", "X: |", "the gate 'gate' is red"),
    "pattern": Planted(
        "records: records.*", "records: records.l*", "misses artifact 'records.tests.0' of job 'tests'", "l*"
    ),
    "one name": Planted("tests.1", "tests.0", "jobs 'tests' and 'tests' upload artifact 'records.tests.0'"),
    "another's name": Planted(
        "artifact: records.coverage.0", "artifact: records.lint.0", "jobs 'lint' and 'coverage' upload artifact"
    ),
    "lacks a session": Planted(ENTRY, "", "job 'tests' does not run all that is planned", "strategy:"),
    "twice": Planted(ENTRY, ENTRY + TWICE, "session 'tests-3.13' runs twice: in job 'tests' and in job 'tests'"),
    "with its requirements": Planted(
        COVERAGE, COVERAGE.replace("--no-dependencies ", ""), "runs twice: in job 'tests' and in job 'coverage'"
    ),
    "overlooked step of the gate": Planted(
        "- name: Hold", "- continue-on-error: true\n        name: Hold", OVERLOOKED, "true"
    ),
    "overlooked gate": Planted(
        "    needs: [lint", "    continue-on-error: true\n    needs: [lint", "continue-on-error on job 'gate'", "true"
    ),
    "skipped step of the gate": Planted(
        "- name: Hold", "- if: false\n        name: Hold", "`if: false` skips step", "false"
    ),
    "or true": Planted('--results "$RESULTS"', '--results "$RESULTS" || true', "lets 'lint' pass"),
    "a condition": Planted(
        "    name: coverage\n",
        "    name: coverage\n    if: github.event_name == 'push'\n",
        "job 'coverage' is skipped by its own `if`",
        "== 'push'",
    ),
    "an empty matrix": Planted("        include:\n", "        exclude:\n", "job 'tests' can't succeed", "strategy"),
}


@pytest.mark.parametrize("name", IN_STATIC)
def test_a_mistake_in_what_isonox_wrote_is_found(prove: Prove, name: str) -> None:
    """Each gives a counter-example whose cause names the job and the place."""
    made = generated(STATIC)
    text = planted(made[CI], IN_STATIC[name])

    refuted(prove(text, made, plan=STATIC), text, IN_STATIC[name])


EVENTS = ["pull_request", "pull_request from a fork", "push to main", "merge_group"]


@pytest.mark.parametrize("plan", [STATIC, DYNAMIC], ids=["static", "dynamic"])
def test_a_gate_with_a_store_is_proved(prove: Prove, plan: Plan) -> None:
    """With no store yet, with some results in it, with all; each cached record may be lost, forged, or of others."""
    made = generated(plan, remote_cache=True)

    found = prove(made[CI], made, plan=plan)

    assert found.proved
    assert (
        "; ".join(EVENTS),
        *("; ".join(f"{event}, {what} cached" for event in EVENTS) for what in ("every other job", "every job")),
    ) == found.events
    assert 3 == found.cases["no fault"]


def test_a_gate_of_what_is_affected_is_proved(prove: Prove) -> None:
    """Only pull requests have a base; nothing, some, or everything of the plan is affected."""
    made = generated(DYNAMIC, affected=True)
    all_three = generated(DYNAMIC, affected=True, remote_cache=True, targeted=True)

    found = prove(made[CI], made, plan=DYNAMIC)

    assert found.proved
    assert (
        "; ".join(EVENTS[:2]),
        *("; ".join(f"{event}, {what} affected" for event in EVENTS[:2]) for what in ("nothing", "some jobs")),
        "; ".join(EVENTS[2:]),
    ) == found.events
    assert prove(all_three[CI], all_three, plan=DYNAMIC).proved


#: The gate's step that fetches the store.
AGAIN = "        if: needs.plan.outputs.store != ''\n"
#: The plan's step that hands on what is cached.
HANDED = """\
      - name: Keep the records
        uses: $/.github/actions/keep-records
        with:
          artifact: records.plan.0
"""
GATE = "        run: |\n          .isonox/env/bin/isonox gate"
BASED = '--results "$RESULTS" --base "$BASE"'
#: Mistakes in what isonox writes where results are stored, and what is not affected is left out.
IN_STORED = {
    "the gate has no store": Planted(AGAIN, "        if: false\n", "the gate 'gate' is red: "),
    "the gate has another store": Planted(
        "key: ${{ needs.plan.outputs.store }}", "key: isonox-ci/1-1", "the gate 'gate' is red: "
    ),
    "the key is not handed on": Planted(
        "      store: ${{ steps.store.outputs.cache-matched-key }}\n", "", "the gate 'gate' is red: "
    ),
    "what is cached is not handed on": Planted(HANDED, "", "job 'plan' does not upload the records of what is cached"),
    "the gate does not fetch it": Planted(
        "records: records.*", "records: records.{lint,tests,coverage,docs}.*", "misses artifact 'records.plan.0'"
    ),
    "the gate has no base": Planted(BASED, '--results "$RESULTS"', "the gate 'gate' is red: "),
    "the plan has no base": Planted('--github --base "$BASE"', "--github", "the gate 'gate' is red: "),
    "the base is another's": Planted(
        f"          BASE: ${{{{ github.event.pull_request.base.sha }}}}\n{GATE}",
        GATE,
        "the gate 'gate' is red: ",
    ),
}


@pytest.mark.parametrize("name", IN_STORED)
def test_a_mistake_around_the_store_is_found(prove: Prove, name: str) -> None:
    """Each gives a counter-example."""
    made = generated(DYNAMIC, remote_cache=True, affected=True)
    text = planted(made[CI], IN_STORED[name])

    found = prove(text, made, plan=DYNAMIC)

    assert not found.proved
    assert [] != [str(one.cause) for one in found.counter_examples if IN_STORED[name].cause in str(one.cause)], [
        (str(one.cause), one.event, one.faults, one.because, one.says) for one in found.counter_examples
    ]


#: Mistakes in what isonox writes where the matrices are planned at run time.
IN_DYNAMIC = {
    "plan is not needed": Planted("needs: [plan, lint, tests", "needs: [lint, tests", "is red: --results: 'plan='"),
    "output is not handed on": Planted(
        "      tests: ${{ steps.plan.outputs.tests }}\n", "", "job 'tests' is skipped by its own `if`", "outputs.tests"
    ),
    "wrong condition": Planted(
        "outputs.docs != '' }}", "outputs.docs == '' }}", "job 'docs' is skipped by its own `if`", "outputs.docs"
    ),
    "outputs of no step": Planted("id: plan", "id: plans", "job 'lint' is skipped by its own `if`"),
    "matrix of another": Planted(
        "fromJSON(needs.plan.outputs.docs)",
        "fromJSON(needs.plan.outputs.lint)",
        "'docs' does not run all that is planned",
    ),
}


@pytest.mark.parametrize("name", IN_DYNAMIC)
def test_a_mistake_in_planned_matrices_is_found(prove: Prove, name: str) -> None:
    """Each gives a counter-example whose cause names the job and the place."""
    made = generated(DYNAMIC)
    text = planted(made[CI], IN_DYNAMIC[name])

    refuted(prove(text, made, plan=DYNAMIC), text, IN_DYNAMIC[name])


SKIPPED = "\n          || contains(needs.*.result, 'skipped')"
CANCELLED = " || contains(needs.*.result, 'cancelled')"
CHANGES = """\
  changes:
    runs-on: ubuntu-24.04
    outputs: {code: "${{ steps.filter.outputs.code }}"}
    steps: [{id: filter, uses: dorny/paths-filter@v3}]
"""
ON_CHANGE = f"{CHANGES}  lint:\n    needs: changes\n    if: needs.changes.outputs.code == 'true'\n"
MATRIX = '        python: ["3.12", "3.13"]\n'
EXPERIMENTAL = "    continue-on-error: ${{ matrix.python == '3.13' }}\n"

#: Mistakes in workflows that were written by hand: the gate, and what is wrong.
IN_HAND_WRITTEN = {
    "not needed": (
        ALLS_GREEN,
        Planted("needs: [lint, tests", "needs: [tests", "does not need 'lint'", "needs: [tests"),
    ),
    "no if": (ALLS_GREEN, Planted("    if: always()\n", "", "the gate 'required-checks-pass' has no `if`")),
    "allowed failures": (
        ALLS_GREEN,
        Planted("jobs: $", "allowed-failures: lint\n          jobs: $", "`allowed-failures` names 'lint'", "failures"),
    ),
    "no JSON": (ALLS_GREEN, Planted("${{ toJSON(needs) }}", "${{ needs }}", "has to be toJSON(needs)", "Decide")),
    "a condition": (ALLS_GREEN, Planted("  lint:\n", ON_CHANGE, "job 'lint' is skipped by its own `if`", "== 'true'")),
    "a condition that is let by": (
        CONTAINS.replace(SKIPPED, ""),
        Planted("  lint:\n", ON_CHANGE, "does not see that 'lint' ended as skipped", "if: >-"),
    ),
    "failure only": (
        CONTAINS,
        Planted(CANCELLED + SKIPPED, "", "does not see that 'lint' ended as cancelled", "if: >-"),
    ),
    "of the steps": (
        CONTAINS.replace(CANCELLED + SKIPPED, ""),
        Planted(
            "contains(needs.*.result, 'failure')", "failure()", "no step of the gate 'gate' looks at how 'lint' ended"
        ),
    ),
    "overlooked job": (
        CONTAINS,
        Planted("  lint:\n", "  lint:\n    continue-on-error: true\n", "continue-on-error on job 'lint'", "true"),
    ),
    "overlooked step": (
        CONTAINS,
        Planted(
            "- name: Lint\n",
            "- name: Lint\n        continue-on-error: true\n",
            "continue-on-error on step 'Lint' of job 'lint'",
            "true",
        ),
    ),
    "experimental": (CONTAINS, Planted(MATRIX, MATRIX + EXPERIMENTAL, "continue-on-error on job 'tests'", "3.13'")),
    "only through another": (
        ALLS_GREEN.replace("lint, tests, ", "lint, "),
        Planted(
            "needs: tests\n", "needs: tests\n    if: always()\n", "sees 'tests' only through 'coverage'", "always()"
        ),
    ),
    "always success": (
        SHELL,
        Planted("LINT: ${{ needs.lint.result }}", "LINT: success", "step 'Judge' does not read needs.lint.result"),
    ),
    "an empty variable without quotes": (
        SHELL,
        Planted(
            '[ "$LINT" = "success" ] || exit 1', "if [ $LNT != success ]; then exit 1; fi", "'Judge' lets 'lint' pass"
        ),
    ),
    "a word too little": (SHELL, Planted("|| exit 1", "|| echo bad", "step 'Judge' lets 'lint' pass", "Judge")),
    "inverted, without cancelled": (INVERTED, Planted(CANCELLED, "", "of the gate", "if: failure()")),
    "without cancelled": (
        CONTAINS,
        Planted("'cancelled'", "'canceled'", "does not see that 'lint' ended as cancelled"),
    ),
}


@pytest.mark.parametrize("name", IN_HAND_WRITTEN)
def test_a_mistake_in_a_hand_written_workflow_is_found(prove: Prove, name: str) -> None:
    """Each gives a counter-example whose cause names the job and the place."""
    gate, mistake = IN_HAND_WRITTEN[name]
    text = planted(BY_HAND + gate, mistake)

    example = refuted(prove(text), text, mistake)

    assert {"lint", "tests", "coverage"} < set(example.jobs)


#: Mistakes that no run shows, because there is none: what is replaced, and what the finding says.
BEFORE_ANY_RUN = {
    "paths": Planted("  pull_request:\n", "  pull_request:\n    paths: [src/**]\n", "`paths` on pull_request", "paths"),
    "paths-ignore": Planted(
        "  pull_request:\n", "  pull_request: {paths-ignore: docs/**}\n", "`paths-ignore` on pull_request"
    ),
    "branches": Planted("  pull_request:\n", "  pull_request: {branches: [next]}\n", "the branches of pull_request"),
    "branches-ignore": Planted("  pull_request:\n", "  pull_request: {branches-ignore: [next]}\n", "`branches-ignore`"),
    "types": Planted("  pull_request:\n", "  pull_request: {types: [opened]}\n", "lack synchronize, reopened"),
    "no pull request": Planted("  pull_request:\n", "", "no pull request starts this workflow", "on:"),
    "a name that changes": Planted("  gate:\n", "  gate:\n    name: ${{ github.ref }}\n", "name that changes", "name:"),
    "a long name": Planted("  gate:\n", f"  gate:\n    name: {'gate ' * 30}\n", "gate 'gate' has 149 characters"),
}


@pytest.mark.parametrize("name", BEFORE_ANY_RUN)
def test_what_keeps_a_gate_from_being_one_is_found(prove: Prove, name: str) -> None:
    """Filters, types and names are findings: no simulated run shows them."""
    mistake = BEFORE_ANY_RUN[name]
    text = planted(BY_HAND + CONTAINS, mistake)

    found = prove(text)

    assert not found.proved
    (finding,) = [one for one in found.findings if mistake.cause in one.what]
    assert mistake.line_of in text.splitlines()[finding.line - 1]


def test_a_step_that_overlooks_its_failure_is_a_finding_where_the_records_tell(prove: Prove) -> None:
    """With records the gate is right all the same; the line is named nevertheless."""
    made = generated(STATIC)
    text = made[CI].replace(
        "      - name: Run the session\n", "      - name: Run\n        continue-on-error: true\n", 1
    )

    found = prove(text, made, plan=STATIC)

    assert () == found.counter_examples
    assert ["continue-on-error on step 'Run' of job 'lint'"] == [one.what for one in found.findings]


def test_results_that_are_always_the_same_change_nothing_where_the_records_tell(prove: Prove) -> None:
    """What a job leaves, or does not leave, is enough for the gate."""
    made = generated(STATIC)

    found = prove(made[CI].replace("lint=${{ needs.lint.result }}", "lint=success"), made, plan=STATIC)

    assert found.proved


def test_an_upload_that_is_no_longer_always_done_changes_nothing(prove: Prove) -> None:
    """A red session leaves no record then, and the gate is as red."""
    made = generated(STATIC)

    found = prove(made[CI].replace("        if: always()\n", ""), made, plan=STATIC)

    assert found.proved


def test_a_condition_on_what_changed_needs_the_gate_to_know_it(prove: Prove) -> None:
    """What nobody knows before a run is tried both ways."""
    changes = textwrap.indent(
        textwrap.dedent("""\
        changes:
          runs-on: ubuntu-24.04
          outputs:
            docs: ${{ steps.filter.outputs.docs }}
          steps:
            - id: filter
              uses: dorny/paths-filter@v3
        docs:
          needs: changes
          if: needs.changes.outputs.docs == 'true'
          runs-on: ubuntu-24.04
          steps:
            - run: make docs
        """),
        "  ",
    )
    gate = ALLS_GREEN.replace("[lint,", "[changes, docs, lint,")
    allowed = "          allowed-skips: ${{ needs.changes.outputs.docs != 'true' && 'docs' || '' }}\n"

    without, with_, always = (
        prove(BY_HAND + changes + gate + more) for more in ("", allowed, "          allowed-skips: docs\n")
    )

    assert 2 == len(without.events)
    (example,) = without.counter_examples
    assert "job 'docs' is skipped by its own `if`" == example.cause.what
    assert "changes.docs is 'false'" in example.event
    assert with_.proved
    assert always.proved


ON_PUSH = "  deploy:\n    if: ${{ github.event_name == 'push' }}\n    runs-on: x\n    steps: [{run: deploy}]\n"
AFTER = "  notify:\n    needs: deploy\n    runs-on: x\n    steps: [{run: notify}]\n"
EITHER = """\
  gate:
    if: always()
    needs: [lint, tests, coverage]
    runs-on: x
    steps:
      - name: Judge
        env:
          DEPLOY: ${{ needs.deploy.result }}
        run: |
          for result in ${{ needs.lint.result }} ${{ join(needs.*.result, ' ') }}; do
            if [[ $result != success && $result != skipped || $result == failure ]]; then exit 1; fi
          done
"""


@pytest.mark.parametrize("after", ["", AFTER], ids=["alone", "with one after it"])
@pytest.mark.parametrize(
    "gate", [CONTAINS.replace(SKIPPED, ""), INVERTED, EITHER], ids=["contains", "inverted", "loop"]
)
def test_a_job_that_the_event_does_not_start_may_be_skipped(prove: Prove, gate: str, after: str) -> None:
    """Its own `if` asks for nothing but the event: it is right that it is skipped, and what needs it too."""
    needs = "[deploy, notify, lint" if after else "[deploy, lint"

    found = prove(BY_HAND + ON_PUSH + after + gate.replace("[lint", needs))

    assert () == found.counter_examples
    assert found.proved


@pytest.mark.parametrize(
    ("gate", "fix", "fixed"),
    [
        (ALLS_GREEN, "allowed-skips: deploy", ("jobs: $", "allowed-skips: deploy\n          jobs: $")),
        (
            CONTAINS,
            "be red for needs.deploy.result == 'failure' || needs.deploy.result == 'cancelled', not for 'skipped'",
            (SKIPPED, "\n          || needs.deploy.result == 'failure' || needs.deploy.result == 'cancelled'"),
        ),
        (
            INVERTED.replace("'cancelled')", "'cancelled') || contains(needs.*.result, 'skipped')"),
            "be red for needs.deploy.result == 'failure' || needs.deploy.result == 'cancelled', not for 'skipped'",
            (" || contains(needs.*.result, 'skipped')", ""),
        ),
    ],
    ids=["alls-green", "contains", "inverted"],
)
def test_a_gate_that_is_red_because_of_the_event_is_wrong(
    prove: Prove, gate: str, fix: str, fixed: tuple[str, str]
) -> None:
    """Whoever follows the fix has a proof."""
    text = BY_HAND + ON_PUSH + gate.replace("[lint", "[deploy, lint")

    (example,) = prove(text).counter_examples

    assert ("red", "green", "every job that this event starts succeeded") == (
        example.gate,
        example.should,
        example.because,
    )
    assert "does not let 'deploy' be skipped" in example.cause.what
    assert fix == example.cause.fix
    assert prove(text.replace(*fixed)).proved


def test_a_job_that_no_event_starts_is_noted(prove: Prove) -> None:
    """Nothing of it was tried."""
    text = BY_HAND + ON_PUSH.replace("'push'", "'schedule'") + CONTAINS.replace(SKIPPED, "").replace("[l", "[deploy, l")

    found = prove(text)

    assert found.proved
    assert "jobs that none of these events starts, so nothing of them was tried: deploy" in found.notes
    assert not any("record" in note for note in found.notes)


def test_a_skip_that_the_gate_names_is_its_choice(prove: Prove) -> None:
    """In an expression or in a shell."""
    shell = SHELL.replace('"$LINT" = "success" ]', '"$LINT" = "success" ] || [ "$LINT" = "skipped" ]')
    text = (BY_HAND + shell.replace("[lint", "[changes, lint")).replace("  lint:\n", ON_CHANGE)
    text = text.replace('test "${{', 'test "${{ needs.changes.result }}" = success && test "${{')

    assert prove(text).proved
    assert not prove(text.replace("skipped", "sipped")).proved


def test_a_gate_that_is_not_understood_is_not_proved(prove: Prove) -> None:
    """The reason is said; nothing is guessed."""
    judge = """\
      - name: Judge
        env:
          NEEDS: ${{ toJSON(needs) }}
        run: jq -e 'all(.result == "success")' <<< "$NEEDS"
    """
    gate = CONTAINS[: CONTAINS.index("      - name")] + judge

    found = prove(BY_HAND + gate)

    assert not found.proved
    assert () == found.counter_examples
    (reason,) = found.unproved
    assert f"{CI}:34: step 'Judge' runs a script that is not modelled: judge by isonox gate, alls-green, " in reason


def test_steps_of_the_gate_that_are_not_modelled_are_named(prove: Prove) -> None:
    """They are taken to succeed, and the reader is told."""
    found = prove(
        BY_HAND + CONTAINS.replace("    steps:\n", "    steps:\n      - name: Greet\n        run: figlet hi\n")
    )

    assert found.proved
    assert "steps of the gate that are taken to succeed: Greet" in found.notes


def test_a_reusable_workflow_is_one_job(prove: Prove) -> None:
    """It can fail, and the gate has to see it."""
    called = "  docs:\n    uses: ./.github/workflows/docs.yml\n"

    good = prove(BY_HAND + called + CONTAINS.replace("[lint", "[docs, lint"))
    bad = prove(BY_HAND + called + CONTAINS)

    assert good.proved
    assert "reusable workflows, each taken as one job: docs" in good.notes
    assert ["the gate 'gate' does not need 'docs'"] == [one.cause.what for one in bad.counter_examples]


def test_jobs_after_the_gate_are_not_its_business(prove: Prove) -> None:
    """A deployment needs the gate, so the gate can't need it."""
    after = (
        "  deploy:\n    needs: gate\n    if: github.event_name == 'push'\n    runs-on: x\n    steps: [{run: deploy}]\n"
    )

    assert prove(BY_HAND + CONTAINS + after).proved


def test_a_workflow_that_no_event_starts_proves_nothing(prove: Prove) -> None:
    """There is no run to try."""
    text = (BY_HAND + CONTAINS).replace(
        "  push: {branches: [main]}\n  pull_request:\n  merge_group:\n", "  schedule: []\n"
    )

    found = prove(text)

    assert not found.proved
    assert {} == found.cases
    assert 1 == len(found.unproved)


@pytest.mark.parametrize(
    ("text", "asked", "message"),
    [
        (BY_HAND, "", "no job looks like a gate"),
        (BY_HAND + ALLS_GREEN, "lnt", "has no job 'lnt' (did you mean 'lint'?)"),
        (
            BY_HAND + ALLS_GREEN + ALLS_GREEN.replace("required-checks-pass", "other"),
            "",
            "each of these jobs may be the gate",
        ),
    ],
    ids=["none", "unknown", "two"],
)
def test_a_gate_that_is_not_clear_has_to_be_named(prove: Prove, text: str, asked: str, message: str) -> None:
    """The error says how."""
    with pytest.raises(UsageError, match=r"--gate|its jobs") as caught:
        prove(text, gate=asked)

    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("name", "broken", "because"),
    [
        ("_of_something_else", lambda *_: "", "leaves a record of another commit"),
        ("_absence", lambda *_: (Verdict.PASSED, ""), "passes, but its record gets lost"),
    ],
)
def test_a_broken_gate_is_refuted(
    prove: Prove, monkeypatch: pytest.MonkeyPatch, name: str, broken: Callable[..., object], because: str
) -> None:
    """What should be is not taken from the gate's own code."""
    monkeypatch.setattr(gate, name, broken)
    made = generated(STATIC)

    found = prove(made[CI], made, plan=STATIC)

    assert ("green", "red") == (found.counter_examples[0].gate, found.counter_examples[0].should)
    assert any(because in one.because for one in found.counter_examples)


def test_expressions_that_github_would_refuse_are_errors(prove: Prove) -> None:
    """All at once, with their places, in actions too."""
    text = (BY_HAND + CONTAINS).replace("run: pytest", "run: ${{ x. }}").replace("if: always()", "if: always(")
    text = text.replace("ruff check", "${{ alway() }}").replace("    runs-on: ubuntu-24.04\n", "    runs-on: [x]\n", 1)
    text = text.replace("[x]", '["${{ matrx.os }}"]').replace("name: CI\n", "run-name: ${{ a b }}\n")
    text = text.replace("actions/checkout@v7", "./own")
    action = "inputs: {a: {description: '${{ x'}}\nruns: {using: composite, steps: [{if: newer(), run: x}]}\n"

    with pytest.raises(ConfigurationErrors) as caught:
        prove(text, {"own/action.yml": action})

    assert [
        f"{CI}:8: unknown context 'matrx' (did you mean 'matrix'?)",
        f"{CI}:12: unknown function 'alway' (did you mean 'always'?)",
        f"{CI}:20: unexpected end",
        f"{CI}:27: unexpected end",
        f"{CI}:1: unexpected 'b'",
        "own/action.yml:2: unknown function 'newer'",
    ] == [problem.partition(", at position")[0] for problem in caught.value.problems]


def test_a_gate_that_needs_nothing_is_none(prove: Prove) -> None:
    """The finding says so, and no run is tried."""
    found = prove(BY_HAND + CONTAINS, gate="lint")

    (finding,) = found.findings
    assert "the gate 'lint' does not need 'tests', 'coverage', 'gate'" == finding.what
    assert ((), (), {}) == (found.counter_examples, found.unproved, found.cases)
    assert not found.proved


def test_a_run_that_is_cancelled_need_not_be_green(prove: Prove) -> None:
    """Also where the event starts no job but the gate."""
    text = BY_HAND[: BY_HAND.index("  lint:")] + ON_PUSH
    gate = (
        CONTAINS.replace(SKIPPED, "")
        .replace("lint, tests, coverage", "deploy")
        .replace("if: always()", "if: success()")
    )

    assert {"green"} == {one.gate for one in prove(text + gate).counter_examples}


def test_a_plan_with_more_than_the_workflow_asks_for_it_to_be_written_again(prove: Prove) -> None:
    """That and nothing else."""
    made = generated(STATIC)

    found = prove(made[CI], made, plan=plan_of(*STATIC.jobs, job("smoke"), job("smoke-3.13"), job("docs")))

    (example,) = found.counter_examples
    assert "the workflow does not run 'smoke', 'smoke-3.13', 'docs', which the plan has" == example.cause.what
    assert ("it was not written again", "isonox workflows") == (example.cause.why, example.cause.fix)
    assert ("red", "green", "nothing was made to go wrong") == (example.gate, example.should, example.because)
    assert () == found.findings + found.unproved


def test_only_one_counter_example_per_cause_is_kept(prove: Prove) -> None:
    """A gate without any judgement is one mistake for each job, not thousands."""
    gate = (
        "  gate:\n    if: always()\n    needs: [lint, tests, coverage]\n    runs-on: x\n    steps: [{run: echo fine}]\n"
    )

    found = prove(BY_HAND + gate)

    assert 3 == found.causes == len(found.counter_examples)
    assert all(1 == len(one.faults) for one in found.counter_examples)


def test_thousands_of_sessions_are_proved_by_some_of_each_kind(prove: Prove) -> None:
    """What is alike gets the same faults once."""
    plan = plan_of(*(job(f"tests({number})", stage="tests", package=f"p{number}") for number in range(600)))
    made = generated(plan)

    found = prove(made[CI], made, plan=plan)

    assert found.proved
    assert 600 == found.jobs
    assert any("some stand for all" in note for note in found.notes)
