"""Which faults are tried: all that can strike one job, and of two at a time those that differ."""

from __future__ import annotations

import math
from itertools import combinations
from typing import TYPE_CHECKING, Any

from isonox.github.verify import scenarios
from isonox.github.verify.faults import OF_CACHED, OF_JOBS, OF_SESSIONS, Fault, Kind
from isonox.github.verify.workflow_file import scalar_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from isonox.github.verify.simulation import Outcome, Outcomes, Simulator
    from isonox.github.verify.workflow_file import Job

#: Two faults at a time are tried up to this number, in all scenarios together; then evenly chosen ones of them.
PAIRS = 40_000
#: Jobs of one matrix, and sessions of one job, that get faults of their own; they differ in nothing but their names.
ALIKE = 20
#: What an `if` may read that scenarios and simulation give it; anything else may be different in another run.
_GIVEN = ("needs.", "github.event_name", "github.ref", "github.base_ref", "github.head_ref", "github.repository")


class Choice:
    """Chooses faults.

    Args:
        planned: Whether there is a plan, so that any job may be left out.

    Attributes:
        pairs: How many pairs of faults are tried in one scenario.
        reduced: What is left out, and why.
    """

    def __init__(self, *, planned: bool) -> None:
        self.planned = planned
        self.pairs = PAIRS
        self.reduced: dict[str, None] = {}

    def of_job(self, job: Job, outcome: Outcome) -> Iterator[Fault]:
        """Yield everything that can happen to a job that runs."""
        name = job.id
        for number in self._chosen(len(outcome.instances)):
            instance = outcome.instances[number]
            for place in self._chosen(len(instance.ran)):
                left = instance.ran[place]
                kinds = OF_CACHED if left.kind is Kind.CACHED else OF_SESSIONS
                yield from (Fault(kind, name, number, left.session) for kind in kinds)
            if not instance.works:
                yield from (
                    Fault(Kind.FAILS, name, number, step=step) for step in _breakable(job, instance.skipped_steps)
                )
            yield from (Fault(kind, name, number) for kind in OF_JOBS)
        if outcome.instances and (self.planned or may_skip(job)):
            yield Fault(Kind.SKIPPED, name, -1)

    def _chosen(self, count: int) -> Sequence[int]:
        """Return which of so many alike get faults: all, or of very many some."""
        if count <= ALIKE:
            return range(count)
        self.reduced[f"of more than {ALIKE} jobs of a matrix, or sessions of a job, some stand for all"] = None
        return range(0, count, math.ceil(count / ALIKE))

    def of_two(self, singles: Sequence[Fault], simulator: Simulator, baseline: Outcomes) -> list[tuple[Fault, Fault]]:
        """Return two faults at a time that can strike together."""
        chosen: dict[Any, Fault] = {}
        for fault in singles:
            last = len(baseline[fault.job].instances) - 1
            if fault.instance in (-1, 0, last):
                sessions = baseline[fault.job].instances[fault.instance].ran
                if not fault.session or fault.session in (sessions[0].session, sessions[-1].session):
                    # Two faults that do the same to a job do the same to the run.
                    same = (fault.job, fault.instance, simulator.run((fault,))[fault.job], fault.kind is Kind.CANCELLED)
                    chosen.setdefault(same, fault)
            else:
                note = "two faults at once: the first and the last job of a matrix stand for all between them"
                self.reduced[note] = None
        pairs = [(one, other) for one, other in combinations(chosen.values(), 2) if _together(one, other)]
        step = math.ceil(len(pairs) / self.pairs)
        if step > 1:
            self.reduced[f"two faults at once: of {len(pairs):,} cases every {step}th was tried"] = None
        return pairs[::step] if step else pairs


def _breakable(job: Job, skipped: tuple[int, ...]) -> Iterator[int]:
    """Yield steps that stand for all that may fail: a script, and each whose failure is overlooked."""
    runs = [number for number in range(len(job.steps)) if number not in skipped]
    tolerant = [number for number in runs if "continue-on-error" in job.steps[number].node]
    strict = [number for number in runs if number not in tolerant]
    scripts = [number for number in strict if "run" in job.steps[number].node]
    yield from tolerant
    yield from (scripts or strict or [-1])[-1:]


def may_skip(job: Job) -> bool:
    """Return whether the job's condition may be false for a reason that is not simulated."""
    text = scalar_text(job.node.get("if"))
    reads = [read for one in scenarios.expressions_in(("if",), text) for read in one.reads]
    return any(not f"{read}.".startswith(_GIVEN) for read in reads)


def _together(one: Fault, other: Fault) -> bool:
    if one.job != other.job:
        return True
    if Kind.SKIPPED in (one.kind, other.kind):
        return False
    return one.instance != other.instance or (one.session != other.session and bool(one.session and other.session))
