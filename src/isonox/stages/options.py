"""What all standard stages have in common: options, tool groups, Python versions."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from packaging.utils import canonicalize_name

from isonox.errors import ConfigurationError
from isonox.sessions import install, interpreter, project
from isonox.workspace import lock, lockfile, markers
from isonox.workspace import pyproject as pyproject_module

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import timedelta
    from pathlib import Path

    from isonox.model.service import Service
    from isonox.sessions.session import Session
    from isonox.workspace.lock import Pinned


class StageOptions(TypedDict, total=False):
    """Keyword options that every stage hands on to `isonox.session`.

    `inputs` come beside those that a stage has by itself (see `with_inputs`).
    """

    requires: Sequence[str]
    default: bool
    timeout_minutes: float
    env: Mapping[str, str]
    secrets: Sequence[str]
    inputs: Sequence[str] | None
    artifacts: Sequence[str]
    services: Sequence[Service]
    cache: bool | timedelta
    weight: int | Literal["all"]
    exclusive: bool
    required: bool
    permissions: Mapping[str, str]


def with_inputs(options: StageOptions, *patterns: str) -> StageOptions:
    """Return options with the files that decide a stage's result, beside those that the noxfile names for it.

    A tool that is no Python program is not seen reading: all that it reads has to be named. The dependency groups are
    always in: a stage takes the first that there is of several. `inputs=None` in the noxfile means every file.
    """
    given = options.get("inputs", ())
    inputs = ["pyproject.toml#dependency-groups", *patterns, *(given or ())]
    return options | StageOptions(inputs=None if given is None else inputs)


def pythons() -> list[str]:
    """Return the Python versions of the workspace (`[tool.isonox] pythons`, classifiers, `requires-python`).

    Raises:
        ConfigurationError: None of these names one.
    """
    found = project.config(project.root()).pythons
    if not found:
        raise ConfigurationError(
            "no Python versions are declared for this workspace",
            hint='add to pyproject.toml: [tool.isonox] pythons = ["3.12", "3.13"]',
        )
    return list(found)


def pyproject(folder: Path) -> dict[str, Any]:
    """Return the parsed `pyproject.toml` of a folder; empty where there is none."""
    path = folder / "pyproject.toml"
    if not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: {error}") from error


def install_tools(
    session: Session,
    stage: str,
    *tools: str,
    group: str | None = None,
    fallbacks: Sequence[str] = ("dev",),
    with_project: bool = False,
) -> str:
    """Install a stage's dependency group from the lock: `group`, else the one named as the stage, else a fallback.

    Args:
        session: The running session; it ends here, waived, where nox was told to install only.
        stage: The stage's usual name, which is also its usual group.
        tools: Distributions that the group must hold.
        group: The group that the noxfile names.
        fallbacks: Groups to look for where there is none named as the stage.
        with_project: Install the session's package (or the root project) too.

    Returns:
        The group's name.

    Raises:
        ConfigurationError: There is no such group, or it lacks a tool.
    """
    groups = pyproject(session.root).get("dependency-groups", {})
    wanted = [group] if group else list(dict.fromkeys([stage, *fallbacks]))
    found = next((candidate for candidate in wanted if candidate in groups), None)
    if found is None:
        raise ConfigurationError(
            f"pyproject.toml has no dependency group {wanted[0]!r}, from which the {stage} stage installs its tools",
            hint=f"add it: uv add --group {wanted[0]} {' '.join(tools) or 'TOOL'}",
        )
    session.install_group(found, project=with_project)
    require_tools(session, found, *tools)
    if session._runner.global_config.install_only:  # noqa: SLF001 - nox has no public question for it
        session.waive("nothing was run: nox was told to install only")
    return found


def require_tools(session: Session, group: str, *distributions: str) -> None:
    """Check that the environment, made from `group`, holds these distributions.

    Raises:
        ConfigurationError: One is missing: whatever is on PATH is not what the lock says.
    """
    present = {canonicalize_name(name) for name in install.installed(session)}
    missing = list(dict.fromkeys(name for name in distributions if canonicalize_name(name) not in present))
    if missing:
        raise ConfigurationError(
            f"{' and '.join(missing)} {'are' if missing[1:] else 'is'} needed here, but not in the dependency "
            f"group {group!r}",
            hint=f"add it: uv add --group {group} {' '.join(missing)}",
        )


def listed(folder: Path, group: str) -> set[str]:
    """Return the normalised names that a group of `folder`'s pyproject.toml lists itself, or by including groups."""
    document = pyproject_module.read(folder / "pyproject.toml", "pyproject.toml")
    requirements = document.groups().get(canonicalize_name(group), ())
    parsed = (document.requirement(text, f"dependency-groups.{group}") for text in requirements)
    return {canonicalize_name(requirement.name) for requirement in parsed if requirement}


def run_time(session: Session, extras: Iterable[str] = ()) -> tuple[Pinned, ...]:
    """Return what the lock says that the session's package, or the root project, needs at run time, and itself."""
    version = interpreter.environment_interpreter(session).version or ""
    return lock.Lock.load(session.root / lockfile.LOCK).requirements(
        session.package.name if session.package else None,
        extras=extras,
        environment=markers.environment_for(version),
        include_project=True,
    )
