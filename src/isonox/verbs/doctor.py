"""`isonox doctor`: what here differs from CI, or would make a run fail."""

from __future__ import annotations

import os
import shutil
import subprocess
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import msgspec
from rich.table import Table

from isonox.errors import ExitCode, IsonoxError, UsageError
from isonox.model.service import distinct, matches
from isonox.services import backends
from isonox.sessions import environment, interpreter
from isonox.system import files, git, interpreters, terminal
from isonox.verbs.checkout import Checkout
from isonox.verbs.declaration import Json

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Variables that people set in their shell and that change what tools do; sessions do not see them.
_TELLING = (
    "PYTHON*", "PYTEST_*", "COVERAGE_*", "MYPY*", "RUFF_*", "DJANGO_*", "*_URL", "*_DSN", "TZ", "LANG", "LC_*",
)  # fmt: skip


class State(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    DIFFERS = "differs"
    BROKEN = "broken"


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at.

    Attributes:
        what: What was looked at.
        state: "broken" makes a run fail, "differs" may make it end differently than in CI.
        found: What it is here.
        fix: What to do about it.
    """

    what: str
    state: State
    found: str
    fix: str = ""


def doctor(*, json: Json = False) -> ExitCode:
    """Say what here differs from CI: interpreters, lock, tools, environment, git state, services.

    Exits 1 when something is broken, so that a run can't be green.
    """
    checks = list(_checks(Checkout.here()))
    if json:
        terminal.write_json(checks)
    else:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in ("looked at", "", "found", "what to do"):
            table.add_column(heading, overflow="fold")
        for check in checks:
            table.add_row(check.what, check.state.value, check.found, check.fix)
        terminal.stdout().print(table)
    return ExitCode.JOB_FAILED if any(check.state is State.BROKEN for check in checks) else ExitCode.OK


def _checks(checkout: Checkout) -> Iterator[Check]:
    """Yield all; without a noxfile that can be read, nobody knows what sessions need."""
    try:
        pipeline = checkout.pipeline
    except IsonoxError as error:
        yield _broken("noxfile", error)
        yield from (*_tools(), *_git(checkout), *_environment(checkout))
        return
    count = len(pipeline.sessions)
    yield Check(what="noxfile", state=State.OK, found=f"{count} sessions in {len(pipeline.stages)} stages")
    yield from (*_interpreters(checkout), *_lock(checkout), *_tools(), *_git(checkout), *_environment(checkout))
    yield from _services(checkout)


def _broken(what: str, error: IsonoxError) -> Check:
    return Check(what=what, state=State.BROKEN, found=error.message, fix=error.hint or "")


def _interpreters(checkout: Checkout) -> Iterator[Check]:
    asked = {session.python for session in checkout.pipeline.sessions if isinstance(session.python, str)}
    cache = files.state_directory(checkout.root) / "cache"
    for version in sorted(asked, key=lambda text: [int(part) if part.isdigit() else 0 for part in text.split(".")]):
        path = interpreters.find(version, cache=cache) or interpreter.nox_finds(version)
        if path is None:
            yield Check(
                what=f"Python {version}",
                state=State.BROKEN,
                found="not installed",
                fix=interpreter.install_hint(version),
            )
        else:
            yield Check(what=f"Python {version}", state=State.OK, found=path)


def _lock(checkout: Checkout) -> Iterator[Check]:
    if all(session.facts.environment != "declared" for session in checkout.pipeline.sessions):
        return
    if not (checkout.root / "uv.lock").exists():
        yield Check(what="uv.lock", state=State.BROKEN, found="missing", fix="uv lock")
        return
    try:
        checkout.check_lock(checkout.pipeline.by_id)
    except IsonoxError as error:
        yield _broken("uv.lock", error)
    else:
        yield Check(what="uv.lock", state=State.OK, found="agrees with pyproject.toml")


def _tools() -> Iterator[Check]:
    uv = interpreter.uv_command()
    if uv is None:
        yield Check(
            what="uv",
            state=State.DIFFERS,
            found="not found: environments are made by virtualenv and pip, which is slower",
            fix="install uv, or add it to the lock: uv add --group ci uv",
        )
    else:
        yield Check(what="uv", state=State.OK, found=_version([uv, "--version"]))
    for tool in ("git", "make"):
        if path := shutil.which(tool):
            yield Check(what=tool, state=State.OK, found=_version([path, "--version"]))
        else:
            yield Check(what=tool, state=State.BROKEN, found="not on PATH", fix=f"install {tool}")


def _git(checkout: Checkout) -> Iterator[Check]:
    head = git.head(checkout.root)
    where = head.branch or "detached HEAD"
    commit = head.commit[:12] if head.commit else "no commit yet"
    yield Check(what="git", state=State.OK, found=f"{where} at {commit}")
    if git.is_shallow(checkout.root):
        yield Check(
            what="git history", state=State.DIFFERS, found="shallow: older commits are missing",
            fix="git fetch --unshallow",
        )  # fmt: skip
    if head.dirty:
        yield Check(
            what="working tree", state=State.DIFFERS,
            found="has changes or new files that CI does not have", fix="commit, stash or remove them",
        )  # fmt: skip


def _environment(checkout: Checkout) -> Iterator[Check]:
    passed = (*environment.ALLOWED, *checkout.config.pass_env)
    hidden = sorted(
        name
        for name in os.environ
        if any(fnmatchcase(name, pattern) for pattern in _TELLING)
        and not any(fnmatchcase(name, pattern) for pattern in passed)
        and environment.FIXED.get(name) != os.environ[name]
    )
    if hidden:
        yield Check(
            what="environment",
            state=State.OK,
            found="set here, not seen by sessions: " + ", ".join(hidden),
            fix="to let one pass: [tool.isonox] pass-env",
        )


def _services(checkout: Checkout) -> Iterator[Check]:
    try:
        declared = distinct(service for session in checkout.pipeline.sessions for service in session.facts.services)
        wanted = backends.wanted(os.environ, checkout.config.service_backend or "")
    except UsageError as error:
        yield _broken(backends.VARIABLE, error)
        return
    for service in declared:
        if os.environ.get(service.url_variable):
            found = f"given by {service.url_variable}: not fresh, so verdicts are not reused"
            yield Check(what=service.title, state=State.DIFFERS, found=found, fix=f"unset {service.url_variable}")
            continue
        try:
            choice = backends.choose(service, os.environ, wanted)
        except IsonoxError as error:
            yield _broken(service.title, error)
            continue
        same = not choice.version or matches(service.version, choice.version)
        found = " ".join(filter(None, (choice.backend, choice.version, f"({choice.program})")))
        yield Check(what=service.title, state=State.OK if same else State.DIFFERS, found=found)


def _version(command: list[str]) -> str:
    try:
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.SubprocessError) as error:
        return f"can't be run: {error}"
    return (done.stdout.strip().splitlines() or ["?"])[0]
