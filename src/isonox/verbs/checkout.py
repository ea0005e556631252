"""The checkout that a verb works in: found, read, and checked before anything runs."""

from __future__ import annotations

import contextlib
import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from isonox.cache.fingerprint import Fingerprints
from isonox.cache.store import Store
from isonox.errors import GitError, LockError, StateError
from isonox.history.store import History
from isonox.planning import build
from isonox.sessions import known, surroundings
from isonox.system import git
from isonox.system.git import NOXFILE
from isonox.workspace import tree as trees

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from isonox.cache.fingerprint import Discovered, Fingerprint
    from isonox.model.config import Config
    from isonox.model.pipeline import Pipeline
    from isonox.model.plan import Plan, Selection
    from isonox.model.tree import Tree
    from isonox.model.workspace import Workspace
    from isonox.planning.affected import Affected
    from isonox.sessions.known import Project, Sources


class Checkout:
    """A workspace in a git repository.

    Args:
        root: The folder of the noxfile.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

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
        return cls(git.workspace(start))

    def start_reading(self) -> None:
        """Let git look at the files while this process reads what it can do without them."""
        self._reading  # noqa: B018 - it starts when it is asked for
        self._last  # noqa: B018 - it is read when it is asked for
        self.durations  # noqa: B018 - as above

    @cached_property
    def _reading(self) -> trees.Reading:
        return trees.reading(self.root)

    @cached_property
    def tree(self) -> Tree:
        """The files, as they were when this verb started."""
        return self._reading.tree()

    @property
    def digest(self) -> str:
        """Hash of the files and the commit."""
        return self._reading.digest

    @cached_property
    def store(self) -> Store:
        """Results of earlier runs."""
        return Store.of(self.root)

    @cached_property
    def _last(self) -> tuple[Sources, Project] | None:
        return known.last(self.store, NOXFILE)

    @cached_property
    def _known(self) -> Project | None:
        """What is declared, if that has not changed since it was read last."""
        sources, project = self._last or (None, None)
        return project if sources and known.is_current(sources, self.root, self.tree, os.environ) else None

    @cached_property
    def project(self) -> Project:
        """Everything that is declared.

        Raises:
            IsonoxError: Something is declared wrongly.
        """
        return self._known or self._read()[0]

    def _read(self) -> tuple[Project, str]:
        from isonox.sessions import reading  # noqa: PLC0415 - imports nox

        return reading.read(self.store, self.root, NOXFILE, self.tree, os.environ)

    @property
    def config(self) -> Config:
        """`[tool.isonox]`; the noxfile need not be readable."""
        if self._known:
            return self._known.config
        from isonox.sessions import project  # noqa: PLC0415 - reads pyproject.toml

        return project.config(self.root)

    @property
    def workspace(self) -> Workspace:
        """Packages and edges; the noxfile need not be readable."""
        if self._known:
            return self._known.workspace
        from isonox.sessions import project  # noqa: PLC0415 - reads every pyproject.toml

        return project.workspace(self.root)

    @property
    def pipeline(self) -> Pipeline:
        """Every session of the noxfile."""
        return self.project.pipeline

    @cached_property
    def history(self) -> History:
        """How long jobs took."""
        return History.of(self.root)

    @cached_property
    def durations(self) -> dict[str, float]:
        """Expected seconds of jobs that were seen before; estimates are worth no failure."""
        try:
            return self.history.durations()
        except StateError:
            return {}

    def watched(self) -> list[tuple[str, str]] | None:
        """Return all that decides results beside the files; None where that was read just now, or can't be told.

        Raises:
            StateError: The store can't be used.
        """
        sources, project = self._last or (None, None)
        if sources is None or project is None or project is not self._known:
            return None
        return surroundings.watched(self.root, project, sources, tree=self.tree, memory=self.store, environ=os.environ)

    def plan(self, selection: Selection) -> Plan:
        """Return the plan for a selection, each job with its fingerprint.

        Raises:
            IsonoxError: The configuration, the noxfile or the selection is wrong.
        """
        affected = self.since(selection.base) if selection.base else None
        plan = build.build(
            self.pipeline,
            selection,
            affected=affected,
            isonox=self.project.isonox,
            ci=self.project.config.ci,
            durations=self.durations,
            commit=self.tree.commit,
            dirty=self.tree.dirty,
        )
        found = self.fingerprints(plan)
        replace = msgspec.structs.replace
        jobs = (replace(job, fingerprint=found[job.id].value, uncached=found[job.id].uncached) for job in plan.jobs)
        return replace(plan, jobs=tuple(jobs))

    def since(self, base: str) -> Affected:
        """Return what the changes since the merge base with a revision concern.

        Raises:
            IsonoxError: There is no such revision or no merge base, or something is declared wrongly.
        """
        from isonox.verbs.since import since  # noqa: PLC0415 - only where it is asked for

        return since(self, base)

    def fingerprints(self, plan: Plan, *, discovered: Mapping[str, Discovered] | None = None) -> dict[str, Fingerprint]:
        """Return the fingerprint of each job of a plan.

        Args:
            plan: Which jobs.
            discovered: What runs have told of them; by default what was known when this verb started.
        """
        prints = self._fingerprints if discovered is None else self._fingerprints.knowing(discovered)
        return prints.of(plan)

    @cached_property
    def _fingerprints(self) -> Fingerprints:
        project = self.project
        around = surroundings.of(self.root, project, self.tree, self.store, os.environ)
        return Fingerprints(project.pipeline, project.workspace, self.tree, around)

    @property
    def owned(self) -> dict[str, list[str]]:
        """The files of each package, as they were when this verb started."""
        return self._fingerprints.owned

    def check_lock(self, jobs: Iterable[str]) -> None:
        """Refuse to run jobs that install from the lock when it is missing, damaged or out of date.

        Raises:
            LockError: It is; the hint says how to write it anew.
        """
        path = self.root / "uv.lock"
        facts = [self.pipeline.by_id[job].facts for job in jobs]
        there = path.exists()
        if not any(one.environment == "declared" if there else one.locked for one in facts):
            return
        key = f"fresh:{surroundings.key_of_lock(self.root, self.tree)}"
        with contextlib.suppress(StateError):
            if self.store.recall("lock", key) is not None:
                return
        from isonox.workspace.lock import Lock  # noqa: PLC0415 - only after a change of it

        if reason := Lock.load(path).stale_reason(self.root):
            raise LockError(f"uv.lock is out of date: {reason}")
        with contextlib.suppress(StateError):
            self.store.remember("lock", key, b"")
