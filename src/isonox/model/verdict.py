"""How a job can end."""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """Every planned job ends in exactly one of these."""

    PASSED = "passed"
    FAILED = "failed"
    CACHED = "cached"
    WAIVED = "waived"
    BLOCKED = "blocked"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed-out"
    MISSING = "missing"

    @property
    def green(self) -> bool:
        """Whether a run with this verdict may still be green."""
        return self in (Verdict.PASSED, Verdict.CACHED, Verdict.WAIVED)
