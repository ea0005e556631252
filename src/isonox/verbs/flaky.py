"""`isonox flaky`: which tests fail now and then, and what makes one fail."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec

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


def flaky(
    *,
    run: Annotated[Sequence[str], Help("also count this run, such as one of GitHub (repeatable)", "r", "DIR")] = (),
    json: Json = False,
) -> ExitCode:
    """Rank the tests that failed by how probably they fail, from the runs of this checkout and those that are given.

    Stages with `retries`, `shards` or `random_order` leave what is counted here. A run is counted once, and stays
    counted when its folder is gone.
    """
    checkout = Checkout.here()
    for directory in (*run_directory.runs(checkout.root), *_given(run)):
        records, problems = directory.readable_records()
        for problem in (*problems, *tested.count(checkout.history, directory, records)):
            sys.stderr.write(f"warning: {problem}\n")
    tests = checkout.history.tests()
    if not tests:
        raise NothingSelectedError(
            "no run has recorded which tests it ran", hint="declare stages.tests(retries=1) and run it: isonox ci"
        )
    today = clock.now().date()
    document = FlakinessDocument(
        counted=len(tests),
        tests=tuple(flakiness.ranked(tests, checkout.config.quarantine)),
        expired=tuple(one.test for one in checkout.config.quarantine if one.expired(today)),
    )
    if json:
        terminal.write_data(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())
    else:
        terminal.write_data(flaky_view.show(document))
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
