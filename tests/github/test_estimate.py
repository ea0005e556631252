"""How long a run on GitHub should take: played through, and compared with bounds that no run beats."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.github.conftest import job, plan_of
from tests.github.test_jobs import many, webs

from isonox.github import estimate, jobs
from isonox.model.record import Record
from isonox.model.verdict import Verdict

if TYPE_CHECKING:
    from isonox.model.plan import Plan

CHAIN = plan_of(
    job("lint", estimate_seconds=10),
    job("build", estimate_seconds=20),
    job("api-1", "build", estimate_seconds=30),
    job("api-2", "build", estimate_seconds=5),
)


def predicted(plan: Plan, *, set_up: float = 5, runners: int = 20, planned: bool = False) -> estimate.Prediction:
    """Predict with a job for each session."""
    return estimate.predict(jobs.group(plan), way="a job each", set_up=set_up, runners=runners, planned=planned)


def test_a_run_is_its_longest_way_with_a_set_up_for_each_job() -> None:
    """Lint beside it costs nothing but its minute; plan and gate are jobs, too."""
    alone, planned = predicted(CHAIN), predicted(CHAIN, planned=True)

    assert (5 + 20) + (5 + 30) + 5 == alone.wall_seconds == alone.path_seconds
    assert ("build", "api-1", "gate") == alone.critical_path
    assert 5 + alone.wall_seconds == planned.wall_seconds
    assert ("plan", "build", "api-1", "gate") == planned.critical_path
    assert [(5, 5), (6, 6)] == [(one.jobs, one.billed_minutes) for one in (alone, planned)]


def test_sessions_that_share_a_job_wait_for_each_other() -> None:
    """A matrix has 256 jobs, and two sessions in each of those."""
    assert 2 * 30 == predicted(many(512), set_up=0, runners=300).wall_seconds


def test_one_runner_does_all_in_turn() -> None:
    """Its jobs are billed as before; the critical path is what it is."""
    alone = predicted(CHAIN, runners=1)

    assert (10 + 20 + 30 + 5) + 5 * 5 == alone.wall_seconds
    assert (5, ("build", "api-1", "gate")) == (alone.billed_minutes, alone.critical_path)


def test_few_runners_take_jobs_in_the_order_in_which_they_may_start() -> None:
    """Two runners: lint and build first; then the freed one takes what build was needed for."""
    ran = estimate.play(jobs.group(CHAIN), set_up=0, runners=2, planned=False)

    assert [("lint", 0, 10), ("build", 0, 20), ("api-1", 20, 50), ("api-2", 20, 25), ("gate", 50, 50)] == [
        (one.name, one.start, one.end) for one in ran
    ]


def test_everything_in_one_job_has_one_set_up_and_no_gate() -> None:
    """It is its own check."""
    one = estimate.one_job(CHAIN, 5)

    assert (1, 70, 2) == (one.jobs, one.wall_seconds, one.billed_minutes)


def test_what_is_left_out_takes_no_time_and_no_job() -> None:
    """What needs it starts at once."""
    found = jobs.group(CHAIN, None, {"build", "api-2"})

    ran = estimate.play(found, set_up=5, runners=20, planned=True)
    path = estimate.predict(found, way="", set_up=5, runners=20, planned=True).critical_path

    assert {"plan": 0, "lint": 5, "api-1": 5, "gate": 40} == {one.name: one.start for one in ran}
    assert ("plan", "api-1", "gate") == path


def test_nothing_to_run_is_a_plan_and_a_gate() -> None:
    """As for a change that affects nothing."""
    none = estimate.predict(jobs.group(plan_of()), way="", set_up=3, runners=1, planned=True)

    assert (2, 6, 2, ("plan", "gate")) == (none.jobs, none.wall_seconds, none.billed_minutes, none.critical_path)


@given(webs(), st.integers(1, 4), st.sampled_from([0.0, 3.0]))
def test_no_run_is_faster_than_its_critical_path_or_its_work(plan: Plan, runners: int, set_up: float) -> None:
    """More runners than jobs make it as fast as the path; fewer never make it faster."""
    one = predicted(plan, set_up=set_up, runners=runners)
    many_ = predicted(plan, set_up=set_up, runners=50)
    work = sum(job.estimate_seconds for job in plan.jobs) + set_up * one.jobs

    assert many_.wall_seconds == pytest.approx(many_.path_seconds)
    assert one.wall_seconds >= max(one.path_seconds, work / runners) - 1e-3


def record(name: str, started: str, seconds: float, **facts: object) -> Record:
    """What a job left on GitHub."""
    usual = {"isonox": "1", "run": "github-7", "stage": name, "verdict": Verdict.PASSED}
    return msgspec.convert(
        {**usual, "job": name, "started": f"2026-11-21T10:{started}Z", "seconds": seconds, **facts}, Record
    )


RECORDS = [
    record("lint", "00:05", 10),
    record("build", "00:03", 20),
    record("api-1", "00:31", 30),
    record("api-2", "00:35", 5),
]


def test_the_set_up_is_the_gap_between_jobs_that_need_each_other() -> None:
    """Build ends at 23 seconds, and the first of the next jobs starts at 31."""
    assert 8 == estimate.set_up_of(jobs.group(CHAIN), RECORDS)


@pytest.mark.parametrize(
    "records",
    [
        RECORDS[:1],
        RECORDS[1:2],
        RECORDS[2:],
        [],
        [msgspec.structs.replace(one, started="once") for one in RECORDS],
        [msgspec.structs.replace(one, from_run="6") for one in RECORDS],
        [RECORDS[1], msgspec.structs.replace(RECORDS[2], started="2026-11-21T10:00:01Z")],
    ],
)
def test_without_such_a_gap_the_set_up_is_not_known(records: list[Record]) -> None:
    """Records that got lost, that come from other runs, or whose times can't be."""
    assert estimate.set_up_of(jobs.group(CHAIN), records) is None


def test_the_wall_time_is_from_the_first_start_to_the_last_end() -> None:
    """What did not run in this run does not count."""
    assert 61 - 3 == estimate.wall(RECORDS)
    assert 61 - 3 == estimate.wall([*RECORDS, record("docs", "59:00", 1, from_run="6"), record("x", "59:00", 0)])
    assert 0 == estimate.wall([])
