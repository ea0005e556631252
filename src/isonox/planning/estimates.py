"""How long a job should take: what was recorded of it, else what is nearest to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from isonox.model.pipeline import Pipeline, Session

#: Seconds that a job is expected to take before any job was ever seen.
PRIOR_SECONDS = 30.0


class Estimate(NamedTuple):
    """An expected duration in seconds, and where it comes from: "history", "stage" or "prior"."""

    seconds: float
    origin: str


class Estimates:
    """The estimates for all sessions of a pipeline.

    Args:
        pipeline: All sessions.
        durations: Expected seconds of jobs that were seen before.
    """

    def __init__(self, pipeline: Pipeline, durations: Mapping[str, float]) -> None:
        import statistics  # noqa: PLC0415 - takes longer to import than all the rest here, and most verbs need none

        self._durations = durations
        stages: dict[str, list[float]] = {}
        for session in pipeline.sessions:
            if session.id in durations:
                stages.setdefault(session.stage, []).append(durations[session.id])
        self._stages = {stage: statistics.median(seconds) for stage, seconds in stages.items()}
        self._prior = statistics.median(durations.values()) if durations else PRIOR_SECONDS

    def of(self, session: Session) -> Estimate:
        """Return the estimate for one session."""
        if session.id in self._durations:
            return Estimate(self._durations[session.id], "history")
        if session.stage in self._stages:
            return Estimate(self._stages[session.stage], "stage")
        return Estimate(self._prior, "prior")
