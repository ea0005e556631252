"""The gate: green exactly when every planned job has a record that says so, and nothing speaks against it."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isonox.github.gate import judge
from isonox.model.plan import Plan, PlannedJob, Selection
from isonox.model.record import Flaky, Notification, Record, TestCounts
from isonox.model.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from isonox.github.gate import Judgement

COMMIT = "abc1234" + 33 * "0"
OTHER = "def5678" + 33 * "0"
RED = [verdict for verdict in Verdict if not verdict.green]


def job(name: str, *requires: str) -> PlannedJob:
    """A planned job; its stage is what stands before the first dash."""
    stage = name.partition("-")[0]
    return PlannedJob(
        id=name,
        session=name,
        stage=stage,
        requires=requires,
        estimate_seconds=1,
        estimate_from="prior",
        posargs=("-x",),
        fingerprint=f"inputs of {name}",
    )


def plan_of(*jobs: PlannedJob) -> Plan:
    """A plan for one commit."""
    return Plan(isonox="1", commit=COMMIT, selection=Selection(), jobs=jobs)


def record(name: str, **facts: Any) -> Record:
    """The record of a job; without more, it passed."""
    usual: dict[str, Any] = {
        "verdict": Verdict.PASSED,
        "commit": COMMIT,
        "posargs": ("-x",),
        "started": "2026-11-21T10:45:00Z",
        "fingerprint": f"inputs of {name}",
    }
    return Record(isonox="1", run="r", job=name, stage=name.partition("-")[0], **{**usual, **facts})


def judged(plan: Plan, records: Iterable[Record], known: Iterable[str] | None = None, /, **results: str) -> Judgement:
    """Judge, with a workflow job for each stage; all that are not named ended as success.

    A stage whose jobs are all cached was skipped. The store has the results of all jobs, or of those that are known.
    """
    arrived = tuple(records)
    carriers = {one.id: one.stage for one in plan.jobs}
    cached = {one.job for one in arrived if one.verdict is Verdict.CACHED}
    idle = set(carriers.values()) - {carriers[one.id] for one in plan.jobs if one.id not in cached}
    usual = {stage: "skipped" if stage in idle else "success" for stage in carriers.values()}
    stored = {f"inputs of {name}" for name in (carriers if known is None else known)}
    now = "2026-11-21T11:00:00Z"
    return judge(
        plan, arrived, {"plan": "success", **usual, **results}, carriers, known=stored, run="github-7", now=now
    )


PLAN = plan_of(job("lint"), job("tests-3.11", "lint"), job("tests-3.12", "lint"), job("docs"))
PASSED = tuple(record(one.id) for one in PLAN.jobs)


def changed(name: str, **facts: Any) -> tuple[Record, ...]:
    """The records of `PLAN`, one of them changed."""
    return tuple(msgspec.structs.replace(one, **facts) if one.job == name else one for one in PASSED)


def without(*names: str) -> tuple[Record, ...]:
    """The records of `PLAN`, some of them lost."""
    return tuple(one for one in PASSED if one.job not in names)


def red(judgement: Judgement) -> dict[str, tuple[Verdict, str]]:
    """Return verdict and reason of each red job of a judgement, which has to be red for that."""
    assert not judgement.green
    return {one.job: (one.verdict, one.reason) for one in judgement.records if not one.verdict.green}


def test_all_records_green_and_nothing_against_it() -> None:
    """In whatever order they arrive; judged records are those that arrived, in the plan's order."""
    for arrived in permutations(PASSED):
        judgement = judged(PLAN, arrived)

        assert judgement.green
        assert (PASSED, ()) == (judgement.records, judgement.problems)
        assert all(one is other for one, other in zip(PASSED, judgement.records, strict=True))


def test_cached_and_waived_jobs_are_green() -> None:
    """With the run that they come from, and with a reason."""
    cached = changed("docs", verdict=Verdict.CACHED, from_run="6")
    waived = changed("docs", verdict=Verdict.WAIVED, reason="no network")

    assert judged(PLAN, cached).green
    assert judged(PLAN, waived).green


@pytest.mark.parametrize(
    ("facts", "known", "reason"),
    [
        ({}, [], "its cached verdict is not in the store"),
        ({}, ["lint"], "its cached verdict is not in the store"),
        ({"fingerprint": "inputs of lint"}, ["lint", "docs"], "its verdict was cached for other inputs than the gate"),
        ({"fingerprint": None}, ["docs"], "its verdict was cached for other inputs than the gate finds"),
    ],
)
def test_a_cached_verdict_that_the_store_does_not_have_is_missing(
    facts: dict[str, Any], known: list[str], reason: str
) -> None:
    """Whatever its record says: the gate looks the fingerprint of its own plan up by itself."""
    cached = changed("docs", verdict=Verdict.CACHED, from_run="6", **facts)

    ((verdict, why),) = red(judged(PLAN, cached, known)).values()

    assert Verdict.MISSING is verdict
    assert why.startswith(reason)


def test_a_job_without_a_fingerprint_is_never_cached() -> None:
    """What decides its result has no name, so nothing can be the same."""
    plan = plan_of(msgspec.structs.replace(job("docs"), fingerprint=None))
    cached = record("docs", verdict=Verdict.CACHED, from_run="6", fingerprint=None)

    assert {"docs"} == set(red(judged(plan, [cached])))


def test_a_stage_is_skipped_exactly_when_all_of_it_is_cached() -> None:
    """One that ran although nothing had to, and one that did not although something had to, are contradictions."""
    cached = changed("docs", verdict=Verdict.CACHED, from_run="6")
    half = changed("tests-3.11", verdict=Verdict.CACHED, from_run="6")

    assert judged(PLAN, cached, docs="skipped").green
    assert judged(PLAN, half, tests="success").green
    for name, records, result in (("docs", cached, "success"), ("tests", half, "skipped"), ("docs", cached, "failure")):
        judgement = judged(PLAN, records, **{name: result})
        assert (f"workflow job {name!r} ended as {result}, although all of its jobs are green",) == judgement.problems


@pytest.mark.parametrize("verdict", RED)
def test_a_red_record_stays_as_it_is(verdict: Verdict) -> None:
    """Whatever else is green."""
    arrived = changed("docs", verdict=verdict, reason="it said so")

    assert {"docs": (verdict, "it said so")} == red(judged(PLAN, arrived, docs="failure"))


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (
            "success",
            "its workflow job 'docs' ended as success, but its record did not arrive: the artifact was lost",
        ),
        ("failure", "its workflow job 'docs' failed before it left a record"),
        ("cancelled", "its workflow job 'docs' was cancelled before it left a record"),
        ("skipped", "its workflow job 'docs' was skipped"),
        ("neutral", "its workflow job 'docs' ended as 'neutral'"),
    ],
)
def test_a_job_without_a_record_is_missing(result: str, reason: str) -> None:
    """The reason is how its workflow job ended."""
    judgement = judged(PLAN, without("docs"), docs=result)

    assert {"docs": (Verdict.MISSING, reason)} == red(judgement)
    blank = judgement.records[-1]
    assert ("docs", COMMIT, ("-x",), "github-7", "2026-11-21T11:00:00Z", 0.0, "run") == (
        blank.stage, blank.commit, blank.posargs, blank.run, blank.started, blank.seconds, blank.written_by,
    )  # fmt: skip


def test_a_job_that_the_gate_or_the_workflow_does_not_know_is_missing() -> None:
    """A gate that does not wait for a job can't be green, even if its record is there by chance."""
    carriers = {one.id: one.stage for one in PLAN.jobs}
    results = {"lint": "success", "tests": "success"}

    lost = judge(PLAN, without("docs"), results, carriers, run="r", now="n")
    there = judge(PLAN, PASSED, results, carriers, run="r", now="n")
    carried_by_none = judge(PLAN, without("docs"), results, {"lint": "lint"}, run="r", now="n")

    assert {"docs": (Verdict.MISSING, "its workflow job 'docs' is not among the gate's needs")} == red(lost)
    assert {"docs": (Verdict.MISSING, "no workflow job carries it")} == red(carried_by_none)
    assert {} == red(there)
    assert ("the gate does not need 'docs', so nobody knows how it ended",) == there.problems


def test_a_job_whose_requirement_is_red_is_blocked_by_it() -> None:
    """Also by one that is blocked or missing itself, in whatever order the plan has them."""
    chain = plan_of(job("c", "b"), job("b", "a", "outside"), job("a"))

    failed = judged(chain, [record("a", verdict=Verdict.TIMED_OUT)], a="failure", b="skipped", c="skipped")
    lost = judged(chain, [])

    assert {
        "a": (Verdict.TIMED_OUT, ""), "b": (Verdict.BLOCKED, "a timed-out"), "c": (Verdict.BLOCKED, "b blocked"),
    } == red(failed)  # fmt: skip
    assert (Verdict.BLOCKED, "a missing") == red(lost)["b"]
    assert Verdict.MISSING == red(lost)["a"][0]


def test_a_record_of_another_commit_does_not_count() -> None:
    """Nor do its tests, findings and notes."""
    judgement = judged(PLAN, changed("docs", commit=OTHER, tests=TestCounts(passed=3)))
    unborn = judged(PLAN, changed("docs", commit=None))

    reason = "the record is of commit def5678, this run is of abc1234"
    assert {"docs": (Verdict.MISSING, reason)} == red(judgement)
    assert judgement.records[-1].tests is None
    assert "the record is of commit none, this run is of abc1234" == red(unborn)["docs"][1]


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"tests": TestCounts()}, "no test was run"),
        ({"flaky": (Flaky(test="t", runs=2, failures=1),)}, "a test was flaky, and is not in quarantine"),
        ({"verdict": Verdict.CACHED, "from_run": "6", "tests": TestCounts()}, "no test was run"),
        ({"verdict": Verdict.CACHED}, "it was cached, and does not say from which run"),
        ({"verdict": Verdict.WAIVED, "reason": " "}, "it was waived without a reason"),
    ],
)
def test_green_records_that_are_not_believed(facts: dict[str, Any], reason: str) -> None:
    """The rest of the record is kept."""
    judgement = judged(PLAN, changed("docs", **facts, seconds=3.0))

    assert {"docs": (Verdict.FAILED, reason)} == red(judgement)
    assert 3.0 == judgement.records[-1].seconds


def test_a_record_of_other_arguments_does_not_count() -> None:
    """Somebody has left work out: `nox -s tests -- -k one`."""
    there = "it ran with other arguments than planned: -k one, not -x"
    assert {"docs": (Verdict.MISSING, there)} == red(judged(PLAN, changed("docs", posargs=("-k", "one"))))


def test_a_job_that_was_skipped_and_left_a_green_record_is_a_contradiction() -> None:
    """The record of an earlier attempt is no record of this one."""
    judgement = judged(PLAN, PASSED, docs="skipped")
    assert ("workflow job 'docs' ended as skipped, although all of its jobs are green",) == judgement.problems


def test_two_records_of_one_job_and_records_of_others_are_problems() -> None:
    """Nobody knows which one is right, and what else the plan lacks."""
    judgement = judged(PLAN, [*PASSED, PASSED[0], PASSED[0], record("deploy")])

    assert {} == red(judgement)
    assert ("there is more than one record of 'lint'", "there is a record of 'deploy', which is not in the plan") == (
        judgement.problems
    )


def test_a_notified_session_needs_a_place_in_the_plan() -> None:
    """On GitHub nothing joins a run that goes on."""
    known = judged(PLAN, changed("lint", notified=(Notification(session="docs"),)))
    unknown = judged(PLAN, changed("lint", notified=(Notification(session="report"),)))

    assert known.green
    assert {} == red(unknown)
    (problem,) = unknown.problems
    assert problem.startswith("'lint' notified 'report', which is not in the plan, so nothing ran it; ")
    assert problem.endswith("declare it with `requires=` the sessions that notify it")


@pytest.mark.parametrize("result", ["failure", "cancelled"])
def test_a_red_workflow_job_is_not_passed_over(result: str) -> None:
    """Its exit code is believed, unless one of its jobs says why."""
    contradicted = judged(PLAN, PASSED, tests=result)
    explained = judged(PLAN, changed("tests-3.12", verdict=Verdict.FAILED, reason="1 of 2 tests failed"), tests=result)

    assert {} == red(contradicted)
    assert (f"workflow job 'tests' ended as {result}, although all of its jobs are green",) == contradicted.problems
    assert {"tests-3.12"} == set(red(explained))
    assert () == explained.problems


@pytest.mark.parametrize(
    ("results", "problems"),
    [
        ({"plan": "failure"}, ("workflow job 'plan' ended as failure",)),
        ({"plan": "skipped"}, ("workflow job 'plan' ended as skipped",)),
        ({"other": "cancelled"}, ("workflow job 'other' ended as cancelled",)),
        ({"other": "skipped"}, ()),
        ({"docs": "neutral"}, ("workflow job 'docs' ended as 'neutral', which isonox does not know",)),
        ({"other": ""}, ("workflow job 'other' ended as '', which isonox does not know",)),
    ],
)
def test_what_workflow_jobs_without_planned_jobs_may_end_as(results: dict[str, str], problems: tuple[str, ...]) -> None:
    """A stage that this plan has no job of is skipped; the job that plans is not."""
    judgement = judged(PLAN, PASSED, **results)

    assert problems == judgement.problems
    assert (not problems) == judgement.green


#: What can happen to the record of a job that passed: what arrives instead.
DAMAGES: Mapping[str, Callable[[Record], tuple[Record, ...]]] = {
    "lost": lambda _: (),
    "red": lambda one: (msgspec.structs.replace(one, verdict=Verdict.FAILED),),
    "cancelled": lambda one: (msgspec.structs.replace(one, verdict=Verdict.CANCELLED),),
    "of another commit": lambda one: (msgspec.structs.replace(one, commit=OTHER),),
    "without tests": lambda one: (msgspec.structs.replace(one, verdict=Verdict.PASSED, tests=TestCounts()),),
    "without a reason": lambda one: (msgspec.structs.replace(one, verdict=Verdict.WAIVED, reason=""),),
    "without a run": lambda one: (msgspec.structs.replace(one, verdict=Verdict.CACHED, from_run=None),),
    "cached for other inputs": lambda one: (
        msgspec.structs.replace(one, verdict=Verdict.CACHED, from_run="6", fingerprint="others"),
    ),
    "twice": lambda one: (one, one),
    "of another job": lambda one: (msgspec.structs.replace(one, job="deploy"),),
    "notifying": lambda one: (msgspec.structs.replace(one, notified=(Notification(session="report"),)),),
}

GREEN: list[dict[str, Any]] = [
    {},
    {"tests": TestCounts(skipped=1)},
    {"verdict": Verdict.CACHED, "from_run": "6"},
    {"verdict": Verdict.WAIVED, "reason": "no network"},
]


@given(st.data())
def test_green_exactly_when_nothing_is_damaged(data: st.DataObject) -> None:
    """Any plan, any green records, any damages to any of them and to any workflow job; each damage is named."""
    count = data.draw(st.integers(1, 12))
    names = [f"{data.draw(st.sampled_from('abc'))}-{number}" for number in range(count)]
    required = {name: data.draw(st.sets(st.sampled_from(names[:place] or [""]))) for place, name in enumerate(names)}
    plan = plan_of(*(job(name, *required[name]) for name in data.draw(st.permutations(names))))
    damages = data.draw(st.dictionaries(st.sampled_from(names), st.sampled_from(sorted(DAMAGES)), max_size=3))
    stages = sorted({one.stage for one in plan.jobs})
    words = st.sampled_from(["failure", "cancelled", "?"])
    ended = data.draw(st.dictionaries(st.sampled_from(stages), words, max_size=2))

    records = [record(name, **data.draw(st.sampled_from(GREEN))) for name in names]
    arrived = [left for one in records for left in (DAMAGES[damages[one.job]](one) if one.job in damages else (one,))]
    judgement = judged(plan, data.draw(st.permutations(arrived)), **ended)

    assert (not damages and not ended) == judgement.green
    assert [one.id for one in plan.jobs] == [one.job for one in judgement.records]
    named = {one.job for one in judgement.records if not one.verdict.green}
    said = "\n".join(judgement.problems)
    assert all(name in named or repr(name) in said for name in damages)
    explained = {name.partition("-")[0] for name in named}
    assert all(stage in explained or repr(stage) in said for stage in ended)
