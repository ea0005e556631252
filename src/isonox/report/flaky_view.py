"""What `isonox flaky` prints: the tests that failed, and how probably they fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isonox.model.naming import count
from isonox.report import plan_view, wording

if TYPE_CHECKING:
    from isonox.history.flakiness import FlakinessDocument
    from isonox.model.hunt import Factor, HuntDocument

#: Smaller than this is shown as that.
_LEAST = 0.0001

_HUNTED = ("factor", "varied", "as usual", "p")

#: What each factor of a hunt is.
_FACTORS = {
    "alone": "alone, without its file's other tests",
    "order": "the file in a random order",
    "hashes": "another PYTHONHASHSEED",
    "random": "another seed of random",
    "load": "busy processes beside it",
    "zone": "another time zone",
}

_HEADINGS = ("test", "fails", "95 % interval", "failed", "flaky", "last failed", "quarantine")

#: Tests in the table; `--json` has all of them.
_ROWS = 30


def show(document: FlakinessDocument) -> str:
    """Return a table of the tests that failed, the flakiest first."""
    rows = [
        (
            one.test,
            f"{one.probability:.1%}",
            f"{one.low:.1%} to {one.high:.1%}",
            f"{one.failures} of {one.runs}",
            str(one.flaky),
            one.last_failed[:10],
            one.quarantine,
        )
        for one in document.tests[:_ROWS]
    ]
    known = count(document.counted, "test")
    below = [f"{known} counted, {len(document.tests)} failed at least once"]
    if more := len(document.tests) - _ROWS:
        below += [f"{more} more: isonox flaky --json"] if more > 0 else []
    if any(not one.flaky for one in document.tests):
        below.append("where flaky is 0, no retry has passed: the test may be broken, or was being worked on")
    below += [f"the quarantine of {test} has expired" for test in document.expired]
    if not rows:
        return "\n".join([f"no test has failed: {known} counted", *below[1:]])
    return plan_view.page(_HEADINGS, rows, below)


def show_hunt(document: HuntDocument) -> str:
    """Return what each factor makes of a test, what follows from that, and how to repeat it."""
    times = len(document.tries)
    lines = [f"{document.test} failed in {document.failures} of {count(times, 'run')} ({document.session})"]
    messages = [one.message for one in document.tries if one.message]
    lines += [f"it said: {messages[0]}"] if messages else []
    if document.factors:
        lines.append(_conclusion(document, times))
    lines += [f"repeat: {document.repeat}"] if document.repeat else []
    rows = [
        (
            _FACTORS[one.name],
            f"{one.failures} of {one.runs}",
            f"{one.usual_failures} of {one.usual_runs}",
            _p(one.p),
        )
        for one in document.factors
    ]
    return plan_view.page(_HUNTED, rows, lines) if rows else "\n".join(map(wording.one_line, lines))


def _conclusion(document: HuntDocument, times: int) -> str:
    """Say which factors make a difference: with few runs, mostly none can be told to."""
    if not document.failures:
        most = 1 - 0.05 ** (1 / times)  # Clopper and Pearson's upper bound, one-sided, for no failure
        return f"so in such runs it fails less than {most:.0%} of the time (with 95 % confidence)"
    if document.failures == times:
        return "it fails whatever varies: it is broken, not flaky"
    limit = f"p below {document.threshold:.4f} counts, for {len(document.factors)} factors are looked at"
    found = [_difference(one) for one in document.factors if one.p < document.threshold]
    if found:
        return f"what makes a difference: {'; '.join(found)} ({limit})"
    return f"no factor stands out ({limit}); most does {_difference(document.factors[0])}: try more runs, --times"


def _difference(one: Factor) -> str:
    more = "more" if one.fails_varied else "less"
    figures = f"{one.failures} of {one.runs} against {one.usual_failures} of {one.usual_runs}"
    return f"{_FACTORS[one.name]}: it fails {more}, {figures}"


def _p(p: float) -> str:
    return f"{p:.4f}" if p >= _LEAST else f"<{_LEAST}"
