"""Which job starts next."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isonox.model.plan import PlannedJob
from isonox.model.verdict import Verdict
from isonox.run.scheduler import Scheduler


def job(name: str, *requires: str, seconds: float = 1.0) -> PlannedJob:
    """A planned job."""
    return PlannedJob(
        id=name, session=name, stage=name, requires=requires, estimate_seconds=seconds, estimate_from="prior"
    )


def ids(jobs: list[PlannedJob]) -> list[str]:
    """Their ids, in order."""
    return [planned.id for planned in jobs]


def test_the_longest_way_goes_first() -> None:
    """A short job at the head of a long chain starts before a long job without followers."""
    scheduler = Scheduler([job("long", seconds=5), job("head"), job("tail", "head", seconds=9)], slots=1)

    assert ids(scheduler.next_jobs()) == ["head"]
    scheduler.end("head", Verdict.PASSED)
    assert ids(scheduler.next_jobs()) == ["tail"]


def test_no_more_jobs_than_slots() -> None:
    """Free slots are filled, no more."""
    scheduler = Scheduler([job("a"), job("b"), job("c")], slots=2)

    assert len(scheduler.next_jobs()) == 2
    assert scheduler.next_jobs() == []
    scheduler.end("a", Verdict.PASSED)
    assert ids(scheduler.next_jobs()) == ["c"]


def test_a_red_job_blocks_all_that_need_it() -> None:
    """Directly or not; the reason names the nearest red one; the others go on."""
    scheduler = Scheduler([job("a"), job("b", "a"), job("c", "b"), job("d")], slots=4)
    scheduler.next_jobs()

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
    scheduler.next_jobs()
    scheduler.end("a", verdict)

    assert ids(scheduler.next_jobs()) == ["b"]


def test_fail_fast_cancels_what_has_not_started() -> None:
    """And says which job was the first to fail."""
    scheduler = Scheduler([job("a"), job("b"), job("c")], slots=1, fail_fast=True)
    first = scheduler.next_jobs()[0].id

    stopped = scheduler.end(first, Verdict.FAILED)

    assert {Verdict.CANCELLED} == {one.verdict for one in stopped}
    assert f"--fail-fast: {first} failed" == stopped[0].reason
    assert scheduler.finished


def test_notified_jobs_run_last_and_once() -> None:
    """They wait for everything else, as in nox's queue, and then for each other."""
    scheduler = Scheduler([job("a"), job("b")], slots=2)
    scheduler.next_jobs()
    scheduler.add_last(job("report"))
    scheduler.add_last(job("upload"))

    assert scheduler.knows("report")
    assert not scheduler.knows("other")
    scheduler.end("a", Verdict.PASSED)
    assert ([], []) == (scheduler.release_notified(), scheduler.next_jobs())
    scheduler.end("b", Verdict.FAILED)
    assert ([], ["report"]) == (scheduler.release_notified(), ids(scheduler.next_jobs()))
    scheduler.end("report", Verdict.PASSED)
    assert ([], ["upload"]) == (scheduler.release_notified(), ids(scheduler.next_jobs()))


def test_a_notified_job_does_not_bring_along_what_it_requires() -> None:
    """As in nox: that has to have run, and be green; else it is blocked, and nobody waits for it for ever."""
    scheduler = Scheduler([job("red"), job("notifier")], slots=2)
    scheduler.next_jobs()
    for notified in (job("after-red", "red"), job("after-absent", "absent"), job("after-green", "notifier")):
        scheduler.add_last(notified)
    scheduler.end("red", Verdict.FAILED)
    scheduler.end("notifier", Verdict.PASSED)

    stopped = scheduler.release_notified()

    assert [("after-red", "red failed"), ("after-absent", "absent, which it requires, did not run")] == [
        (one.job.id, one.reason) for one in stopped
    ]
    assert {Verdict.BLOCKED} == {one.verdict for one in stopped}
    assert ["after-green"] == ids(scheduler.next_jobs())
    scheduler.end("after-green", Verdict.PASSED)
    assert scheduler.finished


@given(st.data())
def test_every_job_ends_in_exactly_one_verdict(data: st.DataObject) -> None:
    """Whatever the graph, the slots and the outcomes: all jobs end, and none runs after a red requirement."""
    names = [f"j{i}" for i in range(data.draw(st.integers(1, 10)))]
    jobs = [
        job(
            name,
            *(sorted(data.draw(st.sets(st.sampled_from(names[:i])))) if i else ()),
            seconds=data.draw(st.integers(1, 9)),
        )
        for i, name in enumerate(names)
    ]
    slots = data.draw(st.integers(1, 4))
    scheduler = Scheduler(jobs, slots, fail_fast=data.draw(st.booleans()))
    by_id = {planned.id: planned for planned in jobs}
    verdicts: dict[str, Verdict] = {}
    running: list[str] = []
    while not scheduler.finished:
        started = ids(scheduler.next_jobs())
        assert all(verdicts[needed].green for name in started for needed in by_id[name].requires)
        running += started
        assert 0 < len(running) <= slots
        ended = running.pop(data.draw(st.integers(0, len(running) - 1)))
        verdicts[ended] = data.draw(st.sampled_from([Verdict.PASSED, Verdict.FAILED]))
        for one in scheduler.end(ended, verdicts[ended]):
            assert one.job.id not in verdicts
            assert one.job.id not in running
            verdicts[one.job.id] = one.verdict

    assert set(by_id) == set(verdicts)
