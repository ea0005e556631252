"""What is a result of a pipeline's run, and what is none."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from benchmarks import pipelines, pipelines_report
from benchmarks.run_records import Job

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def job(name: str, verdict: str, *, cacheable: bool = True) -> Job:
    """Return a job that took a second."""
    return Job(id=name, verdict=verdict, seconds=1, cacheable=cacheable)


CACHED, RAN, ALWAYS = job("a", "cached"), job("b", "passed"), job("c", "passed", cacheable=False)


def test_a_full_run_takes_nothing_from_the_cache() -> None:
    """And it has the jobs of the first one."""
    accept = pipelines.same_as([RAN, ALWAYS])

    assert "" == accept([RAN, ALWAYS])
    assert "other jobs: c" == accept([RAN])
    assert "from the cache: b" == accept([job("b", "cached"), ALWAYS])


def test_with_nothing_changed_only_what_is_never_cached_runs() -> None:
    """A run in which nothing can be cached is no hit."""
    assert "" == pipelines.only_uncacheable_ran([CACHED, ALWAYS])
    assert "ran again: b" == pipelines.only_uncacheable_ran([CACHED, RAN, ALWAYS])
    assert "nothing was cached" == pipelines.only_uncacheable_ran([ALWAYS])
    assert "nothing was cached" == pipelines.only_uncacheable_ran([])


def test_a_change_runs_some_jobs() -> None:
    """Not none, and not all."""
    assert "" == pipelines.some_ran([CACHED, RAN])
    assert pipelines.some_ran([CACHED])
    assert pipelines.some_ran([RAN, ALWAYS])


def test_the_environment_is_that_of_somebody_at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither CI nor the run that this is part of is seen."""
    for name in ("CI", "GITHUB_ACTIONS", "ISONOX_RUN", "NOX_CURRENT_SESSION", "MAKEFLAGS", "COVERAGE_PROCESS_START"):
        monkeypatch.setenv(name, "1")

    env = pipelines.environment()

    assert {"NOX_SCRIPT_MODE"} == {
        name for name in env if name.startswith(("CI", "GITHUB", "ISONOX", "NOX", "MAKE", "COV"))
    }
    assert env["PATH"] == os.environ["PATH"]


def figures(**seconds: list[float]) -> dict[str, Any]:
    """Return what one place's run would write."""
    names = {"warm": pipelines_report.WARM, "changed": pipelines_report.CHANGED, "nothing": pipelines_report.NOTHING}
    ways = {
        names[way]: {"seconds": took, "cpu_seconds": took, "bounds": [10.0] * len(took), "jobs": 2, "ran": ["b"]}
        for way, took in seconds.items()
    }
    return {"facts": {"cores": "2"}, "ways": ways, "failed": {"nox -j2": "exit code 1"}}


def test_places_are_measured_one_by_one(tmp_path: Path) -> None:
    """A second run replaces its own place only."""
    output = tmp_path / "results" / "pipelines.json"

    pipelines_report.write(output, "storefront", figures(warm=[12, 11, 10.5], changed=[2]))
    pipelines_report.write(output, "here", figures(warm=[20], nothing=[5]))
    pipelines_report.write(output, "here", figures(warm=[10], nothing=[0.3]))

    assert ["storefront", "here"] == list(json.loads(output.read_text(encoding="utf-8"))["places"])
    report = output.with_suffix(".md").read_text(encoding="utf-8")
    assert (
        "| makespan, storefront, warm | <= 1.15 x lower bound | <= 1.05 x lower bound | 1.10 x lower bound |" in report
    )
    assert "| make ci, nothing changed, here | <= 1 s | <= 0.4 s | 0.30 s | aim |" in report
    assert "| make ci, one file changed, storefront | <= 0.25 x full |  | 0.18 x full | must |" in report
    assert "- nox -j2: exit code 1\n" in report
