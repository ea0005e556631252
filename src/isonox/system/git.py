"""Questions to git. Every call is one process with a list of arguments."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from isonox.errors import GitError

if TYPE_CHECKING:
    from collections.abc import Iterable


#: What makes a folder the root of a workspace.
NOXFILE = "noxfile.py"


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


def environment() -> dict[str, str]:
    """Return the variables that git runs with: it asks nothing, locks nothing that it need not, and speaks English."""
    return {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}


def missing() -> GitError:
    """Return the error of a machine without git."""
    return GitError("git is not on PATH", hint="install git: isonox reads the repository through it")


def refused(root: Path, verb: str, complaint: bytes) -> GitError:
    """Return the error of a call that git refused."""
    message = complaint.decode(errors="replace").strip().splitlines() or ["no message"]
    hint = None
    if "dubious ownership" in message[0]:
        hint = f"git config --global --add safe.directory {root}"
    return GitError(f"git {verb} failed in {root}: {message[0]}", hint=hint)


class Answer(NamedTuple):
    """How a call ended.

    Attributes:
        code: 0 where git did what was asked.
        out: Standard output.
        complaint: Standard error.
    """

    code: int
    out: str
    complaint: bytes


def attempt(root: Path, *arguments: str) -> Answer:
    """Run git in `root`, where no may be the answer.

    Raises:
        GitError: Git is missing.
    """
    try:
        done = subprocess.run(["git", *arguments], cwd=root, check=False, capture_output=True, env=environment())
    except FileNotFoundError as error:
        raise missing() from error
    return Answer(done.returncode, done.stdout.decode(errors="surrogateescape"), done.stderr)


def run(root: Path, *arguments: str) -> str:
    """Run git in `root` and return its standard output.

    Raises:
        GitError: Git is missing or says no.
    """
    answer = attempt(root, *arguments)
    if answer.code != 0:
        raise refused(root, arguments[0], answer.complaint)
    return answer.out


def blob(root: Path, oid: str) -> bytes:
    """Return the content of a file in the repository by its id.

    Raises:
        GitError: It is not there.
    """
    return run(root, "cat-file", "blob", oid).encode(errors="surrogateescape")


def workspace(start: Path) -> Path:
    """Return the root of the workspace around a folder: the nearest one above with a noxfile, else git's top folder.

    Raises:
        GitError: This is no git repository.
    """
    top = find_root(start)
    for folder in (start, *start.parents):
        if (folder / NOXFILE).exists():
            return folder
        if folder == top:
            break
    return top


#: Settings for looking at files: with others, git takes one for unchanged that has its old size and time again.
_EXACT = ("-c", "core.trustctime=true", "-c", "core.checkStat=default")


class Look:
    """What git says of the files of a checkout, by two processes that work while the caller does something else.

    Args:
        root: Files outside of it are left out.

    Raises:
        GitError: Git is missing.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._listing = started(root, "ls-files", "-z", "-s", "-v")
        self._status = started(
            root, *_EXACT, "status", "-z", "--porcelain=v2", "--branch", "--untracked-files=all", "--no-renames",
            "--ignore-submodules=none", "--", ".",
        )  # fmt: skip

    @property
    def is_over(self) -> bool:
        """Whether git has looked at all files; what it listed may still have to be taken."""
        return self._status.poll() is not None

    def answers(self) -> tuple[str, str]:
        """Wait for git, once.

        Returns:
            The index (`ls-files -s -v -z`), and what differs from it and from HEAD (`status --porcelain=v2 -z`).

        Raises:
            GitError: Git says no.
        """
        listing, status = self._listing.communicate(), self._status.communicate()
        for verb, process, (_, complaint) in (
            ("ls-files", self._listing, listing),
            ("status", self._status, status),
        ):
            if process.returncode != 0:
                raise refused(self._root, verb, complaint)
        return listing[0].decode(errors="surrogateescape"), status[0].decode(errors="surrogateescape")


def started(root: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Start git in `root`, with pipes for what it says, and return at once.

    Raises:
        GitError: Git is missing.
    """
    try:
        return subprocess.Popen(
            ["git", *arguments],
            cwd=root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            env=environment(),
        )
    except FileNotFoundError as error:
        raise missing() from error


def find_root(start: Path) -> Path:
    """Return the top folder of the repository around `start`: the nearest one with a `.git`. Starts no process.

    Raises:
        GitError: There is none.
    """
    for folder in (start, *start.parents):
        if (folder / ".git").exists():
            return folder
    raise GitError(
        f"{start} is not inside a git repository",
        hint="run `git init`, or go to the repository: isonox needs git to know which files are yours",
    )


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
