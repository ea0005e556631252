"""Make the workflows of a pipeline. Pure: the same plan, facts and pins give the same data."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Literal

import msgspec

from isonox.errors import ConfigurationError, ConfigurationErrors, did_you_mean
from isonox.github import codecov, jobs, store
from isonox.github.pins import Pin
from isonox.github.workflow import Action, Input, Job, Matrix, Permission, Step, Triggers, Uses, Workflow
from isonox.model.pipeline import Facts
from isonox.sessions.messages import RUN_VARIABLE, SHARD_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from isonox.github.jobs import Carrier, Pack
    from isonox.github.workflow import Scalar
    from isonox.model.plan import Plan

#: Sessions of one stage that are listed in the workflow; with more, or with packages, they are planned at run time.
STATIC_SESSIONS = 20

RECORDS_DAYS = 7

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
#: What `permissions` of a session may name, and what each may be.
#: Source: https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#permissions
_LEVELS = {
    **dict.fromkeys(
        (
            "actions", "artifact-metadata", "attestations", "checks", "contents", "deployments", "discussions",
            "issues", "packages", "pages", "pull-requests", "security-events", "statuses",
        ),
        ("read", "write"),
    ),
    "id-token": ("write",),
    "models": ("read",),
}  # fmt: skip
#: GitHub compares the names of secrets without regard to case.
#: Source: https://docs.github.com/en/actions/reference/security/secrets#naming-your-secrets
_SECRET = re.compile(r"(?!(?i:GITHUB_))[A-Za-z_][A-Za-z0-9_]*|GITHUB_TOKEN")
#: Variables of the work step that a secret must not replace.
_OWN = (
    "SESSION", "SESSIONS", SHARD_VARIABLE, RUN_VARIABLE, "NOX_SCRIPT_MODE", "PATH", "HOME", "ENV", "BASH_ENV", "CI",
)  # fmt: skip
#: What git allows in no branch. The rest of what it refuses are patterns for GitHub.
#: Source: https://git-scm.com/docs/git-check-ref-format
_NO_BRANCH = re.compile(r"[\s~^:]")
#: Inputs of actions are globs, and lines that start with a hash are comments there.
_GLOB = re.compile(r"[\[\]*?!#\\]")


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about the repository that its workflows depend on, beside the plan.

    Attributes:
        facts: Of each session of the plan.
        pins: Of each action.
        uv: The version in uv.lock.
        pythons: Interpreters that every job gets; the last one runs isonox.
        folder: The noxfile's folder, relative to the repository's top; empty if it is the top.
        runner: Label of the runners.
        branches: Branches whose pushes are checked.
        environment: The GitHub environment that holds the secrets.
        targeted: Whether sessions share jobs by their recorded durations.
        remote_cache: Whether known results let jobs be left out.
        affected: Whether pull requests run only what their changes affect.
        codecov: Whether the coverage stage's job uploads its report, and whether it has to.
    """

    facts: dict[str, Facts]
    pins: dict[str, Pin]
    uv: str
    pythons: tuple[str, ...]
    folder: str = ""
    runner: str = "ubuntu-24.04"
    branches: tuple[str, ...] = ("main",)
    environment: str = "ci"
    targeted: bool = False
    remote_cache: bool = False
    affected: bool = False
    codecov: bool | Literal["required"] = False

    @property
    def stored(self) -> tuple[str, ...]:
        """What travels from run to run, relative to the noxfile's folder."""
        cache = (".isonox/cache",) if self.remote_cache else ()
        return (*cache, ".isonox/history.db") if self.remote_cache or self.targeted else ()

    @property
    def suffix(self) -> str:
        """What tells the files of a pipeline in a folder from those at the top."""
        slug = re.sub(r"[^A-Za-z0-9_.-]+", "-", self.folder).strip("-")
        if slug != self.folder.replace("/", "-"):  # others may have become the same
            slug = f"{slug}-{hashlib.sha256(self.folder.encode()).hexdigest()[:8]}".strip("-")
        return f"-{slug}" if slug else ""

    @property
    def run_directory(self) -> str:
        """The run's folder, relative to the repository's top."""
        prefix = f"{self.folder}/" if self.folder else ""
        return f"{prefix}${{{{ env.ISONOX_RUN_DIRECTORY }}}}"

    def uses(self, action: str) -> Uses:
        """Return an action by the commit that it is pinned to."""
        pin = self.pins["/".join(action.split("/")[:2])]
        return Uses(f"{action}@{pin.commit}", pin.version)

    def local(self, action: str) -> Uses:
        """Return one of the actions that are written beside the workflow, at the commit that runs."""
        return Uses(f"$/.github/actions/{action}{self.suffix}")


def workflow(plan: Plan, setting: Setting) -> Workflow:
    """Return the workflow that runs a plan: one job per stage, and the gate.

    Raises:
        ConfigurationErrors: A session asks for a permission or a secret that GitHub does not have, or a text can't
            stand in a workflow as it is.
        ConfigurationError: There are more stages than fit into a workflow.
    """
    facts = {job.stage: setting.facts[job.id] for job in plan.jobs}
    problems = [problem for stage, found in facts.items() for problem in _problems(stage, found)]
    if setting.codecov and codecov.STAGE not in facts:
        problems.append(f"pyproject.toml: tool.isonox.codecov: the pipeline has no stage {codecov.STAGE!r} to upload")
    if problems := [*_unfit(setting), *problems]:
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


def set_up(setting: Setting) -> Action:
    """Return the action that brings a job to where `make` brings a laptop."""
    folder = setting.folder
    runs_isonox = ".".join(setting.pythons[-1].split(".")[:2])  # the name of its program has no patch version
    return Action(
        name="Set up",
        description="Bring a job to where `make` brings a laptop: the commit, uv, interpreters, isonox from uv.lock.",
        inputs={
            "python": Input(description="Further interpreters, separated by spaces.", default=""),
            "records": Input(description="A glob of artifacts with records of earlier jobs.", default=""),
        },
        steps=(
            Step(
                name="Check out",
                uses=setting.uses("actions/checkout"),
                with_={"fetch-depth": 0, "persist-credentials": False},
            ),
            Step(
                name="Install uv",
                uses=setting.uses("astral-sh/setup-uv"),
                with_={
                    "version": setting.uv,
                    "enable-cache": True,
                    "cache-dependency-glob": f"{folder}/uv.lock" if folder else "uv.lock",
                    "cache-suffix": f"${{{{ github.job }}}}{setting.suffix}",
                    "save-cache": "${{ github.ref == format('refs/heads/{0}', "
                    "github.event.repository.default_branch) }}",
                },
            ),
            Step(
                name="Install the interpreters",
                env={"PYTHONS": f"{' '.join(setting.pythons)} ${{{{ inputs.python }}}}"},
                run='xargs uv python install <<< "$PYTHONS"',
            ),
            Step(
                name="Install isonox and nox",
                working_directory=folder,
                run=f"make .isonox/env/.bootstrapped PYTHON=python{runs_isonox}",
            ),
            Step(
                name="Fetch records",
                condition="inputs.records != ''",
                uses=setting.uses("actions/download-artifact"),
                with_={
                    "pattern": "${{ inputs.records }}",
                    "path": f"{setting.run_directory}/parts",
                },
            ),
        ),
    )


def keep_records(setting: Setting) -> Action:
    """Return the action that keeps what a job's sessions left."""
    run = setting.run_directory
    return Action(
        name="Keep records",
        description="Keep what the sessions of this job left, for later jobs and the gate.",
        inputs={"artifact": Input(description="The artifact's name, unique in the run.")},
        steps=(
            Step(
                name="Upload",
                uses=setting.uses("actions/upload-artifact"),
                with_={
                    "name": "${{ inputs.artifact }}",
                    "path": f"{run}\n!{run}/parts\n",
                    "include-hidden-files": True,
                    "if-no-files-found": "error",
                    "retention-days": RECORDS_DAYS,
                    "overwrite": True,
                },
            ),
        ),
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


def _problems(session: str, facts: Facts) -> Iterator[str]:
    for scope, level in facts.permissions.items():
        if scope not in _LEVELS:
            yield f"session {session!r}: permissions: GitHub has no {scope!r}{did_you_mean(scope, _LEVELS)}"
        elif level not in _LEVELS[scope]:
            allowed = " or ".join(map(repr, _LEVELS[scope]))
            yield f"session {session!r}: permissions: {scope} is {level!r}, and may be {allowed}"
    for name in facts.secrets:
        if not _SECRET.fullmatch(name):
            yield f"session {session!r}: secrets: GitHub allows no secret of the name {name!r}"
        elif name in _OWN:
            yield f"session {session!r}: secrets: {name!r} means something else to the workflow's step"


def _unfit(setting: Setting) -> Iterator[str]:
    """Yield what is wrong with the texts of the setting; those that it got from a lock or by a pattern are well."""
    where = "pyproject.toml: tool.isonox"
    for key, text in {"runner": setting.runner, "environment": setting.environment}.items():
        if reason := jobs.unfit(text):
            yield f"{where}.{key}: {text!r}: {reason}"
    for branch in setting.branches:
        if reason := "git allows no such name" if _NO_BRANCH.search(branch) else jobs.unfit(branch):
            yield f"{where}.branches: {branch!r}: {reason}"
    if reason := "actions would take it for a glob" if _GLOB.search(setting.folder) else jobs.unfit(setting.folder):
        yield f"the noxfile's folder {setting.folder!r}: {reason}"
