"""Make the workflows of a pipeline. Pure: the same plan, facts and pins give the same data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isonox.errors import ConfigurationError, ConfigurationErrors
from isonox.github import codecov, jobs, store
from isonox.github import setting as settings
from isonox.github.workflow import Job, Matrix, Permission, Step, Triggers, Workflow
from isonox.sessions.messages import SHARD_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from isonox.github.jobs import Carrier, Pack
    from isonox.github.setting import Setting
    from isonox.github.workflow import Scalar
    from isonox.model.pipeline import Facts
    from isonox.model.plan import Plan

#: Sessions of one stage that are listed in the workflow; with more, or with packages, they are planned at run time.
STATIC_SESSIONS = 20

#: GitHub evaluates no expression with more characters; text with several expressions is a single one.
#: Source: ExpressionConstants.MaxLength of https://github.com/actions/runner
EXPRESSION_LIMIT = 21_000

_TOKEN = "GITHUB_TOKEN"  # noqa: S105 - its name  # nosec B105
#: GitHub refuses an empty matrix. `!failure()` lets a stage run when one that it needs has nothing to do.
_UNLESS_EMPTY = "${{{{ !failure() && !cancelled() && needs.plan.outputs.{} != '' }}}}"

#: Where a pull request starts from; empty for other events. Scripts get it by a variable.
_BASE = {"BASE": "${{ github.event.pull_request.base.sha }}"}
_WITH_BASE = ' --base "$BASE"'
#: Each job's token may do this, and by default nothing else.
CHECK_OUT = Permission("contents", "read", "check out the code")


def workflow(plan: Plan, setting: Setting) -> Workflow:
    """Return the workflow that runs a plan: one job per stage, and the gate.

    Raises:
        ConfigurationErrors: A session asks for a permission or a secret that GitHub does not have, or a text can't
            stand in a workflow as it is.
        ConfigurationError: There are more stages than fit into a workflow.
    """
    facts = {job.stage: setting.facts[job.id] for job in plan.jobs}
    if problems := list(settings.problems(setting, facts)):
        raise ConfigurationErrors(problems)
    carriers = jobs.group(plan)
    auto = any(setting.facts[job.id].auto_shards for job in plan.jobs)
    dynamic = is_dynamic(plan, always=bool(setting.stored) or setting.affected or auto)
    first = [_plan_job(carriers, setting)] if dynamic else []
    stages = [_stage_job(carrier, setting, dynamic=dynamic) for carrier in carriers]
    needs = [job.id for job in (*first, *stages)]
    where = f" ({setting.folder})" if setting.folder else ""
    return Workflow(
        name=f"CI{where}",
        triggers=Triggers(branches=setting.branches, dispatch=True),
        env={
            "ISONOX_RUN_DIRECTORY": ".isonox/runs/github-${{ github.run_id }}",
            "NOX_SCRIPT_MODE": "none",
        },
        working_directory=setting.folder,
        jobs=(*first, *stages, _gate_job(needs, setting, name=jobs.check_name(f"{jobs.GATE}{where}"))),
    )


def is_dynamic(plan: Plan, *, always: bool) -> bool:
    """Return whether the matrices are planned at run time: with packages, or too many sessions to list.

    Args:
        plan: What is to run.
        always: Whether what a job runs depends on more than the commit.
    """
    return (
        always
        or any(job.package for job in plan.jobs)
        or any(len(carrier.jobs) > STATIC_SESSIONS for carrier in jobs.group(plan))
    )


def _plan_job(carriers: tuple[Carrier, ...], setting: Setting) -> Job:
    return Job(
        id=jobs.PLAN,
        name=jobs.PLAN,
        comment="Evaluates the plan and hands each stage its matrix.",
        runs_on=setting.runner,
        timeout_minutes=jobs.MARGIN_MINUTES,
        permissions=(CHECK_OUT,),
        outputs={carrier.id: f"${{{{ steps.plan.outputs.{carrier.id} }}}}" for carrier in carriers}
        | ({jobs.STORE: f"${{{{ steps.{jobs.STORE}.outputs.cache-matched-key }}}}"} if setting.stored else {}),
        steps=(
            Step(name="Set up", uses=setting.local("set-up")),
            *store.restored(setting),
            Step(
                name="Plan",
                id="plan",
                env=_BASE if setting.affected else {},
                run=f".isonox/env/bin/isonox plan --github{_WITH_BASE if setting.affected else ''}",
            ),
            *store.handed_on(setting),
        ),
    )


def _stage_job(carrier: Carrier, setting: Setting, *, dynamic: bool) -> Job:
    """Return the job of one stage; its one work step calls nox."""
    facts = setting.facts[carrier.jobs[0].id]
    entries = [_static_entry(pack, setting) for pack in carrier.packs]
    alone = not dynamic and len(entries) == 1
    given = dict.fromkeys(name for one in entries for name in one)
    split = any(job.shard or setting.facts[job.id].auto_shards for job in carrier.jobs)
    shard = ("shard",) if split else ()
    names = ("name", "sessions", *shard, "python", "artifact") if dynamic else given
    pack = entries[0] if alone else {name: f"${{{{ matrix.{name} }}}}" for name in names}
    with_: dict[str, Scalar] = {"python": pack["python"]} if "python" in pack else {}
    if carrier.upstream:
        with_["records"] = _glob((*((jobs.PLAN,) if setting.remote_cache else ()), *carrier.upstream))
    upload = tuple(codecov.uploads(carrier, setting))
    matrix = Matrix(include=tuple(entries))
    if dynamic:
        matrix = Matrix(expression=f"${{{{ fromJSON(needs.{jobs.PLAN}.outputs.{carrier.id}) }}}}")
    return Job(
        id=carrier.id,
        name=pack["name"],
        runs_on=setting.runner,
        needs=(*((jobs.PLAN,) if dynamic else ()), *carrier.needs),
        condition=_UNLESS_EMPTY.format(carrier.id) if dynamic else "",
        timeout_minutes="${{ fromJSON(matrix.minutes) }}" if dynamic else max(map(jobs.minutes, carrier.packs)),
        permissions=_permissions(facts),
        environment=setting.environment if upload or set(facts.secrets) - {_TOKEN} else "",
        matrix=None if alone else matrix,
        steps=(
            Step(name="Set up", uses=setting.local("set-up"), with_=with_),
            _work_step(pack, facts, plain=not any(one.environment == "declared" for one in setting.facts.values())),
            *upload,
            Step(
                name="Keep the records",
                condition="always()",
                uses=setting.local("keep-records"),
                with_={"artifact": pack["artifact"]},
            ),
        ),
    )


def _static_entry(pack: Pack, setting: Setting) -> dict[str, str]:
    """Return the variables of one job, without what every job gets anyway."""
    further = " ".join(python for python in pack.pythons if python not in setting.pythons)
    python = {"python": further} if further else {}
    shard = {"shard": pack.shard} if pack.shard else {}
    return {"name": pack.name, "session": pack.sessions[0], **shard, **python, "artifact": pack.artifact}


def _work_step(pack: Mapping[str, str], facts: Facts, *, plain: bool) -> Step:
    """Return the step that runs the sessions; what they require has run in the jobs that this one needs.

    A noxfile of plain sessions alone does not bring isonox's wrapper along, so that nox has to.
    """
    nox = f".isonox/env/bin/{'isonox-nox' if plain else 'nox'} --no-dependencies -s"
    given = {_TOKEN: "${{ github.token }}"}
    secrets = {name: given.get(name, f"${{{{ secrets.{name} }}}}") for name in facts.secrets}
    shard = {SHARD_VARIABLE: pack["shard"]} if "shard" in pack else {}
    if "session" in pack:
        env = {"SESSION": pack["session"], **shard, **secrets}
        return Step(name="Run the session", env=env, run=f'{nox} "$SESSION"')
    return Step(
        name="Run the sessions",
        env={"SESSIONS": pack["sessions"], **shard, **secrets},
        run=f"""tr '\\n' '\\0' <<< "$SESSIONS" | xargs -0 {nox}""",
    )


def _gate_job(needs: Sequence[str], setting: Setting, *, name: str) -> Job:
    results = "".join(f"{job}=${{{{ needs.{job}.result }}}}\n" for job in needs)
    if len(results) > EXPRESSION_LIMIT:
        raise ConfigurationError(
            f"the names of {len(needs)} workflow jobs take {len(results):,} characters in the gate, "
            f"and GitHub evaluates {EXPRESSION_LIMIT:,}",
            hint="shorten the names of the stages, or make them sessions of fewer stages",
        )
    return Job(
        id=jobs.GATE,
        name=name,
        comment="The one required check: green only if every planned job left a record of passed, cached or waived.",
        runs_on=setting.runner,
        needs=tuple(needs),
        condition="always()",
        timeout_minutes=jobs.MARGIN_MINUTES,
        permissions=(CHECK_OUT,),
        steps=(
            Step(name="Set up", uses=setting.local("set-up"), with_={"records": "records.*"}),
            *store.restored_again(setting),
            Step(
                name="Hold the records against the plan",
                env={"RESULTS": results, **(_BASE if setting.affected else {})},
                run=f'.isonox/env/bin/isonox gate --results "$RESULTS"{_WITH_BASE if setting.affected else ""}',
            ),
            *store.saved(setting),
        ),
    )


def _glob(carriers: Sequence[str]) -> str:
    """Return a pattern for the artifacts of these carriers; their ids hold no dot, so none matches another's."""
    return f"records.{{{','.join(carriers)}}}.*" if len(carriers) > 1 else f"records.{carriers[0]}.*"


def _permissions(facts: Facts) -> tuple[Permission, ...]:
    own = {
        scope: Permission(scope, "write" if level == "write" else "read", "the session asks for it")
        for scope, level in facts.permissions.items()
    }
    return tuple(({"contents": CHECK_OUT} | own).values())
