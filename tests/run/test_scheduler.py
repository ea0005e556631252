"""Which job starts next."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isonox.model.plan import PlannedJob
from isonox.model.verdict import Verdict
from isonox.run.scheduler import Scheduler


def job(name: str, *requires: str, seconds: float = 1.0, **facts: Any) -> PlannedJob:
    """A planned job."""
    return PlannedJob(
        id=name, session=name, stage=name, requires=requires, estimate_seconds=seconds, estimate_from="prior", **facts
    )


def ids(jobs: list[PlannedJob]) -> list[str]:
    """Their ids, in order."""
    return [planned.id for planned in jobs]


def test_the_longest_way_goes_first() -> None:
    """A short job at the head of a long chain starts before a long job without followers."""
    scheduler = Scheduler([job("long", seconds=5), job("head"), job("tail", "head", seconds=9)], slots=1)

    assert ids(scheduler.next_jobs(0)) == ["head"]
    scheduler.end("head", Verdict.PASSED)
    assert ids(scheduler.next_jobs(0)) == ["tail"]


def test_no_more_jobs_than_slots() -> None:
    """Free slots are filled, no more."""
    scheduler = Scheduler([job("a"), job("b"), job("c")], slots=2)

    assert len(scheduler.next_jobs(0)) == 2
    assert scheduler.next_jobs(0) == []
    scheduler.end("a", Verdict.PASSED)
    assert ids(scheduler.next_jobs(0)) == ["c"]


def test_a_red_job_blocks_all_that_need_it() -> None:
    """Directly or not; the reason names the nearest red one; the others go on."""
    scheduler = Scheduler([job("a"), job("b", "a"), job("c", "b"), job("d")], slots=4)
    scheduler.next_jobs(0)

    stopped = scheduler.end("a", Verdict.FAILED)

    assert [(one.job.id, one.verdict, one.reason) for one in stopped] == [
        ("b", Verdict.BLOCKED, "a failed"),
        ("c", Verdict.BLOCKED, "b blocked"),
    ]
    scheduler.end("d", Verdict.PASSED)
    assert scheduler.finished


@pytest.mark.parametrize("verdict", [Verdict.WAIVED, Verdict.CACHED])
def test_waived_and_cached_jobs_block_nobody(verdict: Verdict) -> None:
    """They are green."""
    scheduler = Scheduler([job("a"), job("b", "a")], slots=1)
    scheduler.next_jobs(0)
    scheduler.end("a", verdict)

    assert ids(scheduler.next_jobs(0)) == ["b"]


def test_fail_fast_cancels_what_has_not_started() -> None:
    """And says which job was the first to fail."""
    scheduler = Scheduler([job("a"), job("b"), job("c")], slots=1, fail_fast=True)
    first = scheduler.next_jobs(0)[0].id

    stopped = scheduler.end(first, Verdict.FAILED)

    assert {Verdict.CANCELLED} == {one.verdict for one in stopped}
    assert f"--fail-fast: {first} failed" == stopped[0].reason
    assert scheduler.finished


def test_notified_jobs_run_last_and_once() -> None:
    """They wait for everything else, as in nox's queue, and then for each other."""
    scheduler = Scheduler([job("a"), job("b")], slots=2)
    scheduler.next_jobs(0)
    scheduler.add_last(job("report"))
    scheduler.add_last(job("upload"))

    assert scheduler.knows("report")
    assert not scheduler.knows("other")
    scheduler.end("a", Verdict.PASSED)
    assert ([], []) == (scheduler.release_notified(), scheduler.next_jobs(0))
    scheduler.end("b", Verdict.FAILED)
    assert ([], ["report"]) == (scheduler.release_notified(), ids(scheduler.next_jobs(0)))
    scheduler.end("report", Verdict.PASSED)
    assert ([], ["upload"]) == (scheduler.release_notified(), ids(scheduler.next_jobs(0)))


def test_a_notified_job_does_not_bring_along_what_it_requires() -> None:
    """As in nox: that has to have run, and be green; else it is blocked, and nobody waits for it for ever."""
    scheduler = Scheduler([job("red"), job("notifier")], slots=2)
    scheduler.next_jobs(0)
    for notified in (job("after-red", "red"), job("after-absent", "absent"), job("after-green", "notifier")):
        scheduler.add_last(notified)
    scheduler.end("red", Verdict.FAILED)
    scheduler.end("notifier", Verdict.PASSED)

    stopped = scheduler.release_notified()

    assert [("after-red", "red failed"), ("after-absent", "absent, which it requires, did not run")] == [
        (one.job.id, one.reason) for one in stopped
    ]
    assert {Verdict.BLOCKED} == {one.verdict for one in stopped}
    assert ["after-green"] == ids(scheduler.next_jobs(0))
    scheduler.end("after-green", Verdict.PASSED)
    assert scheduler.finished


def test_instant_jobs_need_no_core() -> None:
    """They wait for what they require, and for nothing else; nor does anybody wait for them to end."""
    jobs = [
        job("alone", exclusive=True, seconds=9),
        job("hit"),
        job("second-hit", "hit", exclusive=True),
        job("late-hit", "alone"),
        job("wide", "second-hit", weight="all"),
    ]
    scheduler = Scheduler(jobs, slots=2, instant={"hit", "second-hit", "late-hit"})

    assert ids(scheduler.next_jobs(0)) == ["hit", "alone"]
    scheduler.end("hit", Verdict.CACHED)
    assert ids(scheduler.next_jobs(0)) == ["second-hit"]
    scheduler.end("second-hit", Verdict.CACHED)
    assert ids(scheduler.next_jobs(0)) == []
    scheduler.end("alone", Verdict.PASSED)
    assert ids(scheduler.next_jobs(0)) == ["late-hit", "wide"]


def test_instant_jobs_take_no_time_on_the_longest_way() -> None:
    """What was cached does not make the way behind it any longer."""
    jobs = [job("head", seconds=1), job("hit", "head", seconds=99), job("long", seconds=5)]

    assert ids(Scheduler(jobs, slots=1, instant={"hit"}).next_jobs(0)) == ["long"]


def test_a_run_that_stops_starts_nothing() -> None:
    """Neither what stands in line nor what needs no core."""
    scheduler = Scheduler([job("a"), job("b"), job("hit")], slots=1, instant={"hit"})

    scheduler.stop("interrupted")

    assert scheduler.next_jobs(0) == []
    assert scheduler.finished


@st.composite
def plans(draw: st.DrawFn) -> list[PlannedJob]:
    """Random graphs of jobs of all kinds."""
    names = [f"j{i}" for i in range(draw(st.integers(1, 12)))]
    return [
        job(
            name,
            *(sorted(draw(st.sets(st.sampled_from(names[:i]), max_size=3))) if i else ()),
            seconds=draw(st.integers(1, 9)),
            weight=draw(st.sampled_from([1, 1, 1, 2, 3, "all"])),
            exclusive=draw(st.sampled_from([False, False, False, True])),
        )
        for i, name in enumerate(names)
    ]


@given(st.data(), plans(), st.integers(1, 4))
def test_every_job_ends_in_exactly_one_verdict(data: st.DataObject, jobs: list[PlannedJob], slots: int) -> None:
    """Whatever the graph, the cores, the times and the outcomes: all end, none after a red one, never too many."""
    by_id = {planned.id: planned for planned in jobs}
    instant = data.draw(st.sets(st.sampled_from(sorted(by_id))))
    scheduler = Scheduler(jobs, slots, fail_fast=data.draw(st.booleans()), instant=instant)
    verdicts: dict[str, Verdict] = {}
    running: list[str] = []
    now = 0.0
    while not scheduler.finished:
        started = ids(scheduler.next_jobs(now))
        assert all(verdicts[needed].green for name in started for needed in by_id[name].requires)
        assert scheduler.next_jobs(now) == []
        running += started
        assert running
        working = [by_id[name] for name in running if name not in instant]
        assert sum(planned.cores(slots) for planned in working) <= slots
        assert len(working) == 1 or not any(planned.exclusive for planned in working)
        now += data.draw(st.integers(0, 9))
        ended = running.pop(data.draw(st.integers(0, len(running) - 1)))
        verdicts[ended] = data.draw(st.sampled_from([Verdict.PASSED, Verdict.PASSED, Verdict.FAILED]))
        for one in scheduler.end(ended, verdicts[ended]):
            assert one.job.id not in verdicts
            assert one.job.id not in running
            verdicts[one.job.id] = one.verdict

    assert set(by_id) == set(verdicts)
    assert not running


def test_thousands_of_jobs_are_scheduled_without_looking_at_all_of_them_again() -> None:
    """A red job that a chain of two thousand hangs on blocks each of them once."""
    chain = [job("j0"), *(job(f"j{i}", f"j{i - 1}") for i in range(1, 2000))]
    scheduler = Scheduler(chain, slots=2)
    scheduler.next_jobs(0)

    stopped = scheduler.end("j0", Verdict.FAILED)

    assert [f"j{i}" for i in range(1, 2000)] == [one.job.id for one in stopped]
    assert stopped[-1].reason == "j1998 blocked"
