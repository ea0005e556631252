"""The lower bound of a schedule."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.run_records import Job, critical_path, lower_bound, read

if TYPE_CHECKING:
    from pathlib import Path


def job(name: str, seconds: float, *requires: str, cores: int = 1) -> Job:
    """Return a job that passed."""
    return Job(id=name, verdict="passed", seconds=seconds, requires=requires, cores=cores)


def test_the_critical_path_is_the_longest_chain() -> None:
    """It is counted in seconds, not in jobs."""
    jobs = [job("a", 1), job("b", 5), job("c", 2, "a", "b"), job("d", 6.5)]

    assert pytest.approx(7) == critical_path(jobs)


def test_a_requirement_outside_of_the_run_costs_nothing() -> None:
    """It was not selected."""
    assert pytest.approx(3) == critical_path([job("a", 3, "elsewhere")])


def test_with_few_cores_the_work_is_the_bound() -> None:
    """With many it is the critical path."""
    jobs = [job(name, 4) for name in "abcd"]

    assert pytest.approx(8) == lower_bound(jobs, 2)
    assert pytest.approx(4) == lower_bound(jobs, 16)


def test_a_job_that_keeps_two_cores_counts_twice() -> None:
    """Nothing else may run on them."""
    assert pytest.approx(7) == lower_bound([job("a", 5, cores=2), job("b", 4)], 2)


def test_nothing_takes_no_time() -> None:
    """An empty run has a bound too."""
    assert 0 == lower_bound([], 2)


def write_run(folder: Path, jobs: list[dict[str, Any]], records: list[dict[str, Any]]) -> Path:
    """Write what isonox would leave."""
    (folder / "records").mkdir(parents=True)
    (folder / "plan.json").write_text(json.dumps({"jobs": jobs}), encoding="utf-8")
    for number, record in enumerate(records):
        (folder / "records" / f"{number}.json").write_text(json.dumps(record), encoding="utf-8")
    return folder


def test_records_and_plan_make_jobs(tmp_path: Path) -> None:
    """The plan says what a job keeps and needs, the record what it took; a notified job has a record alone."""
    run = write_run(
        tmp_path / "one",
        [
            {"id": "a", "requires": [], "weight": "all", "exclusive": False, "fingerprint": "f"},
            {"id": "b", "requires": ["a"], "weight": 1, "exclusive": True, "fingerprint": None},
            {"id": "c", "requires": [], "weight": 9, "exclusive": False, "fingerprint": None},
        ],
        [{"job": name, "verdict": "passed", "seconds": 1.5} for name in "abcd"],
    )

    assert [
        Job(id="a", verdict="passed", seconds=1.5, cores=4, cacheable=True),
        Job(id="b", verdict="passed", seconds=1.5, requires=("a",), cores=4),
        Job(id="c", verdict="passed", seconds=1.5, cores=4),
        Job(id="d", verdict="passed", seconds=1.5),
    ] == read([run], 4)


def test_several_folders_are_one_run(tmp_path: Path) -> None:
    """Nox's own parallel mode leaves one for each session."""
    runs = [write_run(tmp_path / name, [], [{"job": name, "verdict": "passed", "seconds": 1}]) for name in "ab"]

    assert ["a", "b"] == [one.id for one in read(runs, 2)]


def test_cached_verdicts_lie_in_one_file(tmp_path: Path) -> None:
    """They count as jobs too; one that ran all the same counts once."""
    run = write_run(tmp_path / "one", [], [{"job": "a", "verdict": "passed", "seconds": 2}])
    cached = [{"job": name, "verdict": "cached", "seconds": 0} for name in "ab"]
    (run / "cached.json").write_text(json.dumps({"version": 1, "records": cached}), encoding="utf-8")

    assert {"a": "passed", "b": "cached"} == {one.id: one.verdict for one in read([run], 2)}
