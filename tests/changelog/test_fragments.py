"""Every changelog fragment can be used by a release: its name says the type, and it says something."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CHANGELOG = Path(__file__).parents[2] / "changelog"

#: As `changelog/README.md` explains them.
TYPES = ("feature", "fix", "change", "removal", "docs")

NAME = re.compile(rf"[a-z0-9]+(-[a-z0-9]+)*\.({'|'.join(TYPES)})\.md")


def problems(folder: Path) -> list[str]:
    """Return what is wrong with the fragments in a folder."""
    found = []
    for path in sorted(folder.iterdir()):
        if path.name == "README.md":
            continue
        if not NAME.fullmatch(path.name):
            found.append(f"{path.name}: call it <slug>.<type>.md, with a type of {', '.join(TYPES)}")
        elif not path.read_text(encoding="utf-8").strip():
            found.append(f"{path.name}: is empty; say what changes for those who use isonox")
    return found


def test_all_fragments_are_well_named_and_say_something() -> None:
    """The folder of this repository."""
    assert [] == problems(CHANGELOG)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("new-verb.feature.md", ""),
        ("new-verb.feature.md", "  \n\n"),
        ("new-verb.md", "text"),
        ("new-verb.feat.md", "text"),
        ("New_Verb.feature.md", "text"),
        ("-verb.fix.md", "text"),
        ("new-verb.feature.rst", "text"),
    ],
)
def test_a_bad_fragment_is_named(tmp_path: Path, name: str, content: str) -> None:
    """Whatever is wrong: the message begins with the file's name."""
    (tmp_path / name).write_text(content, encoding="utf-8")
    (tmp_path / "README.md").write_text("", encoding="utf-8")

    (problem,) = problems(tmp_path)

    assert problem.startswith(f"{name}: ")


@pytest.mark.parametrize("kind", TYPES)
def test_a_good_fragment_of_each_type_passes(tmp_path: Path, kind: str) -> None:
    """And the explanation names the type."""
    (tmp_path / f"missing-interpreter-2.{kind}.md").write_text("Something new.\n", encoding="utf-8")

    assert [] == problems(tmp_path)
    assert f"`{kind}`" in (CHANGELOG / "README.md").read_text(encoding="utf-8")
