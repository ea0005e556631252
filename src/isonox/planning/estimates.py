"""How long a job should take: what was recorded of it, else what is nearest to it."""

from __future__ import annotations

from functools import cached_property
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
        self._pipeline = pipeline
        self._durations = durations

    def of(self, session: Session) -> Estimate:
        """Return the estimate for one session."""
        if session.id in self._durations:
            return Estimate(self._durations[session.id], "history")
        stages, prior = self._guesses
        if session.stage in stages:
            return Estimate(stages[session.stage], "stage")
        return Estimate(prior, "prior")

    @cached_property
    def _guesses(self) -> tuple[dict[str, float], float]:
        """The medians of each stage and of all, for sessions that were never seen."""
        import statistics  # noqa: PLC0415 - takes longer to import than all the rest here, and most plans need none

        known = self._durations
        stages: dict[str, list[float]] = {}
        for session in self._pipeline.sessions:
            if session.id in known:
                stages.setdefault(session.stage, []).append(known[session.id])
        prior = statistics.median(known.values()) if known else PRIOR_SECONDS
        return {stage: statistics.median(seconds) for stage, seconds in stages.items()}, prior
