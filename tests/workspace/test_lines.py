"""Which lines are new since a commit: read from real repositories, whatever git is configured to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isonox.workspace import lines

if TYPE_CHECKING:
    from tests.conftest import MakeRepository

TEN = "".join(f"line {number}\n" for number in range(1, 11))


def test_committed_staged_and_unstaged_lines_are_new(repository: MakeRepository) -> None:
    """Wherever a line is on its way into a commit; one that git was never told of is in a file new as a whole."""
    repo = repository({"a.py": TEN, "b.py": TEN, "c.py": TEN, "gone.py": TEN, "same.py": TEN})
    commit = repo.git("rev-parse", "HEAD").strip()
    repo.write({"a.py": TEN.replace("line 3\n", "other\nand another\n")})
    (repo.path / "b.py").write_text(TEN + "line 11\n", encoding="utf-8")
    repo.git("add", "b.py")
    (repo.path / "c.py").write_text(f"first\n{TEN}".replace("line 9\n", ""), encoding="utf-8")
    (repo.path / "untold.py").write_text(TEN, encoding="utf-8")
    (repo.path / "intended.py").write_text("x\n", encoding="utf-8")
    repo.git("add", "--intent-to-add", "intended.py")
    repo.git("rm", "--quiet", "gone.py")

    assert {
        "a.py": frozenset({3, 4}),
        "b.py": frozenset({11}),
        "c.py": frozenset({1}),
        "intended.py": frozenset({1}),
        "untold.py": None,
    } == lines.new(repo.path, commit)


def test_a_renamed_file_has_the_lines_that_differ(repository: MakeRepository) -> None:
    """Also if its folder moved along; names may hold anything that git quotes."""
    odd = 'odd "name"\té.py'
    repo = repository({"old/a.py": TEN, "a b.py": TEN, odd: TEN})
    commit = repo.git("rev-parse", "HEAD").strip()
    repo.git("mv", "old/a.py", "renamed.py")
    repo.write(dict.fromkeys(("renamed.py", "a b.py", odd), f"{TEN}more\n"))

    assert dict.fromkeys(("renamed.py", "a b.py", odd), frozenset({11})) == lines.new(repo.path, commit)


def test_content_is_not_taken_for_a_header(repository: MakeRepository) -> None:
    """A line of two pluses and a name looks like the header of another file once a plus is put before it."""
    repo = repository({"a.py": "one\n"})
    commit = repo.git("rev-parse", "HEAD").strip()
    repo.write({"a.py": "one\n++ b/other.py\n@@ -1 +90 @@\n"})

    assert {"a.py": frozenset({2, 3})} == lines.new(repo.path, commit)


def test_the_configuration_of_a_user_changes_nothing(repository: MakeRepository) -> None:
    """Colours, prefixes, context and drivers would give other lines, or none."""
    repo = repository({"a.py": TEN, ".gitattributes": "*.py diff=broken\n"})
    commit = repo.git("rev-parse", "HEAD").strip()
    repo.write({"a.py": TEN.replace("line 3\n", "x\n").replace("line 6\n", "y\n")})
    for setting in (
        "color.ui=always", "diff.noprefix=true", "diff.context=9", "diff.interHunkContext=9", "diff.renames=false",
        "diff.external=false", "diff.broken.command=false", "diff.broken.textconv=false", "diff.mnemonicPrefix=true",
        "diff.wsErrorHighlight=all", "core.quotePath=false", "diff.relative=true",
    ):  # fmt: skip
        repo.git("config", *setting.split("="))

    assert {"a.py": frozenset({3, 6})} == lines.new(repo.path, commit)


def test_only_the_workspace_counts(repository: MakeRepository) -> None:
    """For a noxfile in a folder, paths are relative to that folder."""
    repo = repository({"shop/a.py": "one\n", "b.py": "one\n"})
    commit = repo.git("rev-parse", "HEAD").strip()
    repo.write({"shop/a.py": "one\ntwo\n", "b.py": "one\ntwo\n"})

    assert {"a.py": frozenset({2})} == lines.new(repo.path / "shop", commit)
