"""`isonox ci`: plan, take what is known already, and run the rest."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

from isonox.errors import ExitCode, StateError, UsageError
from isonox.model.plan import Selection
from isonox.run import warm
from isonox.sessions.run_directory import RunDirectory
from isonox.system import clock, terminal
from isonox.verbs import again
from isonox.verbs.checkout import Checkout
from isonox.verbs.declaration import Base, FailFast, Help, Jobs, Json, Only, Packages, Pythons, Tags
from isonox.verbs.results import Results

if TYPE_CHECKING:
    from isonox.model.events import RunEnded
    from isonox.model.plan import Plan
    from isonox.model.record import Record
    from isonox.run.executor import NoxExecutor
    from isonox.run.warm import Warm

#: What a run leaves in memory: taking thousands of objects apart takes longer than the rest of this process's life.
_alive: list[object] = []

#: Jobs that a note names.
_NAMED = 3

NoCache = Annotated[bool, Help("run everything, whatever is known from earlier runs")]


def ci(  # noqa: PLR0913 - the options of the verb
    *,
    only: Only = (),
    tag: Tags = (),
    package: Packages = (),
    python: Pythons = (),
    base: Base = None,
    jobs: Jobs = None,
    fail_fast: FailFast = False,
    no_cache: NoCache = False,
    json: Json = False,
    posargs: Sequence[str] = (),
) -> ExitCode:
    """Run the pipeline: every session that CI runs, in parallel, each ending in a verdict.

    Without a selection it runs what `nox` would run, or what `[tool.isonox] ci` names. A job whose inputs are those of
    an earlier run that passed is not run again: its verdict is "cached". What follows `--` is handed to the selected
    sessions.
    """
    selection = Selection(
        names=tuple(only),
        tags=tuple(tag),
        packages=tuple(package),
        pythons=tuple(python),
        base=base or None,
        posargs=tuple(posargs),
    )
    return run(Checkout.here(), selection, jobs=jobs, fail_fast=fail_fast, no_cache=no_cache, json=json)


def run(  # noqa: PLR0913 - the options of the verb
    checkout: Checkout, selection: Selection, *, jobs: int | None, fail_fast: bool, no_cache: bool, json: bool
) -> ExitCode:
    """Run what a selection means.

    Raises:
        IsonoxError: Something is wrong before the first job starts.
    """
    if jobs is not None and jobs < 1:
        raise UsageError(f"--jobs {jobs}: at least one job has to run at once")
    started, begun = clock.posix(), clock.monotonic()
    checkout.start_reading()
    forkserver = warm.taken(checkout.root)
    directory = RunDirectory(forkserver.folder) if forkserver else RunDirectory.reserve(checkout.root)
    with contextlib.ExitStack() as stack:
        with _discarded_after_error(directory):
            ready = forkserver or no_cache or not again.is_settled(checkout.root, checkout.digest)
            executor = _executor(checkout, directory, jobs, stack, forkserver) if ready else None
            plan = _plan(checkout, selection)
            directory.begin()
        results = Results(checkout, plan, started)
        hits = {} if no_cache else results.hits(directory)
        if len(hits) == len(plan.jobs):
            ended = _nothing_to_run(plan, hits, directory, clock.monotonic() - begun)
        else:
            from isonox.verbs import running  # noqa: PLC0415 - brings along everything that an unchanged run needs not

            executor = executor or _executor(checkout, directory, jobs, stack, None)
            ended = running.run(checkout, plan, directory, hits, executor, fail_fast=fail_fast, live=not json)
    ended, broken = _whole(ended, directory)
    rerun = results.keep(ended.plan, [record for record in ended.records if record.job not in broken], directory)
    for reason, names in _by_reason(rerun).items():
        sys.stderr.write(f"note: {names} will run again next time: {reason}\n")
    all_kept = not rerun and all(record.fingerprint and not record.undeclared for record in ended.records)
    settled = ended.exit_code == ExitCode.OK and all_kept
    again.settle(checkout.root, checkout.digest if settled else "", ran=len(hits) < len(plan.jobs))
    _report(ended, json=json)
    if len(hits) == len(plan.jobs) and hits and not json and not selection.base:
        again.keep(checkout, ended, results)
    _alive.append((checkout, plan, results, hits, ended))
    for problem in (*results.problems, *checkout.store.problems, *_forgotten(checkout, ended)):
        sys.stderr.write(f"warning: {problem}\n")
    for problem in ended.problems:
        sys.stderr.write(f"error: {problem}\n")
    return ended.exit_code


def _plan(checkout: Checkout, selection: Selection) -> Plan:
    """Return the plan, when all that it needs is in order."""
    plan = checkout.plan(selection)
    for note in plan.notes:
        sys.stderr.write(f"note: {note}\n")
    checkout.check_lock(plan.by_id)
    return plan


@contextlib.contextmanager
def _discarded_after_error(directory: RunDirectory) -> Iterator[None]:
    """Leave no folder of a run that can't begin."""
    try:
        yield
    except BaseException:
        directory.discard()
        raise


def _executor(
    checkout: Checkout, directory: RunDirectory, jobs: int | None, stack: contextlib.ExitStack, begun: Warm | None
) -> NoxExecutor:
    """Return what runs jobs, until the stack ends; it gets ready while the plan is made."""
    from isonox.verbs import running  # noqa: PLC0415 - as in `run`

    executor = running.executor(checkout, directory, jobs, begun)
    stack.callback(executor.close)
    executor.prepare()
    return executor


def _by_reason(jobs: Mapping[str, str]) -> dict[str, str]:
    """Return for each reason the jobs that it holds for, the first few by name."""
    found: dict[str, list[str]] = {}
    for job, reason in jobs.items():
        found.setdefault(reason, []).append(job)
    return {
        reason: ", ".join([*names[:_NAMED], *([f"{len(names) - _NAMED} more"] if len(names) > _NAMED else [])])
        for reason, names in found.items()
    }


def _whole(ended: RunEnded, directory: RunDirectory) -> tuple[RunEnded, frozenset[str]]:
    """Return a run with what is to say of its sessions that were split, and the jobs of those that lost a test."""
    if not any(job.shard for job in ended.plan.jobs):
        return ended, frozenset()
    import msgspec  # noqa: PLC0415 - only with shards

    from isonox.verbs import splits  # noqa: PLC0415 - as above

    found = splits.judged(ended.plan, ended.records, directory)
    problems = (*ended.problems, *found.problems)
    return msgspec.structs.replace(ended, problems=problems, splits=found.wholes), found.broken


def _nothing_to_run(plan: Plan, hits: Mapping[str, Record], directory: RunDirectory, seconds: float) -> RunEnded:
    """Return the end of a run that never began: everything is known."""
    from isonox.model.events import RunEnded  # noqa: PLC0415 - only the names of types are needed above

    directory.write_plan(plan)
    directory.write_cached(hits.values())
    records = tuple(hits[job.id] for job in plan.jobs)
    return RunEnded(plan=plan, records=records, seconds=seconds, slots=1, interrupted=False, directory=directory.path)


def _report(ended: RunEnded, *, json: bool) -> None:
    if json:
        from isonox.report.document import of_run  # noqa: PLC0415 - as below

        terminal.write_json(of_run(ended))
    elif all(record.from_run for record in ended.records) and not ended.problems:
        from isonox.report import unchanged  # noqa: PLC0415 - as below

        terminal.write_data(unchanged.summary(ended))
    else:
        from isonox.report import summary  # noqa: PLC0415 - only here is it needed

        with terminal.reader_may_leave():
            summary.write(ended, terminal.drawing(sys.stdout))


def _forgotten(checkout: Checkout, ended: RunEnded) -> list[str]:
    """Keep the durations for the next run, and count its tests; return what went wrong with that, if anything."""
    run = [record for record in ended.records if not record.from_run]
    try:
        if run:
            checkout.history.add(run)
    except StateError as error:
        return [f"durations were not kept for the next estimates: {error}"]
    if not any(record.split for record in run):
        return []
    from isonox.verbs import tested  # noqa: PLC0415 - only where tests say which of them ran

    return tested.count(checkout.history, RunDirectory(ended.directory), run)
