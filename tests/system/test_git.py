"""Questions to real git repositories."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from isonox.errors import GitError
from isonox.system import git

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeRepository


def test_before_the_first_commit(tmp_path: Path) -> None:
    """A new repository has a branch and no commit."""
    subprocess.run(["git", "init", "--quiet", "--initial-branch=trunk"], cwd=tmp_path, check=True)

    assert git.Head(commit=None, branch="trunk", dirty=False) == git.head(tmp_path)
    assert tmp_path.resolve() == git.find_root(tmp_path).resolve()


def test_clean_dirty_and_detached(repository: MakeRepository) -> None:
    """Untracked files count as dirty: CI does not have them."""
    made = repository()
    clean = git.head(made.path)
    (made.path / "new.txt").write_text("x")
    dirty = git.head(made.path)
    made.git("checkout", "--quiet", "--detach")

    assert (False, True, "main", None) == (clean.dirty, dirty.dirty, clean.branch, git.head(made.path).branch)
    assert made.git("rev-parse", "HEAD").strip() == clean.commit


def test_tracked_and_new_files_but_no_ignored_ones(repository: MakeRepository) -> None:
    """Odd names included, each once, sorted."""
    made = repository({"a b.py": "", "ü.py": "", ".gitignore": "ignored.py\n"})
    (made.path / "new.py").write_text("")
    (made.path / "ignored.py").write_text("")

    assert ("a b.py", "new.py", "ü.py") == git.tracked(made.path, "*.py")


def test_no_repository_and_no_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are errors with a hint."""
    with pytest.raises(GitError, match="not inside a git repository"):
        git.find_root(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitError, match="install git"):
        git.run(tmp_path, "status")
    with pytest.raises(GitError, match="install git"):
        git.Look(tmp_path)


def test_branches_here_and_at_remotes(repository: MakeRepository, tmp_path: Path) -> None:
    """Also the one without a commit yet."""
    made = repository()
    made.git("branch", "release/1.0")
    copy = tmp_path / "copy"
    made.git("clone", "--quiet", ".", str(copy))
    made.git("init", "--quiet", "--initial-branch=trunk", str(tmp_path / "new"))

    assert ("main", "release/1.0") == git.branches(made.path, ["main", "release/1.0", "other"])
    assert ("main", "release/1.0") == git.branches(copy, ["main", "release/1.0", "other"])
    assert ("trunk",) == git.branches(tmp_path / "new", ["main", "trunk"])
