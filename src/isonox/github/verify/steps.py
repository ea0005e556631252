"""What the steps of a job do, as far as it matters to the gate; everything else is taken to succeed."""

from __future__ import annotations

import json
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from isonox.errors import ConfigurationError
from isonox.github.verify import commands, globs, scenarios, shell, templates
from isonox.github.verify.faults import RED, Kind, Left
from isonox.github.verify.values import to_string, truthy
from isonox.model.graph import reached
from isonox.sessions.messages import SHARD_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from isonox.github.verify.faults import Facts
    from isonox.github.verify.values import Value
    from isonox.github.verify.workflow_file import Action, Job, Node, Step, Workflow

SUCCESS, FAILURE, CANCELLED, SKIPPED = "success", "failure", "cancelled", "skipped"

UPLOAD, DOWNLOAD, ALLS_GREEN = "actions/upload-artifact", "actions/download-artifact", "re-actors/alls-green"
RESTORE = "actions/cache/restore"
#: What the key of a store that is there ends in.
_THERE = "of-an-earlier-run"
#: A script that may end otherwise than its commands do.
_DECIDES = re.compile(r"\b(?:exit|false|test|return)\b|\[|!")
#: A step that fails because an earlier one did, whose own failure was overlooked.
_OF_STEPS = re.compile(r"\bsteps\.[\w-]+\.(?:outcome|conclusion)\b", re.IGNORECASE)
_ENDS = re.compile(r"(?:^|\n)\s*(?:exit \d+|false)\s*\Z")
#: The part of the store that holds results.
RESULTS = ".isonox/cache"
_POSIX_SHELLS = frozenset({"", "bash", "sh"})
#: A text that reads how other jobs ended, or anything else of them.
_NEEDS = re.compile(r"\bneeds\b")


class Uploaded(NamedTuple):
    """An artifact, and the records in it."""

    name: str
    overwrites: bool
    records: tuple[Left, ...]


class Judged(NamedTuple):
    """What a step that judges the others decided.

    Attributes:
        allowed: Jobs that it names as allowed to be skipped.
        problems: What it found wrong.
    """

    allowed: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


class Crew:
    """Everything about a workflow's steps that no fault changes."""

    def __init__(self, workflow: Workflow, facts: Facts | None, gate: str) -> None:
        self.workflow = workflow
        self.facts = facts
        #: Artifacts that are uploaded under a fixed name; others may come from actions that are not modelled.
        self.fixed_names = {
            step.node.node("with").text("name")
            for job in workflow.jobs.values()
            for step in job.every_step()
            if step.uses == UPLOAD
        }
        self.downloads = {
            job.id for job in workflow.jobs.values() if any(step.uses == DOWNLOAD for step in job.every_step())
        }
        #: Jobs whose scripts are looked at: those that judge how others ended.
        self.judging = {
            job.id
            for job in workflow.jobs.values()
            if job.id == gate
            or any(scenarios.JUDGES.search(text) for _, text in scenarios.texts(job.node.get("steps")))
            or any(commands.GATES.search(step.script) for step in job.every_step())
        }

        self._reads_needs: dict[Step, bool] = {}

    def reads_needs(self, step: Step) -> bool:
        """Return whether a step looks at other jobs."""
        if step not in self._reads_needs:
            self._reads_needs[step] = any(_NEEDS.search(text) for _, text in scenarios.texts(step.node))
        return self._reads_needs[step]


class Shift:
    """One job of a matrix at work.

    Args:
        crew: The workflow's.
        job: The job.
        contexts: As its steps see them.
        free: Outputs of steps that are not modelled.
        visible: Artifacts of the jobs that it needs, in order.
    """

    def __init__(
        self, crew: Crew, job: Job, contexts: dict[str, Any], free: Mapping[str, Any], visible: list[Uploaded]
    ) -> None:
        self.crew = crew
        self.job = job
        self.contexts = contexts
        self.free = free
        self.visible = visible
        self.session_faults: dict[str, Kind] = {}
        self._shard = ""
        self.failing: set[int] = set()
        self.downloaded: list[Left] = []
        self.ran: list[Left] = []
        self.uploads: list[Uploaded] = []
        self.swallowed: list[int] = []
        self.skipped: list[int] = []
        self.judged: Judged | None = None
        self.restored = False
        self.planned = False
        self.not_modelled: dict[str, str] = {}
        self.step_outputs: dict[str, Any] = {}

    def work(self) -> bool:
        """Run the steps; return whether the job succeeds."""
        steps: dict[str, Any] = {}
        self.contexts["steps"] = steps
        well = True
        for number, step in enumerate(self.job.steps):
            outcome = self._step(step, self.contexts, steps, well=well, breaks=number in self.failing)
            if outcome == SKIPPED:
                self.skipped.append(number)
            elif outcome == FAILURE and flag(step.node.get("continue-on-error"), self.contexts):
                self.swallowed.append(number)
            elif outcome == FAILURE:
                well = False
        return well

    def outputs(self, job: Job) -> Iterator[tuple[str, Value]]:
        """Yield what the job hands to those that need it."""
        for name, text in job.node.node("outputs").items():
            try:
                value = to_string(templates.interpolate(str(text), self.contexts))
            except ConfigurationError:
                value = ""
            yield name, value

    def _step(
        self, step: Step, contexts: dict[str, Any], steps: dict[str, Any], *, well: bool, breaks: bool = False
    ) -> str:
        """Run a step if its condition holds; return and note its outcome."""
        self.step_outputs = {}
        try:
            if not _holds(step, contexts, well=well):
                outcome = SKIPPED
            else:
                outcome = SUCCESS if not breaks and self._does(step, contexts) else FAILURE
        except ConfigurationError:
            outcome = FAILURE
        if name := step.id:
            outputs = (self.step_outputs or self.free.get(name, {})) if outcome == SUCCESS else {}
            tolerated = outcome == FAILURE and flag(step.node.get("continue-on-error"), contexts)
            steps[name] = {"outcome": outcome, "conclusion": SUCCESS if tolerated else outcome, "outputs": outputs}
        return outcome

    def _does(self, step: Step, contexts: dict[str, Any]) -> bool:
        """Return whether a step that runs succeeds."""
        node = step.node
        if step.action:
            return self._composite(step, contexts, step.action)
        script = step.script
        looked_at = (
            commands.OURS.search(script)
            or (self.job.id in self.crew.judging and _DECIDES.search(script))
            or (_OF_STEPS.search(step.condition) and _ENDS.search(script))
        )
        if "run" in node and not looked_at:
            self._take_on_trust(step, "runs a script that is not modelled")
            return True
        if "env" in node:
            contexts = {**contexts, "env": environment(contexts, contexts["env"], node.node("env"))}
        if "run" in node:
            return self._script(step, to_string(templates.interpolate(script, contexts)), contexts)
        work = {UPLOAD: self._upload, DOWNLOAD: self._download, ALLS_GREEN: self._alls_green}.get(step.uses)
        if step.uses == RESTORE and self.crew.facts:
            work = self._restore
        if work:
            return work(_filled(node.node("with"), contexts))
        self._take_on_trust(step, "uses an action that is not modelled")
        return True

    def _take_on_trust(self, step: Step, why: str) -> None:
        """Note a step that is taken to succeed; a reason is only given for one that looks at other jobs."""
        file, line = step.node.at("run")
        self.not_modelled[step.label] = (
            f"{file}:{line}: step {step.label!r} {why}" if self.crew.reads_needs(step) else ""
        )

    def _composite(self, step: Step, contexts: dict[str, Any], action: Action) -> bool:
        """Run a local action: its steps see its inputs and each other."""
        node = action.node
        given = _filled(step.node.node("with"), contexts)
        inputs = {
            name: given[name]
            if name in given
            else templates.interpolate(node.node("inputs").node(name).text("default"), contexts)
            for name in node.node("inputs")
        }
        steps: dict[str, Any] = {}
        inner = {**contexts, "inputs": inputs, "steps": steps}
        if step.node.node("env"):
            inner["env"] = environment(contexts, contexts["env"], step.node.node("env"))
        well = True
        for one in action.steps:
            failed = self._step(one, inner, steps, well=well) == FAILURE
            well = well and not (failed and not flag(one.node.get("continue-on-error"), inner))
        self.step_outputs = {
            name: templates.interpolate(node.node("outputs").node(name).text("value"), inner)
            for name in node.node("outputs")
        }
        return well

    def _upload(self, given: dict[str, str]) -> bool:
        """Keep the records of this job. Without any, there is nothing to find but what others would put there."""
        lost = {session for session, kind in self.session_faults.items() if kind is Kind.RECORD_LOST}
        records = tuple(left for left in self.ran if left.session not in lost)
        left = self.ran or self.planned
        if self.crew.facts and not left and given.get("if-no-files-found") == "error":
            return False
        if records or self.planned or not self.crew.facts:
            name = given.get("name") or "artifact"
            self.uploads.append(Uploaded(name, given.get("overwrite") == "true", records))
        return True

    def _download(self, given: dict[str, str]) -> bool:
        """Fetch by name, which must exist, by pattern, or everything."""
        if "artifact-ids" in given or "run-id" in given:
            return True
        there = by_name([*self.visible, *self.uploads])
        name = given.get("name")
        if name:
            found = [there[name]] if name in there else []
        else:
            pattern = given.get("pattern") or "*"
            found = [upload for one, upload in there.items() if globs.matches(pattern, one)]
        self.downloaded.extend(left for upload in found for left in upload.records)
        return bool(found) or name not in self.crew.fixed_names

    def _restore(self, given: dict[str, str]) -> bool:
        """Fetch the store: by its key, or as the newest of those whose keys begin as it is asked for."""
        key, prefixes = given.get("key", ""), given.get("restore-keys", "").split()
        names = [key] if key.endswith(_THERE) else [f"{prefix}{_THERE}" for prefix in prefixes]
        facts = self.crew.facts
        name = names[0] if names and facts and facts.has_store else ""
        self.step_outputs = {"cache-hit": str(name == key).lower(), "cache-matched-key": name}
        self.restored = self.restored or bool(name and RESULTS in given.get("path", ""))
        return bool(key)  # which is required

    def _alls_green(self, given: dict[str, str]) -> bool:
        """Judge as the action's own `normalize_needed_jobs_status.py` does."""
        try:
            needed = json.loads(given.get("jobs", "")) or {}
            results = {name: job["result"] for name, job in needed.items()}
            may_fail, may_skip = _names(given.get("allowed-failures")), _names(given.get("allowed-skips"))
        except (ValueError, TypeError, KeyError, AttributeError):
            self.judged = Judged(problems=("alls-green can't read its inputs: `jobs` has to be toJSON(needs)",))
            return False
        wrong = [
            f"{name} ended as {result}"
            for name, result in results.items()
            if result != SUCCESS
            and not (name in may_skip and result == SKIPPED)
            and not (name in may_fail and name not in may_skip)
        ]
        problems = tuple(wrong) if results else ("alls-green was given no jobs",)
        self.judged = Judged(allowed=tuple(may_skip), problems=problems)
        return not problems

    def _script(self, step: Step, text: str, contexts: dict[str, Any]) -> bool:
        kind = self.crew.workflow.shell(self.job, step)
        if kind not in _POSIX_SHELLS:
            self._take_on_trust(step, f"is a script for {kind}")
            return True
        known = {"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": str(contexts["github"]["event_name"])}
        try:
            self._shard = contexts["env"].get(SHARD_VARIABLE, "")
            status, passed_over = shell.run(text, {**known, **contexts["env"]}, self._command, pipefail=kind == "bash")
        except shell.NotModelled as reason:
            status, passed_over = 0, (str(reason),)
        if passed_over:
            self._take_on_trust(step, f"runs a script that {passed_over[0]}")
        return status == 0

    def _command(self, words: Sequence[str], _given: str) -> int:
        facts, command = self.crew.facts, commands.read(words)
        if not facts or not command:
            raise shell.NotModelled(f"runs {PurePosixPath(words[0]).name}")
        if command.verb == "nox":
            return int(any(self._nox(command.sessions, alone=command.alone)))
        given = {"based": command.based, "restored": self.restored}
        if command.verb == "gate":
            problems = facts.problems(tuple(self.downloaded), command.results, **given)
            self.judged = Judged(problems=problems)
            return int(bool(problems))
        self.step_outputs = facts.matrices(**given)
        self.planned = RESTORE in {step.uses for step in self.job.every_step()}
        self.ran.extend(Left(one, self.session_faults.get(one, Kind.CACHED)) for one in facts.known(**given))
        return 0

    def _nox(self, sessions: Sequence[str], *, alone: bool) -> list[bool]:
        """Run sessions, and what they require unless they run alone; return for each whether it is red."""
        facts = self.crew.facts
        required = {} if alone or not facts else facts.requires
        names = reached([self._job_of(one) for one in reversed(sessions)], required)
        found = [Left(name, self.session_faults.get(name, Kind.PASSES)) for name in names]
        self.ran.extend(found)
        return [left.kind in RED for left in found]

    def _job_of(self, session: str) -> str:
        """Return the job that nox runs for a session: where it is split, the shard that the environment names."""
        shard = f"{session}#{self._shard}"
        return shard if self.crew.facts and shard in self.crew.facts.requires else session


def _status(*, well: bool) -> dict[str, Callable[..., Value]]:
    return {
        "success": lambda *_: well,
        "failure": lambda *_: not well,
        "always": lambda: True,
        "cancelled": lambda: False,
        "hashFiles": lambda *_: "0" * 64,
    }


_WELL, _BADLY = _status(well=True), _status(well=False)


def _holds(step: Step, contexts: dict[str, Any], *, well: bool) -> bool:
    """Return whether a step runs. Here the status functions speak of the job's steps, not of its needs."""
    text = step.condition
    if not well and not templates.has_status_function(text):
        return False
    return templates.condition(text, contexts, _WELL if well else _BADLY)


def flag(value: Any, contexts: Mapping[str, Value]) -> bool:
    """Return a boolean entry that may be an expression; one that can't be evaluated is false."""
    if not isinstance(value, str):
        return bool(value)
    try:
        return truthy(templates.interpolate(value, contexts)) if "${{" in value else value == "true"
    except ConfigurationError:
        return False


def environment(contexts: dict[str, Any], outer: Mapping[str, str], *nodes: Node) -> dict[str, str]:
    """Return variables, each text filled in; a later mapping overrules an earlier one.

    Raises:
        ConfigurationError: An expression can't be evaluated.
    """
    found = dict(outer)
    for node in nodes:
        seen = {**contexts, "env": dict(found)}
        found |= _filled(node, seen)
    return found


def _filled(node: Node, contexts: dict[str, Any]) -> dict[str, str]:
    return {name: _text(value, contexts) for name, value in node.items()}


def _text(value: Any, contexts: dict[str, Any]) -> str:
    is_template = isinstance(value, str) and "${{" in value
    return to_string(templates.interpolate(value, contexts, _WELL) if is_template else value)


def by_name(uploads: Iterable[Uploaded]) -> dict[str, Uploaded]:
    """Return what is kept under each name: the later upload, if it overwrites."""
    found: dict[str, Uploaded] = {}
    for upload in uploads:
        if upload.overwrites or upload.name not in found:
            found[upload.name] = upload
    return found


def _names(text: str | None) -> list[str]:
    """Read a list as alls-green does: JSON, or parted by commas."""
    try:
        found = json.loads(text or "[]")
    except ValueError:
        found = [part.strip() for part in (text or "").split(",")]
    return [one for one in found if one]
