"""`isonox flaky`: which tests fail now and then, and what makes one fail."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from isonox.errors import ExitCode, NothingSelectedError, UsageError
from isonox.history import flakiness
from isonox.history.flakiness import FlakinessDocument
from isonox.report import flaky_view
from isonox.sessions import run_directory
from isonox.sessions.run_directory import RunDirectory
from isonox.system import clock, terminal
from isonox.verbs import tested
from isonox.verbs.checkout import Checkout
from isonox.verbs.declaration import Help, Json

if TYPE_CHECKING:
    from collections.abc import Iterator


#: So many times a test is run in a hunt.
_TIMES = 40


def flaky(  # noqa: PLR0913 - the options of the verb
    *,
    run: Annotated[Sequence[str], Help("also count this run, such as one of GitHub (repeatable)", "r", "DIR")] = (),
    hunt: Annotated[str | None, Help("run this test many times, to see what makes it fail", metavar="TEST")] = None,
    times: Annotated[int | None, Help("hunt: how many times (default: 40)", metavar="N")] = None,
    seed: Annotated[int | None, Help("hunt: another seed tries other combinations (default: 1)", metavar="N")] = None,
    under: Annotated[str | None, Help("hunt: only under these conditions, as order=71,load=1", metavar="TEXT")] = None,
    only: Annotated[Sequence[str], Help("hunt: in this session (default: the first that tests)", "o", "SESSION")] = (),
    json: Json = False,
) -> ExitCode:
    """Rank the tests that failed by how probably they fail, from the runs of this checkout and those that are given.

    What stages that run pytest leave is counted. A run is counted once, and stays counted when its folder is gone. With
    --hunt, one test runs under conditions that vary: alone, the order of its file, the seeds of hashes and of `random`,
    load, the time zone; that exits 1 if the test failed at least once.
    """
    given = {"--times": times is not None, "--seed": seed is not None, "--under": under is not None, "--only": only}
    if hunt is None and any(given.values()):
        raise UsageError(f"{', '.join(flag for flag in given if given[flag])} without --hunt", hint="--hunt TEST")
    if hunt is not None:
        if run:
            raise UsageError("--run and --hunt do not go together")
        from isonox.verbs import hunt as hunting  # noqa: PLC0415 - not to rank

        count = _TIMES if times is None else times
        return hunting.hunt(hunt, times=count, seed=seed or 1, under=under, only=only, json=json)
    return _rank(run, json=json)


def _rank(run: Sequence[str], *, json: bool) -> ExitCode:
    """Count what was not counted yet, and print the ranking.

    Raises:
        NothingSelectedError: Nothing was counted.
    """
    checkout = Checkout.here()
    for directory in (*run_directory.runs(checkout.root), *_given(run)):
        records, problems = directory.readable_records()
        for problem in (*problems, *tested.count(checkout.history, directory, records)):
            sys.stderr.write(f"warning: {problem}\n")
    tests = checkout.history.tests()
    if not tests:
        raise NothingSelectedError("no run has recorded which tests it ran", hint="run them: isonox ci --only tests")
    today = clock.now().date()
    document = FlakinessDocument(
        counted=len(tests),
        tests=tuple(flakiness.ranked(tests, checkout.config.quarantine)),
        expired=tuple(one.test for one in checkout.config.quarantine if one.expired(today)),
    )
    terminal.write_document(document, flaky_view.show, json=json)
    return ExitCode.OK


def _given(words: Sequence[str]) -> Iterator[RunDirectory]:
    """Yield the runs in some folders.

    Raises:
        UsageError: One does not exist, or holds no run.
    """
    for word in words:
        directory = RunDirectory(Path(word).absolute())
        if not directory.path.is_dir() or not any(directory.readable_records()):
            raise UsageError(f"{word} holds no records", hint="name a run's folder, the one with `records/`")
        yield directory
