"""What all standard stages have in common: options, tool groups, Python versions."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any, TypedDict

from packaging.utils import canonicalize_name

from isonox.errors import ConfigurationError
from isonox.sessions import install, project
from isonox.workspace import pyproject as pyproject_module

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from isonox.sessions.session import Session


class StageOptions(TypedDict, total=False):
    """Keyword options that every stage hands on to `isonox.session`."""

    requires: Sequence[str]
    default: bool
    timeout_minutes: float
    env: Mapping[str, str]
    secrets: Sequence[str]
    inputs: Sequence[str]
    artifacts: Sequence[str]
    cache: bool
    required: bool
    permissions: Mapping[str, str]


def with_defaults(options: StageOptions, **defaults: Any) -> dict[str, Any]:
    """Return keyword arguments for `isonox.session`: the stage's defaults, overridden by the noxfile's options."""
    return {**defaults, **options}


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


def install_tools(  # noqa: PLR0913 - all but two are keywords
    session: Session,
    stage: str,
    *,
    group: str | None = None,
    fallbacks: Sequence[str] = ("dev",),
    tools: Sequence[str] = (),
    with_project: bool = False,
) -> str:
    """Install a stage's dependency group from the lock: `group`, else the one named as the stage, else a fallback.

    Args:
        session: The running session; it ends here, waived, where nox was told to install only.
        stage: The stage's usual name, which is also its usual group.
        group: The group that the noxfile names.
        fallbacks: Groups to look for where there is none named as the stage.
        tools: What the group should hold; only for the message where no group exists.
        with_project: Install the session's package (or the root project) too.

    Returns:
        The group's name.

    Raises:
        ConfigurationError: There is no such group.
    """
    groups = pyproject(session.root).get("dependency-groups", {})
    wanted = [group] if group else list(dict.fromkeys([stage, *fallbacks]))
    for candidate in wanted:
        if candidate in groups:
            session.install_group(candidate, project=with_project)
            if session._runner.global_config.install_only:  # noqa: SLF001 - nox has no public question for it
                session.waive("nothing was run: nox was told to install only")
            return candidate
    example = " ".join(tools) or "TOOL"
    raise ConfigurationError(
        f"pyproject.toml has no dependency group {wanted[0]!r}, from which the {stage} stage installs its tools",
        hint=f"add it: uv add --group {wanted[0]} {example}",
    )


def require_tools(session: Session, group: str, *distributions: str) -> None:
    """Check that the environment, made from `group`, holds these distributions.

    Raises:
        ConfigurationError: One is missing: whatever is on PATH is not what the lock says.
    """
    present = {canonicalize_name(name) for name in install.installed(session)}
    missing = list(dict.fromkeys(name for name in distributions if canonicalize_name(name) not in present))
    if missing:
        raise ConfigurationError(
            f"{' and '.join(missing)} is needed here, but not in the dependency group {group!r}",
            hint=f"add it: uv add --group {group} {' '.join(missing)}",
        )


def listed(folder: Path, group: str) -> set[str]:
    """Return the normalised names that a group of `folder`'s pyproject.toml lists itself, or by including groups."""
    document = pyproject_module.read(folder / "pyproject.toml", "pyproject.toml")
    requirements = document.groups().get(canonicalize_name(group), ())
    parsed = (document.requirement(text, f"dependency-groups.{group}") for text in requirements)
    return {canonicalize_name(requirement.name) for requirement in parsed if requirement}
