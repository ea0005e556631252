"""Rank tests by how probably they fail, from how often they did."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from isonox.history.store import Counted
    from isonox.model.config import Quarantined

FLAKINESS_VERSION = 1

#: The quantile of the normal distribution for an interval of 95 %.
_Z = 1.959964


class Ranked(msgspec.Struct, frozen=True, kw_only=True):
    """A test that has failed.

    Attributes:
        test: Its node id, from the workspace's root.
        runs: Jobs that it ran in; what was run again in one of them does not count.
        failures: How often it failed there.
        flaky: How often it failed there, and passed when it was run again.
        probability: That it fails: failures by runs.
        low: The lower end of the 95 % interval of that (Wilson's score interval).
        high: The upper end.
        last_failed: When: UTC, ISO 8601.
        last_seen: When a job last ran it.
        quarantine: Who makes it reliable, and until when; empty where it is not in quarantine.
    """

    test: str
    runs: int
    failures: int
    flaky: int
    probability: float
    low: float
    high: float
    last_failed: str
    last_seen: str
    quarantine: str = ""


class FlakinessDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What `isonox flaky --json` prints.

    Attributes:
        version: Version of this document's format.
        counted: How many tests are known, also those that never failed.
        tests: Those that failed: first what has been flaky, then by `low`, the highest first.
        expired: Tests in quarantine whose last day is over.
    """

    version: int = FLAKINESS_VERSION
    counted: int
    tests: tuple[Ranked, ...]
    expired: tuple[str, ...]


def ranked(tests: Iterable[Counted], quarantine: Iterable[Quarantined]) -> list[Ranked]:
    """Return the tests that have failed: those that were flaky first, then by the lower end of the interval.

    By that, and not by the share itself: one failure in one run says less than thirty in a hundred.
    """
    entries = list(quarantine)
    found = []
    for one in tests:
        if not one.failures:
            continue
        low, high = interval(one.failures, one.runs)
        entry = next((entry for entry in entries if entry.covers(one.test)), None)
        found.append(
            Ranked(
                test=one.test,
                runs=one.runs,
                failures=one.failures,
                flaky=one.flaky,
                probability=round(one.failures / one.runs, 4),
                low=round(low, 4),
                high=round(high, 4),
                last_failed=one.failed,
                last_seen=one.seen,
                quarantine=f"{entry.owner}, until {entry.until}" if entry else "",
            )
        )
    return sorted(found, key=lambda one: (not one.flaky, -one.low, one.test))


def interval(failures: int, runs: int) -> tuple[float, float]:
    """Return the 95 % interval of a probability: Wilson's, which holds for few runs, too.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the American
    Statistical Association 22 (1927), pages 209-212.
    """
    share, square = failures / runs, _Z * _Z
    middle = (share + square / (2 * runs)) / (1 + square / runs)
    half = _Z / (1 + square / runs) * math.sqrt(share * (1 - share) / runs + square / (4 * runs * runs))
    return max(0.0, middle - half), min(1.0, middle + half)
