"""Which verdict a job gets, from what its process left: its record is read, and still its exit code is believed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from isonox.model.record import doubt
from isonox.model.verdict import Verdict
from isonox.system import logs, processes

if TYPE_CHECKING:
    from pathlib import Path

    from isonox.model.plan import PlannedJob
    from isonox.model.record import Record

#: Bytes of a log's end that are looked through for the cause.
_TAIL = 8192


def settle(job: PlannedJob, record: Record | None, exit_code: int, blank: Record, log: Path) -> Record:
    """Return the job's final record.

    Args:
        job: What was planned.
        record: What the session left, if anything.
        exit_code: How its nox process ended.
        blank: The record to fill in where the session left none; see `isonox.model.record.blank_record`.
        log: Everything that the job printed.
    """
    if record is not None:
        reason = doubt(record)
        if record.verdict.green and exit_code != 0:
            reason = f"the session ended well, but its nox process did not: {processes.describe_exit(exit_code)}"
        return msgspec.structs.replace(record, verdict=Verdict.FAILED, reason=reason) if reason else record
    if exit_code == 0:
        reason = "its nox process ended with exit 0 and left no record: did the session fork, or end the process?"
        return msgspec.structs.replace(blank, verdict=Verdict.MISSING, reason=reason)
    reason = processes.describe_exit(exit_code)
    if cause := last_error(log):
        reason = f"{reason}: {cause}"
    verdict = Verdict.FAILED
    if not job.required:
        verdict, reason = Verdict.WAIVED, f"not required; it failed: {reason}"
    return msgspec.structs.replace(blank, verdict=verdict, reason=reason)


def last_error(log: Path) -> str:
    """Return the last line of a log that says something, without terminal escapes."""
    lines = [line.strip() for line in logs.tail(log, _TAIL).splitlines() if line.strip()]
    return lines[-1] if lines else ""
