"""Why a gate is wrong: what in the file makes it so."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from isonox.errors import UsageError, did_you_mean
from isonox.github.verify import commands, globs, scenarios
from isonox.github.verify.faults import Kind
from isonox.github.verify.finding import Finding, found_at
from isonox.github.verify.steps import ALLS_GREEN, CANCELLED, DOWNLOAD, FAILURE, SKIPPED, SUCCESS
from isonox.github.verify.workflow_file import scalar_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from isonox.github.verify.faults import Facts
    from isonox.github.verify.simulation import Outcomes
    from isonox.github.verify.workflow_file import Job, Node, Step, Workflow

#: How what isonox has written gets right again.
_AGAIN = "isonox workflows"
_RESULT = re.compile(r"\$\{\{\s*needs\.([\w-]+)\.result\s*\}\}")
#: `needs.docs.result == 'skipped'`, or in a shell `"$DOCS" = skipped`.
_MAY_SKIP = re.compile(r"""(?:needs\.([\w-]+)\.result(?:\s*\}\}"?)?|\$\{?(\w+)\}?"?)[ \t]*[!=]?=[ \t]*["']?skipped\b""")
_NAMES = re.compile(
    r"(?:\w+[-_])*gate|checks?|ci|ok|success|(?:status|required|all)[-_]checks?(?:[-_]\w+)*"
    r"|(?:all|required|ci|tests?)[-_](?:green|pass|passed|ok|done|success|succeeded|required|complete)",
    re.IGNORECASE,
)


def find_gate(workflow: Workflow, asked: str | None) -> tuple[str, str]:
    """Return the id of the gate's job, and why it is that.

    Raises:
        UsageError: There is none, or several could be it.
    """
    jobs = workflow.jobs
    if asked is not None:
        if asked not in jobs:
            raise UsageError(
                f"{workflow.file} has no job {asked!r}{did_you_mean(asked, jobs)}", hint=f"its jobs: {', '.join(jobs)}"
            )
        return asked, "it was named"
    needed = {name for job in jobs.values() for name in job.needs}
    ends = [job for job in jobs.values() if job.needs and job.id not in needed]
    guesses = (
        ([job for job in jobs.values() if runs_gate(job)], "it runs `isonox gate`"),
        ([job for job in jobs.values() if any(step.uses == ALLS_GREEN for step in job.steps)], f"it uses {ALLS_GREEN}"),
        ([job for job in jobs.values() if job.needs and _NAMES.fullmatch(job.id)], "so its name says"),
        ([job for job in ends if _judges_always(job)], "it is the only last job that always runs and looks at others"),
    )
    for found, why in guesses:
        if len(found) == 1:
            return found[0].id, why
        if found:
            raise UsageError(
                f"{workflow.file}: each of these jobs may be the gate: {', '.join(job.id for job in found)}",
                hint="say which one is the required check: --gate JOB",
            )
    raise UsageError(
        f"{workflow.file}: no job looks like a gate, one that needs the others and judges them",
        hint="say which one is the required check: --gate JOB",
    )


def runs_gate(job: Job) -> bool:
    """Return whether a job runs `isonox gate`."""
    return any(commands.GATES.search(step.script) for step in job.every_step())


def named_skips(gate: Job) -> frozenset[str]:
    """Return the jobs of which the gate says in one breath that they may be skipped."""
    found: set[str] = set()
    every = list(scenarios.texts(gate.node))
    given = {path[-1]: match[1] for path, text in every if path and (match := _RESULT.fullmatch(text.strip()))}
    for _, text in every:
        found.update(name or given.get(variable, "") for name, variable in _MAY_SKIP.findall(text))
    return frozenset(found - {""})


def label(values: dict[str, Any]) -> str:
    """Return how to tell a job of a matrix from the others."""
    texts = (scalar_text(value).strip() for value in values.values() if not isinstance(value, (dict, list)))
    return ", ".join(text for text in texts if text)


def find(workflow: Workflow, gate: str, facts: Facts | None, outcomes: Outcomes, culprit: str | None) -> Finding:
    """Return what makes the gate wrong.

    Args:
        workflow: The file.
        gate: The gate's job.
        facts: The plan, where there is one.
        outcomes: How each job ended.
        culprit: The job that went wrong; None if all is well, and the gate is red all the same.
    """
    job = workflow.jobs[gate]
    green = outcomes[gate].result in (SUCCESS, SKIPPED)
    if facts and culprit is not None and culprit not in workflow.jobs:
        names = [repr(job.id) for job in facts.plan.jobs if facts.carriers[job.id] not in workflow.jobs]
        what = f"the workflow does not run {', '.join(names)}, which the plan has"
        return found_at(workflow.node, "jobs", what, "it was not written again", _AGAIN)
    search = _Search(workflow, job, facts, outcomes)
    return next(search.green(culprit) if green and culprit else search.red(culprit))


class _Search:
    def __init__(self, workflow: Workflow, gate: Job, facts: Facts | None, outcomes: Outcomes) -> None:
        self.workflow = workflow
        self.gate = gate
        self.facts = facts
        self.outcomes = outcomes
        self.judges = [step for step in gate.steps if _judges(step)]

    def green(self, name: str) -> Iterator[Finding]:
        """Yield what may make a gate green that should be red because of a job."""
        gate, outcome = self.gate, self.outcomes[name]
        mine = self.outcomes[gate.id]
        condition = gate.node.text("if")
        if mine.result == SKIPPED:
            what = f"`if: {condition}` of the gate" if condition else f"the gate {gate.id!r} has no `if`"
            yield found_at(
                gate.node, "if", what, "the gate gets skipped, and a skipped check counts as success", "if: always()"
            )
        if not mine.instances or not mine.instances[0].clean:
            yield from self._overlooked(gate)
        if name not in self.workflow.upstream[gate.id]:
            yield found_at(
                gate.node,
                "needs",
                f"the gate {gate.id!r} does not need {name!r}",
                "it knows nothing of that job",
                f"add {name} to `needs`",
            )
        yield from self._skipped_judges(name)
        if outcome.result == SUCCESS:
            yield from self._overlooked(self.workflow.jobs[name])
        yield from self._allowed(name)
        yield from self._through(name)
        yield from self._unread(name)
        step = self.judges[-1] if self.judges else None
        if step is None:
            yield found_at(
                gate.node,
                "steps",
                f"no step of the gate {gate.id!r} looks at how {name!r} ended",
                "its steps are taken to succeed",
                "judge `needs.*.result`",
            )
        else:
            yield found_at(step.node, "", f"step {step.label!r} lets {name!r} pass", f"it ended as {outcome.result}")

    def red(self, culprit: str | None) -> Iterator[Finding]:
        """Yield what may make a gate red that should be green, or keep every run from being green."""
        gate = self.gate
        if not culprit and not self.facts:
            yield from self._left_out()
        yield from self._not_handed_on()
        if culprit and self.outcomes[culprit].excused:
            node = self.workflow.jobs[culprit].node
            yield found_at(
                node,
                "if",
                f"job {culprit!r} is skipped by its own `if`",
                "and the gate does not allow that",
                "let the gate allow this skip by name, or let the job run",
            )
        if culprit:
            node, problem = self.workflow.jobs[culprit].node, self.outcomes[culprit].problem
            if problem or not self.facts:
                yield found_at(node, "strategy", f"job {culprit!r} can't succeed", problem)
            if missing := self._not_run():
                what = f"job {culprit!r} does not run all that is planned"
                yield found_at(node, "strategy", what, f"nothing runs {missing}", _AGAIN)
        if self.facts:
            yield from self._records()
            yield from self._unnamed(self.facts)
        says = [text for one in self.outcomes[gate.id].instances if one.judged for text in one.judged.problems]
        step = self.judges[-1].node if self.judges else gate.node
        yield found_at(step, "", f"the gate {gate.id!r} is red: {says[0] if says else 'one of its steps fails'}", "")

    def _left_out(self) -> Iterator[Finding]:
        """Yield that the gate is red because of jobs that the event does not start."""
        names = [name for name in self.gate.needs if self.outcomes[name].result == SKIPPED]
        step = next(reversed(self.judges), None)
        if not names:
            return
        asked = " || ".join(f"needs.{name}.result == '{result}'" for name in names for result in (FAILURE, CANCELLED))
        key, fix = "if", f"be red for {asked}, not for 'skipped'"
        if step and step.uses == ALLS_GREEN:
            key, fix = "with", f"allowed-skips: {', '.join(names)}"
        what = f"the gate {self.gate.id!r} does not let {', '.join(map(repr, names))} be skipped"
        why = "this event does not start that job, by its `if`, which is right"
        yield found_at(step.node if step else self.gate.node, key, what, why, fix)

    def _not_run(self) -> str:
        ran = {left.session for one in self.outcomes.values() for each in one.instances for left in each.ran}
        jobs = self.facts.plan.jobs if self.facts else ()
        return ", ".join(job.id for job in jobs if job.id not in ran)

    def _not_handed_on(self) -> Iterator[Finding]:
        """Yield that a job which knows results of others uploads none of their records."""
        for name, outcome in self.outcomes.items():
            known = {left.session for one in outcome.instances for left in one.ran if left.kind is Kind.CACHED}
            if known - {left.session for upload in outcome.uploads for left in upload.records}:
                what = f"job {name!r} does not upload the records of what is cached"
                yield found_at(self.workflow.jobs[name].node, "steps", what, "they do not arrive", _AGAIN)

    def _overlooked(self, job: Job) -> Iterator[Finding]:
        why = "GitHub reports success when it fails"
        if job.node.get("continue-on-error"):
            yield found_at(job.node, "continue-on-error", f"continue-on-error on job {job.id!r}", why, "remove it")
        for one in self.outcomes[job.id].instances:
            for number in one.swallowed:
                step = job.steps[number]
                what = f"continue-on-error on step {step.label!r} of job {job.id!r}"
                yield found_at(step.node, "continue-on-error", what, why, "remove it")

    def _skipped_judges(self, name: str) -> Iterator[Finding]:
        skipped = {
            self.gate.steps[number] for one in self.outcomes[self.gate.id].instances for number in one.skipped_steps
        }
        if not self.judges or not skipped.issuperset(self.judges):
            return
        for step in self.judges:
            text = step.condition
            ended = self.outcomes[name].result
            if name in self.gate.needs and scenarios.JUDGES.search(text) and ended != SUCCESS:
                named = f"needs.{name}.result != 'success' && needs.{name}.result != 'skipped'"
                excused = self.outcomes[name].excused
                yield found_at(
                    step.node,
                    "if",
                    f"`if: {text}` does not see that {name!r} ended as {ended}",
                    "the step that makes the gate red is skipped",
                    f"also ask for '{ended}'{f', or where it may be, name it: {named}' if excused else ''}",
                )
            elif not scenarios.JUDGES.search(text):
                yield found_at(
                    step.node,
                    "if",
                    f"`if: {text}` skips step {step.label!r}, the one that judges",
                    "the gate is green without it",
                    "remove the `if`",
                )

    def _allowed(self, name: str) -> Iterator[Finding]:
        for step in self.judges:
            for key, result in (("allowed-failures", (FAILURE, CANCELLED, SKIPPED)), ("allowed-skips", (SKIPPED,))):
                given = step.node.node("with").text(key)
                if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", given) and self.outcomes[name].result in result:
                    yield found_at(
                        step.node.node("with"),
                        key,
                        f"`{key}` names {name!r}",
                        f"the gate is green although {name!r} is not",
                        "take it off the list",
                    )

    def _through(self, name: str) -> Iterator[Finding]:
        """Yield that the gate only sees a job through others, which run or may be skipped whatever happened to it."""
        if name in self.gate.needs:
            return
        for result in (SUCCESS, SKIPPED):
            for other in self.gate.needs:
                if name in self.workflow.upstream[other] and self.outcomes[other].result == result:
                    node = self.workflow.jobs[other].node
                    runs = f"which runs whether {name!r} is green or not: `if: {node.text('if')}`"
                    yield found_at(
                        node if result == SUCCESS else self.gate.node,
                        "if" if result == SUCCESS else "needs",
                        f"the gate {self.gate.id!r} sees {name!r} only through {other!r}",
                        runs if result == SUCCESS else "which is skipped then, and may be",
                        f"add {name} to `needs` of {self.gate.id!r}",
                    )

    def _unread(self, name: str) -> Iterator[Finding]:
        """Yield that the judging texts never read this job's result, or give a constant for it."""
        everything = " ".join(text for step in self.judges for _, text in scenarios.texts(step.node))
        if not self.judges or re.search(r"needs\s*\.\s*\*|toJSON\(\s*needs\s*\)", everything, re.IGNORECASE):
            return
        if not re.search(rf"needs\.{re.escape(name)}\.result", everything, re.IGNORECASE):
            step = self.judges[-1]
            yield found_at(
                step.node,
                "env",
                f"step {step.label!r} does not read needs.{name}.result",
                "the gate is given no result of that job, or always the same one",
                f"use ${{{{ needs.{name}.result }}}}",
            )

    def _records(self) -> Iterator[Finding]:
        """Yield what keeps a record from the gate."""
        uploaded: dict[str, str] = {}
        ran: dict[str, str] = {}
        for name, outcome in self.outcomes.items():
            node = self.workflow.jobs[name].node
            for upload in outcome.uploads:
                yield from self._arrival(name, upload.name)
                if upload.name in uploaded:
                    both = f"jobs {uploaded[upload.name]!r} and {name!r} upload artifact {upload.name!r}"
                    yield found_at(node, "steps", both, "the records of one are lost", "give each its own name")
                uploaded[upload.name] = name
            for left in (left for one in outcome.instances for left in one.ran):
                if left.session in ran:
                    both = f"session {left.session!r} runs twice: in job {ran[left.session]!r} and in job {name!r}"
                    yield found_at(node, "strategy", both, "the gate gets two records of it", _AGAIN)
                ran[left.session] = name

    def _arrival(self, name: str, artifact: str) -> Iterator[Finding]:
        """Yield why an artifact of a job does not get to the gate."""
        gate = self.gate
        if name not in self.workflow.upstream[gate.id]:
            yield found_at(
                gate.node,
                "needs",
                f"the gate {gate.id!r} does not need {name!r}",
                "it may run before that job has ended",
                f"add {name} to `needs`",
            )
        for pattern, node, key in self._patterns():
            if not globs.matches(pattern, artifact):
                what = f"the gate fetches {pattern!r}, which misses artifact {artifact!r} of job {name!r}"
                yield found_at(node, key, what, "its records do not arrive", "records.*")

    def _unnamed(self, facts: Facts) -> Iterator[Finding]:
        """Yield which carriers are not among the results that `isonox gate` is given."""
        for step in self.judges:
            text = " ".join(text for _, text in scenarios.texts(step.node.node("env")))
            for name in dict.fromkeys(facts.carriers.values()):
                if not re.search(rf"(?<![\w-]){re.escape(name)}=", text):
                    yield found_at(
                        step.node,
                        "env",
                        f"the results that the gate is given do not name {name!r}",
                        "it can't know how that job ended",
                        f"add {name}=${{{{ needs.{name}.result }}}}",
                    )

    def _patterns(self) -> list[tuple[str, Node, str]]:
        """Return what the gate downloads; an input of a local action is looked up where it is given."""
        found = []
        for step in self.gate.steps:
            for one in (step, *(step.action.steps if step.action else ())):
                pattern = one.node.node("with").text("pattern")
                if one.uses == DOWNLOAD and pattern:
                    if match := re.fullmatch(r"\$\{\{ *inputs\.([\w-]+) *\}\}", pattern):
                        found.append((step.node.node("with").text(match[1]), step.node.node("with"), match[1]))
                    else:
                        found.append((pattern, one.node.node("with"), "pattern"))
        return found


def _judges(step: Step) -> bool:
    return (
        step.uses == ALLS_GREEN
        or bool(commands.GATES.search(step.script))
        or any(scenarios.JUDGES.search(text) for _, text in scenarios.texts(step.node))
    )


def _judges_always(job: Job) -> bool:
    """Return whether a job runs whatever happened, to look at it; one for failures alone tells somebody."""
    calls = {call for one in scenarios.expressions_in(("if",), job.node.text("if")) for call in one.calls}
    return bool(calls & {"always", "cancelled"}) and any(map(_judges, job.steps))
