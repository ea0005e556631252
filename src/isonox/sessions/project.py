"""The workspace around a noxfile, read once per process."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from isonox.errors import ConfigurationError, did_you_mean
from isonox.workspace import config as workspace_config
from isonox.workspace import packages as workspace_packages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from isonox.model.config import Config
    from isonox.model.workspace import Package, Workspace


def root() -> Path:
    """Return the workspace's root: nox changes into the noxfile's folder before it runs the noxfile."""
    return Path.cwd()


@functools.cache
def config(folder: Path) -> Config:
    """Return `[tool.isonox]` of the workspace at `folder`."""
    return workspace_config.load(folder)


@functools.cache
def workspace(folder: Path) -> Workspace:
    """Return the packages of the workspace at `folder`."""
    return workspace_packages.load(folder, config(folder))


def packages(asked: bool | Sequence[str], *, session: str) -> tuple[Package, ...]:  # noqa: FBT001 - nox's style
    """Return the packages that a per-package session is for: all, or those named.

    Raises:
        ConfigurationError: A name is no package of the workspace, or the workspace has none.
    """
    found = workspace(root())
    if isinstance(asked, bool):
        chosen = tuple(package for package in found.packages if package.installable) or found.packages
    else:
        unknown = [name for name in asked if name not in found.by_name]
        if unknown:
            raise ConfigurationError(
                f"session {session!r}: per_package names {unknown[0]!r}, which is no package of this workspace"
                + did_you_mean(unknown[0], found.by_name),
                hint="packages here: " + ", ".join(found.by_name),
            )
        chosen = tuple(found.by_name[name] for name in asked)
    if not chosen:
        raise ConfigurationError(
            f"session {session!r} is per package, but no package was found",
            hint='declare them: [tool.isonox] packages = ["libs/*"]',
        )
    return chosen
