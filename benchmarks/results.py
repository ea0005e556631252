"""What was measured in one run of the synthetic monorepos, and how it is written down."""

from __future__ import annotations

import dataclasses
import json
import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmarks.peers.definition import Case
from benchmarks.table import duration, factor, span, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.measure import Sample

#: How many tasks each case runs for one package; other cases are not counted by job.
_JOBS = {Case.EVERYTHING: 2, Case.PAUSES: 1, Case.EMPTY: 1}


@dataclass(frozen=True, order=True)
class Setting:
    """A case at a size.

    Attributes:
        packages: How many there are.
    """

    case: Case
    packages: int

    @property
    def jobs(self) -> int | None:
        """How many jobs run, where all do."""
        per_package = _JOBS.get(self.case)
        return None if per_package is None else per_package * self.packages


@dataclass
class Results:
    """All samples of one run, by setting and peer.

    Attributes:
        facts: The machine, the day, the commit.
        versions: By tool.
        absent: Who could not take part, and why.
        failures: Who did not do in a setting what is measured there, and what happened instead.
    """

    facts: Mapping[str, str]
    versions: Mapping[str, str]
    absent: Mapping[str, str]
    samples: dict[Setting, dict[str, list[Sample]]] = field(default_factory=dict)
    failures: dict[tuple[Setting, str], str] = field(default_factory=dict)

    def seconds(self, setting: Setting, peer: str) -> float | None:
        """Return the median wall time, or None where it was not measured."""
        return self._median(setting, peer, "seconds")

    def cpu_per_job(self, setting: Setting, peer: str) -> float | None:
        """Return the median CPU time of a peer and its jobs, divided by their number."""
        cpu, jobs = self._median(setting, peer, "cpu_seconds"), setting.jobs
        return None if cpu is None or jobs is None else cpu / jobs

    def parent_mb(self, setting: Setting, peer: str) -> float | None:
        """Return the highest peak of the started process's memory."""
        peaks = [sample.parent_mb for sample in self.samples.get(setting, {}).get(peer, [])]
        return max((peak for peak in peaks if peak is not None), default=None)

    def _median(self, setting: Setting, peer: str, attribute: str) -> float | None:
        samples = self.samples.get(setting, {}).get(peer)
        return statistics.median(getattr(sample, attribute) for sample in samples) if samples else None

    def ratio(self, setting: Setting, peer: str, *others: str) -> float | None:
        """Return a peer's median time divided by that of the fastest of some others."""
        mine = self.seconds(setting, peer)
        theirs = [seconds for other in others if (seconds := self.seconds(setting, other)) is not None]
        return mine / min(theirs) if mine is not None and theirs else None

    def to_json(self) -> str:
        """Return the document, without what the tools printed."""
        measured = [
            {
                "case": setting.case.value,
                "packages": setting.packages,
                "peer": peer,
                "samples": [_figures(sample) for sample in samples],
            }
            for setting, by_peer in self.samples.items()
            for peer, samples in by_peer.items()
        ]
        failed = [
            {"case": setting.case.value, "packages": setting.packages, "peer": peer, "reason": reason}
            for (setting, peer), reason in self.failures.items()
        ]
        document = {
            "version": 1,
            "facts": self.facts,
            "versions": self.versions,
            "absent": self.absent,
            "measured": measured,
            "failed": failed,
        }
        return json.dumps(document, indent=1) + "\n"

    def tables(self) -> str:
        """Return one table for each setting."""
        return "\n".join(
            f"## {title(setting)}\n\n{self._table(setting, by_peer)}" for setting, by_peer in self.samples.items()
        )

    def _table(self, setting: Setting, by_peer: Mapping[str, Sequence[Sample]]) -> str:
        heads = ["", "median", "range", "x floor", "x bare", "CPU", "CPU per job", "memory"]
        rows = [
            [
                peer,
                duration(statistics.median(sample.seconds for sample in samples)),
                span([sample.seconds for sample in samples]),
                factor(self.ratio(setting, peer, "floor")),
                factor(self.ratio(setting, peer, "bare")),
                duration(statistics.median(sample.cpu_seconds for sample in samples)),
                "-" if (cpu := self.cpu_per_job(setting, peer)) is None else f"{cpu * 1000:.1f} ms",
                "-" if (peak := self.parent_mb(setting, peer)) is None else f"{peak:.0f} MB",
            ]
            for peer, samples in by_peer.items()
        ]
        return table(heads, rows)


def title(setting: Setting) -> str:
    """Return a setting as a heading says it."""
    named = setting.case in (Case.PAUSES, Case.EMPTY)
    return setting.case.value if named else f"{setting.case.value}, {setting.packages} packages"


def _figures(sample: Sample) -> dict[str, object]:
    figures = {name: value for name, value in dataclasses.asdict(sample).items() if name not in ("output", "exit_code")}
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in figures.items()}
