"""`isonox gate`: the last job of the workflow, and the only one that branch protection has to require."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

from isonox.errors import ExitCode, StateError, UsageError
from isonox.github import estimate
from isonox.github.gate import judge, parsed_results
from isonox.github.jobs import carriers
from isonox.model.events import RunEnded
from isonox.model.plan import Selection
from isonox.report import summary
from isonox.report.annotations import annotation_lines
from isonox.report.document import of_run
from isonox.sessions.messages import RUN_VARIABLE
from isonox.sessions.run_directory import RunDirectory
from isonox.system import clock, files, git, github, terminal
from isonox.verbs import remote, splits
from isonox.verbs.checkout import Checkout
from isonox.verbs.declaration import Help, Json


def gate(
    *,
    run: Annotated[str | None, Help(f"the run's folder (default: ${RUN_VARIABLE})", "r", "DIR")] = None,
    results: Annotated[str, Help("how the workflow jobs ended: JOB=RESULT, separated by spaces", metavar="TEXT")] = "",
    base: Annotated[str | None, Help("what `isonox plan --github` was given as --base", "b", "REV")] = None,
    json: Json = False,
) -> ExitCode:
    """Judge a run on GitHub: green only if every planned job passed, was cached, or was waived.

    It makes the plan anew and compares it with the records that the jobs left. On GitHub it also writes the job
    summary and annotations.
    """
    ended_as = parsed_results(results)
    checkout = Checkout.here()
    directory = _directory(checkout.root, run)
    plan = checkout.plan(Selection(base=base or None))
    if directory.path.exists() and not directory.path.is_dir():
        raise UsageError(f"{directory.path} is no folder", hint="name the run's folder, the one with `records/`")
    records, unread = directory.readable_records()
    if plan.jobs and not directory.path.is_dir():
        unread = (f"there is no folder {directory.path}: no record arrived",)
    if reason := github.other_commit(os.environ, plan.commit):
        unread = (*unread, reason)
    now = clock.timestamp(clock.now())
    known = remote.fingerprints(checkout, plan)
    carrying = {job: name for job, name in carriers(remote.whole(checkout, plan)).items() if job in plan.by_id}
    judgement = judge(plan, records, ended_as, carrying, known=known, run=directory.id, now=now)
    split = splits.judged(plan, judgement.records, directory)
    ended = RunEnded(
        plan=plan,
        records=judgement.records,
        seconds=estimate.wall(judgement.records),
        interrupted=False,
        directory=directory.path,
        problems=(*unread, *judgement.problems, *split.problems),
        splits=split.wholes,
    )
    if json:
        terminal.write_json(of_run(ended))
    else:
        with terminal.reader_may_leave():
            summary.write(ended, terminal.drawing(sys.stdout))
    _tell_github(ended, checkout.root)
    believed = [record for record in judgement.records if record.job not in split.broken]
    for warning in remote.leave(checkout, plan, believed, directory):
        sys.stderr.write(f"warning: {warning}\n")
    for problem in ended.problems:
        sys.stderr.write(f"error: {problem}\n")
    return ended.exit_code


def _directory(root: Path, given: str | None) -> RunDirectory:
    """Return the run to judge.

    Raises:
        UsageError: None is given, or there is none.
    """
    path = Path(given).absolute() if given else root / os.environ.get(RUN_VARIABLE, "")
    if path == root:
        raise UsageError(
            "there is no run to judge", hint=f"name its folder: --run DIR, or {RUN_VARIABLE}, relative to {root}"
        )
    return RunDirectory(path)


def _tell_github(ended: RunEnded, root: Path) -> None:
    """Write the job summary and the annotations, as far as GitHub is there to read them."""
    if page := os.environ.get("GITHUB_STEP_SUMMARY"):
        try:
            files.append(Path(page), summary.markdown(ended))
        except StateError as error:
            sys.stderr.write(f"warning: there is no job summary: {error}\n")
    if github.is_here(os.environ):
        folder = root.relative_to(git.find_root(root)).as_posix()
        # Runners look for commands in standard error too, and standard output is the document's.
        for line in annotation_lines(ended.records, folder=folder):
            sys.stderr.write(f"{line}\n")
