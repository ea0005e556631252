"""Count in the history how often the tests of a run ran and failed."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from isonox.errors import StateError
from isonox.verbs import splits

if TYPE_CHECKING:
    from collections.abc import Iterable

    from isonox.history.store import History
    from isonox.model.record import Record
    from isonox.sessions.run_directory import RunDirectory


def count(history: History, directory: RunDirectory, records: Iterable[Record]) -> list[str]:
    """Count the tests of the jobs that left which ones they ran; return what went wrong."""
    problems = []
    for record in records:
        if record.split is None or record.from_run:
            continue  # it says nothing of single tests, or was counted when it ran
        try:
            evidence = splits.read(directory, record)
            names = {test: _from_root(evidence.root, test) for test in evidence.ran}
            failed = {names[evidence.collected[place]] for place in evidence.failed if place in evidence.executed}
            history.count(record, names.values(), failed)
        except StateError as error:
            problems.append(f"the tests of {record.job} are not counted: {error}")
    return problems


def _from_root(root: str, test: str) -> str:
    file, separator, rest = test.partition("::")
    return f"{posixpath.normpath(posixpath.join(root, file))}{separator}{rest}"
