"""What linters of workflows let pass: jobs without a time limit, pins that lie, secrets in the open, and more.

Sources: https://docs.github.com/en/actions/reference/security/secure-use and the blind spots that were found in
actionlint, zizmor and check-jsonschema by planting mistakes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from isonox.errors import ConfigurationError
from isonox.github.verify import scenarios
from isonox.github.verify.finding import Finding, found_at
from isonox.github.verify.workflow_file import Node, scalar_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from isonox.github.verify.workflow_file import Job, Step, Workflow

_PIP = re.compile(r"\bpip3?\s+install\b(?P<rest>[^\n;&|]*)")
_NO_NETWORK = re.compile(r"--require-hashes|--no-deps|--no-index")
_REMOTE_SCRIPT = re.compile(
    r"\b(?:curl|wget)\b[^\n;&]*\|\s*(?:sudo\s+(?:-\S+\s+)*)?(?:env\s+)?(?:ba|z|da)?sh\b"
    r"|\b(?:curl|wget)\b[^\n;&]*\|\s*(?:sudo\s+)?python3?\b"
    r"|\b(?:ba|z)?sh\s+(?:-c\s+)?(?:<\(|\"?\$\()\s*(?:curl|wget)\b"
)
_SECRET = re.compile(r"(?:^|_)(?:password|passwd|pwd|secret|token|api_?key|private_key)$", re.IGNORECASE)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_VERSION = re.compile(r"#.*?(?P<version>v?\d+(?:\.\d+)*\S*)")
_PIPELINE = re.compile(r"(?<!\|)\|(?!\|)")
#: What somebody from outside may write; a shell would run it.
_UNTRUSTED = re.compile(
    r"github\.head_ref"
    r"|github\.event\.(?:issue|pull_request|discussion|review|comment|review_comment)\.(?:title|body)"
    r"|github\.event\.pull_request\.head\.(?:ref|label|repo\.default_branch)"
    r"|github\.event\.(?:head_commit|commits\.\*)\.(?:message|author\.(?:email|name))"
    r"|github\.event\.workflow_run\.(?:head_branch|head_commit\.message|head_commit\.author\.(?:email|name))"
    r"|github\.event\.pages\.\*\.page_name"
    r"|github\.event\.inputs\..*|inputs\..*"
)


def findings(workflow: Workflow, pins: Mapping[str, tuple[str, str]]) -> list[Finding]:
    """Return what should be otherwise in a workflow and the local actions that it uses.

    Args:
        workflow: The file.
        pins: The tag and the full commit hash of each action, by the action's name: what its pins are held against.
    """
    found = [*_concurrency(workflow), *_passwords(workflow)]
    steps: dict[Step, Job] = {}
    for job in workflow.jobs.values():
        found.extend(_job(job))
        found.extend(_uses(workflow, job.node, pins))
        for step in job.every_step():
            steps.setdefault(step, job)
    for step, job in steps.items():
        found.extend(_uses(workflow, step.node, pins))
        found.extend(_script(step, piped=not workflow.shell(job, step)))
    return sorted(set(found))


def _concurrency(workflow: Workflow) -> Iterator[Finding]:
    nodes = [one for one in (workflow.node, *(job.node for job in workflow.jobs.values())) if "concurrency" in one]
    if not nodes and {"pull_request", "pull_request_target"} & set(workflow.triggers):
        yield found_at(
            workflow.node,
            "jobs",
            "`concurrency` is missing from the workflow",
            "outdated runs of a pull request use up the runners",
            "add a group per pull request, with cancel-in-progress for pull requests only",
        )
    for node in nodes:
        entry = node.node("concurrency")
        own_group = re.search(r"github\.(?:sha|run_id)", entry.text("group"))
        if entry.get("cancel-in-progress") in (True, "true") and "push" in workflow.triggers and not own_group:
            yield found_at(
                entry,
                "cancel-in-progress",
                "`cancel-in-progress: true` for every event",
                "a second push to a branch cancels the run of the first, so a commit of main may never be checked",
                "cancel-in-progress: ${{ github.event_name == 'pull_request' }}",
            )


def _job(job: Job) -> Iterator[Finding]:
    node = job.node
    if "uses" in node:
        return
    if "timeout-minutes" not in node:
        yield found_at(
            node,
            "runs-on",
            f"job {job.id!r} has no `timeout-minutes`",
            "one that hangs takes 6 hours to fail",
            "set it to a few times what the job usually takes",
        )
    if "ubuntu-slim" in scalar_text(node.get("runs-on")) and {"services", "container"} & set(node):
        key = "services" if "services" in node else "container"
        yield found_at(
            node,
            key,
            f"job {job.id!r} has `{key}` on ubuntu-slim",
            "that runner has no docker, so the job can't start",
            "run it on ubuntu-24.04",
        )


def _passwords(workflow: Workflow) -> Iterator[Finding]:
    pending: list[Any] = [workflow.node]
    seen: set[int] = set()
    while pending:
        value = pending.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, list):
            pending.extend(value)
        elif isinstance(value, Node):
            pending.extend(value.values())
            yield from _password(value)


def _password(node: Node) -> Iterator[Finding]:
    for key, value in node.items():
        if _SECRET.search(key) and isinstance(value, (str, int)) and not isinstance(value, bool):
            text = scalar_text(value).strip()
            if text and "${{" not in text and text not in ("read", "write", "none"):
                yield found_at(
                    node,
                    key,
                    f"{key} is written out in the workflow",
                    "everybody who can read the file knows it",
                    "make it a secret, or let a throw-away service run without one",
                )


def _uses(workflow: Workflow, node: Node, pins: Mapping[str, tuple[str, str]]) -> Iterator[Finding]:
    action, _, ref = node.text("uses").partition("@")
    if not action or action.startswith(("./", "$/")):
        return
    file, line = node.at("uses")
    if action.startswith("docker://"):
        if not ref.startswith("sha256:"):
            yield found_at(node, "uses", f"{action} has no digest", "a tag can be moved", "add @sha256:...")
        return
    if not _COMMIT.fullmatch(ref):
        yield found_at(
            node,
            "uses",
            f"{action}@{ref} is not pinned to a commit",
            "whoever owns the action can change what runs",
            f"pin it to a full commit hash, with `# {ref or 'the version'}` behind it",
        )
        return
    source = workflow.sources.get(file, ())
    match = _VERSION.search(source[line - 1].partition(ref)[2]) if line <= len(source) else None
    if not match:
        yield found_at(
            node,
            "uses",
            f"the pin of {action} does not say which version it is",
            "nobody can see that it is old",
            "write the version behind it: # v1.2.3",
        )
        return
    said = match["version"]
    tag, commit = pins.get("/".join(action.split("/")[:2]), ("", ""))
    if (commit == ref) != (tag == said) and not (commit == ref and tag.startswith(f"{said}.")):
        why = f"{commit[:12]}... is {tag}" if tag == said else f"that commit is {tag}"
        yield found_at(node, "uses", f"{action} is pinned to {ref[:12]}... and says {said}", why, "make both the same")


def _script(step: Step, *, piped: bool) -> Iterator[Finding]:
    node = step.node
    script = node.text("run")
    code = "\n".join(line for line in script.splitlines() if not line.lstrip().startswith("#"))
    for match in _PIP.finditer(code):
        if not _NO_NETWORK.search(match["rest"]):
            yield found_at(
                node,
                "run",
                f"step {step.label!r} runs `pip install{match['rest'].rstrip()}`",
                "without hashes, nobody knows what it installs tomorrow",
                "install from a lock, or with --require-hashes",
            )
    if _REMOTE_SCRIPT.search(code):
        yield found_at(
            node,
            "run",
            f"step {step.label!r} runs a script straight from the network",
            "whoever controls that address controls the job",
            "install a pinned version, and check its hash",
        )
    if piped and "pipefail" not in code and _PIPELINE.search(_without_quotes(code)):
        yield found_at(
            node,
            "run",
            f"step {step.label!r} has a pipeline, and no `shell`",
            "GitHub runs `bash -e` then, without pipefail: what fails before the last `|` is not seen",
            "defaults: {run: {shell: bash}}",
        )
    scripts = {"run": script, "script": node.node("with").text("script") if step.uses.endswith("github-script") else ""}
    for key, text in scripts.items():
        for read in _reads(text):
            if _UNTRUSTED.fullmatch(read):
                yield found_at(
                    node if key == "run" else node.node("with"),
                    key,
                    f"step {step.label!r} puts ${{{{ {read} }}}} into its script",
                    "whoever opens a pull request may write commands there",
                    "hand it over as a variable in `env`",
                )


def _without_quotes(code: str) -> str:
    code = re.sub(r"\$\{\{.*?\}\}", "", code, flags=re.DOTALL)
    return re.sub(r"'[^']*'|\"(?:[^\"\\]|\\.)*\"", "", code)


def _reads(text: str) -> list[str]:
    try:
        return sorted({read for one in scenarios.expressions_in((), text) for read in one.reads})
    except ConfigurationError:
        return []
