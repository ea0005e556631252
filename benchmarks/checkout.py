"""A peer's own repository of the synthetic monorepo, and the proof of what ran in it."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

from benchmarks import measure, synthetic
from benchmarks.peers.definition import CACHED, Case

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.installation import Tools
    from benchmarks.measure import Sample
    from benchmarks.peers.definition import Command, Peer
    from benchmarks.synthetic import Monorepo, Package

#: The branch that differs from main by one package.
CHANGE = "change"

#: Characters of a tool's output that an error shows.
_TAIL = 600


class WrongResultError(Exception):
    """A command failed, or did something else than what is to be measured."""


class Checkout:
    """One peer's repository; tasks leave their marks beside it."""

    def __init__(self, folder: Path, peer: Peer, repository: Monorepo, tools: Tools) -> None:
        self.peer = peer
        self.root = folder / "repo"
        self._marks = folder / "marks"
        self.repository = repository
        self._tools = tools

    def make(self) -> None:
        """Write all files and commit them, unless they are there already."""
        if (self.root / ".git").exists():
            return
        for path, content in (synthetic.files(self.repository) | self.peer.configure(self.repository)).items():
            target = self.root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content, encoding="utf-8")
        if self._tools.node_modules.exists():
            (self.root / "node_modules").symlink_to(self._tools.node_modules)
        self._git("init", "--quiet", "--initial-branch=main")
        for key in ("gc.auto", "maintenance.auto"):
            self._git("config", key, "0")
        self._commit("everything")
        self._git("switch", "--quiet", "--create", CHANGE)
        self.edit(self.repository.middle)
        self._commit("a change")
        self._git("switch", "--quiet", "main")

    def switch(self, branch: str) -> None:
        """Check out a branch, without what was edited."""
        self._git("checkout", "--quiet", "--force", branch)

    def edit(self, package: Package) -> None:
        """Change one file of a package, each time differently."""
        words = self.root / package.path / "src" / package.module / "words.py"
        with words.open("a", encoding="utf-8") as file:
            file.write(f"# edit {time.time_ns()}\n")

    def prime(self) -> None:
        """Fill the peer's cache with the verdicts of what is there, if it has one; whatever runs for that.

        Raises:
            WrongResultError: It failed.
        """
        if self.peer.prime is not None:
            self._run(self.peer.prime)

    def run(self, case: Case, changed: Package | None = None, *, watch_memory: bool = False) -> Sample:
        """Run the peer's command for a case.

        Args:
            case: What it should do.
            changed: For a cached case, the package that was edited since the last run.
            watch_memory: See `measure.run`.

        Raises:
            WrongResultError: It failed, or it did not do that.
        """
        command = self.peer.commands[case]
        sample = self._run(command, watch_memory=watch_memory)
        if self.peer.tool != "git":
            self._check(case, command, sample.output, changed)
        return sample

    def _run(self, command: Command, *, watch_memory: bool = False) -> Sample:
        shutil.rmtree(self._marks, ignore_errors=True)
        self._marks.mkdir()
        argv = command.words(self.repository)
        sample = measure.run(argv, cwd=self.root, env=self._tools.env, watch_memory=watch_memory)
        if sample.exit_code != 0:
            raise WrongResultError(f"exit code {sample.exit_code}\n{sample.output[-_TAIL:]}")
        return sample

    def _check(self, case: Case, command: Command, output: str, changed: Package | None) -> None:
        """Refuse a result that is none: what ran, what it says, what it lists."""
        if case is Case.AFFECTED:
            expected = self.repository.affected_by(self.repository.middle.name)
            listed = frozenset(re.findall(command.names, output))
            if listed != expected:
                raise WrongResultError(f"lists {sorted(listed)} instead of {sorted(expected)}\n{output[-_TAIL:]}")
            return
        affected: frozenset[str] | None = None
        if case in CACHED:
            affected = self.repository.affected_by(changed.name) if changed else frozenset()
        expected = self.repository.marks(affected)
        self._check_marks(expected)
        jobs, ran = len(self.repository.packages) * len(self.repository.tasks), len(expected)
        says = command.says
        for name, count in {"{jobs}": jobs, "{ran}": ran, "{cached}": jobs - ran}.items():
            says = says.replace(name, str(count))
        if not re.search(says, output):
            raise WrongResultError(f"its output does not match {says!r}\n{output[-_TAIL:]}")

    def _check_marks(self, expected: frozenset[str]) -> None:
        found = {path.name: path.read_text(encoding="utf-8").count("\n") for path in self._marks.iterdir()}
        twice = sorted(name for name, lines in found.items() if lines != 1)
        if found.keys() != expected or twice:
            lacking, more = sorted(expected - found.keys()), sorted(found.keys() - expected)
            raise WrongResultError(
                f"{len(found)} tasks ran instead of {len(expected)}: without {lacking[:5]}, also {more[:5]}, "
                f"more than once {twice[:5]}"
            )

    def stop(self) -> None:
        """End the daemon, if the peer has one."""
        if self.peer.stop and self.root.exists():
            measure.run(self.peer.stop, cwd=self.root, env=self._tools.env)

    def _commit(self, message: str) -> None:
        self._git("add", "--all")
        identity = ("-c", "user.name=benchmark", "-c", "user.email=benchmark@example.org")
        self._git(*identity, "commit", "--quiet", "--message", message)

    def _git(self, *arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=self.root, check=True, env=self._tools.env)
