"""What a run of isonox left behind, and how fast it could have been at best."""

from __future__ import annotations

import json
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job of a run.

    Attributes:
        seconds: How long it took, its environment included.
        requires: Ids of the jobs that had to be green first.
        cores: How many cores it keeps from others: its weight, all of them where it is exclusive.
        cacheable: Whether its verdict may be reused.
    """

    id: str
    verdict: str
    seconds: float
    requires: tuple[str, ...] = ()
    cores: int = 1
    cacheable: bool = False


def read(runs: Iterable[Path], cores: int) -> list[Job]:
    """Return the jobs of some `.isonox/runs/<id>` folders."""
    jobs = {}
    for run in runs:
        planned = {}
        if (run / "plan.json").is_file():
            planned = {job["id"]: job for job in json.loads((run / "plan.json").read_bytes())["jobs"]}
        for record in _records(run):
            plan = planned.get(record["job"], {})
            weight = plan.get("weight", 1)
            jobs[record["job"]] = Job(
                id=record["job"],
                verdict=record["verdict"],
                seconds=record["seconds"],
                requires=tuple(plan.get("requires", ())),
                cores=cores if plan.get("exclusive") or weight == "all" else min(weight, cores),
                cacheable=plan.get("fingerprint") is not None,
            )
    return list(jobs.values())


def _records(run: Path) -> list[dict[str, Any]]:
    """Return the records of a run: those of cached verdicts lie in one file, the others in one each."""
    cached = run / "cached.json"
    known = json.loads(cached.read_bytes())["records"] if cached.is_file() else []
    return [*known, *(json.loads(path.read_bytes()) for path in sorted((run / "records").glob("*.json")))]


def critical_path(jobs: Sequence[Job]) -> float:
    """Return the seconds of the longest chain of jobs that require each other."""
    by_id = {job.id: job for job in jobs}
    graph = {job.id: [name for name in job.requires if name in by_id] for job in jobs}
    ends: dict[str, float] = {}
    for name in TopologicalSorter(graph).static_order():
        ends[name] = by_id[name].seconds + max((ends[needed] for needed in graph[name]), default=0.0)
    return max(ends.values(), default=0.0)


def lower_bound(jobs: Sequence[Job], cores: int) -> float:
    """Return the seconds that no schedule can be faster than, with jobs that take as long as these took.

    It is max(critical path, work / cores): R. L. Graham, "Bounds on multiprocessing timing anomalies", 1969.
    """
    work = sum(job.seconds * job.cores for job in jobs)
    return max(critical_path(jobs), work / cores)
