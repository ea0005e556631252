"""The tree of a checkout: what git sees, with what has changed on top."""

from __future__ import annotations

import os
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from isonox.errors import GitError
from isonox.workspace import tree

if TYPE_CHECKING:
    from pathlib import Path


def run(root: Path, *arguments: str) -> str:
    """Run git as somebody."""
    who = ("-c", "user.name=A Tester", "-c", "user.email=tester@example.org", "-c", "protocol.file.allow=always")
    return subprocess.run(["git", *who, *arguments], cwd=root, check=True, capture_output=True, text=True).stdout


def at(root: Path, revision: str) -> dict[str, str]:
    """Return mode and id of each file below `root` in a commit."""
    lines = (line.partition("\t") for line in run(root, "ls-tree", "-r", "-z", revision).split("\0")[:-1])
    return {path: " ".join(meta.split(" ")[::2]) for meta, _, path in lines}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a repository with three committed files."""
    folder = tmp_path / "repository"
    folder.mkdir()
    run(folder, "init", "--quiet", "--initial-branch=main")
    (folder / "libs").mkdir()
    (folder / "a.txt").write_text("a\n")
    (folder / "libs" / "b.txt").write_text("b\n")
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    run(folder, "add", "--all")
    run(folder, "commit", "--quiet", "--message", "test: a state")
    return folder


def test_a_clean_checkout_is_its_commit(root: Path) -> None:
    """Every file has the mode and the id that git gave it."""
    found = tree.reading(root).tree()

    assert at(root, "HEAD") == found.files
    assert (run(root, "rev-parse", "HEAD").strip(), "main", ()) == (found.commit, found.branch, found.changed)
    assert not found.dirty


def test_changes_have_the_ids_that_git_will_give_them(root: Path) -> None:
    """A result from before the commit is good after it."""
    (root / "a.txt").write_text("changed\n")
    (root / "new file.txt").write_text("new\n")
    (root / "libs" / "b.txt").unlink()
    (root / "run.sh").chmod(0o644)
    (root / "link").symlink_to("a.txt")

    before = tree.reading(root).tree()
    run(root, "add", "--all")
    staged = tree.reading(root).tree()
    run(root, "commit", "--quiet", "--message", "test: changes")

    assert {"a.txt", "new file.txt", "libs/b.txt", "run.sh", "link"} == set(before.changed)
    assert before.files == staged.files == tree.reading(root).tree().files == at(root, "HEAD")


def test_names_of_any_kind(root: Path) -> None:
    """Newlines, quotes and bytes that are no UTF-8 are parts of names."""
    names = ["with\nnewline", 'with "quotes"', "ünïcode", os.fsdecode(b"no\xffutf8"), "-dash"]
    for name in names:
        (root / name).write_text(name, errors="surrogateescape")

    new = tree.reading(root).tree()
    run(root, "add", "--all")

    assert set(names) == set(new.changed)
    assert tree.reading(root).tree().files == new.files


def test_ignored_files_are_left_out(root: Path) -> None:
    """They are not what CI sees."""
    (root / ".gitignore").write_text("*.log\n")
    (root / "x.log").write_text("x")

    assert {".gitignore", "a.txt", "libs/b.txt", "run.sh"} == set(tree.reading(root).tree().files)


def test_what_isonox_keeps_is_left_out_before_git_is_told_to(root: Path) -> None:
    """A job on GitHub fetches records and results before isonox runs for the first time; also below the top."""
    for folder in (root, root / "libs"):
        (folder / ".isonox" / "runs").mkdir(parents=True)
        (folder / ".isonox" / "runs" / "record.json").write_text("{}")

    assert {"libs/.isonox/runs/record.json"} == set(tree.reading(root).tree().changed)
    assert () == tree.reading(root / "libs").tree().changed
    run(root, "add", "--force", ".isonox")
    assert ".isonox/runs/record.json" in tree.reading(root).tree().changed


def test_a_workspace_below_the_top_has_only_its_files(root: Path) -> None:
    """Paths are relative to the workspace."""
    (root / "libs" / "c.txt").write_text("c")
    (root / "outside.txt").write_text("outside")

    found = tree.reading(root / "libs").tree()

    assert ({"b.txt", "c.txt"}, ("c.txt",)) == (set(found.files), found.changed)
    assert ["b.txt"] == list(at(root / "libs", "HEAD"))


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_what_the_index_takes_for_unchanged_is_read_all_the_same(root: Path, flag: str) -> None:
    """Git would not say that such a file has changed."""
    before = tree.reading(root).tree().files["a.txt"]
    run(root, "update-index", flag, "a.txt")
    (root / "a.txt").write_text("other\n")

    after = tree.reading(root).tree().files["a.txt"]

    assert before != after
    assert run(root, "hash-object", "a.txt").strip() == after.split()[1]


@pytest.mark.parametrize("setting", ["core.trustctime", "core.checkStat"])
def test_a_file_with_its_old_size_and_time_is_another_all_the_same(root: Path, setting: str) -> None:
    """Also for a user whose git is told to look at little else."""
    path = root / "a.txt"
    before, long_ago = tree.reading(root).tree().files["a.txt"], path.stat().st_mtime - 60  # git mistrusts what is new
    os.utime(path, (long_ago, long_ago))
    run(root, "config", setting, {"core.trustctime": "false"}.get(setting, "minimal"))
    run(root, "update-index", "--refresh")
    since = path.stat().st_ctime
    while time.time() < int(since) + 1.1:  # git compares seconds
        time.sleep(0.1)
    path.write_bytes(path.read_bytes()[::-1])
    os.utime(path, (long_ago, long_ago))

    assert not run(root, "status", "--porcelain", "a.txt")
    assert before != tree.reading(root).tree().files["a.txt"]


def test_before_the_first_commit_and_detached(root: Path, tmp_path: Path) -> None:
    """There is no commit, or no branch."""
    unborn = tmp_path / "unborn"
    unborn.mkdir()
    run(unborn, "init", "--quiet", "--initial-branch=main")
    (unborn / "a").write_text("a")
    run(root, "checkout", "--quiet", "--detach")

    first, second = tree.reading(unborn).tree(), tree.reading(root).tree()

    assert (None, "main", {"a"}) == (first.commit, first.branch, set(first.files))
    assert (None, True) == (second.branch, second.commit is not None)


def test_a_submodule_counts_by_its_commit_and_has_no_name_when_it_was_changed(root: Path, tmp_path: Path) -> None:
    """What is inside of it is not in this repository's index."""
    other = tmp_path / "other"
    other.mkdir()
    run(other, "init", "--quiet", "--initial-branch=main")
    (other / "x").write_text("x")
    run(other, "add", "--all")
    run(other, "commit", "--quiet", "--message", "test: a state")
    run(root, "submodule", "--quiet", "add", str(other), "sub")
    run(root, "commit", "--quiet", "--message", "test: a submodule")

    clean = tree.reading(root).tree()
    (root / "sub" / "x").write_text("y")

    assert f"160000 {run(other, 'rev-parse', 'HEAD').strip()}" == clean.files["sub"]
    assert {} == clean.unknown
    assert {"sub": "a submodule whose checkout differs from what is committed"} == tree.reading(root).tree().unknown

    run(root, "submodule", "--quiet", "deinit", "--force", "sub")
    absent = tree.reading(root)

    assert ("160000 none", ()) == (absent.tree().files["sub"], absent.tree().changed)
    run(root, "submodule", "--quiet", "update", "--init", "sub")
    assert absent.digest != tree.reading(root).digest
    assert clean.files == tree.reading(root).tree().files


def test_a_repository_inside_has_no_name(root: Path) -> None:
    """Git does not look into it."""
    (root / "nested").mkdir()
    run(root / "nested", "init", "--quiet")
    (root / "nested" / "x").write_text("x")

    assert {"nested": "a git repository inside of this one"} == tree.reading(root).tree().unknown


def test_a_file_that_became_a_folder_and_links_in_a_circle(root: Path) -> None:
    """Neither is followed."""
    (root / "a.txt").unlink()
    (root / "a.txt").mkdir()
    (root / "a.txt" / "inside").write_text("x")
    (root / "one").symlink_to("two")
    (root / "two").symlink_to("one")
    (root / "up").symlink_to("..")

    found = tree.reading(root).tree()

    assert {"a.txt/inside", "libs/b.txt", "run.sh", "one", "two", "up"} == set(found.files)
    assert all(found.files[name].startswith("120000 ") for name in ("one", "two", "up"))


def test_a_file_that_can_not_be_read_has_no_name(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason is the system's."""
    (root / "a.txt").write_text("changed")

    def refuse(*_arguments: object, **_options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tree, "_id", refuse)

    assert {"a.txt": "can't be read: Permission denied"} == tree.reading(root).tree().unknown


def test_a_file_that_changes_while_it_is_read_has_no_name(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its id would be that of neither content."""
    (root / "a.txt").write_text("changed")
    original = os.lstat

    def lstat(path: str) -> os.stat_result:
        found = original(path)
        with (root / "a.txt").open("a") as stream:
            stream.write("more")
        return found

    monkeypatch.setattr(os, "lstat", lstat)

    assert {"a.txt": "changed while it was read"} == tree.reading(root).tree().unknown


def test_a_reading_that_was_begun_ahead_is_used_once(root: Path) -> None:
    """The next reader wants to know how it is now."""
    begun = tree.begin(root)
    digest = begun.digest

    first, again = tree.reading(root), tree.reading(root)

    assert (True, False) == (first is begun, again is begun)
    assert (digest, 3) == (again.digest, len(first.tree().files))


def test_no_repository(tmp_path: Path) -> None:
    """Git's refusal comes with a hint."""
    with pytest.raises(GitError, match="not a git repository"):
        tree.reading(tmp_path).tree()
