"""What happens in a run; console and reports subscribe, the engine prints nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from isonox.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

    from isonox.model.plan import Plan, PlannedJob
    from isonox.model.record import Record


@dataclass(frozen=True, kw_only=True)
class RunStarted:
    """The plan is written and the first jobs are about to start.

    Attributes:
        slots: How many cores the jobs share.
        directory: The run's folder.
    """

    plan: Plan
    slots: int
    directory: Path


@dataclass(frozen=True, kw_only=True)
class JobAdded:
    """A job joined the plan because a session notified it."""

    job: PlannedJob


@dataclass(frozen=True, kw_only=True)
class JobStarted:
    """A child process runs this job now; its output goes to `log`."""

    job: PlannedJob
    log: Path


@dataclass(frozen=True, kw_only=True)
class JobEnded:
    """A job has its verdict."""

    job: PlannedJob
    record: Record


@dataclass(frozen=True, kw_only=True)
class Tick:
    """A moment has passed; nothing else happened."""


@dataclass(frozen=True, kw_only=True)
class RunEnded:
    """Every job of the plan has its verdict.

    Attributes:
        plan: The plan, jobs that were added by notification included.
        records: One for each job of the plan, in its order.
        seconds: Wall time.
        slots: How many cores the jobs shared; None where each had a machine of its own.
        interrupted: Whether the user stopped the run.
        problems: What went wrong beside the jobs, such as a record that could not be written or read; any makes the
            run red.
    """

    plan: Plan
    records: tuple[Record, ...]
    seconds: float
    interrupted: bool
    directory: Path
    slots: int | None = None
    problems: tuple[str, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        """What the command line exits with."""
        if self.interrupted:
            return ExitCode.INTERRUPTED
        green = not self.problems and all(record.verdict.green for record in self.records)
        return ExitCode.OK if green else ExitCode.JOB_FAILED


Event = RunStarted | JobAdded | JobStarted | JobEnded | Tick | RunEnded
Subscriber = Callable[[Event], None]
