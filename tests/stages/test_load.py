"""The load stage: real users of a real application, and limits that hold."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import pytest

from isonox import stages
from isonox.errors import ConfigurationError
from isonox.model.verdict import Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeRepository

#: The name in the package is the stage.
load_stage = importlib.import_module("isonox.stages.load")

LOCUSTFILE = """
from locust import HttpUser, task


class Customer(HttpUser):
    @task
    def page(self) -> None:
        self.client.get("{path}")
"""


def test_the_figures_are_in_the_record_and_limits_hold(sharing: MakeRepository) -> None:
    """One run that keeps within them, one with failures and too slow, and one without requests."""
    noxfile = """
from isonox import stages

served = {"app": ["python", "app.py", "{port}"], "users": 2, "seconds": 1}
stages.load(**served, percentiles_ms={95: 60_000})
stages.load(**served, name="bad", locustfile="bad.py", secrets=["TOKEN"], percentiles_ms={50: 0.001}, group="load")
stages.load(**served, name="idle", locustfile="idle.py", group="load")
stages.load(**served, name="absent", locustfile="nobody.py", group="load")
"""
    files = {
        "noxfile.py": noxfile,
        "locustfile.py": LOCUSTFILE.format(path="/"),
        "bad.py": LOCUSTFILE.format(path="/nothing?token=hunter2"),
        "idle.py": LOCUSTFILE.format(path="/").replace("self.client.get", "str"),
    }
    run = sharing(files, base="served").run_nox(env={"TOKEN": "hunter2"})

    good, bad = run.records["load"], run.records["bad"]
    assert good.verdict is Verdict.PASSED, run.output
    assert good.notes[0].startswith("users 2 spawn-rate 2 run-time 1s: ")
    assert ", 0.0 % failed, p50 " in good.notes[0]
    assert {"application.log", "load.html", "load.json", "load_stats.csv"} <= {
        name.removeprefix("load/") for name in good.artifacts
    }
    assert bad.verdict is Verdict.FAILED
    assert "requests failed (100 %, at most 0 %); 50 % of the requests took up to " in bad.reason, bad.reason
    assert bad.findings[0].path == "bad.py"
    assert bad.findings[0].message.startswith("GET /nothing?token=*** failed ")
    assert not any("hunter2" in path.read_text() for path in (run.folder / "artifacts/bad").iterdir())
    assert run.records["idle"].reason == "no request was made: what do the users of the locustfile do?"
    assert "there is no 'nobody.py' in" in run.records["absent"].reason


def test_percentiles_are_those_of_all_requests_together(tmp_path: Path) -> None:
    """Two pages: of 100 requests 90 took 10 ms, 9 took 20 ms and one 900 ms."""
    entry = '{{"num_requests": {}, "num_failures": {}, "start_time": {}, "last_request_timestamp": {}, {}}}'
    one = entry.format(90, 2, 100, 103, '"response_times": {"10": 90}')
    two = entry.format(10, 0, 101, 105, '"response_times": {"20": 9, "900": 1}')
    path = tmp_path / "load.json"
    path.write_text(f"[{one}, {two}]")

    figures = load_stage.read(path)

    assert "100 requests (20.0/s), 2.0 % failed, p50 10 ms, p95 20 ms, p99 20 ms" == str(figures)
    assert 900 == figures.percentile(100)
    assert [
        "2 of 100 requests failed (2 %, at most 1 %)",
        "95 % of the requests took up to 20 ms, more than 19 ms",
    ] == [*load_stage.exceeded(figures, load_stage.Limits(0.01, {95: 19, 90: 10}))]


def test_a_report_that_is_none_is_said_so(tmp_path: Path) -> None:
    """Locust was killed while it wrote."""
    (tmp_path / "load.json").write_text('[{"num_requests": 1')

    with pytest.raises(ConfigurationError, match="no report of locust"):
        load_stage.read(tmp_path / "load.json")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "either `app`, which is started, or `host`"),
        ({"host": "http://127.0.0.1:1", "app": ["x", "{port}"]}, "either `app`"),
        ({"host": "https://shop.example.org"}, 'allow_hosts=["shop.example.org"]'),
        ({"host": "shop.example.org"}, "is no URL"),
        ({"host": "http://localhost:1", "users": 0}, "users=0 must be more than 0"),
        ({"host": "http://localhost:1", "failure_ratio": 5}, "failure_ratio=5 is a share"),
        ({"host": "http://localhost:1", "percentiles_ms": {120: 5}}, "percentiles_ms: 120: 5"),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(options: dict[str, Any], message: str) -> None:
    """Above all, to load a host of somebody else."""
    with pytest.raises(ConfigurationError) as error:
        stages.load(**options)

    assert message in str(error.value)
