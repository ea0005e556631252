"""What the workflows of a repository depend on beside the plan, and what of it GitHub would not take."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Literal

import msgspec

from isonox.errors import did_you_mean
from isonox.github import codecov, jobs
from isonox.github.pins import Pin
from isonox.github.workflow import Uses
from isonox.model.pipeline import Facts
from isonox.sessions.messages import RUN_VARIABLE, SHARD_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: What `permissions` of a session may name, and what each may be.
#: Source: https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#permissions
LEVELS = {
    **dict.fromkeys(
        (
            "actions", "artifact-metadata", "attestations", "checks", "contents", "deployments", "discussions",
            "issues", "packages", "pages", "pull-requests", "security-events", "statuses",
        ),
        ("read", "write"),
    ),
    "id-token": ("write",),
    "models": ("read",),
}  # fmt: skip
#: GitHub compares the names of secrets without regard to case.
#: Source: https://docs.github.com/en/actions/reference/security/secrets#naming-your-secrets
_SECRET = re.compile(r"(?!(?i:GITHUB_))[A-Za-z_][A-Za-z0-9_]*|GITHUB_TOKEN")
#: Variables of the work step that a secret must not replace.
_OWN = (
    "SESSION", "SESSIONS", SHARD_VARIABLE, RUN_VARIABLE, "NOX_SCRIPT_MODE", "PATH", "HOME", "ENV", "BASH_ENV", "CI",
)  # fmt: skip
#: What git allows in no branch. The rest of what it refuses are patterns for GitHub.
#: Source: https://git-scm.com/docs/git-check-ref-format
_NO_BRANCH = re.compile(r"[\s~^:]")
#: Inputs of actions are globs, and lines that start with a hash are comments there.
_GLOB = re.compile(r"[\[\]*?!#\\]")


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about the repository that its workflows depend on, beside the plan.

    Attributes:
        facts: Of each session of the plan.
        pins: Of each action.
        uv: The version in uv.lock.
        pythons: Interpreters that every job gets; the last one runs isonox.
        folder: The noxfile's folder, relative to the repository's top; empty if it is the top.
        runner: Label of the runners.
        branches: Branches whose pushes are checked.
        environment: The GitHub environment that holds the secrets.
        targeted: Whether sessions share jobs by their recorded durations.
        remote_cache: Whether known results let jobs be left out.
        affected: Whether pull requests run only what their changes affect.
        codecov: Whether the coverage stage's job uploads its report, and whether it has to.
    """

    facts: dict[str, Facts]
    pins: dict[str, Pin]
    uv: str
    pythons: tuple[str, ...]
    folder: str = ""
    runner: str = "ubuntu-24.04"
    branches: tuple[str, ...] = ("main",)
    environment: str = "ci"
    targeted: bool = False
    remote_cache: bool = False
    affected: bool = False
    codecov: bool | Literal["required"] = False

    @property
    def stored(self) -> tuple[str, ...]:
        """What travels from run to run, relative to the noxfile's folder."""
        cache = (".isonox/cache",) if self.remote_cache else ()
        return (*cache, ".isonox/history.db") if self.remote_cache or self.targeted else ()

    @property
    def suffix(self) -> str:
        """What tells the files of a pipeline in a folder from those at the top."""
        slug = re.sub(r"[^A-Za-z0-9_.-]+", "-", self.folder).strip("-")
        if slug != self.folder.replace("/", "-"):  # others may have become the same
            slug = f"{slug}-{hashlib.sha256(self.folder.encode()).hexdigest()[:8]}".strip("-")
        return f"-{slug}" if slug else ""

    @property
    def run_directory(self) -> str:
        """The run's folder, relative to the repository's top."""
        return self.path("${{ env.ISONOX_RUN_DIRECTORY }}")

    def path(self, name: str) -> str:
        """Return a path in the noxfile's folder, relative to the repository's top."""
        return f"{self.folder}/{name}" if self.folder else name

    def uses(self, action: str) -> Uses:
        """Return an action by the commit that it is pinned to."""
        pin = self.pins["/".join(action.split("/")[:2])]
        return Uses(f"{action}@{pin.commit}", pin.version)

    def local(self, action: str) -> Uses:
        """Return one of the actions that are written beside the workflow, at the commit that runs."""
        return Uses(f"$/.github/actions/{action}{self.suffix}")


def problems(setting: Setting, stages: Mapping[str, Facts]) -> Iterator[str]:
    """Yield what is wrong with what stands in a workflow; texts from a lock, or made by a pattern, are well.

    Args:
        setting: The repository's.
        stages: Facts of each stage.
    """
    yield from _unfit(setting)
    for stage, facts in stages.items():
        yield from _problems(stage, facts)
    if setting.codecov and codecov.STAGE not in stages:
        yield f"pyproject.toml: tool.isonox.codecov: the pipeline has no stage {codecov.STAGE!r} to upload"


def _problems(session: str, facts: Facts) -> Iterator[str]:
    for scope, level in facts.permissions.items():
        if scope not in LEVELS:
            yield f"session {session!r}: permissions: GitHub has no {scope!r}{did_you_mean(scope, LEVELS)}"
        elif level not in LEVELS[scope]:
            allowed = " or ".join(map(repr, LEVELS[scope]))
            yield f"session {session!r}: permissions: {scope} is {level!r}, and may be {allowed}"
    for name in facts.secrets:
        if not _SECRET.fullmatch(name):
            yield f"session {session!r}: secrets: GitHub allows no secret of the name {name!r}"
        elif name in _OWN:
            yield f"session {session!r}: secrets: {name!r} means something else to the workflow's step"


def _unfit(setting: Setting) -> Iterator[str]:
    where = "pyproject.toml: tool.isonox"
    for key, text in {"runner": setting.runner, "environment": setting.environment}.items():
        if reason := jobs.unfit(text):
            yield f"{where}.{key}: {text!r}: {reason}"
    for branch in setting.branches:
        if reason := "git allows no such name" if _NO_BRANCH.search(branch) else jobs.unfit(branch):
            yield f"{where}.branches: {branch!r}: {reason}"
    if reason := "actions would take it for a glob" if _GLOB.search(setting.folder) else jobs.unfit(setting.folder):
        yield f"the noxfile's folder {setting.folder!r}: {reason}"
