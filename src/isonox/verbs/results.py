"""Verdicts of earlier runs instead of running again, and what this run leaves for the next."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import msgspec

from isonox.cache.entry import Entry, of_parts
from isonox.cache.fingerprint import LATE, explain
from isonox.errors import IsonoxError, StateError
from isonox.model import inputs
from isonox.model.verdict import Verdict
from isonox.sessions import surroundings
from isonox.system import clock, github
from isonox.verbs.checkout import Checkout

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    from isonox.cache.fingerprint import Fingerprint
    from isonox.model.plan import Plan, PlannedJob
    from isonox.model.record import Record
    from isonox.sessions.run_directory import RunDirectory

#: Seconds after which a session that was waived is tried again.
_WAIVER = 3600.0

#: Jobs of which each is asked for its files; with more, all files are looked at.
_FEW = 10


def known(checkout: Checkout, plan: Plan) -> dict[str, Entry]:
    """Return the entries of the jobs whose results are known.

    Raises:
        StateError: The store can't be used.
    """
    wanted = [job.fingerprint for job in plan.jobs if job.fingerprint]
    origins = ("github",) if github.is_here(os.environ) else ("local", "github")
    found = checkout.store.find(wanted, now=clock.posix(), origins=origins)
    return {job.id: found[job.fingerprint] for job in plan.jobs if job.fingerprint in found}


def explained(checkout: Checkout, plan: Plan, job: PlannedJob) -> str:
    """Return whether a job would have to run, and which part of its fingerprint differs from that of its last run."""
    if not job.fingerprint:
        return f"never cached: {job.uncached}"
    if entry := known(checkout, plan).get(job.id):
        return f"cached: from run {entry.record.from_run or entry.run}"
    last = checkout.store.latest(job.id)
    if last is None:
        return "not cached: no run of it has passed, and was kept"
    parts = explain(last.parts, checkout.fingerprints(plan)[job.id].parts)
    if not parts:
        return f"not cached any more: that of run {last.run} has expired, or can't be used here"
    return f"not cached: changed since run {last.run}: {', '.join(parts)}"


class Results:
    """The results of one run, here and in the store.

    Args:
        checkout: Where.
        plan: What is to run.
        started: When this verb began: POSIX seconds.

    Attributes:
        problems: What went wrong with the store; none of it makes a verdict wrong.
        found: The entries of the jobs whose result is known.
    """

    def __init__(self, checkout: Checkout, plan: Plan, started: float) -> None:
        self.checkout = checkout
        self.plan = plan
        self.started = started
        self.problems: list[str] = []
        self.found: dict[str, Entry] = {}

    def hits(self, directory: RunDirectory) -> dict[str, Record]:
        """Return the record of each job whose result is known; its artifacts are in the run's folder then."""
        try:
            self.found = known(self.checkout, self.plan)
        except StateError as error:
            self.problems.append(str(error))
            return {}
        records = {}
        now = clock.timestamp(clock.now())
        for job, entry in self.found.items():
            try:
                if entry.artifacts:
                    self.checkout.store.restore(entry, directory.artifacts_path(job))
            except StateError as error:
                self.problems.append(f"{job} runs again: {error}")
            else:
                records[job] = self._record(self.plan.by_id[job], entry, directory.id, now)
        with contextlib.suppress(StateError):  # then they are only thought to be older than they are
            self.checkout.store.touch([self.found[job].fingerprint for job in records], clock.posix())
        return records

    def _record(self, job: PlannedJob, entry: Entry, run: str, now: str) -> Record:
        record = entry.record
        return msgspec.structs.replace(
            record,
            run=run,
            from_run=record.from_run or entry.run,
            verdict=Verdict.CACHED if record.verdict is Verdict.PASSED else record.verdict,
            commit=self.plan.commit,
            dirty=self.plan.dirty,
            required=job.required,
            fingerprint=entry.fingerprint,
            started=now,
            seconds=0.0,
        )

    def keep(self, plan: Plan, records: Iterable[Record], directory: RunDirectory) -> dict[str, str]:
        """Keep what has passed for later runs.

        Returns:
            For each job that is not kept because of what happened in this run, the reason.

        Args:
            plan: As it ended.
            records: As they ended.
            directory: The run's folder, which has the artifacts.
        """
        by_job = {record.job: record for record in records}
        passed = [one for one in by_job.values() if one.verdict is Verdict.PASSED or self._is_kept_waiver(one)]
        named = [record for record in passed if plan.by_id[record.job].fingerprint and not record.undeclared]
        refused = {record.job: reason for record in named if (reason := _refusal(plan, record, by_job))}
        kept = [record for record in named if record.job not in refused]
        if not kept:
            return refused
        try:
            entries = list(self._entries(plan, kept, refused))
            with_folders = [
                (entry, directory.kept_artifacts(entry.job) if entry.record.artifacts else None) for entry in entries
            ]
            self.checkout.store.add_many(with_folders)
            self.checkout.store.prune(now=clock.posix())
        except StateError as error:
            self.problems.append(f"results are not kept for later runs: {error}")
        return refused

    def _is_kept_waiver(self, record: Record) -> bool:
        """Return whether a session waived itself whose verdict holds for a time only, as an audit without an answer."""
        session = self.checkout.pipeline.by_id.get(record.job)
        limited = session is not None and session.facts.cache_seconds is not None and session.facts.required
        return limited and record.verdict is Verdict.WAIVED and not record.from_run

    def _entries(self, plan: Plan, records: list[Record], refused: dict[str, str]) -> Iterator[Entry]:
        """Yield what is stored: the jobs whose inputs are still what they were when the run began."""
        part = plan.part(record.job for record in records)
        before = self.checkout.fingerprints(part)
        known = surroundings.recall(self.checkout.store)
        told = {record.job: surroundings.discovered(record) for record in records}
        if {job: known.get(job) for job in told} != told:
            surroundings.remember(self.checkout.store, {**known, **told})
        touched, moved = _touched(self.checkout.root, self._counted(part), self.started)
        if touched or moved:
            after = _again(self.checkout.root, part)
        else:  # so every file is what it was
            after = self.checkout.fingerprints(part, discovered={**known, **told})
        for record in records:
            job = plan.by_id[record.job]
            if reason := self._changed(job, before[job.id], after.get(job.id), touched):
                refused[job.id] = reason
                continue
            now = after[job.id]
            facts = self.checkout.pipeline.by_id[job.id].facts
            stored = clock.posix()
            yield Entry(
                record=record,
                job=job.id,
                run=record.run,
                fingerprint=now.value or "",
                named=of_parts(now.parts),
                stored=stored,
                expires=None if facts.cache_seconds is None else stored + _seconds(record, facts.cache_seconds),
                origin="github" if github.is_here(os.environ) else "local",
            )

    def _counted(self, plan: Plan) -> Collection[str]:
        """Return the files that count for one of a plan's jobs."""
        if len(plan.jobs) > _FEW:
            return self.checkout.tree.files
        found: set[str] = set()
        for job in plan.jobs:
            declared = inputs.of(self.checkout.pipeline.by_id[job.id], self.checkout.workspace)
            if declared.everything or declared.names:
                return self.checkout.tree.files
            paths, owned = self.checkout.tree.files, self.checkout.owned
            found.update(inputs.counted(declared, self.checkout.workspace, paths, owned))
        return found

    def _changed(self, job: PlannedJob, before: Fingerprint, now: Fingerprint | None, touched: list[str]) -> str:
        """Return what changed while the job ran, or may have."""
        if now is None or now.value is None:
            return "the pipeline changed while it ran"
        if parts := [part for part in explain(before.parts, now.parts) if part not in LATE]:
            return f"its inputs changed while it ran: {', '.join(parts)}"
        if touched:
            workspace = self.checkout.workspace
            declared = inputs.of(self.checkout.pipeline.by_id[job.id], workspace)
            if counted := inputs.counted(declared, workspace, touched):
                return f"{counted[0]} was written while it ran"
        return ""


def _refusal(plan: Plan, record: Record, by_job: Mapping[str, Record]) -> str:
    """Return why a job that has passed is not kept, as far as its record tells."""
    if not record.traced and record.verdict is Verdict.PASSED:
        return "what it read could not be watched"
    if record.flaky:
        return f"{len(record.flaky)} of its tests failed before they passed"
    if record.notified:
        return "it asked for other sessions (session.notify)"
    for name in plan.by_id[record.job].requires:
        if name in by_job and by_job[name].verdict not in (Verdict.PASSED, Verdict.CACHED):
            return f"{name}, which it requires, was {by_job[name].verdict.value}"
    shims = [command.argv[0] for command in record.commands if f"{os.sep}shims{os.sep}" in command.argv[0]]
    return f"what {shims[0]} runs can't be told" if shims else ""


def _seconds(record: Record, limit: float) -> float:
    return limit if record.verdict is Verdict.PASSED else min(limit, _WAIVER)


def _again(root: Path, plan: Plan) -> dict[str, Fingerprint]:
    """Return the fingerprints of a plan's jobs as they are now."""
    again = Checkout(root)
    try:
        there = tuple(job for job in plan.jobs if job.id in again.pipeline.by_id)
    except IsonoxError:  # the noxfile is being edited
        return {}
    return again.fingerprints(msgspec.structs.replace(plan, jobs=there))


def _touched(root: Path, paths: Collection[str], since: float) -> tuple[list[str], bool]:
    """Return the files that were written since, even if they are what they were, and whether any came or went."""
    found = []
    for path in paths:
        try:
            changed = os.lstat(f"{root}/{path}").st_ctime
        except OSError:
            changed = since
        if changed >= since:
            found.append(path)
    folders = {path.rpartition("/")[0] for path in paths}
    return found, any(_moved(f"{root}/{folder}", since) for folder in {"", *folders, *_above(folders)})


def _moved(folder: str, since: float) -> bool:
    try:
        return os.stat(folder).st_mtime >= since  # noqa: PTH116 - thousands of them
    except OSError:
        return True


def _above(folders: Iterable[str]) -> set[str]:
    """Return the folders around these, which may hold no file of their own."""
    found: set[str] = set()
    for folder in folders:
        above = folder.rpartition("/")[0]
        while above and above not in found:
            found.add(above)
            above = above.rpartition("/")[0]
    return found
