"""The security stage: insecure code, leaked secrets, unsafe workflows."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal, Unpack

from isonox.sessions.arguments import check, checked
from isonox.sessions.declare import session as declare_session
from isonox.stages import outcome, sources
from isonox.stages.options import StageOptions, install_tools, pyproject, with_inputs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from isonox.sessions.session import Session

Severity = Literal["low", "medium", "high"]

#: File that records what detect-secrets may pass over.
BASELINE = ".secrets.baseline"
WORKFLOWS = ".github/workflows"

#: Paths per call, well below every platform's limit for a command line.
_BATCH = 500
#: Exit code of detect-secrets-hook when it only brought the baseline up to date.
_BASELINE_UPDATED = 3


@checked
def security(
    *,
    tools: Sequence[str] = (),
    severity: Severity = "low",
    group: str | None = None,
    python: str | None = None,
    **options: Unpack[StageOptions],
) -> None:
    """Declare the session `security`: bandit, detect-secrets and, where there are workflows, zizmor.

    All of them run, also when an earlier one fails. They look at every file that git does not ignore, bandit at
    Python outside of tests (unless `exclude_dirs` of `[tool.bandit]` says what to leave out). A secret is allowed by
    `.secrets.baseline` or a comment on its line. Nothing is asked or sent over the network. Paths after `--` limit
    the files.

    Args:
        tools: Run exactly these: "bandit", "detect-secrets", "zizmor".
        severity: The lowest severity of bandit's findings that counts.
        group: The dependency group that holds the tools; by default "security", else "dev".
        python: The interpreter that the tools run on; the workspace's newest by default.
        options: As for `isonox.session`.

    Raises:
        ConfigurationError: `tools` or `severity` names one that isonox does not know.
    """
    for tool in tools:
        check("security: tools", tool, _TOOLS)

    def run_security(session: Session) -> None:
        """Look for insecure code, leaked secrets and unsafe workflows."""
        files = sources.files(session, session.posargs)
        chosen = tools or [tool for tool in _TOOLS if tool != "zizmor" or _workflows(files)]
        install_tools(session, "security", *chosen, group=group)
        if "zizmor" not in chosen:
            session.log(f"There are no workflows in {WORKFLOWS}: zizmor has nothing to look at.")
        complaints = ((tool, _TOOLS[tool](session, files, severity)) for tool in chosen)
        outcome.judge(session, (f"{tool}: {complaint}" if complaint else "" for tool, complaint in complaints))

    declare_session(name="security", python=python, tags=["security"], **with_inputs(options, "**"))(run_security)


def _bandit(session: Session, files: Sequence[str], severity: Severity) -> str:
    """Return what is wrong, or nothing."""
    settings = pyproject(session.root).get("tool", {}).get("bandit")
    code = [name for name in files if name.endswith(".py")]
    if "exclude_dirs" not in (settings or {}):
        everything, code = code, [name for name in code if not _is_test(PurePosixPath(name))]
        if left_out := len(everything) - len(code):
            session.note(
                f"bandit: {left_out} test file(s) are left out; `exclude_dirs` in [tool.bandit] replaces this rule"
            )
    if not code and session.posargs:
        return _nothing_given(session, "bandit", "Python file")
    if not code:
        return 'there is no Python file to look at; without one, leave it out: tools=["detect-secrets"]'
    argv = ["bandit", "--quiet", "--format", "json", "--severity-level", severity]
    argv += ["--configfile", "pyproject.toml"] if settings is not None else []
    argv += ["--ini", ".bandit"] if (session.root / ".bandit").is_file() else []
    findings = unread = lines = 0
    for batch in _batches(code):
        done = outcome.run(session, *argv, *batch, shown="errors")
        if (report := done.parsed()) is None or (done.failed and not report["results"]):
            return f"it stopped with {done}"
        for found in report["results"]:
            message = f"[{found['test_id']}] {found['issue_text']}"
            outcome.report(session, "bandit", message, found["filename"], found["line_number"], shown=True)
        for error in report["errors"]:
            outcome.report(session, "bandit", error["reason"], error["filename"], shown=True)
        findings += len(report["results"])
        unread += len(report["errors"])
        lines += report["metrics"]["_totals"]["loc"]
    if findings or unread:
        return f"{findings} finding(s), {unread} file(s) could not be read"
    return "" if lines else "it looked at no line of code: its own configuration excludes every file"


def _not_excluded(files: Sequence[str], baseline: str) -> list[str]:
    """Return the files that the filters of a baseline leave; all, where it can't be read: the tool says it better."""
    with contextlib.suppress(ValueError, TypeError, AttributeError, KeyError, re.error):
        filters = [one for one in json.loads(baseline)["filters_used"] if one["path"].endswith(".should_exclude_file")]
        patterns = [pattern for one in filters for pattern in one["pattern"]]
        return [file for file in files if not any(re.search(pattern, file) for pattern in patterns)]
    return list(files)


def _detect_secrets(session: Session, files: Sequence[str], _severity: Severity) -> str:
    """Return what is wrong, or nothing."""
    argv = ["detect-secrets-hook", "--json", "--no-verify"]  # verifying would send what was found to its issuer
    baseline = session.root / BASELINE
    if baseline.is_file():
        # a copy: the tool rewrites line numbers in it, and a check changes nothing
        copy = session.create_tmp() + "/secrets.baseline"
        shutil.copyfile(baseline, copy)
        argv += ["--baseline", copy]
        if files and not (files := _not_excluded(files, baseline.read_text(encoding="utf-8", errors="replace"))):
            return f"{BASELINE} excludes every file: there is nothing to look at"
    total = 0
    for batch in _batches([name for name in files if name != BASELINE]):
        done = outcome.run(session, *argv, "--", *batch, shown="errors")
        findings = [found for several in (done.parsed() or {}).get("results", {}).values() for found in several]
        if done.code == _BASELINE_UPDATED:
            session.note(f"{BASELINE} is behind the code: detect-secrets scan --baseline {BASELINE}")
        elif done.failed and not findings:
            return f"it stopped with {done}"
        for found in findings:
            outcome.report(
                session, "detect-secrets", found["type"], found["filename"], found["line_number"], shown=True
            )
            total += 1
    if not total:
        return ""
    session.log(
        "If it is no secret: append `# pragma: allowlist secret` to its line, or record all of them as known with "
        f"`detect-secrets scan > {BASELINE}` and commit that. If it is one: revoke it, then remove it."
    )
    return f"{total} secret(s) that {BASELINE} does not allow"


def _zizmor(session: Session, files: Sequence[str], _severity: Severity) -> str:
    """Return what is wrong, or nothing."""
    if not _workflows(files) and session.posargs:
        return _nothing_given(session, "zizmor", "workflow")
    if not _workflows(files):
        return f"there is no workflow in {WORKFLOWS}"
    argv = ["zizmor", "--offline", "--no-progress", "--strict-collection", "--format", "json"]
    done = outcome.run(session, *argv, *(_workflows(files) if session.posargs else [".github"]), shown="errors")
    if not done.failed:
        return ""
    findings = [found for found in done.parsed() or () if not found["ignored"]]
    for found in findings:
        place = next(one for one in found["locations"] if one["symbolic"]["kind"] == "Primary")
        path = place["symbolic"]["key"]["Local"]["verbatim_path"]
        line = place["concrete"]["location"]["start_point"]["row"] + 1
        outcome.report(session, "zizmor", f"[{found['ident']}] {found['desc']}", path, line, shown=True)
    return f"{len(findings)} finding(s)" if findings else f"it stopped with {done}"


def _nothing_given(session: Session, tool: str, what: str) -> str:
    """Note that none of the files that were asked for is one that a tool looks at."""
    session.note(f"{tool}: there is no {what} among those given")
    return ""


#: In the order in which they run.
_TOOLS = {"bandit": _bandit, "detect-secrets": _detect_secrets, "zizmor": _zizmor}


def _workflows(files: Sequence[str]) -> list[str]:
    return [name for name in files if PurePosixPath(name).match(f"{WORKFLOWS}/*.y*ml")]


def _is_test(path: PurePosixPath) -> bool:
    in_folder = {"test", "tests"}.intersection(path.parts[:-1])
    return bool(in_folder) or path.name == "conftest.py" or path.stem.startswith("test_") or path.stem.endswith("_test")


def _batches(names: Sequence[str]) -> Iterator[Sequence[str]]:
    return (names[start : start + _BATCH] for start in range(0, len(names), _BATCH))
