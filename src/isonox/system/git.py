"""Questions to git. Every call is one process with a list of arguments."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from isonox.errors import GitError

if TYPE_CHECKING:
    from collections.abc import Iterable


class Head(NamedTuple):
    """What is checked out.

    Attributes:
        commit: Full hash, or None before the first commit.
        branch: Branch name, or None where HEAD is detached.
        dirty: Whether tracked files differ or untracked files exist.
    """

    commit: str | None
    branch: str | None
    dirty: bool


def run(root: Path, *arguments: str) -> str:
    """Run git in `root` and return its standard output.

    Raises:
        GitError: Git is missing or says no.
    """
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=root,
            check=False,
            capture_output=True,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"},
        )
    except FileNotFoundError as error:
        raise GitError("git is not on PATH", hint="install git: isonox reads the repository through it") from error
    if done.returncode != 0:
        message = done.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
        hint = None
        if "dubious ownership" in message[0]:
            hint = f"git config --global --add safe.directory {root}"
        raise GitError(f"git {arguments[0]} failed in {root}: {message[0]}", hint=hint)
    return done.stdout.decode(errors="surrogateescape")


def find_root(start: Path) -> Path:
    """Return the top folder of the repository around `start`.

    Raises:
        GitError: There is none.
    """
    try:
        return Path(run(start, "rev-parse", "--show-toplevel").rstrip("\n"))
    except GitError as error:
        if "not a git repository" not in error.message:
            raise
        raise GitError(
            f"{start} is not inside a git repository",
            hint="run `git init`, or go to the repository: isonox needs git to know which files are yours",
        ) from error


def tracked(root: Path, *patterns: str) -> tuple[str, ...]:
    """Return tracked and new, not ignored files below `root` that match git pathspecs, sorted, POSIX paths."""
    out = run(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns)
    return tuple(sorted({name for name in out.split("\0") if name}))


def remote_tags(url: str) -> dict[str, str]:
    """Return the tags of another repository, each with the full hash of its commit.

    Raises:
        GitError: It does not answer.
    """
    tags: dict[str, str] = {}
    for line in run(Path.cwd(), "ls-remote", "--tags", url).splitlines():
        commit, _, name = line.partition("\t")
        tags[name.removeprefix("refs/tags/").removesuffix("^{}")] = commit  # the commit of a tag object comes last
    return tags


def branches(root: Path, names: Iterable[str]) -> tuple[str, ...]:
    """Return those names that are a branch, here or at a remote."""
    found = run(root, "for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads", "refs/remotes").splitlines()
    current = run(root, "branch", "--show-current").strip()  # one without a commit is no reference yet
    there = {current, *found, *(name.partition("/")[2] for name in found)}
    return tuple(name for name in names if name in there)


def head(root: Path) -> Head:
    """Return what is checked out; works detached and before the first commit."""
    commit: str | None = None
    branch: str | None = None
    dirty = False
    for line in run(root, "status", "--porcelain=v2", "--branch").splitlines():
        if line.startswith("# branch.oid "):
            oid = line.removeprefix("# branch.oid ")
            commit = None if oid == "(initial)" else oid
        elif line.startswith("# branch.head "):
            name = line.removeprefix("# branch.head ")
            branch = None if name == "(detached)" else name
        elif not line.startswith("#"):
            dirty = True
    return Head(commit=commit, branch=branch, dirty=dirty)


def is_shallow(root: Path) -> bool:
    """Return whether history is cut off."""
    return run(root, "rev-parse", "--is-shallow-repository").strip() == "true"
