"""Run the jobs of a plan whose results are not known."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from typing import TYPE_CHECKING

from isonox.errors import StateError
from isonox.planning.build import planned_job
from isonox.planning.estimates import Estimates
from isonox.report.lines import Lines
from isonox.run.executor import NoxExecutor
from isonox.run.loop import Loop
from isonox.sessions import project, redaction
from isonox.sessions.environment import given_cores
from isonox.sessions.messages import DECLARED
from isonox.sessions.run_directory import End
from isonox.system import files, git, terminal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from isonox.model.events import RunEnded, Subscriber
    from isonox.model.plan import Plan
    from isonox.model.record import Record
    from isonox.run.warm import Warm
    from isonox.sessions.run_directory import RunDirectory
    from isonox.verbs.checkout import Checkout


def executor(checkout: Checkout, directory: RunDirectory, jobs: int | None, warm: Warm | None) -> NoxExecutor:
    """Return what runs the jobs of a run.

    Args:
        checkout: Where.
        directory: The run's folder.
        jobs: How many cores the jobs share; all by default.
        warm: The process to fork jobs from, if it was started already.
    """
    tree = checkout.tree
    slots = jobs or given_cores(os.environ)
    return NoxExecutor(
        checkout.root, git.NOXFILE, directory, os.environ, commit=tree.commit, dirty=tree.dirty, slots=slots, warm=warm
    )


def run(  # noqa: PLR0913 - what to run, and how
    checkout: Checkout,
    plan: Plan,
    directory: RunDirectory,
    hits: Mapping[str, Record],
    executor: NoxExecutor,
    *,
    fail_fast: bool,
    live: bool,
) -> RunEnded:
    """Run a plan to its end.

    Args:
        checkout: Where.
        plan: What to run.
        directory: The run's folder.
        hits: Records of the jobs whose results are known.
        executor: Runs the jobs.
        fail_fast: Whether the first red job stops the run.
        live: Whether a terminal may get a live board.
    """
    gc.freeze()  # the pipeline and the records stay: looking through them for garbage is in vain
    gc.enable()
    needed = frozenset(job.package for job in plan.jobs if job.package and job.id not in hits)
    project.hand_over(directory.path / DECLARED, project.Declared.of(checkout.project, checkout.tree, needed))
    secrets = {name for one in checkout.pipeline.sessions for name in one.facts.secrets}
    executor.secrets = redaction.texts(secrets, os.environ)
    executor.load({one.id for one in checkout.pipeline.sessions if one.package is None or one.package in needed})
    directory.write_cached(hits.values())
    from isonox.report import summary  # noqa: F401, PLC0415 - is needed in the end: imported while nox is, elsewhere

    if (checkout.root / files.STATE / "services").exists():
        from isonox.services.state import sweep  # noqa: PLC0415 - most workspaces have none

        for left in sweep(checkout.root):
            sys.stderr.write(f"note: removed {left}\n")

    with contextlib.ExitStack() as stack:
        console = _console(stack, live=live)
        loop = Loop(
            plan=plan,
            directory=directory,
            executor=executor,
            slots=executor.slots,
            fail_fast=fail_fast,
            hits=hits,
            joining=lambda name, reasons, arguments: planned_job(
                checkout.pipeline,
                name,
                reasons,
                posargs=arguments,
                estimates=Estimates(checkout.pipeline, checkout.durations),
            ),
            subscribers=(console,),
        )
        ended = loop.run()
    if executor.lost:
        lost = redaction.without(executor.secrets, executor.lost)
        sys.stderr.write(f"note: jobs loaded the noxfile for themselves: {lost}\n")
    with contextlib.suppress(StateError):  # only forecasts are compared with it
        directory.write_end(End(slots=executor.slots, seconds=round(ended.seconds, 3)))
    return ended


def _console(stack: contextlib.ExitStack, *, live: bool) -> Subscriber:
    """Return what shows the run while it goes, until the stack ends."""
    stderr = terminal.drawing(sys.stderr)
    if stderr and live and stderr.is_terminal and not terminal.in_ci():
        from isonox.report.console import Board  # noqa: PLC0415 - draws

        return stack.enter_context(Board(stderr))
    return Lines(stderr)
