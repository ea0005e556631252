"""The checkout that a verb works in: found, read, and checked before anything runs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from isonox.errors import GitError, LockError, StateError
from isonox.history.store import History
from isonox.planning import build
from isonox.sessions import loader, project
from isonox.system import git
from isonox.system.version import own_version
from isonox.workspace.lock import Lock

if TYPE_CHECKING:
    from isonox.model.pipeline import Pipeline
    from isonox.model.plan import Plan, Selection
    from isonox.model.workspace import Workspace
    from isonox.workspace.config import Config

NOXFILE = "noxfile.py"


@dataclass(frozen=True)
class Checkout:
    """A workspace in a git repository.

    Args:
        root: The folder of the noxfile.
    """

    root: Path

    @classmethod
    def here(cls) -> Checkout:
        """Return the checkout around the current folder.

        Raises:
            GitError: This is no git repository, or the folder is gone.
        """
        try:
            return cls.around(Path.cwd())
        except FileNotFoundError as error:
            raise GitError("the current folder does not exist any more", hint="change to one that does") from error

    @classmethod
    def around(cls, start: Path) -> Checkout:
        """Return the checkout around a folder: the nearest one above with a noxfile, else git's top folder.

        Raises:
            GitError: This is no git repository.
        """
        top = git.find_root(start)
        for folder in (start, *start.parents):
            if (folder / NOXFILE).exists():
                return cls(folder)
            if folder == top:
                break
        return cls(top)

    @cached_property
    def config(self) -> Config:
        """`[tool.isonox]`."""
        return project.config(self.root)

    @cached_property
    def workspace(self) -> Workspace:
        """Packages and edges."""
        return project.workspace(self.root)

    @cached_property
    def pipeline(self) -> Pipeline:
        """Every session of the noxfile."""
        return loader.load(self.root, NOXFILE)

    @cached_property
    def durations(self) -> dict[str, float]:
        """Expected seconds of jobs that were seen before; estimates are worth no failure."""
        try:
            return History.of(self.root).durations()
        except StateError:
            return {}

    def plan(self, selection: Selection) -> Plan:
        """Return the plan for a selection.

        Raises:
            IsonoxError: The configuration, the noxfile or the selection is wrong.
        """
        ci = self.config.ci
        head = git.head(self.root)
        return build.build(
            self.pipeline,
            selection,
            isonox=own_version(),
            ci=ci,
            durations=self.durations,
            commit=head.commit,
            dirty=head.dirty,
        )

    def check_lock(self) -> None:
        """Refuse to run sessions that install from the lock when it is out of date.

        Raises:
            LockError: It is; the hint says how to refresh it.
        """
        path = self.root / "uv.lock"
        if path.exists() and (reason := Lock.load(path).stale_reason(self.root)):
            raise LockError(f"uv.lock is out of date: {reason}")
