"""How long a run on GitHub should take, and how many minutes it should be billed: three ways to lay it out. Pure.

Sessions take what was recorded, each job its set-up besides. Free runners take the jobs that may start in the order
of the workflow. A job of a matrix is finished when its sessions are; what needs the matrix waits for all of its jobs.
"""

from __future__ import annotations

import heapq
import statistics
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from isonox.github import jobs
from isonox.github.packing import billed
from isonox.planning.graph import topological

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from isonox.github.jobs import Carrier
    from isonox.model.plan import Plan
    from isonox.model.record import Record

#: How many jobs GitHub runs at once on its free plan.
#: Source: https://docs.github.com/en/actions/reference/limits
RUNNERS = 20


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """What one way to lay out a run should take.

    Attributes:
        way: "as packed" (what the workflow does), "a job each" (for every session), or "one job" (for all).
        jobs: How many jobs GitHub starts, that of the plan and the gate included.
        wall_seconds: From the first job's start to the last one's end.
        billed_minutes: Each job by whole minutes.
        critical_path: The checks that no number of runners makes faster, first to last.
        path_seconds: What these take together.
    """

    way: str
    jobs: int
    wall_seconds: float
    billed_minutes: int
    critical_path: tuple[str, ...]
    path_seconds: float


class Ran(NamedTuple):
    """When a job of a run starts and ends, in seconds since the run did."""

    name: str
    carrier: str
    start: float
    end: float


def predict(carriers: Sequence[Carrier], *, way: str, set_up: float, runners: int, planned: bool) -> Prediction:
    """Return what a run should take.

    Args:
        carriers: How its sessions share jobs.
        way: What to call it.
        set_up: Seconds that each job takes before its first session.
        runners: How many jobs run at once.
        planned: Whether a job makes the plan before all others.
    """
    ran = play(carriers, set_up=set_up, runners=runners, planned=planned)
    path = _longest_way(carriers, ran)
    return Prediction(
        way=way,
        jobs=len(ran),
        wall_seconds=round(max(job.end for job in ran), 3),
        billed_minutes=sum(billed(job.end - job.start) for job in ran),
        critical_path=tuple(job.name for job in path),
        path_seconds=round(sum(job.end - job.start for job in path), 3),
    )


def one_job(plan: Plan, set_up: float) -> Prediction:
    """Return what it should take to run all sessions one after the other, in a single job; it needs no gate."""
    seconds = set_up + sum(job.estimate_seconds for job in plan.jobs)
    return Prediction(
        way="one job",
        jobs=1,
        wall_seconds=round(seconds, 3),
        billed_minutes=billed(seconds),
        critical_path=(),
        path_seconds=round(seconds, 3),
    )


def play(carriers: Sequence[Carrier], *, set_up: float, runners: int, planned: bool) -> tuple[Ran, ...]:
    """Return when each job starts and ends; for the arguments see `predict`."""
    first = {jobs.PLAN: [(jobs.PLAN, set_up)]} if planned else {}
    stages = {one.id: [(pack.name, set_up + pack.seconds) for pack in one.packs] for one in carriers}
    content = {**first, **stages, jobs.GATE: [(jobs.GATE, set_up)]}
    needs = {**dict.fromkeys(first, ()), **{one.id: (*first, *one.needs) for one in carriers}}
    needs[jobs.GATE] = tuple(needs)
    free = [0.0] * runners
    ends: dict[str, float] = {}
    ready = [(0.0, place, name) for place, name in enumerate(content) if not needs[name]]
    heapq.heapify(ready)
    waiting = {name: len(needed) for name, needed in needs.items()}
    order = {name: place for place, name in enumerate(content)}
    ran: list[Ran] = []
    while ready:
        since, _, carrier = heapq.heappop(ready)
        ends[carrier] = since
        for name, seconds in content[carrier]:
            start = max(since, heapq.heappop(free))
            ran.append(Ran(name, carrier, start, start + seconds))
            heapq.heappush(free, start + seconds)
            ends[carrier] = max(ends[carrier], start + seconds)
        for other, needed in needs.items():
            if carrier in needed:
                waiting[other] -= 1
                if not waiting[other]:
                    heapq.heappush(ready, (max(ends[one] for one in needed), order[other], other))
    return tuple(ran)


def set_up_of(carriers: Sequence[Carrier], records: Iterable[Record]) -> float | None:
    """Return the seconds between the end of what a job needs and its first session's start, as a run recorded them.

    The median over the workflow's jobs; None where none needs another one, or too little was recorded.
    """
    times = {record.job: found for record in records if (found := _times(record))}
    gaps = []
    for carrier in carriers:
        begins = [times[job.id][0] for job in carrier.jobs if job.id in times]
        before = [job for one in carriers if one.id in carrier.needs for job in one.jobs]
        if begins and before and all(job.id in times for job in before):
            gaps.append(min(begins) - max(times[job.id][1] for job in before))
    usual = [gap for gap in gaps if gap >= 0]
    return statistics.median(usual) if usual else None


def wall(records: Iterable[Record]) -> float:
    """Return the seconds from the first start to the last end of what ran."""
    times = [found for record in records if (found := _times(record))]
    return max((end for _, end in times), default=0.0) - min((begin for begin, _ in times), default=0.0)


def _times(record: Record) -> tuple[float, float] | None:
    """Return when a job started and ended; None for one that did not run in this run, or that isonox did not write."""
    if record.seconds <= 0 or record.from_run:
        return None
    try:
        begin = datetime.fromisoformat(record.started).timestamp()
    except ValueError:
        return None
    return begin, begin + record.seconds


def _longest_way(carriers: Sequence[Carrier], ran: Sequence[Ran]) -> list[Ran]:
    """Return the jobs on the longest way through, as if there were a runner for each."""
    needs: Mapping[str, Sequence[str]] = {one.id: one.needs for one in carriers}
    longest: dict[str, Ran] = {}
    for job in ran:
        known = longest.get(job.carrier)
        if known is None or job.end - job.start > known.end - known.start:
            longest[job.carrier] = job
    ways: dict[str, list[Ran]] = {}
    for name in topological(needs):
        before = max((ways[one] for one in needs[name]), key=_length, default=[])
        ways[name] = [*before, longest[name]] if name in longest else before
    stages = max(ways.values(), key=_length, default=[])
    ends = [longest[name] for name in (jobs.PLAN, jobs.GATE) if name in longest]
    return [*ends[:-1], *stages, *ends[-1:]]


def _length(way: Iterable[Ran]) -> float:
    return sum(job.end - job.start for job in way)
