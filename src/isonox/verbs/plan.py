"""`isonox plan`: what would run, and why."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from isonox.errors import ExitCode, UsageError
from isonox.github import estimate
from isonox.github import jobs as workflow_jobs
from isonox.model.naming import count
from isonox.model.plan import Plan, Selection
from isonox.report import plan_view, wording
from isonox.sessions.environment import given_cores
from isonox.system import files, terminal
from isonox.verbs import remote, results
from isonox.verbs.checkout import Checkout
from isonox.verbs.declaration import Base, Help, Jobs, Json, Only, Packages, Pythons, Tags


def plan(  # noqa: PLR0913 - the options of the verb
    *,
    only: Only = (),
    tag: Tags = (),
    package: Packages = (),
    python: Pythons = (),
    base: Base = None,
    jobs: Jobs = None,
    all_: Annotated[bool, Help("list every session of the noxfile, selected or not", "a")] = False,
    packages: Annotated[bool, Help("list the workspace's packages and how they depend on each other")] = False,
    explain: Annotated[str | None, Help("say why this job is in the plan, or why not", "e", "JOB")] = None,
    github: Annotated[bool, Help("write each stage's matrix to $GITHUB_OUTPUT, for the generated workflow")] = False,
    json: Json = False,
    posargs: Sequence[str] = (),
) -> ExitCode:
    """Print the plan: which jobs would run, why, in which order, and how long that should take.

    With --json the plan is a versioned document; with --all or --packages, the pipeline or the workspace.
    """
    given = {"--all": all_, "--packages": packages, "--explain": explain is not None, "--github": github}
    given |= {"--only": bool(github and only)}  # a workflow's matrices are those of the whole pipeline
    asked = [flag for flag, there in given.items() if there]
    if len(asked) > 1 or (json and (github or explain is not None)):
        raise UsageError(f"{' and '.join([*asked, *(['--json'] if json else [])])} do not go together")
    checkout = Checkout.here()
    if packages:
        terminal.write_document(checkout.workspace, plan_view.show_workspace, json=json)
        return ExitCode.OK
    if all_:
        terminal.write_document(checkout.pipeline, plan_view.show_pipeline, json=json)
        return ExitCode.OK
    selection = Selection(
        names=tuple(only),
        tags=tuple(tag),
        packages=tuple(package),
        pythons=tuple(python),
        base=base or None,
        posargs=tuple(posargs),
    )
    made = checkout.plan(selection)
    checkout.check_lock(made.by_id)
    if github:
        _write_matrices(checkout, made)
    elif explain is not None:
        text = plan_view.explain(made, checkout.pipeline, explain, lambda job: results.explained(checkout, made, job))
        terminal.write_data(text)
    else:
        cores = jobs or given_cores(os.environ)
        terminal.write_document(
            made, lambda made: plan_view.show_plan(made, cores, results.known(checkout, made)), json=json
        )
    return ExitCode.OK


def _write_matrices(checkout: Checkout, made: Plan) -> None:
    """Hand the matrices to GitHub, or print them where this is not GitHub; say how long it all should take."""
    known, problems = remote.take_known(checkout, made)
    whole = remote.whole(checkout, made)
    left_out = {job.id for job in whole.jobs if job.id not in made.by_id or job.id in known}
    carriers = workflow_jobs.group(whole, remote.target_of(checkout), left_out)
    content = "".join(f"{name}={matrix}\n" for name, matrix in workflow_jobs.matrices(carriers).items())
    if path := os.environ.get("GITHUB_OUTPUT"):
        files.append(Path(path), content)
    else:
        terminal.write_data(content)
    for problem in problems:
        sys.stderr.write(f"warning: {problem}\n")
    ran = estimate.play(carriers, set_up=remote.set_up_of(checkout)[0], runners=estimate.RUNNERS, planned=True)
    sessions = count(len(made.jobs) - len(known), "session")
    runners = count(sum(len(one.packs) for one in carriers), "job")
    cached = f", {len(known)} cached" if known else ""
    span = wording.span(max((job.end for job in ran), default=0.0))
    sys.stderr.write(f"{sessions} in {runners}{cached}: about {span} with {estimate.RUNNERS} runners\n")
