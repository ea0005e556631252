"""Medians, ratios, targets and tables."""

from __future__ import annotations

import json

import pytest

from benchmarks.measure import Sample
from benchmarks.monorepo import document
from benchmarks.peers.definition import Case
from benchmarks.results import Results, Setting
from benchmarks.targets import Outcome, outcomes, outcomes_table


def samples(*seconds: float, cpu: float = 0.0, parent_mb: float | None = None) -> list[Sample]:
    """Return one sample for each duration."""
    return [Sample(seconds=one, cpu_seconds=cpu, parent_mb=parent_mb, exit_code=0, output="secret") for one in seconds]


NOTHING, LEAF, EVERYTHING = Setting(Case.NOTHING, 1000), Setting(Case.LEAF, 1000), Setting(Case.EVERYTHING, 1000)


@pytest.fixture
def results() -> Results:
    """Return what a run could have measured."""
    return Results(
        facts={"cores": "2"},
        versions={"turbo": "2.0.0"},
        absent={"pants": "not there"},
        samples={
            NOTHING: {
                "floor": samples(0.1, 0.05, 0.3),
                "isonox": samples(0.2, 0.3, 9),
                "turbo": samples(1),
            },
            LEAF: {"isonox": samples(0.3), "turbo": samples(3), "turbo --affected": samples(1)},
            EVERYTHING: {
                "isonox": samples(44, cpu=60, parent_mb=200) + samples(46, cpu=60, parent_mb=250),
                "bare": samples(30, cpu=40),
            },
        },
        failures={(NOTHING, "moon"): "exit code 1"},
    )


def outcome(results: Results, setting: Setting, unit: str) -> Outcome:
    """Return one target's outcome."""
    cases = {NOTHING: "nothing changed", LEAF: "one leaf changed", EVERYTHING: "everything runs"}
    (found,) = (one for one in outcomes(results) if one.case == f"{cases[setting]}, 1000 packages" and one.unit == unit)
    return found


def test_the_median_counts(results: Results) -> None:
    """One slow run does not."""
    assert pytest.approx(0.3) == results.seconds(NOTHING, "isonox")
    assert pytest.approx(3) == results.ratio(NOTHING, "isonox", "floor")
    assert results.ratio(NOTHING, "isonox", "doit") is None


def test_the_faster_of_two_ways_counts(results: Results) -> None:
    """Turbo is measured both ways."""
    assert pytest.approx(0.3) == outcome(results, LEAF, "x turbo").measured


def test_cpu_is_divided_by_the_jobs(results: Results) -> None:
    """Two tasks for each package; other cases have no such number."""
    assert pytest.approx(0.03) == results.cpu_per_job(EVERYTHING, "isonox")
    assert results.cpu_per_job(NOTHING, "isonox") is None


def test_the_highest_peak_counts(results: Results) -> None:
    """Memory is no median."""
    assert pytest.approx(250) == outcome(results, EVERYTHING, "MB in the parent").measured
    assert results.parent_mb(NOTHING, "isonox") is None


@pytest.mark.parametrize(
    ("must", "aim", "measured", "met"),
    [
        (1.5, 1.2, 1.6, "NO"),
        (1.5, 1.2, 1.5, "must, not aim"),
        (1.5, 1.2, 1.2, "aim"),
        (1.5, None, 1.4, "must"),
        (None, 1.2, 1.3, "not aim"),
        (None, 1.2, 1.1, "aim"),
        (1.5, 1.2, None, "not measured"),
    ],
)
def test_what_is_met(must: float | None, aim: float | None, measured: float | None, met: str) -> None:
    """A bound itself is met."""
    assert met == Outcome(case="", unit="", must=must, aim=aim, measured=measured).met


def test_every_target_has_a_row(results: Results) -> None:
    """Also those that were not measured."""
    found = outcomes(results)

    table = outcomes_table(found)
    assert len(found) + 2 == len(table.splitlines())
    assert "| nothing changed, 1000 packages | <= 4 x floor | <= 3 x floor | 3.00 x floor | aim |" in table
    assert "| 20 tasks of 1 s | <= 1.05 x bare | <= 1.02 x bare | - | not measured |" in table


def test_the_report_tells_all(results: Results) -> None:
    """Who was left out or failed stands there, with the number of them."""
    report = document(results)

    assert "| isonox | 300 ms | 200 ms to 9.00 s | 3.00 | - |" in report
    assert "| isonox | 45.0 s | 44.0 s to 46.0 s | - | 1.50 | 60.0 s | 30.0 ms | 250 MB |" in report
    assert "Left out: 1\n\n- pants: not there\n" in report
    assert "Failed: 1\n\n- nothing changed, 1000 packages: moon: exit code 1\n" in report


def test_the_figures_are_complete(results: Results) -> None:
    """Every sample is there, and nothing that a tool printed."""
    text = results.to_json()

    measured = json.loads(text)["measured"]
    assert [0.2, 0.3, 9] == [sample["seconds"] for sample in measured[1]["samples"]]
    assert "secret" not in text
