"""How long services take until they are ready: `python -m benchmarks.services [ROUNDS]`, natively, on this machine.

Writes results/services.md. "cold" is all that the first job waits for: a keeper, a data folder, a server, a database.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import machine
from benchmarks.table import duration, span, table
from isonox.services import declaration, lease

if TYPE_CHECKING:
    from isonox.model.service import Service

#: Case, limit in seconds.
LIMITS = {
    "PostgreSQL, cold": 1.5,
    "PostgreSQL, a further job's database": 0.2,
    "Redis, cold": 0.2,
}

RESULT = Path(__file__).parent / "results" / "services.md"


def main() -> None:
    """Measure, write the report, and print it."""
    rounds = int(sys.argv[1]) if sys.argv[1:] else 15
    found: dict[str, list[float]] = {case: [] for case in LIMITS}
    versions: dict[str, str] = {}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            own = lease.own_process()
            needs = lease.Needs(Path(folder), own, own, dict(os.environ), "native")
            for service, case in ((declaration.postgres(), "PostgreSQL, cold"), (declaration.redis(), "Redis, cold")):
                seconds, versions[service.title] = _seconds(service, needs)
                found[case].append(seconds)
            for _ in range(5):
                found["PostgreSQL, a further job's database"].append(_seconds(declaration.postgres(), needs)[0])
            lease.end_all(Path(folder), own)
    rows = [
        (case, f"<= {limit:g} s", duration(statistics.median(times)), span(times), _met(times, limit))
        for case, limit in LIMITS.items()
        for times in [found[case]]
    ]
    busy = {"load": f"{os.getloadavg()[0]:.1f}", "nice": str(os.nice(0))}
    facts = machine.shape() | busy | versions | {"commit": machine.commit(RESULT.parent), "rounds": str(rounds)}
    text = "\n".join([
        "# Services", "", "Made by `python -m benchmarks.services`; medians.", "",
        f"{', '.join(f'{name} {value}' for name, value in facts.items())}.", "",
        table(["until ready", "must", "measured", "range", "met"], rows),
    ])  # fmt: skip
    RESULT.write_text(text, encoding="utf-8")
    print(text)


def _seconds(service: Service, needs: lease.Needs) -> tuple[float, str]:
    started = time.monotonic()
    use = lease.get(service, needs, started).use
    return time.monotonic() - started, use.version or ""


def _met(times: list[float], limit: float) -> str:
    return "must" if statistics.median(times) <= limit else "NO"


if __name__ == "__main__":
    main()
