"""The summary of a run in which nothing had to run: plain lines, for the terminal must not wait for it."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING

from isonox.model.verdict import Verdict

if TYPE_CHECKING:
    from isonox.model.events import RunEnded

#: Runs that are named as the origin of verdicts.
_NAMED = 3


def summary(ended: RunEnded) -> str:
    """Return the lines: the verdict first, then the stages, where the verdicts come from, and where the records are."""
    stages = Counter(record.stage for record in ended.records)
    runs = Counter(record.from_run or "" for record in ended.records)
    number = len(ended.records)
    verdicts = ", ".join(
        f"{name} {count}" for name, count in Counter(one.verdict.value for one in ended.records).items()
    )
    origins = [f"{run} ({count})" for run, count in runs.most_common(_NAMED)]
    if len(runs) > _NAMED:
        origins.append(f"{len(runs) - _NAMED} more")
    tests = [record.tests for record in ended.records if record.tests]
    passed, skipped = sum(one.passed for one in tests), sum(one.skipped for one in tests)
    if not ended.records:
        return f"green: 0 jobs: {'; '.join(ended.plan.notes)}\nrecords: {os.path.relpath(ended.directory)}"
    lines = [
        f"green: {number} {'job' if number == 1 else 'jobs'}: {verdicts}",
        *[f"waived {record.job}: {record.reason}" for record in ended.records if record.verdict is Verdict.WAIVED],
        ", ".join(stage if count == 1 else f"{stage} ({count})" for stage, count in stages.items()),
        *([f"{passed} passed, 0 failed{f', {skipped} skipped' if skipped else ''}"] if tests else []),
        f"from runs: {', '.join(origins)}",
        *[f"coverage: {record.coverage_percent:.1f} %" for record in ended.records if record.coverage_percent],
        f"time: {ended.seconds:.2f}s; nothing that decides a result has changed",
        f"records: {os.path.relpath(ended.directory)}",
    ]
    return "\n".join(lines)
