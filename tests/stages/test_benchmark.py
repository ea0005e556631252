"""The benchmark stage: ratios to a baseline that belongs to the machine's shape."""

from __future__ import annotations

import importlib
import json
import re
from typing import TYPE_CHECKING

import pytest

from isonox import stages
from isonox.errors import ConfigurationError
from isonox.model.verdict import Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeRepository

benchmark_stage = importlib.import_module("isonox.stages.benchmark")

BENCHMARKS = """
import time


def test_nap(benchmark) -> None:
    benchmark.pedantic(time.sleep, args=(0.002,), rounds=5)


def test_sum(benchmark) -> None:
    benchmark.pedantic(sum, args=(range(1000),), rounds=5)
"""


def _change(path: Path, name: str, factor: float) -> None:
    """Make a baseline's benchmark so many times as long."""
    content = json.loads(path.read_text())
    content["seconds"][f"tests/test_speed.py::{name}"] *= factor
    path.write_text(json.dumps(content))


def test_a_baseline_is_stored_and_compared_with(sharing: MakeRepository) -> None:
    """Waived without one, green within the noise, red with name and ratio beyond it, red for what is gone."""
    noxfile = "from isonox import stages\n\nstages.benchmark(noise=9)\n"
    repo = sharing({"noxfile.py": noxfile, "tests/test_speed.py": BENCHMARKS}, base="served")

    waived = repo.run_nox("-s", "benchmark")
    stored = repo.run_nox("-s", "benchmark", "--", "--store")
    (path,) = (repo.path / "benchmarks/baseline").glob("*.json")
    same = repo.run_nox("-s", "benchmark")

    assert waived.record.verdict is Verdict.WAIVED, waived.output
    assert waived.record.reason.endswith(f"({path.stem}); store one: nox -s benchmark -- --store")
    assert f"benchmark/{path.name}" in waived.record.artifacts
    assert stored.record.notes[0] == f"stored 2 benchmark(s) in benchmarks/baseline/{path.name}: commit it"
    assert same.record.verdict is Verdict.PASSED, same.output
    assert same.record.notes[0].startswith("2 benchmark(s): ")

    _change(path, "test_nap", 1 / 100)
    slow = repo.run_nox("-s", "benchmark")

    assert slow.record.verdict is Verdict.FAILED, slow.output
    assert re.match(r"tests/test_speed.py::test_nap takes [\d.]+ times as long as the baseline: ", slow.record.reason)
    assert "tests/test_speed.py" == slow.record.findings[0].path
    assert 3 == sum("pytest" in command.argv[0] for command in slow.record.commands)

    repo.write({"tests/test_speed.py": BENCHMARKS.replace("test_nap", "test_rest")})
    gone = repo.run_nox("-s", "benchmark")
    part = repo.run_nox("-s", "benchmark", "--", "-k", "test_sum")

    assert gone.record.reason == "not run, but in the baseline (store it anew): tests/test_speed.py::test_nap"
    assert "not in the baseline (store it anew): tests/test_speed.py::test_rest" in gone.record.notes
    assert part.record.verdict is Verdict.PASSED, part.output


def test_ratios_are_compared_with_the_noise() -> None:
    """Exactly at the band is noise; what is new has no ratio."""
    stored = {"a": 0.001, "b": 0.000_002, "c": 2.0}

    found = [*benchmark_stage.slower(stored, {"a": 0.0015, "b": 0.000_002, "c": 2.3, "new": 5.0}, 0.2)]

    assert ["a takes 1.50 times as long as the baseline: 1.5 ms instead of 1 ms"] == found


def test_a_baseline_that_is_none_is_said_so(tmp_path: Path) -> None:
    """A merge left its marks in it."""
    path = tmp_path / "linux.json"
    path.write_text("<<<<<<< ours\n")

    with pytest.raises(ConfigurationError, match="no baseline"):
        benchmark_stage._read(path)


def test_noise_that_makes_no_sense_is_refused_at_once() -> None:
    """Without noise everything is a regression."""
    with pytest.raises(ConfigurationError, match="noise=0 must be more than 0"):
        stages.benchmark(noise=0)
