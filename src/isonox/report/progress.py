"""How far a run is: the state that the board paints, fed by events."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from isonox.model.events import JobAdded, JobEnded, JobStarted, RunStarted
from isonox.report import forecast

if TYPE_CHECKING:
    from pathlib import Path

    from isonox.model.events import Event
    from isonox.model.plan import PlannedJob


@dataclass(frozen=True)
class Running:
    """A job that runs now.

    Attributes:
        since: When it started, on the monotonic clock.
    """

    job: PlannedJob
    log: Path
    since: float


@dataclass
class Progress:
    """A run between two events.

    Attributes:
        open: Jobs without a verdict, running ones included, in the plan's order.
        running: Those that run now, by id, the oldest first.
        done: How many have their verdict; `red` of these are red.
    """

    slots: int = 1
    since: float = 0.0
    open: dict[str, PlannedJob] = field(default_factory=dict)
    running: dict[str, Running] = field(default_factory=dict)
    done: int = 0
    red: int = 0

    @property
    def total(self) -> int:
        """All jobs of the plan, as far as it is known."""
        return self.done + len(self.open)

    @property
    def guessed(self) -> int:
        """How many open jobs were never timed: their estimate is only a prior."""
        return sum(job.estimate_from == "prior" for job in self.open.values())

    def take(self, event: Event, now: float) -> None:
        """Note what has happened at `now`, on the monotonic clock."""
        match event:
            case RunStarted():
                self.slots = event.slots
                self.since = now
                self.open = dict(event.plan.by_id)
            case JobAdded():
                self.open[event.job.id] = event.job
            case JobStarted():
                self.running[event.job.id] = Running(event.job, event.log, now)
            case JobEnded():
                self.open.pop(event.job.id, None)
                self.running.pop(event.job.id, None)
                self.done += 1
                self.red += not event.record.verdict.green
            case _:
                pass

    def rest(self, now: float) -> float:
        """Return the seconds until the run is likely to end."""
        elapsed = {name: now - running.since for name, running in self.running.items()}
        return forecast.rest(self.open.values(), self.slots, elapsed)
