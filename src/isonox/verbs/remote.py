"""What a run on GitHub takes from earlier runs, and what it leaves for later ones: results and durations."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec

from isonox.cache.pruning import MAX_AGE_SECONDS
from isonox.errors import StateError
from isonox.github import estimate, jobs
from isonox.model.plan import Selection
from isonox.model.verdict import Verdict
from isonox.sessions.messages import RUN_VARIABLE
from isonox.sessions.run_directory import RunDirectory
from isonox.system import clock, github
from isonox.verbs import tested
from isonox.verbs.results import Results

if TYPE_CHECKING:
    from collections.abc import Iterable

    from isonox.model.plan import Plan
    from isonox.model.record import Record
    from isonox.verbs.checkout import Checkout

#: How much of the cache travels: it is saved anew after each push, and GitHub keeps 10 GB for a repository.
MAX_BYTES = 250 << 20

_OTHER_PYTHON = "it ran on another Python than the gate has"


def target_of(checkout: Checkout) -> jobs.Target | None:
    """Return how long a run on GitHub may take, if `[tool.isonox]` says that."""
    minutes = checkout.config.target_minutes
    return None if minutes is None else jobs.Target(minutes * 60, set_up_of(checkout)[0])


def set_up_of(checkout: Checkout) -> tuple[float, str]:
    """Return the seconds that a job on GitHub takes before its first session: "history", or a "prior"."""
    try:
        recorded = checkout.history.set_up()
    except StateError:
        recorded = None
    return (jobs.SET_UP_SECONDS, "prior") if recorded is None else (recorded, "history")


def whole(checkout: Checkout, plan: Plan) -> Plan:
    """Return the plan of the workflow itself, which has also what a change does not affect."""
    return plan if plan.selection.base is None else checkout.plan(Selection())


def take_known(checkout: Checkout, plan: Plan) -> tuple[dict[str, Record], list[str]]:
    """Return the records of jobs that need not run, and what went wrong; they are in the run's folder for later jobs.

    Elsewhere than on GitHub, nothing is taken: what a laptop knows is not what a workflow would leave out.
    """
    given = os.environ.get(RUN_VARIABLE)
    if not (checkout.config.remote_cache and github.is_here(os.environ) and given):
        return {}, []
    directory = RunDirectory.at(checkout.root / given)
    results = Results(checkout, plan, clock.posix())
    known = results.hits(directory)
    directory.write_plan(plan)
    directory.write_cached(known.values())
    return known, [*results.problems, *checkout.store.problems]


def fingerprints(checkout: Checkout, plan: Plan) -> frozenset[str]:
    """Return the fingerprints of a plan whose results GitHub knows: cached records with others are not believed."""
    if not checkout.config.remote_cache:
        return frozenset()
    wanted = [job.fingerprint for job in plan.jobs if job.fingerprint]
    try:
        return frozenset(checkout.store.find(wanted, now=clock.posix(), origins=("github",)))
    except StateError:
        return frozenset()


def leave(checkout: Checkout, plan: Plan, records: Iterable[Record], directory: RunDirectory) -> list[str]:
    """Keep durations and results for later runs, after a push to the default branch; return what went wrong.

    Args:
        checkout: A clean one, of the commit that ran.
        plan: What ran.
        records: As the gate judged them.
        directory: The run's folder.
    """
    config = checkout.config
    if not github.on_default_branch(os.environ) or not (config.remote_cache or config.target_minutes):
        return []
    records = tuple(records)
    ran = [record for record in records if record.verdict is Verdict.PASSED]
    problems = []
    try:
        checkout.store.touch([one.fingerprint for one in records if one.fingerprint and one.from_run], clock.posix())
        checkout.history.add(ran)
        set_up = estimate.set_up_of(jobs.group(plan), ran)
        if set_up is not None:
            checkout.history.add_set_up(directory.id, set_up)
    except StateError as error:
        problems.append(f"durations were not kept for the next estimates: {error}")
    problems += tested.count(checkout.history, directory, records)
    if config.remote_cache:
        problems += _keep(checkout, plan, records, directory)
    return problems


def _keep(checkout: Checkout, plan: Plan, records: Iterable[Record], directory: RunDirectory) -> list[str]:
    if plan.dirty:
        return ["results are not kept for later runs: this checkout is not as it was committed"]
    results = Results(checkout, plan, clock.posix())
    here = {job: one.parts.get("interpreter", "") for job, one in checkout.fingerprints(plan).items()}
    believed = [_as_here(record, here[record.job]) for record in records]
    refused = {one.job: one.reason for one in believed if one.reason == _OTHER_PYTHON}
    refused |= results.keep(plan, believed, directory)
    try:
        checkout.store.prune(now=clock.posix(), max_bytes=MAX_BYTES, max_age_seconds=MAX_AGE_SECONDS)
    except StateError as error:
        results.problems.append(str(error))
    return [
        *(f"{job} will run again next time: {reason}" for job, reason in refused.items()),
        *results.problems,
        *checkout.store.problems,
    ]


def _as_here(record: Record, here: str) -> Record:
    """Return a record; it does not count if it ran on another Python than its fingerprint names ("cpython 3.13.9 ...").

    Then nothing that requires it counts, either.
    """
    version = record.interpreter.version
    if record.verdict is not Verdict.PASSED or version is None or version in here.split():
        return record
    return msgspec.structs.replace(record, verdict=Verdict.MISSING, reason=_OTHER_PYTHON)
