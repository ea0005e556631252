"""Which conditions a hunt tries, and what the results say: pure."""

from __future__ import annotations

import random
from math import comb
from typing import TYPE_CHECKING

from isonox.model.hunt import Conditions, Factor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from isonox.model.hunt import Try

FACTORS = Conditions.__struct_fields__
THRESHOLD = 0.05 / len(FACTORS)

#: As POSIX writes them, so that no database of time zones is needed: 14 hours east and 11 hours west of Greenwich.
_ZONES = ("UTC-14", "UTC+11")
_SEEDS = 100_000

#: More than rounding changes in a sum of probabilities.
_CLOSE = 1 + 1e-9


def tries(times: int, seed: int) -> tuple[Conditions, ...]:
    """Return so many combinations: each factor varies in half of them, independently of the others."""
    draw = random.Random(seed)  # noqa: S311 - which condition comes when  # nosec B311
    varies = {name: draw.sample(halves := [bool(place % 2) for place in range(times)], len(halves)) for name in FACTORS}
    found = []
    for place in range(times):
        on = {name for name in FACTORS if varies[name][place]}
        found.append(
            Conditions(
                alone="alone" in on,
                order=draw.randrange(1, _SEEDS) if "order" in on and "alone" not in on else None,
                hashes=draw.randrange(1, _SEEDS) if "hashes" in on else 0,
                random=draw.randrange(1, _SEEDS) if "random" in on else 0,
                load="load" in on,
                zone=draw.choice(_ZONES) if "zone" in on else "UTC",
            )
        )
    return tuple(found)


def factors(done: Sequence[Try]) -> tuple[Factor, ...]:
    """Return what each condition makes of the test, the clearest first.

    A test that runs alone has no order, so these runs say nothing of that.
    """
    found = []
    for name in FACTORS:
        told = [one for one in done if name != "order" or not one.conditions.alone]
        with_it = [bool(one.message) for one in told if name in one.conditions.varied]
        without = [bool(one.message) for one in told if name not in one.conditions.varied]
        p = fisher(sum(with_it), len(with_it), sum(without), len(without))
        found.append(
            Factor(
                name=name,
                failures=sum(with_it),
                runs=len(with_it),
                usual_failures=sum(without),
                usual_runs=len(without),
                p=round(p, 6),
            )
        )
    return tuple(sorted(found, key=lambda one: one.p))


def fisher(failures: int, runs: int, other_failures: int, other_runs: int) -> float:
    """Return how probable a difference like this, or a greater one, is by chance.

    Fisher's exact test, two-sided: the sum over all tables with the same margins that are not more probable than this
    one. R. A. Fisher, "Statistical Methods for Research Workers", section 21.02.
    """
    both, failed = runs + other_runs, failures + other_failures

    def probability(here: int) -> float:
        return comb(runs, here) * comb(other_runs, failed - here) / comb(both, failed)

    possible = map(probability, range(max(0, failed - other_runs), min(runs, failed) + 1))
    return min(1.0, sum(one for one in possible if one <= probability(failures) * _CLOSE))


def simplest(done: Sequence[Try], factor: Factor | None) -> Conditions | None:
    """Return the combination that failed with the fewest conditions varied, on the side of a factor that fails more."""
    failed = [one.conditions for one in done if one.message]
    return min(
        failed,
        key=lambda one: (factor is not None and (factor.name in one.varied) != factor.fails_varied, len(one.varied)),
        default=None,
    )
