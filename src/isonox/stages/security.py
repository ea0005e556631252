"""The security stage: insecure code, leaked secrets, unsafe workflows."""

from __future__ import annotations

import re
import shutil
from itertools import islice
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal, Unpack

from isonox.errors import ConfigurationError, did_you_mean
from isonox.sessions.declare import session as declare_session
from isonox.stages import outcome
from isonox.stages.options import StageOptions, install_tools, pyproject, require_tools, with_defaults
from isonox.system import git

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from isonox.sessions.session import Session

Severity = Literal["low", "medium", "high"]

#: File that records what detect-secrets may pass over.
BASELINE = ".secrets.baseline"
WORKFLOWS = ".github/workflows"

#: Paths per call, well below every platform's limit for a command line.
_BATCH = 500

_BANDIT_FINDING = re.compile(
    r"^>> Issue: (?P<message>.+)\n(?:.*\n){0,4}? +Location: (?P<path>.+?):(?P<line>\d+):\d+$", re.MULTILINE
)
_BANDIT_SKIPPED = re.compile(r"^\t(?P<path>\S.*) \((?P<message>.+)\)$", re.MULTILINE)
_BANDIT_LINES = re.compile(r"^\tTotal lines of code: (\d+)$", re.MULTILINE)
_SECRET = re.compile(r"^Secret Type: +(?P<message>.+)\nLocation: +(?P<path>.+):(?P<line>\d+)$", re.MULTILINE)
_WORKFLOW_FINDING = re.compile(
    r"^(?P<message>(?:error|warning|help|info)\[.+)\n\s*--> (?P<path>.+?):(?P<line>\d+):\d+$", re.MULTILINE
)

#: Exit code of detect-secrets-hook when it only brought the baseline up to date.
_BASELINE_UPDATED = 3


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
        python: The interpreter that the tools run on; nox's own by default.
        options: As for `isonox.session`.

    Raises:
        ConfigurationError: `tools` or `severity` names one that isonox does not know.
    """
    for tool in tools:
        _check("tools", tool, _TOOLS)
    _check("severity", severity, ("low", "medium", "high"))

    def run_security(session: Session) -> None:
        """Look for insecure code, leaked secrets and unsafe workflows."""
        installed = install_tools(session, "security", group=group, tools=tuple(_TOOLS))
        files = _files(session)
        chosen = tools or [tool for tool in _TOOLS if tool != "zizmor" or _workflows(files)]
        require_tools(session, installed, *chosen)
        if "zizmor" not in chosen:
            session.log(f"There are no workflows in {WORKFLOWS}: zizmor has nothing to look at.")
        complaints = {tool: _TOOLS[tool](session, files, severity) for tool in chosen}
        if bad := [f"{tool}: {complaint}" for tool, complaint in complaints.items() if complaint]:
            session.error("; ".join(bad))

    declare_session(name="security", python=python, tags=["security"], **with_defaults(options))(run_security)


def _check(option: str, value: str, known: Iterable[str]) -> None:
    if value not in known:
        raise ConfigurationError(
            f"security: {option} names {value!r}, which isonox does not know{did_you_mean(value, known)}",
            hint=f"known are {', '.join(known)}",
        )


def _files(session: Session) -> tuple[str, ...]:
    """Return the repository's files, or those below the paths that were given; the session fails without any."""
    for path in session.posargs:
        if path.startswith("-") or not (session.root / path).exists():
            session.error(f"only paths of this repository can be given here, not {path!r}")
    patterns = [f":(literal){path}" for path in session.posargs]
    found = tuple(name for name in git.tracked(session.root, *patterns) if (session.root / name).is_file())
    if not found:
        session.error("there is nothing to look at: git knows no file here (ignored files do not count)")
    return found


def _bandit(session: Session, files: Sequence[str], severity: Severity) -> str:
    """Return what is wrong, or nothing."""
    settings = pyproject(session.root).get("tool", {}).get("bandit")
    sources = [name for name in files if name.endswith(".py")]
    if "exclude_dirs" not in (settings or {}):
        sources, tests = _without_tests(sources)
        if tests:
            session.note(
                f"bandit: {tests} test file(s) are left out; `exclude_dirs` in [tool.bandit] replaces this rule"
            )
    if not sources:
        return 'there is no Python file to look at; without one, leave it out: tools=["detect-secrets"]'
    argv = ["bandit", "--severity-level", severity]
    argv += ["--configfile", "pyproject.toml"] if settings is not None else []
    argv += ["--ini", ".bandit"] if (session.root / ".bandit").is_file() else []
    findings = skipped = lines = 0
    for batch in _batches(sources):
        done = outcome.run(session, *argv, *batch, shown=f"{' '.join(argv)} ... ({len(batch)} files)")
        found = outcome.report_findings(session, "bandit", done.output, _BANDIT_FINDING)
        if done.failed and not found:
            return f"it stopped with {done}"
        findings += found
        unread = done.output.partition("Files skipped")[2]
        skipped += outcome.report_findings(session, "bandit", unread, _BANDIT_SKIPPED)
        lines += sum(int(count) for count in _BANDIT_LINES.findall(done.output))
    if findings or skipped:
        return ", ".join(
            [f"{findings} finding(s)"] * bool(findings) + [f"{skipped} file(s) could not be read"] * bool(skipped)
        )
    return "" if lines else "it looked at no line of code: its own configuration excludes every file"


def _detect_secrets(session: Session, files: Sequence[str], _severity: Severity) -> str:
    """Return what is wrong, or nothing."""
    argv = ["detect-secrets-hook", "--no-verify"]  # verifying would send what was found to its issuer
    baseline = session.root / BASELINE
    if baseline.is_file():
        # a copy: the tool rewrites line numbers in it, and a check changes nothing
        copy = session.create_tmp() + "/secrets.baseline"
        shutil.copyfile(baseline, copy)
        argv += ["--baseline", copy]
    total = 0
    for batch in _batches([name for name in files if name != BASELINE]):
        done = outcome.run(session, *argv, "--", *batch, shown=f"{' '.join(argv)} ... ({len(batch)} files)")
        found = outcome.report_findings(session, "detect-secrets", done.output, _SECRET)
        if done.code == _BASELINE_UPDATED and not found:
            session.note(f"{BASELINE} is behind the code: detect-secrets scan --baseline {BASELINE}")
        elif done.failed and not found:
            return f"it stopped with {done}"
        total += found
    if not total:
        return ""
    session.log(
        "If it is no secret: append `# pragma: allowlist secret` to its line, or record all of them as known with "
        f"`detect-secrets scan > {BASELINE}` and commit that. If it is one: revoke it, then remove it."
    )
    return f"{total} secret(s) that {BASELINE} does not allow"


def _zizmor(session: Session, files: Sequence[str], _severity: Severity) -> str:
    """Return what is wrong, or nothing."""
    if not _workflows(files):
        return f"there is no workflow in {WORKFLOWS}"
    targets = _workflows(files) if session.posargs else [".github"]
    done = outcome.run(session, "zizmor", "--offline", "--no-progress", "--strict-collection", *targets)
    found = outcome.report_findings(session, "zizmor", done.output, _WORKFLOW_FINDING)
    if not done.failed:
        return ""
    return f"{found} finding(s)" if found else f"it stopped with {done}"


#: In the order in which they run.
_TOOLS = {"bandit": _bandit, "detect-secrets": _detect_secrets, "zizmor": _zizmor}


def _workflows(files: Sequence[str]) -> list[str]:
    return [name for name in files if PurePosixPath(name).match(f"{WORKFLOWS}/*.y*ml")]


def _without_tests(sources: Sequence[str]) -> tuple[list[str], int]:
    """Return the sources that are no tests, and how many were left out."""
    kept = [name for name in sources if not _is_test(PurePosixPath(name))]
    return kept, len(sources) - len(kept)


def _is_test(path: PurePosixPath) -> bool:
    in_folder = {"test", "tests"}.intersection(path.parts[:-1])
    return bool(in_folder) or path.name == "conftest.py" or path.stem.startswith("test_") or path.stem.endswith("_test")


def _batches(names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    rest = iter(names)
    while batch := tuple(islice(rest, _BATCH)):
        yield batch
