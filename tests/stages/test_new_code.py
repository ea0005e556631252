"""Coverage of what is new, from real measurements of small programs in real repositories."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from isonox.stages import new_code
from isonox.stages.coverage_report import Report

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeRepository

#: 25 statements, of which a run without arguments leaves 4 out: 84 %.
EIGHTY_FOUR = "import sys\n\nif sys.argv[1:]:\n" + "    print(1)\n" * 4 + "x = 1\n" * 19
BEFORE = """
import sys


def chosen(text, *, loud):
    return text


@str
def decorated():
    return 1


if sys.argv[1:]:
    print(
        chosen(
            "a",
            loud=True,
        )
    )
"""


def report_of(root: Path) -> Report:
    """Run `main.py` under coverage, measuring every file."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    env["COVERAGE_FILE"] = str(root / ".git/measured")
    coverage = (sys.executable, "-m", "coverage")
    for argv in (("run", "--source=.", "main.py"), ("json", "--quiet", "-o", ".git/report.json")):
        subprocess.run([*coverage, *argv], cwd=root, env=env, check=True, capture_output=True)
    return Report(root / ".git/report.json")


def judged(stand_in: Any, root: Path, least: float = 85, base: str = "main") -> str:
    """What is wrong with the new code of a repository."""
    stand_in.root = root
    return new_code.judge(stand_in, report_of(root), least, base)


@pytest.mark.parametrize(
    ("least", "said"),
    [(84, ""), (84.01, "new code is covered by 84 %, less than new=84.01; not covered: main.py:4-7")],
)
def test_84_percent_is_84_percent(repository: MakeRepository, stand_in: Any, least: float, said: str) -> None:
    """Nothing is rounded; the message and a finding name the lines."""
    repo = repository()
    repo.git("switch", "--quiet", "--create", "topic")
    repo.write({"main.py": EIGHTY_FOUR})

    assert said == judged(stand_in, repo.path, least)
    assert (["new code is not covered: 4-7"] if said else []) == stand_in.findings
    assert stand_in.notes[0].startswith("new code: 84 % of 25 statements since main (merge base ")


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ('"a"', '"b"', "15"),  # in the midst of a statement
        ("loud=True", "loud=False", "15"),
        ("    return 1", "    return 2", "11"),
        ("def decorated", "def decorating", ""),  # runs on import
        ('            "a"', '            # why\n            "a"', ""),  # says nothing
        ("*, loud", "*, soft=1, loud", ""),
        ("chosen(\n", "chosen(  # pragma: no cover\n", ""),
    ],
)
def test_a_line_counts_for_its_statement(
    repository: MakeRepository, stand_in: Any, old: str, new: str, lines: str
) -> None:
    """Coverage names a statement by its first line, and a change may be on another; comments are no code."""
    repo = repository({"main.py": BEFORE})
    repo.git("switch", "--quiet", "--create", "topic")
    assert old in BEFORE
    repo.write({"main.py": BEFORE.replace(old, new)})

    found = judged(stand_in, repo.path, 100)

    assert lines == found.rpartition("main.py:")[2]


def test_what_is_moved_or_removed_is_not_new(repository: MakeRepository, stand_in: Any) -> None:
    """A renamed file that nothing imports has no new line, nor has one that lost some; a new file is new as a whole."""
    long = "".join(f"a{number} = {number}\n" for number in range(20))
    repo = repository({"main.py": long, "unused.py": long, "gone.py": long})
    repo.git("switch", "--quiet", "--create", "topic")
    repo.git("mv", "unused.py", "moved.py")
    repo.git("rm", "--quiet", "gone.py")
    repo.write({"main.py": long.replace("a3 = 3\n", "")})

    assert "" == judged(stand_in, repo.path)
    assert stand_in.notes[-1].startswith("new code: no statement that is measured has changed since main")

    (repo.path / "untold.py").write_text("x = 1\n\ny = 2\n", encoding="utf-8")

    assert "new code is covered by 0 %, less than new=85; not covered: untold.py:1-3" == judged(stand_in, repo.path)


def test_on_the_base_itself_there_is_nothing_to_judge(repository: MakeRepository, stand_in: Any) -> None:
    """A push to the default branch is not judged again; what is not committed there is."""
    repo = repository({"main.py": "x = 1\n"})

    assert "" == judged(stand_in, repo.path)
    assert "no statement that is measured has changed since main" in stand_in.notes[-1]

    (repo.path / "main.py").write_text("x = 1\nif not x:\n    x = 2\n", encoding="utf-8")

    assert "main.py:3" in judged(stand_in, repo.path)


def test_others_went_on_meanwhile(repository: MakeRepository, stand_in: Any) -> None:
    """What was done on the base after this branch left it is not this branch's, neither before nor after a merge."""
    repo = repository({"main.py": "x = 1\n", "other.py": "y = 1\n"})
    repo.git("switch", "--quiet", "--create", "topic")
    repo.write({"main.py": "x = 1\nz = 1\n"})
    repo.git("switch", "--quiet", "main")
    repo.write({"other.py": "y = 1\nuncovered = 1\n"})
    repo.git("switch", "--quiet", "topic")

    assert "" == judged(stand_in, repo.path)

    repo.git("merge", "--quiet", "--no-edit", "main")  # as GitHub does for a pull request

    assert "" == judged(stand_in, repo.path)


def test_an_unknown_base_is_red(repository: MakeRepository, stand_in: Any) -> None:
    """With what to do about it; it is not taken for nothing new."""
    repo = repository({"main.py": "x = 1\n"})

    found = judged(stand_in, repo.path, base="mian")

    assert found.startswith("new code can't be judged: git knows no revision 'mian' (did you mean 'main'?) (if it is")


def test_a_shallow_clone_is_red(repository: MakeRepository, stand_in: Any, tmp_path: Path) -> None:
    """The merge base is not in it; the message says how a workflow gets it."""
    repo = repository({"main.py": "x = 1\n"})
    repo.git("switch", "--quiet", "--create", "topic")
    repo.write({"main.py": "x = 2\n"})
    repo.git("switch", "--quiet", "main")
    repo.write({"other.py": "x = 2\n"})
    shallow = tmp_path / "shallow"
    repo.git("clone", "--quiet", "--depth=1", "--no-single-branch", "--branch=topic", repo.path.as_uri(), str(shallow))

    found = judged(stand_in, shallow, base="origin/main")

    assert found.startswith("new code can't be judged: this clone is shallow (1 commit deep)")
    assert "in actions/checkout, say fetch-depth: 0" in found


def test_code_that_this_python_can_not_read(repository: MakeRepository, stand_in: Any) -> None:
    """Lines that start a statement are judged all the same, and a note says that others are not."""
    repo = repository({"main.py": "x = 1\n"})
    repo.git("switch", "--quiet", "--create", "topic")
    repo.write({"main.py": "x = 1\nif not x:\n    # so\n    x = 2\n"})
    report = report_of(repo.path)
    (repo.path / "main.py").write_text("x = 1\nif not x\n    # so\n    x = 2\n", encoding="utf-8")
    stand_in.root = repo.path

    assert "main.py:4" in new_code.judge(stand_in, report, 85, "main")
    assert "main.py: new lines inside of longer statements are not judged" in stand_in.notes[0]
