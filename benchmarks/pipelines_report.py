"""Write down what pipelines took. Each pipeline may come from a run of its own."""

from __future__ import annotations

import json
import statistics
from typing import TYPE_CHECKING, Any

from benchmarks.table import duration, factor, span, table
from benchmarks.targets import Outcome, outcomes_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

WARM, CHANGED, NOTHING = "make ci, no cache", "make ci, one file changed", "make ci, nothing changed"


def write(output: Path, name: str, figures: Mapping[str, Any]) -> None:
    """Put one pipeline's figures into the document, in place of older ones, and write the report anew."""
    places = json.loads(output.read_text(encoding="utf-8"))["places"] if output.exists() else {}
    places[name] = figures
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps({"version": 1, "places": places}, indent=1) + "\n", encoding="utf-8")
    output.with_suffix(".md").write_text(document(places), encoding="utf-8")


def document(places: Mapping[str, Any]) -> str:
    """Return the report."""
    sections = [
        "# Pipelines\n\nMade by `python -m benchmarks.pipelines`; how to read it is in [the README](../README.md).\n",
        f"## Targets\n\n{outcomes_table(outcomes(places))}",
    ]
    for name, figures in places.items():
        facts = ", ".join(f"{fact} {value}" for fact, value in figures["facts"].items())
        failed = "".join(f"- {way}: {why}\n" for way, why in figures["failed"].items())
        sections.append(
            f"## {name}\n\n{facts}.\n\n{_table(figures['ways'])}" + (f"\nFailed:\n\n{failed}" if failed else "")
        )
    return "\n".join(sections)


def _table(ways: Mapping[str, Any]) -> str:
    heads = ["", "median", "range", "jobs", "ran", "CPU", "lower bound", "x bound"]
    rows = [
        [
            name,
            duration(statistics.median(way["seconds"])),
            span(way["seconds"]),
            str(way["jobs"] or "-"),
            str(len(way["ran"])) if way["jobs"] else "-",
            duration(statistics.median(way["cpu_seconds"])),
            duration(statistics.median(way["bounds"])) if way["bounds"] else "-",
            factor(over_bound(way)),
        ]
        for name, way in ways.items()
    ]
    return table(heads, rows)


def over_bound(way: Mapping[str, Sequence[float]] | None) -> float | None:
    """Return the median of each run's time divided by its own lower bound."""
    if not way or not way["bounds"]:
        return None
    return statistics.median(took / bound for took, bound in zip(way["seconds"], way["bounds"], strict=True))


def outcomes(places: Mapping[str, Any]) -> Iterator[Outcome]:
    """Yield the targets of both pipelines with what was measured."""

    def ways(place: str) -> Mapping[str, Any]:
        known: Mapping[str, Any] = places.get(place, {}).get("ways", {})
        return known

    def seconds(place: str, way: str) -> float | None:
        return statistics.median(ways(place)[way]["seconds"]) if way in ways(place) else None

    for place in ("storefront", "here"):
        measured = over_bound(ways(place).get(WARM))
        yield Outcome(case=f"makespan, {place}, warm", unit="x lower bound", must=1.15, aim=1.05, measured=measured)
    idle = seconds("here", NOTHING)
    yield Outcome(case=f"{NOTHING}, here", unit="s", must=1, aim=0.4, measured=idle)
    changed, full = seconds("storefront", CHANGED), seconds("storefront", WARM)
    ratio = changed / full if changed is not None and full else None
    yield Outcome(case=f"{CHANGED}, storefront", unit="x full", must=0.25, measured=ratio)
