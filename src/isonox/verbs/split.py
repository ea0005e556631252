"""`isonox split`: how even the shards of a session are, and the durations that decide it."""

from __future__ import annotations

import json as json_module
import statistics
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

from isonox.errors import ExitCode, NothingSelectedError, StateError, UsageError
from isonox.model.plan import Selection
from isonox.model.shard import MOST, session_of
from isonox.model.split import Balance, SplitDocument
from isonox.planning import shards as planned
from isonox.planning.select import select
from isonox.report import split_view
from isonox.sessions import run_directory
from isonox.sessions.run_directory import RunDirectory
from isonox.stages.splitting import durations
from isonox.system import files, terminal
from isonox.verbs import splits
from isonox.verbs.checkout import Checkout
from isonox.verbs.declaration import Help, Json, Only

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from isonox.model.pipeline import Session
    from isonox.model.record import Record
    from isonox.model.split import Evidence

#: Decimals of a recorded second.
_DECIMALS = 4


class _Recorded(NamedTuple):
    """What the jobs of one session did in one run, in the order of its shards."""

    run: str
    records: tuple[Record, ...]
    evidence: tuple[Evidence, ...]


def split(
    *,
    only: Only = (),
    shards: Annotated[int | None, Help("try this number of shards", "n", "N")] = None,
    store: Annotated[bool, Help("write .test_durations from what the last run recorded")] = False,
    run: Annotated[str | None, Help("a run's folder (default: the last run of each session)", "r", "DIR")] = None,
    json: Json = False,
) -> ExitCode:
    """Show how even the shards of a session are: as predicted from `.test_durations`, and as a run recorded it.

    Without --only it looks at the sessions that are split; where there are none, at all that run tests. With --store it
    writes `.test_durations` from that run first; commit the file, so that every machine splits alike.
    """
    if shards is not None and not 1 <= shards <= MOST:
        raise UsageError(f"--shards {shards}: a number from 1 to {MOST} is needed")
    checkout = Checkout.here()
    pipeline = checkout.pipeline
    split_ones = {_session(one) for one in pipeline.sessions if one.shard or one.facts.auto_shards}
    if only:
        chosen = [pipeline.by_id[name] for name in select(pipeline, Selection(names=tuple(only)))]
    else:
        chosen = [one for one in pipeline.sessions if not split_ones or _session(one) in split_ones]
    counts = {_session(one): one.facts.shards_of(one.package) for one in chosen}
    recorded = _recorded(_runs(checkout.root, run), counts, split_ones)
    if not recorded:
        raise NothingSelectedError(
            f"no run has recorded which tests ran in {', '.join(only) or 'these sessions'}",
            hint="stages that run pytest do that: isonox ci --only tests",
        )
    stored = _store(checkout.root, recorded.values(), whole=split_ones <= recorded.keys()) if store else []
    found = [_balance(checkout.root, name, shards or counts[name], one) for name, one in recorded.items()]
    document = SplitDocument(sessions=tuple(found), stored=tuple(stored))
    terminal.write_document(document, split_view.show, json=json)
    for path in stored:
        sys.stderr.write(f"wrote {path}\n")
    return ExitCode.OK


def _session(one: Session) -> str:
    """Return the id that nox knows, of a session or of one of its shards."""
    return session_of(one.id) if one.shard else one.id


def _runs(root: Path, given: str | None) -> list[RunDirectory]:
    """Return the runs to look through, the newest first.

    Raises:
        UsageError: The one that is given does not exist.
    """
    if given is None:
        return list(reversed(run_directory.runs(root)))
    path = Path(given).absolute()
    if not path.is_dir():
        raise UsageError(f"there is no folder {path}", hint="name a run's folder, the one with `records/`")
    return [RunDirectory(path)]


def _recorded(runs: Iterable[RunDirectory], names: Iterable[str], wanted: Iterable[str]) -> dict[str, _Recorded]:
    """Return, for each session, the newest run of all of its tests; in the order of the names."""
    names, found = list(names), dict[str, _Recorded]()
    for run in runs:
        jobs: dict[str, list[Record]] = {}
        for record in run.readable_records()[0]:
            name = session_of(record.job) if record.split and record.split.evidence else record.job
            if record.split and not record.posargs and name in names and name not in found:
                jobs.setdefault(name, []).append(record)
        for name, records in jobs.items():
            if one := _of_run(run, records):
                found[name] = one
        if found and set(wanted) <= found.keys():
            break
    return {name: found[name] for name in names if name in found}


def _of_run(run: RunDirectory, records: list[Record]) -> _Recorded | None:
    """Return what a run tells of a session; None where a shard is missing or left nothing that can be read."""
    read = []
    for record in records:
        try:
            read.append((splits.read(run, record), record))
        except StateError:
            return None
    ordered = sorted(read, key=lambda one: [int(part) for part in one[0].shard.split("/") if part])
    count = int(ordered[0][0].shard.partition("/")[2] or 1)
    if len(ordered) != count:
        return None
    return _Recorded(run.id, tuple(record for _, record in ordered), tuple(one for one, _ in ordered))


def _balance(root: Path, name: str, count: int, recorded: _Recorded) -> Balance:
    first = recorded.evidence[0]
    known = durations(root / first.folder)
    seconds = planned.estimated(first.collected, known)
    assigned = planned.assigned(first.collected, known, count, first.by)
    predicted = [sum(seconds[test] for test in tests) for tests in assigned]
    real = [sum(one.seconds) for one in recorded.evidence]
    set_up = statistics.median(
        max(0.0, record.seconds - own) for record, own in zip(recorded.records, real, strict=True)
    )
    return Balance(
        session=name,
        folder=first.folder,
        tests=len(first.collected),
        known=sum(test in known for test in first.collected),
        by=first.by,
        shards=count,
        predicted=tuple(round(one, 3) for one in predicted),
        predicted_balance=round(planned.balance(predicted), 4),
        run=recorded.run,
        real=tuple(round(one, 3) for one in real),
        real_balance=round(planned.balance(real), 4),
        set_up_seconds=round(set_up, 3),
    )


def _store(root: Path, recorded: Iterable[_Recorded], *, whole: bool) -> list[str]:
    """Write `.test_durations` of each folder: the mean over the Pythons that a test ran on.

    Args:
        root: The workspace.
        recorded: What was recorded of each session.
        whole: Whether that is of every session that is split: then a test that none of them collected is gone.
    """
    folders: dict[str, list[Evidence]] = {}
    for one in recorded:
        folders.setdefault(one.evidence[0].folder, []).extend(one.evidence)
    written = []
    for folder, evidence in folders.items():
        path = root / folder / planned.FILE
        content = json_module.dumps(_merged(_old(path), evidence, whole=whole), indent=4, sort_keys=True)
        files.write_atomic(path, f"{content}\n".encode())
        written.append(path.relative_to(root).as_posix())
    return written


def _old(path: Path) -> dict[str, float]:
    """Return what the file says now; nothing where it can't be read, for it is written anew."""
    try:
        return planned.parsed(path.read_bytes())
    except (OSError, ValueError):
        return {}


def _merged(old: dict[str, float], evidence: Sequence[Evidence], *, whole: bool) -> dict[str, float]:
    measured: dict[str, list[float]] = {}
    for one in evidence:
        for test, seconds in one.ran.items():
            measured.setdefault(test, []).append(seconds)
    there = {test for one in evidence for test in one.collected}
    kept = {test: seconds for test, seconds in old.items() if test in there or not whole}
    return kept | {test: round(statistics.fmean(seconds), _DECIMALS) for test, seconds in measured.items()}
