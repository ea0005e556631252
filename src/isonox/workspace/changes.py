"""Read from git what has changed since the merge base with another revision."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from isonox.errors import GitError, did_you_mean
from isonox.model.changes import Changes
from isonox.model.naming import count
from isonox.system import git

if TYPE_CHECKING:
    from pathlib import Path

    from isonox.model.tree import Tree

#: What is compared with by default, the first of them that exists.
DEFAULTS = tuple(f"refs/{name}" for name in ("remotes/origin/HEAD", "remotes/origin/main", "remotes/origin/master",
                                             "heads/main", "heads/master"))  # fmt: skip

#: Files from which packages, their edges, and what is installed are read; files of requirements beside them.
_MANIFESTS = frozenset({"pyproject.toml", "setup.cfg", "setup.py", "hatch.toml", "uv.lock"})
_REQUIREMENTS = (".txt", ".in")

_NAME = re.compile(r"\w[\w./-]*")
_HASH = re.compile(r"[0-9a-f]{7,64}")


class Committed(NamedTuple):
    """What differs between the merge base and the index.

    Attributes:
        merge_base: Full hash.
        before: For each file that differs: its mode and id at the merge base; empty where there was none.
    """

    merge_base: str
    before: dict[str, str]


#: Compares a commit with the index: git reads only the folders that differ.
_DIFFERENCES = (
    "diff-index", "--cached", "-z", "--raw", "--no-abbrev", "--no-renames", "--ignore-submodules=none",
    "--ita-visible-in-index", "--relative",
)  # fmt: skip


class Comparing:
    """A comparison that is going on: git works while the caller does something else.

    Args:
        root: The workspace's root; files outside of it are left out.
        base: The revision.

    Raises:
        GitError: Git is missing.
    """

    def __init__(self, root: Path, base: str) -> None:
        asked: tuple[tuple[str, ...], ...] = (("merge-base", base, "HEAD"), (*_DIFFERENCES, "--merge-base", base, "--"))
        self._processes = [] if base.startswith("-") else [git.started(root, *words) for words in asked]

    def answers(self) -> tuple[str, str] | None:
        """Wait for git, and return the merge base and what differs.

        None where git says no: there is no merge base, several of them, or git is older than 2.30.
        """
        said = [process.communicate()[0].decode(errors="surrogateescape") for process in self._processes]
        if not said or any(process.returncode for process in self._processes):
            return None
        return said[0].strip(), said[1]


_begun: dict[tuple[Path, str], Comparing] = {}


def begin(root: Path, base: str) -> None:
    """Begin to compare before anybody has asked; `committed` takes it.

    Raises:
        GitError: Git is missing.
    """
    _begun[root, base] = Comparing(root, base)


def committed(root: Path, base: str) -> Committed:
    """Compare the merge base of a revision and HEAD with the index.

    Args:
        root: The workspace's root; files outside of it are left out.
        base: The revision.

    Raises:
        GitError: There is no such revision, no commit yet, or no merge base; the hint says what to do.
    """
    answers = (_begun.pop((root, base), None) or Comparing(root, base)).answers()
    if answers is None:
        found = merge_base(root, base)
        answers = found, git.run(root, *_DIFFERENCES, found, "--")
    found, out = answers
    fields = out.split("\0")
    before = {}
    for meta, path in zip(fields[::2], fields[1::2], strict=False):  # ":100644 000000 <id> <id> D", path
        mode, _, oid, _, _ = meta[1:].split(" ")
        before[path] = f"{mode} {oid}" if oid.strip("0") else ""
    return Committed(found, before)


def of(base: str, found: Committed, tree: Tree) -> Changes:
    """Return what has changed, the working tree included.

    Args:
        base: The revision.
        found: What differs from the merge base in the index.
        tree: The files as they are now.
    """
    before = {path: tree.index.get(path, "") for path in tree.changed} | found.before
    now = {path: tree.files.get(path, "") for path in before}
    differing = [path for path in before if now[path] != before[path] or path in tree.unknown]
    return Changes(
        base=base,
        merge_base=found.merge_base,
        before={path: before[path] for path in differing},
        now={path: now[path] for path in differing},
    )


def declares(path: str) -> bool:
    """Return whether packages, their edges, or what is installed are read from a file."""
    return path.rpartition("/")[2] in _MANIFESTS or (path.endswith(_REQUIREMENTS) and "requirements" in path)


def default_base(root: Path) -> str:
    """Return the revision to compare with where none is given: the remote's default branch.

    Raises:
        GitError: There is none.
    """
    there = git.run(root, "for-each-ref", "--format=%(refname)", *DEFAULTS).split()
    for name in DEFAULTS:
        if name in there:
            return name.split("/", 2)[2]
    raise GitError(
        "there is no origin/HEAD, origin/main, origin/master, main or master to compare with",
        hint="say what to compare with: --base REV",
    )


def merge_base(root: Path, base: str) -> str:
    """Return the full hash of the commit that a revision and HEAD have in common.

    Raises:
        GitError: There is no such revision, no commit yet, or no merge base; the hint says what to do.
    """
    if not base.startswith("-"):  # git would take it for an option
        answer = git.attempt(root, "merge-base", base, "HEAD")
        if answer.code == 0:
            return answer.out.strip()
        if answer.code != 1 and not answer.complaint.startswith((b"fatal: Not a valid", b"error: object")):
            raise git.refused(root, "merge-base", answer.complaint)
    if git.attempt(root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}").code != 0:
        raise GitError(f"there is no commit yet to compare with {base}", hint="commit first")
    if git.attempt(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{base}^{{commit}}").code != 0:
        raise _unknown(root, base)
    if git.is_shallow(root):
        raise _cut_off(root, base)
    raise GitError(
        f"{base} and HEAD have no commit in common, so there is no telling what has changed",
        hint="name a revision that HEAD goes back to",
    )


def _unknown(root: Path, base: str) -> GitError:
    """Return the error for a revision that is not here."""
    names = git.run(root, "for-each-ref", "--format=%(refname:lstrip=2)").split()
    remotes = git.run(root, "remote").split()
    remote, _, branch = base.partition("/")
    elsewhere = next((name for name in names if name.endswith(f"/{base}")), "")
    meant = f" (did you mean {elsewhere!r}?)" if elsewhere else did_you_mean(base, names)
    if remote not in remotes or not branch:
        remote, branch = next(iter(remotes), "origin"), base
    hint = "see what there is: git branch --all"
    if _NAME.fullmatch(branch):
        hint = f"if it is at the remote, fetch it: git fetch {remote} {branch}"
    if git.is_shallow(root):
        hint += "; this clone is shallow: in actions/checkout, say fetch-depth: 0"
    what = "commit" if _HASH.fullmatch(base) else "revision"
    return GitError(f"git knows no {what} {base!r}{meant}", hint=hint)


def _cut_off(root: Path, base: str) -> GitError:
    """Return the error for a history that ends before the merge base."""
    depth = int(git.run(root, "rev-list", "--count", "--first-parent", "HEAD"))
    more = max(50, depth)
    return GitError(
        f"this clone is shallow ({count(depth, 'commit')} deep), "
        f"and the commit that {base} and HEAD have in common is not in it",
        hint=f"fetch more, until it is: git fetch --deepen={more}, or all: git fetch --unshallow; "
        "in actions/checkout, say fetch-depth: 0",
    )
