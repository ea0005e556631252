"""`isonox verify`: is the gate of a workflow right, whatever goes wrong."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec

from isonox.errors import ConfigurationError, ExitCode, GitError, IsonoxError
from isonox.github import files, pins
from isonox.github.verify import causes, hardening, triggers, workflow_file
from isonox.github.verify.finding import Finding
from isonox.github.verify.proof import CounterExample, Proof, prove
from isonox.github.verify.workflow_file import Workflow
from isonox.model.naming import count
from isonox.model.plan import Selection
from isonox.system import clock, git, terminal
from isonox.verbs.checkout import Checkout
from isonox.verbs.declaration import Argument, Help, Json
from isonox.workspace import generated


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What is known about one workflow.

    Attributes:
        proved: Whether the gate is right in every case that was tried.
        hardening: What else should be otherwise in the file.
        seconds: How long it took.
    """

    proved: bool
    proof: Proof
    hardening: tuple[Finding, ...]
    seconds: float


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """The document of `isonox verify --json`."""

    version: int = 1
    workflows: tuple[Verified, ...]

    @property
    def good(self) -> bool:
        """Whether there is nothing to mend."""
        return all(one.proved and not one.hardening for one in self.workflows)


def verify(
    file: Annotated[
        str | None, Argument("a workflow (default: those that isonox wrote for this noxfile)", "FILE")
    ] = None,
    *,
    gate: Annotated[str | None, Help("the job that is the required check (default: looked for)", metavar="JOB")] = None,
    only_gate: Annotated[bool, Help("leave out what else should be otherwise in the file")] = False,
    json: Json = False,
) -> ExitCode:
    """Prove the gate: for every fault of every job, it is green exactly when every planned job is.

    The workflow file is run in the mind, as GitHub would, with everything that can happen to a job, one and two at a
    time. Works on workflows that were written by hand, too: there every job is to succeed that an event starts.
    Exits 1 when the gate is wrong in a case, when that can't be told, or when something else should be otherwise.
    """
    found = [_verified(path, gate, only_gate=only_gate) for path in _paths(file)]
    document = Verification(workflows=tuple(found))
    terminal.write_document(document, _show, json=json)
    return ExitCode.OK if document.good else ExitCode.JOB_FAILED


def _paths(file: str | None) -> list[Path]:
    """Return the workflow that was named, or those with a gate that isonox wrote.

    Raises:
        ConfigurationError: There is none.
    """
    if file is not None:
        return [Path(file)]
    root = Checkout.here().root
    found = [path for path in generated.workflows(root) if _has_gate(workflow_file.load(path, git.find_root(root)))]
    if not found:
        raise ConfigurationError(
            f"there is no workflow with a gate that isonox wrote for {root}",
            hint="isonox workflows writes it; to look at another: isonox verify FILE",
        )
    return found


def _has_gate(workflow: Workflow) -> bool:
    return any(causes.runs_gate(job) for job in workflow.jobs.values())


def _verified(path: Path, gate: str | None, *, only_gate: bool) -> Verified:
    started = clock.monotonic()
    top = _top(path)
    workflow = workflow_file.load(path, top)
    plan = Checkout.here().plan(Selection()) if _has_gate(workflow) else None
    proof = prove(workflow, plan, gate=gate)
    more = (*_edited(workflow), *_of_the_same_name(path, proof.gate, workflow, top))
    notes = (*proof.notes, *_uncommitted(path, top, workflow.file))
    proof = msgspec.structs.replace(proof, findings=(*proof.findings, *more), notes=notes)
    known = {} if only_gate else {action: (pin.version, pin.commit) for action, pin in pins.load(top).items()}
    return Verified(
        proved=proof.proved,
        proof=proof,
        hardening=() if only_gate else tuple(hardening.findings(workflow, known)),
        seconds=round(clock.monotonic() - started, 3),
    )


def _top(path: Path) -> Path:
    """Return the repository's top folder: git's, or the one that GitHub's folders tell."""
    folder = path.resolve().parent
    try:
        return git.find_root(folder)
    except (GitError, OSError):
        return folder.parents[1] if folder.parts[-2:] == (".github", "workflows") else folder


def _edited(workflow: Workflow) -> Iterator[Finding]:
    """Yield each file of isonox's that is not as isonox wrote it: no run shows every way to leave work out."""
    used = {step.action.node.at("runs")[0] for job in workflow.jobs.values() for step in job.steps if step.action}
    for name in sorted({workflow.file, *used}):
        content = Path(name).read_text(encoding="utf-8")  # read before, so it is there
        if content.startswith(generated.MARK) and files.is_edited(content):
            yield Finding(
                file=name,
                line=1,
                what="this file was edited by hand after isonox wrote it",
                why="verify takes the steps that isonox writes for what they are",
                fix="isonox workflows --check shows what was edited",
            )


def _of_the_same_name(path: Path, gate: str, workflow: Workflow, top: Path) -> Iterator[Finding]:
    """Yield each job of the workflows beside this one whose check has the gate's name."""
    name = workflow.jobs[gate].node.text("name") or gate
    for other in sorted(path.resolve().parent.glob("*.y*ml")):
        if other == path.resolve() or path.resolve().parent.parts[-2:] != (".github", "workflows"):
            continue
        with contextlib.suppress(IsonoxError):  # not a workflow that GitHub would run
            yield from triggers.of_its_name(workflow_file.load(other, top).jobs.values(), name)


def _uncommitted(path: Path, top: Path, name: str) -> Iterator[str]:
    """Yield that GitHub has another file than the one that was looked at."""
    with contextlib.suppress(GitError):
        if status := git.run(top, "status", "--porcelain", "--", str(path.resolve())):
            yield f"{name} is not committed" + ("" if status.startswith("??") else " as it is: it differs from HEAD")


def _show(document: Verification) -> str:
    return "\n".join(line for one in document.workflows for line in _lines(one))


def _lines(one: Verified) -> Iterator[str]:
    proof = one.proof
    yield f"{proof.file}: tried for{'' if proof.events else ' no event'}"
    yield from (f"  {event}" for event in proof.events)
    for number, example in enumerate(proof.counter_examples, 1):
        yield ""
        yield from _show_example(number, example)
    if (more := proof.causes - len(proof.counter_examples)) > 0:
        yield f"\nand {more} more"
    for heading, findings in (("The gate:", proof.findings), ("The file:", one.hardening)):
        if findings:
            yield f"\n{heading}"
            yield from (f"  {finding}" for finding in findings)
    yield ""
    yield from (f"not proved: {reason}" for reason in proof.unproved)
    yield from (f"note: {note}" for note in proof.notes)
    yield _verdict(one)


def _show_example(number: int, example: CounterExample) -> Iterator[str]:
    cause = example.cause
    yield f"{number}. {cause.file}:{cause.line}: {cause.what}{f': {cause.why}' if cause.why else ''}"
    yield f"   event:      {example.event}"
    yield f"   then:       {', and '.join(example.faults) or 'all goes well'}"
    yield f"   GitHub:     {', '.join(f'{job} {result}' for job, result in example.jobs.items())}"
    yield f"   the gate:   {example.gate}{f': {example.says[0]}' if example.says else ''}"
    yield f"   it should:  be {example.should}: {example.because}"
    if cause.fix:
        yield f"   fix:        {cause.fix}"


def _verdict(one: Verified) -> str:
    proof = one.proof
    left = len(one.hardening)
    them = "it" if left == 1 else "them"
    more = f" {count(left, 'thing')} in the file should be otherwise (--only-gate leaves {them} out)" if left else ""
    cases = f"{sum(proof.cases.values()):,} cases in {one.seconds:.1f} s"
    if one.proved:
        how = "passed, was cached or waived" if proof.shape == "isonox" else "succeeded"
        but = "; but" if more else ""
        return f"proved: the gate is green exactly when every one of {proof.jobs} jobs {how}: {cases}{but}{more}"
    found = ((proof.causes, "counter-example"), (len(proof.findings), "finding"))
    wrong = [count(number, what) for number, what in found if number]
    return f"not proved: {', '.join(wrong) or 'its outcome is not certain'}: {cases}{'; and' if more else ''}{more}"
