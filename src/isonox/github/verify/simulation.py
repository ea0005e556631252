"""Run a workflow in the mind: what GitHub does with it in a situation, with faults injected.

Sources: https://docs.github.com/en/actions/reference/workflows-and-actions/expressions#status-check-functions,
https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax, and
https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-cancellation. Where they leave a result
open, it is a fault of its own: a job whose time is up is reported as failure by some and as cancelled by others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from isonox.errors import ConfigurationError
from isonox.github.jobs import MATRIX_LIMIT
from isonox.github.verify import matrix, templates
from isonox.github.verify.faults import Kind
from isonox.github.verify.steps import CANCELLED, FAILURE, SKIPPED, SUCCESS, Crew, Shift, environment, flag
from isonox.github.verify.workflow_file import scalar_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from isonox.github.verify.faults import Facts, Fault, Left
    from isonox.github.verify.scenarios import Scenario
    from isonox.github.verify.steps import Judged, Uploaded
    from isonox.github.verify.values import Value
    from isonox.github.verify.workflow_file import Job, Workflow

_ENDS = {
    Kind.LOST: FAILURE,
    Kind.TIMED_OUT: FAILURE,
    Kind.TIMED_OUT_CANCELLED: CANCELLED,
    Kind.CANCELLED: CANCELLED,
}


class Instance(NamedTuple):
    """How one job of a matrix ended.

    Attributes:
        result: What the others are told.
        clean: Whether nothing failed in it, not even what GitHub was told to overlook.
        ran: The sessions that ran.
        uploads: In order.
        swallowed: Indices of steps whose failure was overlooked.
        judged: What its last step that judges the others decided.
        skipped_steps: Indices.
        not_modelled: Steps that were taken to succeed; with a reason for those that look at other jobs.
    """

    result: str
    clean: bool = False
    outputs: tuple[tuple[str, Value], ...] = ()
    ran: tuple[Left, ...] = ()
    uploads: tuple[Uploaded, ...] = ()
    swallowed: tuple[int, ...] = ()
    judged: Judged | None = None
    skipped_steps: tuple[int, ...] = ()
    not_modelled: tuple[tuple[str, str], ...] = ()

    @property
    def works(self) -> bool:
        """Whether sessions ran in it; it may also only tell of those that need not."""
        return any(left.kind is not Kind.CACHED for left in self.ran)


class Outcome(NamedTuple):
    """How a job ended.

    Attributes:
        excused: Whether it was skipped by a condition, its own or of a job that it needs, and nothing went wrong.
        problem: Why GitHub could not run it.
    """

    result: str
    instances: tuple[Instance, ...] = ()
    outputs: tuple[tuple[str, Value], ...] = ()
    uploads: tuple[Uploaded, ...] = ()
    excused: bool = False
    problem: str = ""

    @property
    def clean(self) -> bool:
        """Whether it ran and nothing failed in it."""
        return bool(self.instances) and all(one.clean for one in self.instances)


Outcomes = dict[str, Outcome]


class Simulator:
    """Runs one workflow in one scenario; what does not depend on a fault is computed once."""

    def __init__(
        self, workflow: Workflow, scenario: Scenario, facts: Facts | None, gate: str, *, cancels_rest: bool
    ) -> None:
        self.workflow = workflow
        self.scenario = scenario
        self.facts = facts
        self.cancels_rest = cancels_rest
        self.crew = Crew(workflow, facts, gate)
        self._reach = {name: {name, *upstream} for name, upstream in workflow.upstream.items()}
        self._base: tuple[Outcomes, dict[str, tuple[int, int]]] = ({}, {})
        self._seen: dict[Any, tuple[Outcome, int, int]] = {}
        self._numbers: dict[Any, int] = {}
        self._instances: dict[Any, Instance] = {}
        self._matrices: dict[Any, list[dict[str, Any]] | str] = {}

    def run(self, faults: Sequence[Fault] = ()) -> Outcomes:
        """Return how each job ends."""
        struck: dict[str, tuple[Fault, ...]] = {}
        for fault in faults:
            struck[fault.job] = (*struck.get(fault.job, ()), fault)
        stopped = {fault.job for fault in faults if fault.kind is Kind.CANCELLED}
        all_stopped = "" in struck
        base, base_numbers = self._base if faults else ({}, {})
        found: Outcomes = {}
        numbers: dict[str, tuple[int, int]] = {}
        for name in self.workflow.order:
            if base and not all_stopped and self._reach[name].isdisjoint(struck):
                found[name], numbers[name] = base[name], base_numbers[name]
                continue
            upstream = self.workflow.upstream[name]
            cancelled = all_stopped or not stopped.isdisjoint(upstream)
            which = name in self.crew.downloads
            key = (name, struck.get(name), cancelled, *[numbers[one][which] for one in upstream])
            if key not in self._seen:
                outcome = self._job(name, struck.get(name, ()), found, key, cancelled=cancelled)
                self._seen[key] = (outcome, self._number((outcome.result, outcome.outputs)), self._number(outcome))
            found[name], *both = self._seen[key]
            numbers[name] = (both[0], both[1])
        if not faults:
            self._base = (found, numbers)
        return found

    def variables(self, name: str) -> list[dict[str, Any]]:
        """Return the matrix of a job as it is when nothing goes wrong; one empty entry for a job without one."""
        contexts = self._contexts(self.workflow.jobs[name], self.run())
        found = self._matrix(self.workflow.jobs[name], contexts)
        return found if isinstance(found, list) else []

    def fails_fast(self, name: str) -> bool:
        """Return whether one failure cancels the rest of a job's matrix."""
        job = self.workflow.jobs[name]
        return self._fails_fast(job, self._contexts(job, self.run()))

    def _number(self, value: Any) -> int:
        """Return a number that equal values share."""
        return self._numbers.setdefault(value, len(self._numbers))

    def _job(self, name: str, faults: tuple[Fault, ...], before: Outcomes, key: Any, *, cancelled: bool) -> Outcome:
        job = self.workflow.jobs[name]
        results = [before[one].result for one in self.workflow.upstream[name]]
        well = all(before[one].result == SUCCESS or before[one].excused for one in self.workflow.upstream[name])
        if any(fault.kind is Kind.SKIPPED for fault in faults):
            return Outcome(SKIPPED, excused=well)
        contexts = self._contexts(job, before)
        try:
            runs = self._runs(job, contexts, results, cancelled=cancelled)
        except ConfigurationError as error:
            return Outcome(FAILURE, problem=f"its `if` can't be evaluated: {error}")
        if not runs:
            started = cancelled and not job.needs
            return Outcome(CANCELLED if started else SKIPPED, excused=well and not cancelled)
        variables = self._matrix(job, contexts)
        if isinstance(variables, str):
            return Outcome(FAILURE, problem=variables)
        instances = []
        for index, values in enumerate(variables):
            own = tuple(fault for fault in faults if fault.instance in (index, -1))
            one = (*key[:1], index, own, *key[2:])
            if one not in self._instances:
                self._instances[one] = self._instance(job, own, index, values, len(variables), contexts, before)
            instances.append(self._instances[one])
        if self.cancels_rest and self._fails_fast(job, contexts) and any(one.result == FAILURE for one in instances):
            hit = {fault.instance for fault in faults}
            instances = [one if number in hit else Instance(CANCELLED) for number, one in enumerate(instances)]
        return _combined(instances)

    def _runs(self, job: Job, contexts: Mapping[str, Value], results: list[str], *, cancelled: bool) -> bool:
        functions: dict[str, Callable[..., Value]] = {
            "success": lambda *_: not cancelled and all(result == SUCCESS for result in results),
            "failure": lambda *_: not cancelled and FAILURE in results,
            "always": lambda: True,
            "cancelled": lambda: cancelled,
        }
        text = job.node.text("if")
        if not templates.has_status_function(text) and not functions["success"]():
            return False
        return templates.condition(text, contexts, functions)

    def _contexts(self, job: Job, before: Outcomes) -> dict[str, Value]:
        needs: dict[str, Value] = {
            name: {"result": before[name].result, "outputs": dict(before[name].outputs)} for name in job.needs
        }
        github: dict[str, Value] = {**self.scenario.github, "job": job.id, "token": "***"}  # nosec B105 - a word
        return {"github": github, "needs": needs, "vars": {}, "secrets": {}, "inputs": {}}

    def _matrix(self, job: Job, contexts: Mapping[str, Value]) -> list[dict[str, Any]] | str:
        """Return the variables of each job of a matrix, or why there are none."""
        given = job.node.node("strategy").get("matrix")
        if given is None:
            return [{}]
        key = (job.id, repr(contexts["needs"]))
        if key not in self._matrices:
            try:
                found = matrix.expand(given, lambda text: templates.interpolate(text, contexts))
            except ConfigurationError as error:
                self._matrices[key] = f"its matrix can't be evaluated: {error}"
            else:
                count = len(found)
                wrong = "its matrix is empty" if not found else f"its matrix has {count} jobs, more than {MATRIX_LIMIT}"
                self._matrices[key] = found if 0 < count <= MATRIX_LIMIT else wrong
        return self._matrices[key]

    def _fails_fast(self, job: Job, contexts: Mapping[str, Value]) -> bool:
        strategy = job.node.node("strategy")
        if "matrix" not in strategy or "fail-fast" not in strategy:
            return "matrix" in strategy  # GitHub's default is true
        return flag(strategy.get("fail-fast"), contexts)

    def _instance(  # noqa: PLR0913, PLR0917 - where and how it runs
        self,
        job: Job,
        faults: tuple[Fault, ...],
        index: int,
        values: dict[str, Any],
        total: int,
        common: Mapping[str, Value],
        before: Outcomes,
    ) -> Instance:
        contexts: dict[str, Any] = {
            **common,
            "matrix": values,
            "strategy": {"job-index": index, "job-total": total},
            "runner": {"os": _system(job), "temp": "/temp", "arch": "X64"},
        }
        tolerant = flag(job.node.get("continue-on-error"), contexts)
        if ends := next((_ENDS[fault.kind] for fault in faults if fault.kind in _ENDS), ""):
            return Instance(SUCCESS if tolerant and ends == FAILURE else ends)
        free = self.scenario.outputs.get(job.id, {})
        if "uses" in job.node:
            failed = any(fault.kind is Kind.FAILS for fault in faults)
            result = FAILURE if failed and not tolerant else SUCCESS
            return Instance(result, clean=not failed, outputs=() if failed else tuple(free.get("", {}).items()))
        try:
            contexts["env"] = environment(contexts, {}, self.workflow.node.node("env"), job.node.node("env"))
        except ConfigurationError:
            return Instance(FAILURE)
        upstream = self.workflow.upstream[job.id]
        visible = [upload for name in upstream for upload in before[name].uploads]
        shift = Shift(self.crew, job, contexts, free, visible)
        shift.session_faults = {fault.session: fault.kind for fault in faults if fault.session}
        shift.failing = {fault.step for fault in faults if fault.step >= 0}
        failed = not shift.work()
        return Instance(
            result=FAILURE if failed and not tolerant else SUCCESS,
            clean=not failed and not shift.swallowed,
            outputs=tuple(shift.outputs(job)),
            ran=tuple(shift.ran),
            uploads=tuple(shift.uploads),
            swallowed=tuple(shift.swallowed),
            judged=shift.judged,
            skipped_steps=tuple(shift.skipped),
            not_modelled=tuple(shift.not_modelled.items()),
        )


def _system(job: Job) -> str:
    label = scalar_text(job.node.get("runs-on")).lower()
    return "Windows" if "windows" in label else "macOS" if "macos" in label else "Linux"


def _combined(instances: list[Instance]) -> Outcome:
    """Return how a matrix ended: one failure fails it. Without `overwrite`, a second upload of a name fails."""
    names: set[str] = set()
    checked = []
    for one in instances:
        clash = any(upload.name in names and not upload.overwrites for upload in one.uploads)
        names.update(upload.name for upload in one.uploads)
        checked.append(one._replace(result=FAILURE, clean=False) if clash else one)
    results = {one.result for one in checked}
    return Outcome(
        result=FAILURE if FAILURE in results else CANCELLED if CANCELLED in results else SUCCESS,
        instances=tuple(checked),
        outputs=next((one.outputs for one in reversed(checked) if one.outputs), ()),
        uploads=tuple(upload for one in checked for upload in one.uploads),
    )
