"""`isonox plan`: what would run, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec

from isonox.errors import ExitCode
from isonox.model.plan import Selection
from isonox.report import plan_view
from isonox.system import processes, terminal
from isonox.verbs.checkout import Checkout
from isonox.verbs.declaration import Help, Jobs, Json, Only, Packages, Pythons, Tags


def plan(  # noqa: PLR0913 - the options of the verb
    *,
    only: Only = (),
    tag: Tags = (),
    package: Packages = (),
    python: Pythons = (),
    jobs: Jobs = None,
    all_: Annotated[bool, Help("list every session of the noxfile, selected or not", "a")] = False,
    packages: Annotated[bool, Help("list the workspace's packages and how they depend on each other")] = False,
    explain: Annotated[str | None, Help("say why this job is in the plan, or why not", "e", "JOB")] = None,
    json: Json = False,
    posargs: Sequence[str] = (),
) -> ExitCode:
    """Print the plan: which jobs would run, why, in which order, and how long that should take.

    With --json the plan is a versioned document; with --all or --packages, the pipeline or the workspace.
    """
    checkout = Checkout.here()
    if packages:
        workspace = checkout.workspace
        terminal.write_data(_json(workspace) if json else plan_view.show_workspace(workspace))
        return ExitCode.OK
    if all_:
        pipeline = checkout.pipeline
        terminal.write_data(_json(pipeline) if json else plan_view.show_pipeline(pipeline))
        return ExitCode.OK
    selection = Selection(
        names=tuple(only),
        tags=tuple(tag),
        packages=tuple(package),
        pythons=tuple(python),
        posargs=tuple(posargs),
    )
    made = checkout.plan(selection)
    if explain is not None:
        terminal.write_data(plan_view.explain(made, checkout.pipeline, explain))
    elif json:
        terminal.write_data(_json(made))
    else:
        terminal.write_data(plan_view.show_plan(made, jobs or processes.cpu_count()))
    return ExitCode.OK


def _json(document: msgspec.Struct) -> str:
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()
