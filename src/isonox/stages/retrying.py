"""Run failed tests again, and judge those that pass then: flaky tests are red, or in quarantine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec

from isonox.model.record import Flaky
from isonox.sessions.commands import active_job
from isonox.system import clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from isonox.model.config import Quarantined
    from isonox.model.record import TestCounts
    from isonox.sessions.session import Session
    from isonox.stages.outcome import Outcome
    from isonox.stages.splitting import Left, Pytest

#: Exit code of pytest: https://docs.pytest.org/en/stable/reference/exit-codes.html
_TESTS_FAILED = 1

#: So many tests are named in a reason.
_NAMED = 3


def again(  # noqa: PLR0913 - everything about the first time
    session: Session, own: Pytest, left: Left, once: Callable[[str], Outcome], *, done: Outcome, counts: TestCounts
) -> tuple[Outcome, TestCounts, list[str]]:
    """Run the tests that failed again, those that fail again once more, and so on.

    Args:
        session: The running session; its record gets the tests that passed at last.
        own: Lets pytest run some tests only.
        left: What pytest left when all tests ran.
        once: Runs pytest, with this name for its report.
        done: How it ended when all tests ran.
        counts: Of the tests, then.

    Returns:
        How it ended in the end, how many passed in the end, and what is wrong beside tests that failed for good.
    """
    bad = dict.fromkeys(left.failed, 1)
    flaky: dict[str, Flaky] = {}
    number, last = 0, done
    if own.retries and done.code == _TESTS_FAILED and bad and not left.is_whole:
        session.note("pytest stopped before every test had run, so none was run again")
    elif done.code == _TESTS_FAILED:
        while bad and number < own.retries:
            number += 1
            own.only = tuple(bad)
            last, ran = once(f"junit-retry-{number}.xml"), own.left()
            if ran is None or last.code not in (0, _TESTS_FAILED):
                break  # it ended in another way: what failed has failed
            passed = bad.keys() & ran.passed
            for test in sorted(passed):
                name, message = named(session, left.root, test), active_job().redact(left.failed[test])
                flaky[test] = Flaky(test=name, runs=number + 1, failures=number, message=message)
            bad = {test: failures + (test in ran.failed) for test, failures in bad.items() if test not in passed}
    if flaky and not bad:
        done = last  # it ended well, unless something else than these tests is wrong
    return done, _without(counts, len(flaky)), _judged(session, left, list(flaky.values()), bad)


def _without(counts: TestCounts, flaky: int) -> TestCounts:
    """Return the counts with the flaky tests among those that passed; the record gets them."""
    failed = min(counts.failed, flaky)
    errors = min(counts.errors, flaky - failed)
    changed = msgspec.structs.replace(
        counts, passed=counts.passed + failed + errors, failed=counts.failed - failed, errors=counts.errors - errors
    )
    active_job().tests = changed
    return changed


def _judged(session: Session, left: Left, flaky: Iterable[Flaky], broken: dict[str, int]) -> list[str]:
    """Put the flaky tests into the record, with notes on those in quarantine; return what is wrong."""
    today = clock.now().date()
    mine = [named(session, left.root, test) for test in left.selected]
    entries = [(one, [test for test in mine if one.covers(test)]) for one in session.config.quarantine]
    valid = {test: one for one, tests in entries for test in tests if not one.expired(today)}
    expired = [one for one, tests in entries if tests and one.expired(today)]
    for text in _stale(session, left):
        session.note(text)
    return [
        *(
            f"the quarantine of {one.test} has expired on {one.until} ({one.owner}: {one.reason}): "
            "make the test reliable, or give it another date"
            for one in expired
        ),
        *_unforgiven(session, flaky, valid),
        *(
            f"{test}, in quarantine, failed in {f'all {runs} runs' if runs > 1 else 'its only run'}: "
            "quarantine is for tests that pass in the end, with `retries`"
            for test, runs in ((named(session, left.root, test), runs) for test, runs in broken.items())
            if test in valid
        ),
    ]


def _unforgiven(session: Session, flaky: Iterable[Flaky], valid: dict[str, Quarantined]) -> list[str]:
    """Note the flaky tests that are in quarantine; return what is to say of the others."""
    found, unknown = [], []
    for one in flaky:
        text = f"{one.test} is flaky: it failed in {one.failures} of {one.runs} runs: {one.message}"
        entry = valid.get(one.test)
        by = f"{entry.owner}, until {entry.until}" if entry else ""
        found.append(msgspec.structs.replace(one, quarantine=by))
        if by:
            session.note(f"in quarantine ({by}): {text}")
        else:
            unknown.append(text)
    active_job().flaky = tuple(found)
    if not unknown:
        return []
    more = [f"and {len(unknown) - _NAMED} more"] if len(unknown) > _NAMED else []
    hint = "find out what makes it fail (isonox flaky --hunt TEST), or put it into [[tool.isonox.quarantine]]"
    return [f"{'; '.join([*unknown[:_NAMED], *more])}; {hint}"]


def _stale(session: Session, left: Left) -> Iterator[str]:
    """Yield which entries name a test that its file does not have any more, or a file that is gone."""
    there = {named(session, left.root, test) for test in left.seen}
    files = {test.partition("::")[0] for test in there}
    for one in session.config.quarantine:
        file = one.test.partition("::")[0]
        gone = not any(map(one.covers, there)) if file in files else not (session.root / file).exists()
        if gone and not session.posargs:
            yield f"the quarantine names {one.test}, which is not there: take it out"


def named(session: Session, root: str, test: str) -> str:
    """Return a test's node id from the workspace's root; pytest's own go from its root folder."""
    file, separator, rest = test.partition("::")
    path = os.path.relpath(os.path.join(root, file), session.root).replace(os.sep, "/")  # noqa: PTH118 - a text
    return active_job().redact(f"{path}{separator}{rest}".encode("utf-8", "backslashreplace").decode())
