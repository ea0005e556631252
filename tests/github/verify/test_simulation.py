"""GitHub's rules: which events start a workflow, which jobs and steps run, and how they end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.github.conftest import job, plan_of

from isonox.errors import ConfigurationError
from isonox.github.verify import globs, matrix, scenarios, workflow_file
from isonox.github.verify.faults import Facts, Fault, Kind, Left
from isonox.github.verify.simulation import Outcome, Simulator

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from isonox.model.plan import Plan

    Load = Callable[[str], workflow_file.Workflow]
    Run = Callable[..., dict[str, Outcome]]

HEAD = "on: pull_request\njobs:\n"
OVERLOOKED = "{id: a, run: exit 1, continue-on-error: true}"
FAIL = (Fault(Kind.FAILS, "one", step=0),)


def job_text(name: str, *lines: str, steps: str = '[{run: "true"}]') -> str:
    """A job of a workflow."""
    return "".join([f"  {name}:\n    runs-on: x\n", *(f"    {line}\n" for line in lines), f"    steps: {steps}\n"])


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Return a function that reads a workflow."""

    def read(text: str) -> workflow_file.Workflow:
        path = tmp_path / "ci.yml"
        path.write_text(text, encoding="utf-8")
        return workflow_file.load(path, tmp_path)

    return read


@pytest.fixture
def run(load: Load) -> Run:
    """Return a function that runs jobs with faults, in the first scenario; the last job is the gate."""

    def ends(
        jobs: str,
        faults: Sequence[Fault] = (),
        *,
        plan: Plan | None = None,
        cancels_rest: bool = False,
        on: str = "pull_request",
    ) -> dict[str, Outcome]:
        workflow = load(f"on: {on}\njobs:\n{jobs}")
        scenario = scenarios.scenarios(workflow, frozenset())[0]
        facts = Facts(plan) if plan else None
        gate = list(workflow.jobs)[-1]
        return Simulator(workflow, scenario, facts, gate, cancels_rest=cancels_rest).run(faults)

    return ends


def results(ended: dict[str, Outcome]) -> list[str]:
    """How each job ended."""
    return [outcome.result for outcome in ended.values()]


# Events ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("on", "events"),
    [
        ("pull_request", ["pull_request", "pull_request from a fork"]),
        ("push", ["push to main"]),
        ("{push: {branches: [master]}}", ["push to master"]),
        ("{push: {branches: ['release/**', trunk]}}", ["push to trunk"]),
        ("{push: {branches: ['**', '!main']}}", ["push to master"]),
        ("{push: {branches-ignore: [main]}}", []),
        ("{push: {tags: ['*']}}", []),
        ("{push: {tags: ['*'], branches: ['ma?in', m*]}}", ["push to main"]),
        ("{pull_request: {branches: [next]}, merge_group: }", ["merge_group"]),
        ("{pull_request: {branches: main}}", ["pull_request", "pull_request from a fork"]),
        ("pull_request_target", ["pull_request_target", "pull_request_target from a fork"]),
        ("[schedule, workflow_dispatch]", []),
    ],
)
def test_events_start_a_workflow_unless_they_are_filtered(load: Load, on: str, events: list[str]) -> None:
    """Filters are for branches here; those for paths are the proof's business."""
    found = scenarios.scenarios(load(f"on: {on}\njobs:\n{job_text('one')}"), frozenset())

    assert events == [scenario.label for scenario in found]


@pytest.mark.parametrize(
    ("condition", "values"),
    [
        ("steps.s.outputs.x == 'a'", ["true", "a", "false"]),
        ("contains(steps.s.outputs.x, 'b')", ["true", "b", "false"]),
        ("fromJSON(steps.s.outputs.x)", ["true", "false"]),
    ],
)
def test_what_nobody_knows_is_tried_both_ways(load: Load, condition: str, values: list[str]) -> None:
    """Outputs of unknown steps have the values that their readers ask for."""
    first = job_text("one", "outputs: {y: '${{ steps.s.outputs.x }}'}", steps="[{id: s, uses: a/b@v1}]")
    second = job_text("two", "needs: one", f"if: {condition.replace('steps.s.outputs.x', 'needs.one.outputs.y')}")

    found = scenarios.scenarios(load(f"on: push\njobs:\n{first}{second}"), frozenset())

    assert values == [scenario.outputs["one"]["s"]["x"] for scenario in found]


def test_many_unknowns_are_tried_one_at_a_time(load: Load) -> None:
    """Sixteen combinations are enough, and ten unknowns have a thousand."""
    names = [f"o{number}" for number in range(10)]
    outputs = ", ".join(f"{name}: '${{{{ steps.s.outputs.{name} }}}}'" for name in names)
    first = job_text("one", f"outputs: {{{outputs}}}", steps="[{id: s, uses: a/b@v1}]")
    others = "".join(job_text(f"j{name}", "needs: one", f"if: needs.one.outputs.{name} == 'true'") for name in names)

    assert 11 == len(scenarios.scenarios(load(f"on: push\njobs:\n{first}{others}"), frozenset()))


# Matrices -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"a": [1, 2], "b": ["x"]}, [{"a": 1, "b": "x"}, {"a": 2, "b": "x"}]),
        ({"a": [1, 2], "exclude": [{"a": 1}]}, [{"a": 2}]),
        ({"include": [{"a": 1}, {"b": 2}]}, [{"a": 1}, {"b": 2}]),
        ({"a": [1], "include": [{"b": 2}]}, [{"a": 1, "b": 2}]),
        ({"a": [1], "include": [{"b": 2}, {"b": 3, "a": 1}, {"a": 2}]}, [{"a": 1, "b": 3}, {"a": 2}]),
        ({"a": [], "include": [{"a": 1}]}, [{"a": 1}]),
        ({"a": "${{ x }}"}, [{"a": 1}, {"a": 2}]),
        ({}, []),
    ],
)
def test_a_matrix_becomes_jobs(given: Any, expected: list[dict[str, Any]]) -> None:
    """Products, without what is excluded, extended by what is included: the rules of GitHub's documentation."""
    assert expected == matrix.expand(given, lambda _: [1, 2])


def test_the_example_of_githubs_documentation() -> None:
    """Source: docs.github.com, "Expanding or adding matrix configurations"."""
    given = {
        "fruit": ["apple", "pear"],
        "animal": ["cat", "dog"],
        "include": [
            {"color": "green"},
            {"color": "pink", "animal": "cat"},
            {"fruit": "apple", "shape": "circle"},
            {"fruit": "banana"},
            {"fruit": "banana", "animal": "cat"},
        ],
    }

    assert [
        {"fruit": "apple", "animal": "cat", "color": "pink", "shape": "circle"},
        {"fruit": "apple", "animal": "dog", "color": "green", "shape": "circle"},
        {"fruit": "pear", "animal": "cat", "color": "pink"},
        {"fruit": "pear", "animal": "dog", "color": "green"},
        {"fruit": "banana"},
        {"fruit": "banana", "animal": "cat"},
    ] == matrix.expand(given, str)


@pytest.mark.parametrize("given", [[1], {"a": 1}, {"include": {"a": 1}}, {"include": ["a"]}])
def test_what_is_no_matrix_is_refused(given: Any) -> None:
    """GitHub fails the job."""
    with pytest.raises(ConfigurationError):
        matrix.expand(given, str)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("{a: []}", "its matrix is empty"),
        ("{a: '${{ fromJSON(needs.none.outputs.x) }}'}", "its matrix can't be evaluated"),
        ("{a: [1,2,3,4,5,6,7], b: [1,2,3,4,5,6,7], c: [1,2,3,4,5,6,7]}", "its matrix has 343 jobs, more than 256"),
    ],
)
def test_a_matrix_that_github_can_not_run_fails_the_job(run: Run, given: str, problem: str) -> None:
    """And says why."""
    ended = run(job_text("one", f"strategy: {{matrix: {given}}}"))["one"]

    assert "failure" == ended.result
    assert problem in ended.problem


# Jobs -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "when_green", "when_red", "when_cancelled"),
    [
        ("", "success", "skipped", "skipped"),
        ("always()", "success", "success", "success"),
        ("success()", "success", "skipped", "skipped"),
        ("failure()", "skipped", "success", "skipped"),
        ("cancelled()", "skipped", "skipped", "success"),
        ("${{ !cancelled() }}", "success", "success", "skipped"),
        ("${{ !failure() }}", "success", "skipped", "success"),
        ("github.event_name == 'push'", "skipped", "skipped", "skipped"),
        ("needs.one.result == 'failure'", "skipped", "skipped", "skipped"),
        ("always() && needs.one.result == 'failure'", "skipped", "success", "skipped"),
        ("always() && contains(needs.*.result, 'cancelled')", "skipped", "skipped", "success"),
    ],
)
def test_conditions_of_jobs(run: Run, condition: str, when_green: str, when_red: str, when_cancelled: str) -> None:
    """Without a status function, `success() &&` stands before the condition."""
    jobs = job_text("one") + job_text("two", "needs: one", *([f"if: {condition}"] if condition else []))

    assert ["success", when_green] == results(run(jobs))
    assert ["failure", when_red] == results(run(jobs, FAIL))
    assert ["cancelled", when_cancelled] == results(run(jobs, [Fault(Kind.CANCELLED, "one")]))


def test_a_job_knows_of_all_that_came_before(run: Run) -> None:
    """Status functions look at all jobs upstream; `needs` at the direct ones."""
    jobs = (
        job_text("one")
        + job_text("two", "needs: one", "if: always()")
        + job_text("three", "needs: two")
        + job_text("four", "needs: two", "if: failure()")
        + job_text("five", "needs: two", "if: always() && needs.one.result == ''")
    )

    assert ["failure", "success", "skipped", "success", "success"] == results(run(jobs, FAIL))


def test_a_skipped_job_skips_those_after_it(run: Run) -> None:
    """And nothing went wrong: only conditions said so."""
    jobs = job_text("one", "if: github.event_name == 'push'") + job_text("two", "needs: one") + job_text("three")

    ended = run(jobs)

    assert ["skipped", "skipped", "success"] == results({name: ended[name] for name in ("one", "two", "three")})
    assert ended["one"].excused
    assert ended["two"].excused


def test_a_job_that_fails_is_overlooked_where_that_is_asked_for(run: Run) -> None:
    """The others are told success; it is not clean all the same."""
    jobs = job_text("one", "continue-on-error: true") + job_text("two", "needs: one")

    ended = run(jobs, FAIL)

    assert ["success", "success"] == results(ended)
    assert not ended["one"].clean
    assert ended["two"].clean


def test_one_failure_cancels_the_rest_of_a_matrix_that_has_not_ended(run: Run) -> None:
    """GitHub's default; both orders are possible."""
    one = "strategy: {matrix: {a: [1, 2]}}"
    fault = [Fault(Kind.FAILS, "one", 1, step=0)]

    def instances(text: str, *, cancels_rest: bool) -> list[str]:
        return [one.result for one in run(job_text("one", text), fault, cancels_rest=cancels_rest)["one"].instances]

    assert ["success", "failure"] == instances(one, cancels_rest=False)
    assert ["cancelled", "failure"] == instances(one, cancels_rest=True)
    assert ["success", "failure"] == instances(one.replace("{m", "{fail-fast: false, m"), cancels_rest=True)


@pytest.mark.parametrize(
    ("kind", "result"),
    [
        (Kind.LOST, "failure"),
        (Kind.TIMED_OUT, "failure"),
        (Kind.TIMED_OUT_CANCELLED, "cancelled"),
        (Kind.CANCELLED, "cancelled"),
        (Kind.SKIPPED, "skipped"),
    ],
)
def test_a_job_can_end_in_many_ways(run: Run, kind: Kind, result: str) -> None:
    """What GitHub leaves open is two faults."""
    assert [result] == results(run(job_text("one"), [Fault(kind, "one")]))


def test_a_cancelled_run_stops_all_but_what_always_runs(run: Run) -> None:
    """Jobs that wait are skipped."""
    jobs = job_text("one") + job_text("two", "needs: one") + job_text("three", "needs: one", "if: always()")

    assert ["cancelled", "skipped", "success"] == results(run(jobs, [Fault(Kind.RUN_CANCELLED)]))


def test_outputs_go_from_steps_to_jobs_that_need_them(run: Run) -> None:
    """By way of the job's own outputs."""
    steps = "[{id: a, run: x}, {run: y, if: steps.a.outcome == 'failure'}]"
    jobs = job_text("one", "outputs: {x: '${{ steps.a.conclusion }}'}", steps=steps)
    jobs += job_text("two", "needs: one", "if: needs.one.outputs.x == 'success'")

    assert ["success", "success"] == results(run(jobs))
    assert ["failure", "skipped"] == results(run(jobs, FAIL))


# Steps ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "result"),
    [
        ("[{run: exit 1}]", "failure"),
        ("[{run: exit 1, continue-on-error: true}]", "success"),
        ("[{run: exit 1, if: failure()}]", "success"),
        ("[{run: exit 1, if: cancelled()}]", "success"),
        ("[{run: exit 1, if: always()}]", "failure"),
        ("[{run: exit 1, if: github.event_name == 'push'}]", "success"),
        (f"[{OVERLOOKED}, {{run: exit 1, if: steps.a.outcome == 'failure'}}]", "failure"),
        (f"[{OVERLOOKED}, {{run: exit 1, if: steps.a.conclusion == 'failure'}}]", "success"),
        ("[{run: 'exit ${{ strategy.job-total }}'}]", "failure"),
        ("[{run: '[ $X = y ]', env: {X: '${{ github.job }}'}}]", "failure"),
        ("[{run: '[ $X = one ]', env: {X: '${{ github.job }}'}}]", "success"),
        ("[{run: '[ ${{ env.X }} = one ]', env: {X: one}}]", "success"),
        ("[{run: exit 1, shell: pwsh}]", "success"),
        ("[{run: exit 1, if: nothing()}]", "failure"),
        ("[{run: 'echo ${{ fromJSON(github.job) }}; exit 0'}]", "failure"),
        ("[{uses: actions/download-artifact@v8, with: {name: other}}]", "success"),
    ],
)
def test_steps_of_a_gate_are_run(run: Run, steps: str, result: str) -> None:
    """Conditions, tolerance and scripts, with their variables."""
    assert [result] == results(run(job_text("one", steps=steps)))


@pytest.mark.parametrize(
    ("given", "result"),
    [
        ("jobs: '${{ toJSON(needs) }}'", "failure"),
        ("jobs: '${{ toJSON(needs) }}', allowed-failures: one", "success"),
        ("jobs: '${{ toJSON(needs) }}', allowed-failures: 'two, one'", "success"),
        ("jobs: '${{ toJSON(needs) }}', allowed-failures: '[\"one\"]'", "success"),
        ("jobs: '${{ toJSON(needs) }}', allowed-failures: one, allowed-skips: one", "failure"),
        ("jobs: '${{ toJSON(needs) }}', allowed-skips: one", "failure"),
        ("jobs: '{}'", "failure"),
        ("jobs: '${{ needs }}'", "failure"),
        ("allowed-failures: one", "failure"),
    ],
)
def test_alls_green_judges_as_its_own_code_does(run: Run, given: str, result: str) -> None:
    """Source: `normalize_needed_jobs_status.py` of re-actors/alls-green 1.2.2."""
    steps = f"[{{uses: re-actors/alls-green@v1.2.2, with: {{{given}}}}}]"
    jobs = job_text("one") + job_text("two", "needs: one", "if: always()", steps=steps)

    assert ["failure", result] == results(run(jobs, FAIL))


def test_sessions_leave_records_that_the_gate_fetches(run: Run) -> None:
    """By artifact name and pattern; without any, an upload that must find files fails."""
    plan = plan_of(job("lint"))
    upload = "{if: always(), uses: actions/upload-artifact@v7, with: {name: r.1, path: x, if-no-files-found: error}}"
    steps = f'[{{run: nox --no-dependencies -s "$S", env: {{S: lint}}}}, {upload}]'
    judge = "{run: isonox gate --results \"$R\", env: {R: 'lint=${{ needs.lint.result }}'}}"
    gate = f"[{{uses: actions/download-artifact@v8, with: {{pattern: 'r.*'}}}}, {judge}]"
    jobs = job_text("lint", steps=steps) + job_text("gate", "needs: lint", "if: always()", steps=gate)

    green = run(jobs, plan=plan)
    red = run(jobs, [Fault(Kind.FAILS, "lint", session="lint")], plan=plan)
    lost = run(jobs, [Fault(Kind.RECORD_LOST, "lint", session="lint")], plan=plan)

    assert ["success", "success"] == results(green)
    assert (Left("lint"),) == green["lint"].uploads[0].records
    assert ["failure", "failure"] == results(red)
    assert (Left("lint", Kind.FAILS),) == red["lint"].uploads[0].records
    assert ["success", "failure"] == results(lost)
    assert ["failure", "failure"] == results(run(jobs.replace("run: nox", "run: nix"), plan=plan))


def test_two_uploads_of_one_name_clash_unless_they_overwrite(run: Run) -> None:
    """Artifacts can't be changed since version 4 of the action."""
    steps = "[{uses: actions/upload-artifact@v7, with: {name: same, path: x}}]"

    assert ["failure"] == results(run(job_text("one", "strategy: {matrix: {a: [1, 2]}}", steps=steps)))
    overwriting = steps.replace("path: x", "path: x, overwrite: true")
    assert ["success"] == results(run(job_text("one", "strategy: {matrix: {a: [1, 2]}}", steps=overwriting)))


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("records.*", ["records.lint.0", "records."], ["xrecords.lint", "records"]),
        ("records.{lint,tests}.*", ["records.lint.0", "records.tests.1"], ["records.docs.0"]),
        ("{a,b{c,d}}", ["a", "bc", "bd"], ["b", "ac"]),
        ("*", ["x"], [".x"]),
        ("a?c", ["abc"], ["ac", "a/c"]),
        ("[ab]*", ["ax", "b"], ["c"]),
        ("[!ab]", ["c"], ["a"]),
        ("a.c", ["a.c"], ["abc"]),
        ("a{b}", ["a{b}"], ["ab"]),
    ],
)
def test_patterns_of_artifacts(pattern: str, matching: list[str], others: list[str]) -> None:
    """As minimatch reads them."""
    assert matching == [name for name in matching + others if globs.matches(pattern, name)]
