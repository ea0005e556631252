"""What has changed since the merge base with another revision, as git knows it."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from isonox.errors import GitError
from isonox.workspace import changes, tree

if TYPE_CHECKING:
    from pathlib import Path

    from isonox.model.changes import Changes


def run(root: Path, *arguments: str) -> str:
    """Run git as somebody."""
    who = ("-c", "user.name=A Tester", "-c", "user.email=tester@example.org", "-c", "protocol.file.allow=always")
    return subprocess.run(["git", *who, *arguments], cwd=root, check=True, capture_output=True, text=True).stdout


def commit(root: Path, message: str = "test: a state") -> str:
    """Commit everything; return the commit."""
    run(root, "add", "--all")
    run(root, "commit", "--quiet", "--allow-empty", "--message", message)
    return run(root, "rev-parse", "HEAD").strip()


def new(folder: Path) -> Path:
    """Make an empty repository."""
    folder.mkdir()
    run(folder, "init", "--quiet", "--initial-branch=main")
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a repository on a branch that has left main at its first commit."""
    folder = new(tmp_path / "repository")
    for name in ("a.txt", "b.txt", "libs/c.txt", "libs/d.txt"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(f"{name}\n")
    commit(folder)
    run(folder, "checkout", "--quiet", "-b", "feature")
    return folder


def at(root: Path, revision: str) -> dict[str, str]:
    """Return mode and id of each file below `root` in a commit."""
    lines = (line.partition("\t") for line in run(root, "ls-tree", "-r", "-z", revision).split("\0")[:-1])
    return {path: " ".join(meta.split(" ")[::2]) for meta, _, path in lines}


def since(root: Path, base: str = "main") -> Changes:
    """Return what has changed."""
    return changes.of(base, changes.committed(root, base), tree.reading(root).tree())


def test_nothing_has_changed_at_first(root: Path) -> None:
    """The merge base is HEAD itself then."""
    found = since(root)

    assert ((), run(root, "rev-parse", "HEAD").strip()) == (found.paths, found.merge_base)


def test_committed_staged_unstaged_and_new_files_count(root: Path) -> None:
    """Each with what it was at the merge base."""
    before = at(root, "main")
    (root / "a.txt").write_text("committed\n")
    commit(root)
    (root / "b.txt").write_text("staged\n")
    run(root, "add", "b.txt")
    (root / "libs/c.txt").write_text("not staged\n")
    (root / "new.txt").write_text("new\n")

    found = since(root)

    assert {**{name: before[name] for name in ("a.txt", "b.txt", "libs/c.txt")}, "new.txt": ""} == found.before
    assert {name: tree.reading(root).tree().files[name] for name in found.paths} == found.now
    assert (frozenset({"new.txt"}), frozenset()) == (found.added, found.removed)


def test_what_is_as_it_was_does_not_count(root: Path) -> None:
    """Committed and taken back, in a commit or not; staged and taken back; written again with the same content."""
    (root / "a.txt").write_text("changed\n")
    (root / "b.txt").write_text("changed\n")
    commit(root)
    (root / "a.txt").write_text("a.txt\n")
    (root / "b.txt").write_text("b.txt\n")
    run(root, "add", "b.txt")
    (root / "libs/c.txt").write_text("changed\n")
    run(root, "add", "libs/c.txt")
    (root / "libs/c.txt").write_text("libs/c.txt\n")
    run(root, "rm", "--quiet", "--cached", "libs/d.txt")  # and still there, as a new file

    assert () == since(root).paths


def test_a_rename_changes_both_paths(root: Path) -> None:
    """So does a mode; a file that is gone was there."""
    run(root, "mv", "a.txt", "libs/moved.txt")
    commit(root)
    (root / "b.txt").rename(root / "b2.txt")
    (root / "libs/c.txt").chmod(0o755)
    (root / "libs/d.txt").unlink()

    found = since(root)

    assert ("a.txt", "b.txt", "b2.txt", "libs/c.txt", "libs/d.txt", "libs/moved.txt") == found.paths
    assert [{"b2.txt", "libs/moved.txt"}, {"a.txt", "b.txt", "libs/d.txt"}] == [{*found.added}, {*found.removed}]


def test_what_the_other_branch_did_does_not_count(root: Path) -> None:
    """Only the changes of this one, since both were the same."""
    left = run(root, "rev-parse", "main").strip()
    (root / "a.txt").write_text("here\n")
    commit(root)
    run(root, "checkout", "--quiet", "main")
    (root / "b.txt").write_text("there\n")
    commit(root)
    run(root, "checkout", "--quiet", "feature")

    assert (("a.txt",), left) == (since(root).paths, since(root).merge_base)


def test_a_detached_merge_of_both(root: Path) -> None:
    """What GitHub checks out for a pull request: the base is the tip of the other branch."""
    (root / "a.txt").write_text("here\n")
    commit(root)
    run(root, "checkout", "--quiet", "main")
    (root / "b.txt").write_text("there\n")
    tip = commit(root)
    run(root, "checkout", "--quiet", "--detach", "main")
    run(root, "merge", "--quiet", "--no-ff", "--message", "test: a merge", "feature")

    assert (("a.txt",), tip) == (since(root).paths, since(root).merge_base)


def test_names_of_any_kind(root: Path) -> None:
    """Newlines, and bytes that are no UTF-8."""
    names = ["with\nnewline", os.fsdecode(b"no\xffutf8"), "-dash", ' "quoted"']
    for name in names[:2]:
        (root / name).write_text("1")
    commit(root)
    for name in names[2:]:
        (root / name).write_text("1")

    assert sorted(names) == [*since(root).paths]


def test_a_workspace_below_the_top_of_the_repository(root: Path) -> None:
    """Paths are seen from there, and files outside of it are none of its."""
    (root / "a.txt").write_text("outside\n")
    (root / "libs/c.txt").write_text("inside\n")
    commit(root)
    (root / "b.txt").write_text("outside\n")
    (root / "libs/d.txt").write_text("inside\n")

    assert ("c.txt", "d.txt") == since(root / "libs").paths


def test_a_submodule_changes_by_its_commit_and_by_its_files(root: Path, tmp_path: Path) -> None:
    """Both are a change of its path."""
    other = new(tmp_path / "other")
    (other / "x.txt").write_text("1")
    commit(other)
    run(root, "submodule", "--quiet", "add", str(other), "sub")
    commit(root)
    run(root, "branch", "--force", "main")
    sub = root / "sub"

    assert () == since(root).paths
    (sub / "x.txt").write_text("2")
    assert ("sub",) == since(root).paths
    commit(sub)
    assert ("sub",) == since(root).paths
    commit(root)
    assert ("sub",) == since(root).paths
    assert {"sub"} == since(root).before.keys() - since(root).added - since(root).removed


def test_what_the_index_hides_is_seen(root: Path) -> None:
    """A file that git is told to take for unchanged, one that will be added, one in conflict."""
    run(root, "update-index", "--assume-unchanged", "a.txt")
    (root / "a.txt").write_text("hidden\n")
    (root / "new.txt").write_text("new\n")
    run(root, "add", "--intent-to-add", "new.txt")
    (root / "b.txt").write_text("here\n")
    run(root, "commit", "--quiet", "--message", "test: here", "b.txt")
    run(root, "checkout", "--quiet", "-b", "third", "main")
    (root / "b.txt").write_text("there\n")
    run(root, "commit", "--quiet", "--message", "test: there", "b.txt")
    subprocess.run(["git", "merge", "--quiet", "feature"], cwd=root, check=False, capture_output=True)

    found = since(root)

    assert ("a.txt", "b.txt", "new.txt") == found.paths
    assert {"new.txt"} == found.added


def test_what_a_sparse_checkout_leaves_out_has_not_changed(root: Path) -> None:
    """It is as git has it, here and there."""
    run(root, "sparse-checkout", "set", "--no-cone", "a.txt")

    assert not (root / "b.txt").exists()
    assert () == since(root).paths


@pytest.mark.parametrize(
    ("base", "message", "hint"),
    [
        ("mian", "git knows no revision 'mian' (did you mean 'main'?)", "git fetch origin mian"),
        ("topic", "git knows no revision 'topic' (did you mean 'origin/topic'?)", "git fetch origin topic"),
        ("origin/other", "git knows no revision 'origin/other'", "git fetch origin other"),
        ("v1.0", "git knows no revision 'v1.0'", "git fetch origin v1.0"),
        ("0" * 40, "git knows no commit '0000", f"git fetch origin {'0' * 40}"),
        ("--all", "git knows no revision '--all'", "git branch --all"),
        ("HEAD:a.txt", "git knows no revision 'HEAD:a.txt'", "git branch --all"),
    ],
)
def test_an_unknown_revision(root: Path, base: str, message: str, hint: str) -> None:
    """The error says what may be meant, or how to get it."""
    run(root, "remote", "add", "origin", "https://example.org/x.git")
    run(root, "update-ref", "refs/remotes/origin/topic", "HEAD")

    with pytest.raises(GitError) as caught:
        since(root, base)

    assert caught.value.message.startswith(message)
    assert hint in (caught.value.hint or "")


def test_histories_without_a_common_commit(root: Path) -> None:
    """There is nothing to compare."""
    run(root, "checkout", "--quiet", "--orphan", "alone")
    commit(root, "test: another beginning")

    with pytest.raises(GitError, match="main and HEAD have no commit in common"):
        since(root)


def test_a_repository_without_commits(tmp_path: Path) -> None:
    """HEAD is nothing yet."""
    with pytest.raises(GitError, match="no commit yet to compare with main"):
        since(new(tmp_path / "new"))


def test_a_shallow_clone_says_how_to_get_the_rest(root: Path, tmp_path: Path) -> None:
    """It has the revision, but not where HEAD left it."""
    for number in range(3):
        (root / "a.txt").write_text(f"{number}\n")
        commit(root)
    run(root, "checkout", "--quiet", "main")
    (root / "b.txt").write_text("there\n")
    commit(root)
    clone = tmp_path / "clone"
    run(tmp_path, "clone", "--quiet", "--depth=2", "--no-single-branch", "--branch=feature", root.as_uri(), str(clone))

    with pytest.raises(GitError) as cut:
        since(clone, "origin/main")
    with pytest.raises(GitError) as unknown:
        since(clone, "v1")

    assert cut.value.message.startswith("this clone is shallow (2 commits deep), and the commit that origin/main")
    for part in ("git fetch --deepen=50", "git fetch --unshallow", "fetch-depth: 0"):
        assert part in (cut.value.hint or "")
    assert "fetch-depth: 0" in (unknown.value.hint or "")
    run(clone, "fetch", "--quiet", "--unshallow")
    assert ("a.txt",) == since(clone, "origin/main").paths


def test_a_machine_without_git(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no answer."""
    monkeypatch.setenv("PATH", "")

    with pytest.raises(GitError, match="not on PATH"):
        changes.committed(root, "main")


def test_of_several_merge_bases_it_is_the_one_that_git_names_first(root: Path) -> None:
    """Two branches that have merged each other have two."""
    for branch, name in (("main", "a.txt"), ("feature", "b.txt")):
        run(root, "checkout", "--quiet", branch)
        (root / name).write_text("changed\n")
        commit(root)
    main = run(root, "rev-parse", "main").strip()
    run(root, "merge", "--quiet", "main")
    run(root, "checkout", "--quiet", "main")
    run(root, "merge", "--quiet", "--no-ff", "feature~1")
    (root / "libs/c.txt").write_text("changed\n")
    commit(root)
    run(root, "checkout", "--quiet", "feature")

    found = since(root)

    bases = run(root, "merge-base", "--all", "main", "HEAD").split()
    assert (2, main in bases) == (len(bases), True)
    assert run(root, "merge-base", "main", "HEAD").strip() == found.merge_base
    assert at(root, found.merge_base)[found.paths[0]] == found.before[found.paths[0]]


def test_a_comparison_may_begin_before_it_is_asked_for(root: Path) -> None:
    """It is that of then, and taken once."""
    (root / "a.txt").write_text("committed\n")
    first = commit(root)
    changes.begin(root, first)
    changes.begin(root, "main")

    assert {"a.txt"} == {*changes.committed(root, "main").before}
    assert {} == changes.committed(root, first).before
    assert {"a.txt"} == {*changes.committed(root, "main").before}


def test_what_is_compared_with_by_default(root: Path) -> None:
    """What the remote calls its default branch; without a remote, the branch of that name here."""
    assert "main" == changes.default_base(root)
    run(root, "update-ref", "refs/remotes/origin/master", "HEAD")
    assert "origin/master" == changes.default_base(root)
    run(root, "update-ref", "refs/remotes/origin/trunk", "HEAD")
    run(root, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/trunk")
    assert "origin/HEAD" == changes.default_base(root)


def test_there_may_be_nothing_to_compare_with(root: Path) -> None:
    """Then it has to be said."""
    run(root, "branch", "--move", "main", "other")

    with pytest.raises(GitError, match="no origin/HEAD") as caught:
        changes.default_base(root)

    assert caught.value.hint == "say what to compare with: --base REV"
