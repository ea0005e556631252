"""`isonox ci`: plan and run."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from isonox.errors import ExitCode, StateError, UsageError
from isonox.history.store import History
from isonox.model.plan import Selection
from isonox.planning.build import planned_job
from isonox.report import summary
from isonox.report.console import Board, Lines
from isonox.report.document import run_document
from isonox.run.executor import NoxExecutor
from isonox.run.loop import Loop
from isonox.sessions.run_directory import RunDirectory
from isonox.system import processes, terminal
from isonox.verbs.checkout import Checkout
from isonox.verbs.declaration import FailFast, Jobs, Json, Only, Packages, Pythons, Tags

if TYPE_CHECKING:
    from isonox.model.events import RunEnded


def ci(  # noqa: PLR0913 - the options of the verb
    *,
    only: Only = (),
    tag: Tags = (),
    package: Packages = (),
    python: Pythons = (),
    jobs: Jobs = None,
    fail_fast: FailFast = False,
    json: Json = False,
    posargs: Sequence[str] = (),
) -> ExitCode:
    """Run the pipeline: every session that CI runs, in parallel, each ending in a verdict.

    Without a selection it runs what `nox` would run, or what `[tool.isonox] ci` names. What follows `--` is
    handed to the selected sessions.
    """
    selection = Selection(
        names=tuple(only),
        tags=tuple(tag),
        packages=tuple(package),
        pythons=tuple(python),
        posargs=tuple(posargs),
    )
    return run(selection, jobs=jobs, fail_fast=fail_fast, json=json)


def run(selection: Selection, *, jobs: int | None, fail_fast: bool, json: bool) -> ExitCode:
    """Run what a selection means, in the checkout around the current folder.

    Raises:
        IsonoxError: Something is wrong before the first job starts.
    """
    if jobs is not None and jobs < 1:
        raise UsageError(f"--jobs {jobs}: at least one job has to run at once")
    checkout = Checkout.here()
    plan = checkout.plan(selection)
    if any(checkout.pipeline.by_id[job.session].facts.environment == "declared" for job in plan.jobs):
        checkout.check_lock()
    directory = RunDirectory.create(checkout.root)
    executor = NoxExecutor(checkout.root, plan.noxfile, directory, os.environ)
    with contextlib.ExitStack() as stack:
        stack.callback(executor.close)
        stderr = terminal.stderr()
        live = stderr.is_terminal and not terminal.in_ci() and not json
        console = stack.enter_context(Board(stderr)) if live else Lines(stderr)
        loop = Loop(
            plan=plan,
            directory=directory,
            executor=executor,
            slots=jobs or processes.cpu_count(),
            fail_fast=fail_fast,
            joining=lambda name, reasons, arguments: planned_job(
                checkout.pipeline, name, reasons, posargs=arguments, durations=checkout.durations
            ),
            subscribers=(console,),
        )
        ended = loop.run()
    forgotten = _remember(checkout.root, ended)
    if json:
        terminal.write_data(run_document(ended).decode())
    else:
        with terminal.reader_may_leave():
            summary.write(ended, terminal.stdout())
    if forgotten:
        sys.stderr.write(f"warning: durations were not kept for the next estimates: {forgotten}\n")
    for problem in ended.problems:
        sys.stderr.write(f"error: {problem}\n")
    return ended.exit_code


def _remember(root: Path, ended: RunEnded) -> str:
    """Keep the durations for the next run's estimates; return what went wrong with that, if anything."""
    try:
        History.of(root).add(ended.records)
    except StateError as error:
        return str(error)
    return ""
