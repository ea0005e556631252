"""What must be reached, and what is aimed at, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.peers.definition import Case
from benchmarks.results import Results, Setting, title
from benchmarks.table import table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Quantity = Callable[[Results, Setting], float | None]

SUBJECT = "isonox"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A figure beside what it has to be at most.

    Attributes:
        unit: What the figures are: "x turbo", "ms over floor".
    """

    case: str
    unit: str
    must: float | None = None
    aim: float | None = None
    measured: float | None

    @property
    def met(self) -> str:
        """Say which of the two is reached."""
        if self.measured is None:
            return "not measured"
        if self.must is not None and self.measured > self.must:
            return "NO"
        if self.aim is not None:
            return "aim" if self.measured <= self.aim else "must, not aim" if self.must is not None else "not aim"
        return "must"


def outcomes_table(outcomes: Iterable[Outcome]) -> str:
    """Return a table of targets and figures."""

    def bound(value: float | None, unit: str) -> str:
        return "" if value is None else f"<= {value:g} {unit}"

    def figure(outcome: Outcome) -> str:
        return "-" if outcome.measured is None else f"{outcome.measured:.2f} {outcome.unit}"

    rows = [[one.case, bound(one.must, one.unit), bound(one.aim, one.unit), figure(one), one.met] for one in outcomes]
    return table(["case", "must", "aim", "measured", "met"], rows)


def _ratio(*others: str, subject: str = SUBJECT) -> Quantity:
    return lambda results, setting: results.ratio(setting, subject, *others)


def _over_floor(results: Results, setting: Setting) -> float | None:
    mine, floor = results.seconds(setting, SUBJECT), results.seconds(setting, "floor")
    return None if mine is None or floor is None else (mine - floor) * 1000


def _cpu_over_bare(results: Results, setting: Setting) -> float | None:
    mine, bare = results.cpu_per_job(setting, SUBJECT), results.cpu_per_job(setting, "bare")
    return None if mine is None or bare is None else (mine - bare) * 1000


def _parent(results: Results, setting: Setting) -> float | None:
    return results.parent_mb(setting, SUBJECT)


_CPU = "ms of CPU per job over bare"

#: Case, packages, unit, how it is computed, must, aim. Where turbo has two ways, the faster one counts.
_TARGETS: tuple[tuple[Case, int, str, Quantity, float | None, float | None], ...] = (
    (Case.NOTHING, 1000, "x turbo", _ratio("turbo"), 0.4, None),
    (Case.NOTHING, 1000, "x floor", _ratio("floor"), 4, 3),
    (Case.NOTHING, 100, "x doit", _ratio("doit"), 1, None),
    (Case.NOTHING, 100, "x turbo", _ratio("turbo"), None, 1),
    (Case.NOTHING, 10, "x doit", _ratio("doit"), 1, None),
    (Case.NOTHING, 10, "ms over floor", _over_floor, None, 50),
    (Case.LEAF, 1000, "x turbo", _ratio("turbo", "turbo --affected"), 0.2, None),
    (Case.LEAF, 1000, "x turbo, with --base", _ratio("turbo", "turbo --affected", subject="isonox --base"), 0.2, None),
    (Case.LEAF, 1000, "x doit", _ratio("doit"), 0.6, 0.45),
    (Case.AFFECTED, 1000, "x turbo", _ratio("turbo"), 2, 1.2),
    (Case.EVERYTHING, 100, "x bare", _ratio("bare"), 1.5, 1.2),
    (Case.EVERYTHING, 100, "x nox -j2", _ratio("nox -j2"), 0.3, None),
    (Case.EVERYTHING, 100, _CPU, _cpu_over_bare, 15, 5),
    (Case.EVERYTHING, 1000, "x bare", _ratio("bare"), 1.5, 1.2),
    (Case.EVERYTHING, 1000, "MB in the parent", _parent, 300, None),
    (Case.PAUSES, 20, "x bare", _ratio("bare"), 1.05, 1.02),
)


def outcomes(results: Results) -> list[Outcome]:
    """Return all targets of the synthetic monorepos with what was measured."""
    return [
        Outcome(case=title(setting), unit=unit, must=must, aim=aim, measured=quantity(results, setting))
        for case, packages, unit, quantity, must, aim in _TARGETS
        for setting in (Setting(case, packages),)
    ]
