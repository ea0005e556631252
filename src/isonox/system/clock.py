"""What time it is: one of the seams that tests replace."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(tz=UTC)


def timestamp(moment: datetime) -> str:
    """Return `moment` as ISO 8601 in UTC, to the second: `2026-11-21T10:00:00Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def monotonic() -> float:
    """Return seconds of a clock that never goes backwards."""
    return time.monotonic()


def posix() -> float:
    """Return the current time in seconds since 1970, UTC."""
    return time.time()
