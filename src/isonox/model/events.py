"""What happens in a run; console and reports subscribe, the engine prints nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from isonox.errors import ExitCode
from isonox.model.plan import Plan, PlannedJob
from isonox.model.record import Record
from isonox.model.split import Whole
from isonox.model.verdict import Verdict


class RunStarted(msgspec.Struct, frozen=True, kw_only=True):
    """The plan is written and the first jobs are about to start.

    Attributes:
        slots: How many cores the jobs share.
        directory: The run's folder.
    """

    plan: Plan
    slots: int
    directory: Path


class JobAdded(msgspec.Struct, frozen=True, kw_only=True):
    """A job joined the plan because a session notified it."""

    job: PlannedJob


class JobStarted(msgspec.Struct, frozen=True, kw_only=True):
    """A child process runs this job now; its output goes to `log`."""

    job: PlannedJob
    log: Path


class JobEnded(msgspec.Struct, frozen=True, kw_only=True):
    """A job has its verdict."""

    job: PlannedJob
    record: Record


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """A moment has passed; nothing else happened."""


class RunEnded(msgspec.Struct, frozen=True, kw_only=True):
    """Every job of the plan has its verdict.

    Attributes:
        plan: The plan, jobs that were added by notification included.
        records: One for each job of the plan, in its order.
        seconds: Wall time.
        slots: How many cores the jobs shared; None where each had a machine of its own.
        interrupted: Whether the user stopped the run.
        problems: What went wrong beside the jobs, such as a record that could not be written or read; any makes the
            run red.
        splits: The sessions that were split, each of whose tests ran in exactly one shard.
    """

    plan: Plan
    records: tuple[Record, ...]
    seconds: float
    interrupted: bool
    directory: Path
    slots: int | None = None
    problems: tuple[str, ...] = ()
    splits: tuple[Whole, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        """What the command line exits with."""
        if self.interrupted:
            return ExitCode.INTERRUPTED
        red = [record for record in self.records if not record.verdict.green]
        if self.problems or not red:
            return ExitCode.JOB_FAILED if self.problems else ExitCode.OK
        failed = [record for record in red if record.verdict not in (Verdict.BLOCKED, Verdict.CANCELLED)]
        unserved = [record for record in failed if any(service.problem for service in record.services)]
        return ExitCode.SERVICE_UNHEALTHY if failed and unserved == failed else ExitCode.JOB_FAILED


Event = RunStarted | JobAdded | JobStarted | JobEnded | Tick | RunEnded
Subscriber = Callable[[Event], None]
