"""Prove a gate: for every fault, and every two, it is green exactly when every planned job is.

Whether it should be green is decided here from what was injected and what ran; the gate's own code is not asked.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from isonox.errors import ConfigurationErrors
from isonox.github.verify import causes, choice, commands, scenarios, triggers
from isonox.github.verify.faults import BENIGN, Facts, Fault, Kind
from isonox.github.verify.finding import Finding
from isonox.github.verify.simulation import Simulator
from isonox.github.verify.steps import RESTORE, RESULTS, SKIPPED, SUCCESS, by_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from isonox.github.verify.scenarios import Scenario
    from isonox.github.verify.simulation import Outcomes
    from isonox.github.verify.workflow_file import Job, Workflow
    from isonox.model.plan import Plan

#: Counter-examples that are shown: one for each cause.
SHOWN = 10


class CounterExample(msgspec.Struct, frozen=True, kw_only=True):
    """A run that the gate gets wrong.

    Attributes:
        event: What starts the run.
        faults: What goes wrong in it; nothing for a run in which all is well.
        jobs: GitHub's result of each job.
        gate: What the gate says.
        should: What it should say.
        because: Why it should.
        says: What the gate finds wrong.
        cause: What makes it so, and where.
    """

    event: str
    faults: tuple[str, ...]
    jobs: dict[str, str]
    gate: str
    should: str
    because: str
    says: tuple[str, ...]
    cause: Finding


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What is known about a gate.

    Attributes:
        shape: "isonox": judged by records; "hand-written": by GitHub's results alone.
        jobs: How many planned jobs there are, or jobs of the workflow that the gate has to judge.
        events: The situations that were tried; those on one line behave alike.
        cases: How many runs were tried, by the number of faults.
        causes: How many different causes counter-examples have; `counter_examples` shows the first.
        findings: What is wrong beside them.
        unproved: Why the outcome is not certain.
        notes: What was taken for granted or left out.
    """

    version: int = 1
    file: str
    gate: str
    shape: str
    jobs: int
    events: tuple[str, ...]
    cases: dict[str, int]
    counter_examples: tuple[CounterExample, ...]
    causes: int
    findings: tuple[Finding, ...]
    unproved: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def proved(self) -> bool:
        """Whether the gate is right in every case, and nothing speaks against it."""
        return not (self.counter_examples or self.unproved or self.findings)


class Wrong(NamedTuple):
    """Why a run is not green: the workflow job, and what became of it."""

    job: str
    text: str


def prove(workflow: Workflow, plan: Plan | None, *, gate: str | None = None) -> Proof:
    """Try the gate of a workflow.

    Args:
        workflow: As it stands in the file.
        plan: What CI plans, for a workflow whose gate is `isonox gate`.
        gate: Id of the gate's job; by default it is looked for.

    Raises:
        UsageError: No job can be told to be the gate.
        ConfigurationErrors: There are expressions that GitHub would refuse.
    """
    if problems := scenarios.wrong_expressions(workflow):
        raise ConfigurationErrors(problems)
    name, why = causes.find_gate(workflow, gate)
    return _Prover(workflow, name, plan).prove(why)


class _Prover:
    def __init__(self, workflow: Workflow, gate: str, plan: Plan | None) -> None:
        self.workflow = workflow
        self.gate = gate
        self.plan = plan
        self.facts = Facts(plan) if plan else None
        after = {name for name, upstream in workflow.upstream.items() if gate in upstream}
        self.others = [job for job in workflow.jobs.values() if job.id != gate and job.id not in after]
        self.named = causes.named_skips(workflow.jobs[gate])
        self.by_event = {job.id for job in self.others if not plan and scenarios.by_event(job)}
        self.cases: Counter[str] = Counter()
        self.found: dict[tuple[str, int, str], CounterExample] = {}
        self.in_doubt: dict[str, None] = {}
        self.trusted: dict[str, str] = {}
        self.labels: dict[tuple[str, int], str] = {}
        self.carrying: set[str] = set()
        self.judged_jobs = 0
        self.choice = choice.Choice(planned=plan is not None)
        self.ran: set[str] = set()

    def prove(self, why: str) -> Proof:
        alone = not self.workflow.jobs[self.gate].needs and len(self.workflow.jobs) > 1  # no run shows more than that
        groups = [] if alone else self._groups()
        self.choice.pairs //= max(1, len(groups))
        for label, scenario in groups:
            self._scenario(label, scenario)
        found = sorted(self.found.values(), key=lambda one: len(one.faults))
        places = {(one.cause.file, one.cause.line) for one in found}
        findings: list[Finding] = []
        for one in triggers.findings(self.workflow, self.gate, self.others if self.facts else ()):
            if (one.file, one.line) not in places:
                places.add((one.file, one.line))
                findings.append(one)
        for job in self.others:
            if job.id not in self.ran and groups and choice.may_skip(job):
                self.in_doubt[f"job {job.id!r} never ran: its `if` asks for something that is not simulated"] = None
        if not groups and not alone:
            self.in_doubt["no event that a gate is for starts the workflow: pull_request, push, merge_group"] = None
        return Proof(
            file=self.workflow.file,
            gate=self.gate,
            shape="isonox" if self.facts else "hand-written",
            jobs=len(self.plan.jobs) if self.plan else self.judged_jobs,
            events=tuple(label for label, _ in groups),
            cases=dict(self.cases),
            counter_examples=tuple(found[:SHOWN]),
            causes=len(found),
            findings=tuple(findings),
            unproved=tuple(self.in_doubt),
            notes=tuple(self._notes(why)),
        )

    def _groups(self) -> list[tuple[str, Scenario]]:
        """Return scenarios, those together that no decision of the workflow tells apart."""
        known = frozenset(
            (job.id, step.id)
            for job in self.workflow.jobs.values()
            for step in job.steps
            if self.facts and (commands.PLANS.search(step.script) or step.uses == RESTORE)
        )
        reads = scenarios.reads(self.workflow)
        groups: dict[str, tuple[list[str], Scenario]] = {}
        for scenario in self._scenarios(known):
            key = repr([scenarios.look_up(scenario.github, read) for read in reads]) + repr(scenario[2:])
            groups.setdefault(key, ([], scenario))[0].append(scenario.label)
        return [("; ".join(labels), scenario) for labels, scenario in groups.values()]

    def _scenarios(self, known: frozenset[tuple[str, str]]) -> Iterator[Scenario]:
        """Yield every situation, with the kinds of stores and changes that make a difference."""
        every = [step for job in self.workflow.jobs.values() for step in job.every_step()]
        stored = any(step.uses == RESTORE and RESULTS in step.node.node("with").text("path") for step in every)
        based = any("--base" in step.script and commands.OURS.search(step.script) for step in every)
        for scenario in scenarios.scenarios(self.workflow, known):
            if self.facts:
                yield from scenarios.varied(scenario, self.facts.plan, stored=stored, based=based)
            else:
                yield scenario

    def _notes(self, why: str) -> Iterator[str]:
        yield f"the gate is job {self.gate!r}: {why}"
        if not self.facts:
            yield "a job is as good as GitHub's result of it: without `isonox gate`, nothing else is known"
            if unseen := [job.id for job in self.others if job.id in self.by_event - self.ran and self.ran]:
                yield f"jobs that none of these events starts, so nothing of them was tried: {', '.join(unseen)}"
        if trusted := [name for name, reason in self.trusted.items() if not reason]:
            yield f"steps of the gate that are taken to succeed: {', '.join(trusted)}"
        if called := [job.id for job in self.others if "uses" in job.node]:
            yield f"reusable workflows, each taken as one job: {', '.join(called)}"
        yield from self.choice.reduced

    def _scenario(self, label: str, scenario: Scenario) -> None:
        if self.plan:
            self.facts = Facts(self.plan, scenario.cached, scenario.affected)
        simulator = Simulator(self.workflow, scenario, self.facts, self.gate, cancels_rest=False)
        baseline = simulator.run()
        if self.facts:
            self.carrying = {name for name, end in baseline.items() if any(one.works for one in end.instances)}
        for job in self.others:
            for number, values in enumerate(simulator.variables(job.id)):
                self.labels[job.id, number] = causes.label(values)
        self.ran |= {name for name, end in baseline.items() if end.instances}
        self.judged_jobs = max(self.judged_jobs, sum(len(baseline[job.id].instances) for job in self.others))
        singles = [fault for job in self.others for fault in self.choice.of_job(job, baseline[job.id])]
        pairs = self.choice.of_two(singles, simulator, baseline)
        simulators = [simulator]
        if any(simulator.fails_fast(job.id) and len(baseline[job.id].instances) > 1 for job in self.others):
            simulators.append(Simulator(self.workflow, scenario, self.facts, self.gate, cancels_rest=True))
        for number, one in enumerate(simulators):
            if not number:
                self._try(label, one, ())
            bad = {fault for fault in singles if not self._try(label, one, (fault,))}
            self._try(label, one, (Fault(Kind.RUN_CANCELLED),))
            for pair in pairs:
                if bad.isdisjoint(pair):
                    self._try(label, one, pair)

    def _try(self, label: str, simulator: Simulator, faults: tuple[Fault, ...]) -> bool:
        """Run one case; return whether the gate is right."""
        self.cases[("no fault", "one fault", "two faults")[len(faults)]] += 1
        outcomes = simulator.run(faults)
        gate = outcomes[self.gate]
        green = gate.result in (SUCCESS, SKIPPED)
        wrong = self._wrong(outcomes)
        for instance in gate.instances:
            self.trusted.update(instance.not_modelled)
        cancelled = faults and faults[0].kind is Kind.RUN_CANCELLED
        if (green == (not wrong) and (faults or green)) or (cancelled and not wrong):
            return True
        reasons = [why for instance in gate.instances for _, why in instance.not_modelled if why]
        if green and reasons:
            self.in_doubt.update(
                dict.fromkeys(f"{one}: judge by isonox gate, alls-green, or `[` and `exit 1`" for one in reasons)
            )
            return True
        self._keep(label, faults, outcomes, wrong)
        return False

    def _wrong(self, outcomes: Outcomes) -> list[Wrong]:
        """Return what keeps a run from being green."""
        wrong = list(self._wrong_records(outcomes, self.facts)) if self.facts else []
        gate = outcomes[self.gate]
        named = self.named if gate.result in (SUCCESS, SKIPPED) else ()  # red for a skip that it names is its choice
        allowed = {*named, *(name for one in gate.instances if one.judged for name in one.judged.allowed)}
        for job in self.others:
            outcome = outcomes[job.id]
            if job.id in self.carrying or outcome.clean:
                continue
            if outcome.excused and (
                job.id in allowed or (self.facts and not _plans(job)) or self._left_out(job.id, outcomes)
            ):
                continue
            ended = outcome.result if outcome.result != SUCCESS else "success, although it failed"
            wrong.append(Wrong(job.id, f"job {job.id!r} ended as {outcome.problem or ended}"))
        return wrong

    def _left_out(self, name: str, outcomes: Outcomes) -> bool:
        """Return whether the event alone does not start a job: by its own `if`, or that of one that it needs."""
        return name in self.by_event and all(
            self._left_out(one, outcomes) for one in self.workflow.upstream[name] if outcomes[one].result == SKIPPED
        )

    def _wrong_records(self, outcomes: Outcomes, facts: Facts) -> Iterator[Wrong]:
        ran: dict[str, list[Kind]] = {}
        for outcome in outcomes.values():
            for instance in outcome.instances:
                for left in instance.ran:
                    ran.setdefault(left.session, []).append(left.kind)
        all_uploads = (upload for outcome in outcomes.values() for upload in outcome.uploads)
        kept = {left.session for name in by_name(all_uploads).values() for left in name.records if left.kind in BENIGN}
        for job in facts.plan.jobs:
            kinds = ran.get(job.id, [])
            if not kinds:
                yield Wrong(facts.carriers[job.id], f"no job ran {job.id!r}")
            elif bad := [kind for kind in kinds if kind not in BENIGN]:
                yield Wrong(facts.carriers[job.id], f"{job.id!r} {bad[0].value}")
            elif job.id not in kept:
                yield Wrong(facts.carriers[job.id], f"the record of {job.id!r} was not kept")

    def _keep(self, label: str, faults: tuple[Fault, ...], outcomes: Outcomes, wrong: list[Wrong]) -> None:
        gate = outcomes[self.gate]
        green = gate.result in (SUCCESS, SKIPPED)
        struck = [fault.job for fault in faults]
        wrong = sorted(wrong, key=lambda one: one.job not in struck)
        cause = causes.find(self.workflow, self.gate, self.facts, outcomes, wrong[0].job if wrong else None)
        says = tuple(text for one in gate.instances if one.judged for text in one.judged.problems)
        key = (cause.file, cause.line, cause.what)
        if key in self.found and len(self.found[key].faults) <= len(faults):
            return
        self.found[key] = CounterExample(
            event=label,
            faults=tuple(self._described(fault) for fault in faults),
            jobs={name: outcome.result for name, outcome in outcomes.items()},
            gate="green" if green else "red",
            should="red" if green else "green",
            because=wrong[0].text if green else self._fine(wrong),
            says=says,
            cause=cause,
        )

    def _fine(self, wrong: list[Wrong]) -> str:
        """Return why a run should be green."""
        if wrong:
            return "nothing was made to go wrong"
        return f"every job {'passed, was cached or waived' if self.facts else 'that this event starts succeeded'}"

    def _described(self, fault: Fault) -> str:
        if not fault.job:
            return f"the run {fault.kind.value}"
        which = self.labels.get((fault.job, fault.instance), "")
        if fault.session:
            return f"{fault.session!r} in job {fault.job!r} {fault.kind.value}"
        where = ""
        if fault.step >= 0:
            where = f" in step {self.workflow.jobs[fault.job].steps[fault.step].label!r}"
        return f"job {fault.job!r}{f' ({which})' if which else ''} {fault.kind.value}{where}"


def _plans(job: Job) -> bool:
    return any(commands.PLANS.search(step.script) for step in job.steps)
