"""How probably a test fails, from few runs and from many."""

from __future__ import annotations

from datetime import date

import pytest

from isonox.history.flakiness import interval, ranked
from isonox.history.store import Counted
from isonox.model.config import Quarantined


@pytest.mark.parametrize(
    ("failures", "runs", "low", "high"),
    [(1, 1, 0.2065, 1.0), (0, 10, 0.0, 0.2775), (1, 10, 0.0179, 0.4042), (30, 100, 0.2189, 0.3958)],
)
def test_the_interval_is_wilsons(failures: int, runs: int, low: float, high: float) -> None:
    """Figures of the Wilson score interval with z = 1.96, as R's prop.test(correct=FALSE) gives them."""
    assert pytest.approx((low, high), abs=1e-4) == interval(failures, runs)


def test_what_is_proved_comes_first_and_few_runs_prove_little() -> None:
    """A test that passed when it was run again, then the lower end of the interval; what never failed is left out."""
    tests = [
        Counted("t.py::once", 1, 1, 0, "2026-11-02", "2026-11-02"),
        Counted("t.py::often[a]", 100, 30, 0, "2026-11-02", "2026-11-01"),
        Counted("t.py::flaky", 1000, 1, 1, "2026-11-02", "2026-11-01"),
        Counted("t.py::steady", 50, 0, 0, "2026-11-02", ""),
    ]
    entry = Quarantined(test="t.py::often", owner="me", until=date(2026, 12, 31), reason="?")

    found = ranked(tests, [entry])

    assert ["t.py::flaky", "t.py::often[a]", "t.py::once"] == [one.test for one in found]
    assert ["", "me, until 2026-12-31", ""] == [one.quarantine for one in found]
    assert 0.3 == found[1].probability
