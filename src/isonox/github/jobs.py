"""Which workflow job carries which sessions: one per stage, its sessions spread over a matrix."""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from isonox.errors import ConfigurationError, ConfigurationErrors
from isonox.github import packing
from isonox.model.graph import reached
from isonox.model.plan import PlannedJob
from isonox.planning.graph import topological

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from isonox.model.plan import Plan

#: GitHub: "A matrix will generate a maximum of 256 jobs per workflow run."
MATRIX_LIMIT = 256
#: GitHub: outputs are at most 1 MB per job, measured as UTF-16.
OUTPUT_LIMIT = 1024 * 1024
#: GitHub ends a job after six hours.
LONGEST_MINUTES = 360
#: Minutes that a job has beside those of its sessions: set-up, uploads, and the session's own way to an end.
MARGIN_MINUTES = 15
#: GitHub cuts check names at so many characters, and a cut name can't be required.
NAME_LIMIT = 100
#: A bound of isonox's own: nobody reads a workflow with more jobs, and GitHub documents nothing about one.
JOBS_LIMIT = 256

#: Workflow jobs that are not stages.
PLAN, GATE = "plan", "gate"
#: An output of the `plan` job that is no matrix: the key of the store that it was made with.
STORE = "store"

#: Seconds until a job's first session starts, as long as no run recorded it. Measured with act on two cores that have
#: uv, its cache and the interpreters (9 without the cache); what GitHub takes to find a runner is not in it.
SET_UP_SECONDS = 3.0

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")
#: What uv can be asked to install; nox also takes paths, and those it has to find by itself.
_INSTALLABLE = re.compile(r"[A-Za-z0-9][\w.+-]*", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ID_LENGTH = 60


class Target(NamedTuple):
    """How long a run may take.

    Attributes:
        seconds: From its start to the gate's verdict.
        set_up: Seconds that each job takes before its first session.
    """

    seconds: float
    set_up: float


class Pack(msgspec.Struct, frozen=True, kw_only=True):
    """What one job of a matrix runs: usually one session.

    Attributes:
        name: The check's name, at most `NAME_LIMIT` characters.
        sessions: Ids for `nox -s`, in the plan's order.
        shard: Which shard of its one session it runs (`2/6`); empty for whole sessions.
        pythons: Interpreters that they ask for.
        artifact: Name of the artifact with their records, unique in the workflow.
        seconds: Expected duration of all, set-up not included.
        limit_minutes: The time limits of all; None where one has none.
    """

    name: str
    sessions: tuple[str, ...]
    shard: str = ""
    pythons: tuple[str, ...]
    artifact: str
    seconds: float
    limit_minutes: float | None


class Carrier(msgspec.Struct, frozen=True, kw_only=True):
    """A workflow job that carries the sessions of a stage.

    Attributes:
        id: Its id in the workflow.
        stage: The stage; several workflow jobs carry one whose sessions require each other.
        jobs: The planned jobs, in the plan's order.
        needs: Ids of the carriers that must be green before.
        upstream: `needs`, and what those need, and so on.
        packs: One for each job of its matrix; none where nothing of it has to run.
    """

    id: str
    stage: str
    jobs: tuple[PlannedJob, ...]
    needs: tuple[str, ...]
    upstream: tuple[str, ...]
    packs: tuple[Pack, ...]


def carriers(plan: Plan) -> dict[str, str]:
    """Return, for each planned job, the id of the workflow job that carries it."""
    return {job.id: carrier.id for carrier in group(plan) for job in carrier.jobs}


def group(plan: Plan, target: Target | None = None, known: Collection[str] = ()) -> tuple[Carrier, ...]:
    """Return the workflow jobs for a plan, in its order.

    One for each stage, unless its sessions require each other, also by way of others: then one for each depth. Each
    session has a job of its matrix, unless there are too many for one, or a target lets them share.

    Args:
        plan: What is to run.
        target: How long it may take.
        known: Ids of jobs that need not run: their results are known.

    Raises:
        ConfigurationErrors: A session's id can't stand in a workflow as it is.
        ConfigurationError: There are more stages than fit into a workflow, or more shards than fit into a matrix.
    """
    if problems := [f"session {job.id!r}: {reason}" for job in plan.jobs if (reason := _unfit_id(job.session))]:
        raise ConfigurationErrors(problems)
    keys = _keys(plan)
    members: dict[tuple[str, int], list[PlannedJob]] = {}
    for job in plan.jobs:
        members.setdefault(keys[job.id], []).append(job)
    if len(members) > JOBS_LIMIT:
        raise ConfigurationError(
            f"{plan.noxfile} has {len(members)} stages, and a workflow may have {JOBS_LIMIT} jobs",
            hint="make them sessions of fewer stages: nox.parametrize, or per_package=True",
        )
    ids = _ids(members)
    needs = {
        ids[key]: tuple(dict.fromkeys(ids[keys[needed]] for job in jobs for needed in job.requires if needed in keys))
        for key, jobs in members.items()
    }
    upstream: dict[str, tuple[str, ...]] = {}
    for name in topological(needs):
        upstream[name] = tuple(dict.fromkeys(one for needed in needs[name] for one in (*upstream[needed], needed)))
    rest = {ids[key]: [job for job in jobs if job.id not in known] for key, jobs in members.items()}
    bins = _bins(rest, needs, target)
    return tuple(
        Carrier(
            id=ids[key],
            stage=key[0],
            jobs=tuple(jobs),
            needs=needs[ids[key]],
            upstream=upstream[ids[key]],
            packs=_packs(ids[key], [[rest[ids[key]][place] for place in shared] for shared in bins[ids[key]]]),
        )
        for key, jobs in members.items()
    )


def unfit(text: str) -> str:
    """Return why text can't stand in a workflow as it is; empty where it can.

    GitHub evaluates expressions in names, variables, labels and matrices, quoted or not, and refuses a workflow that
    has one elsewhere.
    Source: https://docs.github.com/en/actions/reference/workflows-and-actions/contexts#context-availability
    """
    if "${{" in text:
        return "GitHub would take '${{' for the start of an expression"
    return "a control character can't be handed to a job" if _CONTROL.search(text) else ""


def _unfit_id(session: str) -> str:
    return "nox would take it for an option" if session.startswith("-") else unfit(session)


def check_name(text: str) -> str:
    """Return a name that GitHub does not cut: one that is too long keeps its ends, and a hash makes it unique."""
    if len(text) <= NAME_LIMIT:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    half = (NAME_LIMIT - len(digest) - 2) // 2
    return f"{text[:half]}…{digest}…{text[-half:]}"


def matrices(carriers: Sequence[Carrier]) -> dict[str, str]:
    """Return the matrix of each carrier as JSON: what the workflow's `plan` job hands to the others.

    A carrier with nothing to run has none.

    Raises:
        ConfigurationError: They are larger than GitHub allows.
    """
    found = {
        carrier.id: msgspec.json.encode({"include": [entry(pack) for pack in carrier.packs]}).decode()
        for carrier in carriers
        if carrier.packs
    }
    size = sum(len(text.encode("utf-16-le")) for text in found.values())
    count = sum(len(carrier.jobs) for carrier in carriers)
    if size > OUTPUT_LIMIT:
        raise ConfigurationError(
            f"the matrices of {count} jobs take {size:,} bytes, and GitHub allows {OUTPUT_LIMIT:,}",
            hint="shorten the ids of parametrised sessions, or plan fewer jobs ([tool.isonox] ci)",
        )
    return found


def entry(pack: Pack) -> dict[str, str]:
    """Return the variables of one job of a matrix."""
    return {
        "name": pack.name,
        "sessions": "\n".join(pack.sessions),
        "python": " ".join(pack.pythons),
        "artifact": pack.artifact,
        "minutes": str(minutes(pack)),
        **({"shard": pack.shard} if pack.shard else {}),
    }


def minutes(pack: Pack) -> int:
    """Return the time limit of a pack's job; a session without a limit gets GitHub's."""
    if pack.limit_minutes is None:
        return LONGEST_MINUTES
    return math.ceil(min(LONGEST_MINUTES, pack.limit_minutes + MARGIN_MINUTES))


def _keys(plan: Plan) -> dict[str, tuple[str, int]]:
    """Return, for each job, its stage, and its depth where the stage has to be cut into several workflow jobs."""
    by_id = plan.by_id
    stage_needs: dict[str, set[str]] = {}
    for job in plan.jobs:
        stage_needs.setdefault(job.stage, set()).update(by_id[name].stage for name in job.requires if name in by_id)
    knotted = {stage for stage, needs in stage_needs.items() if stage in reached(needs, stage_needs)}
    depth: dict[str, int] = {}
    for name in topological({job.id: job.requires for job in plan.jobs}):
        depth[name] = max((depth[needed] + 1 for needed in by_id[name].requires if needed in depth), default=0)
    return {job.id: (job.stage, depth[job.id] if job.stage in knotted else 0) for job in plan.jobs}


def _ids(keys: Iterable[tuple[str, int]]) -> dict[tuple[str, int], str]:
    """Return an id for each key that GitHub accepts.

    A stage keeps its name where that is possible. The ids of others end in a hash of the key, so that they are
    stable, and no two are the same. GitHub compares property names without regard to case.
    """
    keys = tuple(keys)
    taken = Counter([PLAN, GATE, STORE, *(stage.casefold() for stage in {stage for stage, _ in keys})])
    ids = {}
    for stage, depth in keys:
        name = _UNSAFE.sub("-", stage)[:_ID_LENGTH]
        name = name if name[:1].isalpha() or name.startswith("_") else f"_{name}"
        if depth or name != stage or taken[stage.casefold()] > 1:
            name = f"{name}-{hashlib.sha256(f'{stage}:{depth}'.encode()).hexdigest()[:8]}"
        ids[stage, depth] = name
    return ids


def _bins(
    stages: Mapping[str, Sequence[PlannedJob]], needs: Mapping[str, Sequence[str]], target: Target | None
) -> dict[str, packing.Bins]:
    """Return, for each carrier, which of its jobs share a job of its matrix; those of unknown duration share none.

    Nor do shards: nox would take two of one session for the same.

    Raises:
        ConfigurationError: A matrix is too small for the shards of a stage.
    """
    seconds = {name: [job.estimate_seconds for job in jobs] for name, jobs in stages.items()}
    timed = {name: all(job.estimate_from != "prior" and not job.shard for job in jobs) for name, jobs in stages.items()}
    alone = {name: packing.spread(seconds[name], MATRIX_LIMIT) for name in stages}
    for jobs in stages.values():
        if len(jobs) > MATRIX_LIMIT and any(job.shard for job in jobs):
            raise ConfigurationError(
                f"stage {jobs[0].stage!r} has {len(jobs)} jobs, and a matrix of GitHub has at most {MATRIX_LIMIT}",
                hint="split its sessions into fewer shards",
            )
    if target is None:
        return alone
    fixed = {name: target.set_up + max(times) if times else 0.0 for name, times in seconds.items()}
    shapes = {
        name: packing.shapes(seconds[name], target.set_up, MATRIX_LIMIT)
        for name, jobs in stages.items()
        if jobs and timed[name]
    }
    order = topological(needs)

    def wall(longest: Mapping[str, float]) -> float:
        ends: dict[str, float] = {}
        for name in order:
            start = max((ends[needed] for needed in needs[name]), default=target.set_up)  # that of the plan
            ends[name] = start + longest.get(name, fixed[name])
        return max(ends.values()) + target.set_up  # and the gate

    return alone | {name: shape.bins for name, shape in packing.choose(shapes, wall, target.seconds).items()}


def _packs(carrier: str, bins: Sequence[Sequence[PlannedJob]]) -> tuple[Pack, ...]:
    return tuple(
        Pack(
            name=_name(shared[0].id) if len(shared) == 1 else f"{carrier} ({number + 1} of {len(bins)})",
            sessions=tuple(job.session for job in shared),
            shard=next((job.shard for job in shared), ""),
            pythons=tuple(dict.fromkeys(python for job in shared if (python := _installable(job)))),
            artifact=f"records.{carrier}.{number}",
            seconds=sum(job.estimate_seconds for job in shared),
            limit_minutes=_limit(shared),
        )
        for number, shared in enumerate(bins)
    )


def _limit(jobs: Iterable[PlannedJob]) -> float | None:
    total = 0.0
    for job in jobs:
        if job.timeout_minutes is None:
            return None
        total += job.timeout_minutes
    return total


def _installable(job: PlannedJob) -> str:
    return job.python if isinstance(job.python, str) and _INSTALLABLE.fullmatch(job.python) else ""


def _name(session: str) -> str:
    """Return the check's name of a session: never that of the gate, which branch protection knows by its name."""
    return f"{session} (session)" if session.casefold() in (PLAN, GATE) else check_name(session)
