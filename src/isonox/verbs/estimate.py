"""`isonox estimate`: how long a run on GitHub should take, and whether such predictions came true."""

from __future__ import annotations

from typing import Annotated

import msgspec

from isonox.errors import ExitCode, UsageError
from isonox.github import build, jobs
from isonox.github import estimate as forecasts
from isonox.github.estimate import RUNNERS, Prediction
from isonox.model.naming import count
from isonox.model.plan import Plan, PlannedJob, Selection
from isonox.model.record import Record
from isonox.report import forecast, plan_view
from isonox.report.wording import span
from isonox.sessions.run_directory import End, RunDirectory
from isonox.system import terminal
from isonox.verbs.checkout import Checkout
from isonox.verbs.compare import named
from isonox.verbs.declaration import Help, Json
from isonox.verbs.remote import set_up_of, target_of

_LABELS = {"as packed": "as packed", "a job each": "a job for each session", "one job": "everything in one job"}


class EstimateDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The document of `isonox estimate --json`.

    Attributes:
        runners: How many jobs run at once.
        set_up_seconds: What each job takes before its first session.
        set_up_from: "history" (what runs recorded) or "prior" (measured by isonox's makers).
        timed: How many of the sessions were ever timed.
        sessions: How many sessions there are.
        ways: What each way to lay out the run should take.
    """

    version: int = 1
    runners: int
    set_up_seconds: float
    set_up_from: str
    timed: int
    sessions: int
    ways: tuple[Prediction, ...]


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """A predicted duration beside the recorded one.

    Attributes:
        error_percent: How much more than recorded was predicted.
    """

    predicted_seconds: float
    recorded_seconds: float
    error_percent: float


class ValidationDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The document of `isonox estimate --run RUN --json`.

    Attributes:
        run: The run's id.
        jobs: How many of its jobs ran.
        timed: How many of these were timed before.
        red: How many of them ended red: they may have ended early.
        slots: How many cores they shared; null for a run on GitHub.
        wall: From the first start to the last end.
        work: All jobs one after the other.
        schedule: As `wall`, but predicted from what each job took in the run: the error of the schedule alone.
    """

    version: int = 1
    run: str
    jobs: int
    timed: int
    red: int
    slots: int | None
    wall: Compared
    work: Compared
    schedule: Compared


def estimate(
    *,
    runners: Annotated[
        int | None, Help(f"how many jobs GitHub runs at once (default: {RUNNERS}, as on its free plan)", "n", "N")
    ] = None,
    run: Annotated[
        str | None, Help("compare a run with what was predicted before it (`latest`, its id, a folder)", "r", "RUN")
    ] = None,
    json: Json = False,
) -> ExitCode:
    """Predict how long a run on GitHub takes, the minutes that it is billed, and its critical path.

    Beside the layout of the workflow stand two others: a job for each session, and everything in one job. It
    predicts from recorded durations; --run tells how far such a prediction was from what a run then took.
    """
    if runners is not None and runners < 1:
        raise UsageError(f"--runners {runners}: at least one job has to run at once")
    runners = runners or RUNNERS
    checkout = Checkout.here()
    if run is not None:
        terminal.write_document(_validated(checkout, named(run), runners), _show_validation, json=json)
    else:
        terminal.write_document(_predicted(checkout, runners), _show, json=json)
    return ExitCode.OK


def _predicted(checkout: Checkout, runners: int) -> EstimateDocument:
    plan = checkout.plan(Selection())
    set_up, origin = set_up_of(checkout)
    auto = any(session.facts.auto_shards for session in checkout.pipeline.sessions)
    planned = build.is_dynamic(plan, always=checkout.config.plans_at_run_time or auto)
    ways = {"as packed": jobs.group(plan, target_of(checkout)), "a job each": jobs.group(plan)}
    return EstimateDocument(
        runners=runners,
        set_up_seconds=set_up,
        set_up_from=origin,
        timed=_timed(plan.jobs),
        sessions=len(plan.jobs),
        ways=(
            *(
                forecasts.predict(carriers, way=way, set_up=set_up, runners=runners, planned=planned)
                for way, carriers in ways.items()
            ),
            forecasts.one_job(plan, set_up),
        ),
    )


def _validated(checkout: Checkout, run: RunDirectory, runners: int) -> ValidationDocument:
    """Compare a run with what its plan expected; what the plan expected is what was known before it.

    Raises:
        UsageError: Nothing ran in it, or nobody kept its plan.
        StateError: A file of it is damaged.
    """
    records = {record.job: record for record in run.read_records() if not record.from_run and record.seconds > 0}
    if not records:
        raise UsageError(f"nothing ran in {run.path}", hint="name a run in which jobs ran: isonox estimate --run ID")
    plan, end = run.read_plan(), run.read_end()
    if end is None and not run.is_fetched:
        raise UsageError(
            f"{run.path} does not say how long it took: it was killed, or an older isonox made it",
            hint="name another run: isonox estimate --run latest",
        )
    ran = [job for job in plan.jobs if job.id in records]
    took = [msgspec.structs.replace(job, estimate_seconds=records[job.id].seconds) for job in ran]
    recorded = end.seconds if end else forecasts.wall(records.values())
    walls = [_wall(checkout, plan, one, records, end, runners) for one in (ran, took)]
    work = [sum(job.estimate_seconds for job in one) for one in (ran, took)]
    return ValidationDocument(
        run=run.id,
        jobs=len(ran),
        timed=_timed(ran),
        red=sum(not record.verdict.green for record in records.values()),
        slots=end.slots if end else None,
        wall=_compared(walls[0], recorded),
        work=_compared(*work),
        schedule=_compared(walls[1], recorded),
    )


def _wall(  # noqa: PLR0913, PLR0917 - what ran, and where
    checkout: Checkout,
    plan: Plan,
    ran: list[PlannedJob],
    records: dict[str, Record],
    end: End | None,
    runners: int,
) -> float:
    """Return how long these jobs should take: on so many cores, or each on a runner of GitHub."""
    if end:
        return forecast.rest(ran, end.slots, {})
    there = msgspec.structs.replace(plan, jobs=tuple(ran))
    carriers = jobs.group(there, target_of(checkout))
    set_up = forecasts.set_up_of(carriers, records.values())
    set_up = set_up_of(checkout)[0] if set_up is None else set_up
    played = forecasts.play(carriers, set_up=set_up, runners=runners, planned=False)
    stages = [job for job in played if job.carrier != jobs.GATE]
    return max(job.end for job in stages) - min(job.start for job in stages) - set_up


def _compared(predicted: float, recorded: float) -> Compared:
    error = 100 * (predicted - recorded) / recorded if recorded else 0.0
    return Compared(
        predicted_seconds=round(predicted, 3), recorded_seconds=round(recorded, 3), error_percent=round(error, 1)
    )


def _timed(ran: tuple[PlannedJob, ...] | list[PlannedJob]) -> int:
    return sum(job.estimate_from == "history" for job in ran)


def _show(document: EstimateDocument) -> str:
    cells = [
        (_LABELS[one.way], str(one.jobs), span(one.wall_seconds), f"{one.billed_minutes} min") for one in document.ways
    ]
    first = document.ways[0]
    known = "recorded" if document.set_up_from == "history" else "never recorded here"
    guesses = "; the others are guesses" if document.timed < document.sessions else ""
    totals = [
        f"critical path: {span(first.path_seconds)}: {' -> '.join(first.critical_path)}",
        f"at most {document.runners} at once, {span(document.set_up_seconds)} of set-up in each ({known})",
        f"{document.timed} of {count(document.sessions, 'session')} timed{guesses}",
    ]
    return plan_view.page(("layout", "jobs", "time", "billed"), cells, totals)


def _show_validation(found: ValidationDocument) -> str:
    labels = {
        "wall time": found.wall,
        "work, one after the other": found.work,
        "wall time, had each job's time been known": found.schedule,
    }
    cells = [
        (label, span(one.predicted_seconds), span(one.recorded_seconds), f"{one.error_percent:+.1f} %")
        for label, one in labels.items()
    ]
    where = f"on {count(found.slots, 'core')}" if found.slots else "on GitHub"
    totals = [f"{found.run}: {count(found.jobs, 'job')} {where}, {found.timed} timed before, {found.red} red"]
    return plan_view.page(("", "predicted", "recorded", "error"), cells, totals)
