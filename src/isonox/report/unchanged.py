"""The summary of a run in which nothing had to run: plain lines, for the terminal must not wait for it."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING

from isonox.model.verdict import Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from isonox.model.events import RunEnded

#: Runs that are named as the origin of verdicts.
_NAMED = 3


def summary(ended: RunEnded) -> str:
    """Return the lines: the verdict first, then the stages, where the verdicts come from, and where the records are."""
    if not ended.records:
        return f"green: 0 jobs: {'; '.join(ended.plan.notes)}\nrecords: {os.path.relpath(ended.directory)}"
    return f"{verdicts(ended)}\n{ending(ended.seconds, ended.directory)}"


def ending(seconds: float, directory: Path) -> str:
    """Return the last lines, which no two runs share."""
    return f"time: {seconds:.2f}s; nothing that decides a result has changed\nrecords: {os.path.relpath(directory)}"


def verdicts(ended: RunEnded) -> str:
    """Return the lines before."""
    stages = Counter(record.stage for record in ended.records)
    runs = Counter(record.from_run or "" for record in ended.records)
    number = len(ended.records)
    counts = Counter(record.verdict.value for record in ended.records)
    origins = [f"{run} ({count})" for run, count in runs.most_common(_NAMED)]
    if len(runs) > _NAMED:
        origins.append(f"{len(runs) - _NAMED} more")
    tests = [record.tests for record in ended.records if record.tests]
    passed, skipped = sum(one.passed for one in tests), sum(one.skipped for one in tests)
    lines = [
        f"green: {number} {'job' if number == 1 else 'jobs'}: {', '.join(f'{name} {n}' for name, n in counts.items())}",
        *[f"waived {record.job}: {record.reason}" for record in ended.records if record.verdict is Verdict.WAIVED],
        ", ".join(stage if count == 1 else f"{stage} ({count})" for stage, count in stages.items()),
        *([f"{passed} passed, 0 failed{f', {skipped} skipped' if skipped else ''}"] if tests else []),
        f"from runs: {', '.join(origins)}",
        *[f"coverage: {record.coverage_percent:.1f} %" for record in ended.records if record.coverage_percent],
    ]
    return "\n".join(lines)
