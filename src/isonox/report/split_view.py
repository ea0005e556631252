"""What `isonox split` prints: how even shards are, as predicted and as recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isonox.model.naming import count
from isonox.report import plan_view, wording

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from isonox.model.split import Balance, SplitDocument

_HEADINGS = ("session", "shards", "tests", "longest, predicted", "mean", "ratio", "longest, real", "mean", "ratio")


def show(document: SplitDocument) -> str:
    """Return a table with a row for each session, and below it what each shard takes."""
    rows = [
        (
            one.session,
            str(one.shards),
            str(one.tests),
            *_times(one.predicted, one.predicted_balance),
            *_times(one.real, one.real_balance),
        )
        for one in document.sessions
    ]
    below = [line for one in document.sessions for line in _lines(one)]
    return plan_view.page(_HEADINGS, rows, below)


def _times(seconds: Sequence[float], balance: float) -> tuple[str, str, str]:
    longest, mean = max(seconds), sum(seconds) / len(seconds)
    return wording.span(longest), wording.span(mean), f"{balance:.3f}"


def _lines(one: Balance) -> Iterator[str]:
    predicted = ", ".join(map(wording.span, one.predicted))
    yield f"{one.session}: predicted {predicted}; real {', '.join(map(wording.span, one.real))} (run {one.run})"
    yield f"{one.session}: a job took {wording.span(one.set_up_seconds)} beside its tests"
    if unknown := one.tests - one.known:
        yield f"{one.session}: {count(unknown, 'test')} without a duration: isonox split --store records them"
    if len(one.real) != one.shards:
        yield f"{one.session}: that run had {count(len(one.real), 'shard')}: its figures are of another split"
