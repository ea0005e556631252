"""Who gets the cores next."""

from __future__ import annotations

import heapq
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from isonox.model.plan import PlannedJob
from isonox.planning.schedule import Schedule


def job(name: str, seconds: float = 1.0, **facts: Any) -> PlannedJob:
    """A planned job."""
    return PlannedJob(id=name, session=name, stage=name, estimate_seconds=seconds, estimate_from="history", **facts)


def queued(slots: int, *jobs: PlannedJob) -> Schedule:
    """Return a schedule with these jobs in line."""
    schedule = Schedule(jobs, slots, {planned.id: planned.estimate_seconds for planned in jobs})
    for planned in jobs:
        schedule.queue(planned)
    return schedule


def start(schedule: Schedule, now: float) -> list[str]:
    """Return the ids of what starts now."""
    return [planned.id for planned in schedule.start(now)]


def test_the_longest_goes_first_and_equals_keep_their_order() -> None:
    """Jobs of one core each, on two."""
    schedule = queued(2, job("short", 1), job("long", 3), job("other-long", 3))

    assert start(schedule, 0) == ["long", "other-long"]
    schedule.release("other-long")
    assert start(schedule, 3) == ["short"]


def test_a_wide_job_is_more_urgent_than_a_narrow_one_of_its_length() -> None:
    """It starts while all cores are free, and not when they have to be waited for."""
    schedule = queued(4, job("narrow", 5), job("wide", 4, weight="all"))

    assert start(schedule, 0) == ["wide"]


def test_a_weight_beyond_the_machine_means_the_whole_machine() -> None:
    """The same noxfile works on a laptop with fewer cores."""
    schedule = queued(2, job("huge", 5, weight=64), job("small", 1))

    assert start(schedule, 0) == ["huge"]
    assert start(schedule, 1) == []
    schedule.release("huge")
    assert start(schedule, 5) == ["small"]


def test_an_exclusive_job_starts_when_nothing_runs_and_nothing_starts_beside_it() -> None:
    """However few cores it says that it uses."""
    schedule = queued(4, job("first", 20), job("second", 19), job("alone", 4, exclusive=True))

    assert start(schedule, 0) == ["first", "second"]
    schedule.release("second")
    assert start(schedule, 19) == []
    schedule.release("first")
    assert start(schedule, 20) == ["alone"]
    schedule.queue(job("late"))
    assert start(schedule, 21) == []


def test_others_pass_a_wide_job_if_they_end_before_it_could_start() -> None:
    """The free core is not left idle; a job that would delay the wide one waits behind it."""
    schedule = queued(2, job("runs", 10))
    assert start(schedule, 0) == ["runs"]
    for planned in (job("wide", 8, weight=2), job("too-long", 9), job("fits", 4), job("fits-too", 3)):
        schedule.queue(planned)

    assert start(schedule, 2) == ["fits"]
    schedule.release("fits")
    assert start(schedule, 6) == ["fits-too"]
    schedule.release("fits-too")
    assert start(schedule, 9) == []
    schedule.release("runs")
    assert start(schedule, 10) == ["wide"]


def test_others_pass_a_wide_job_on_cores_that_it_leaves_over() -> None:
    """However long they take; but not more of them than there are such cores."""
    schedule = queued(4, job("runs", 10, weight=3))
    assert start(schedule, 0) == ["runs"]
    schedule.queue(job("wide", 50, weight=3))
    schedule.queue(job("long", 99))
    schedule.queue(job("longer", 98))

    assert start(schedule, 0) == ["long"]
    schedule.release("runs")
    assert start(schedule, 10) == ["wide"]


def test_a_promise_does_not_move_back_because_a_job_is_late() -> None:
    """Short jobs that keep coming can't hold off a wide one for ever, whatever the estimates said."""
    schedule = queued(2, job("late", 10))
    assert start(schedule, 0) == ["late"]
    schedule.queue(job("wide", 9, weight=2))
    schedule.queue(job("short-1", 1))
    schedule.queue(job("short-2", 1))

    assert start(schedule, 5) == ["short-1"]
    schedule.release("short-1")
    assert start(schedule, 9.5) == []
    assert start(schedule, 50) == []
    schedule.release("late")
    assert start(schedule, 60) == ["wide"]


def test_something_more_urgent_goes_before_a_promise() -> None:
    """The longest way to the end comes first; the wide job gets a new promise."""
    schedule = queued(2, job("runs", 10))
    assert start(schedule, 0) == ["runs"]
    schedule.queue(job("wide", 4, weight=2))
    assert start(schedule, 0) == []
    schedule.queue(job("urgent", 30))
    schedule.queue(job("short", 5))

    assert start(schedule, 1) == ["urgent"]
    schedule.release("runs")
    assert start(schedule, 10) == ["short"]


def test_a_job_that_joins_later_is_as_urgent_as_it_is_long() -> None:
    """Nobody knew of it when the schedule was made; it may end before it is known to have started."""
    schedule = Schedule((), 1, {})
    schedule.queue(job("short", 1))
    schedule.queue(job("long", 2))
    schedule.release("unknown")

    assert start(schedule, 0) == ["long"]


def test_nobody_is_in_line_after_clearing() -> None:
    """A run that stops sends everybody away."""
    schedule = queued(1, job("a"))

    schedule.clear()

    assert start(schedule, 0) == []


def _earliest(slots: int, needed: int, running: dict[str, tuple[float, int]], now: float) -> tuple[float, int]:
    """Return when so many cores are free, if all ends in time, and how many more; no more ends are counted on."""
    ends = sorted(running.values())
    free = slots - sum(cores for _, cores in ends)
    counted = next(count for count in range(len(ends) + 1) if free + sum(taken for _, taken in ends[:count]) >= needed)
    begin = ends[counted - 1][0] if counted else now
    return begin, free + sum(taken for _, taken in ends[:counted]) - needed


@given(
    st.integers(1, 5),
    st.lists(st.tuples(st.integers(1, 9), st.sampled_from([1, 1, 1, 2, 3, "all"]), st.integers(0, 20)), max_size=14),
)
@example(3, [(1, 2, 0), (2, 1, 6), (7, 1, 0), (7, 1, 0)])
def test_no_core_is_idle_unless_it_is_kept_for_a_wide_job(slots: int, drawn: list[tuple[int, Any, int]]) -> None:
    """Where estimates are right: what waits beside a free core would delay a wider job that is more urgent."""
    jobs = {f"j{i}": job(f"j{i}", float(seconds), weight=weight) for i, (seconds, weight, _) in enumerate(drawn)}
    schedule = Schedule(jobs.values(), slots, {name: planned.estimate_seconds for name, planned in jobs.items()})
    events = [(float(arrival), 1, f"j{i}") for i, (_, _, arrival) in enumerate(drawn)]
    heapq.heapify(events)
    line: list[str] = []
    running: dict[str, tuple[float, int]] = {}
    while events:
        now = events[0][0]
        while events and events[0][0] == now:
            _, arrives, name = heapq.heappop(events)
            if arrives:
                schedule.queue(jobs[name])
                line.append(name)
            else:
                schedule.release(name)
                del running[name]
        for name in start(schedule, now):
            line.remove(name)
            running[name] = now + jobs[name].estimate_seconds, jobs[name].cores(slots)
            heapq.heappush(events, (running[name][0], 0, name))

        free = slots - sum(cores for _, cores in running.values())
        assert free >= 0
        waiting = [jobs[name] for name in line if jobs[name].cores(slots) <= free]
        if waiting:
            first = min(line, key=lambda name: -jobs[name].estimate_seconds * jobs[name].cores(slots))
            begin, spare = _earliest(slots, jobs[first].cores(slots), running, now)
            assert jobs[first].cores(slots) > free
            assert all(now + one.estimate_seconds > begin and one.cores(slots) > spare for one in waiting)

    assert not line
    assert not running
