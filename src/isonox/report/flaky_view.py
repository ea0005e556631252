"""What `isonox flaky` prints: the tests that failed, and how probably they fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isonox.report import plan_view, wording

if TYPE_CHECKING:
    from isonox.history.flakiness import FlakinessDocument

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
    known = wording.count(document.counted, "test")
    below = [f"{known} counted, {len(document.tests)} failed at least once"]
    if more := len(document.tests) - _ROWS:
        below += [f"{more} more: isonox flaky --json"] if more > 0 else []
    if any(not one.flaky for one in document.tests):
        below.append("where flaky is 0, no retry has passed: the test may be broken, or was being worked on")
    below += [f"the quarantine of {test} has expired" for test in document.expired]
    if not rows:
        return "\n".join([f"no test has failed: {known} counted", *below[1:]])
    return plan_view.page(_HEADINGS, rows, below)
