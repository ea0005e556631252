"""The format stage, seen from outside: it repairs what lint complains about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isonox.model.verdict import Verdict

if TYPE_CHECKING:
    from tests.conftest import MakeRepository

NOXFILE = "from isonox import stages\n\nstages.lint({options})\nstages.format({options})\n"
BAD = "import sys\nimport abc\nprint( sys.path, abc )\n"


def test_format_repairs_what_lint_complains_about(sharing: MakeRepository) -> None:
    """Lint is green afterwards; plain nox leaves format alone."""
    files = {"noxfile.py": NOXFILE.format(options=""), "src/bad.py": BAD, "src/good.py": "import sys\n\nprint(sys)\n"}
    repo = sharing(files, settings='[tool.ruff.lint]\nextend-select = ["I"]\n')

    run = repo.run_nox("-s", "format")

    assert (run.exit_code, run.record.verdict) == (0, Verdict.PASSED)
    assert repo.git("diff", "--name-only").split() == ["src/bad.py"]

    after = repo.run_nox()

    assert (set(after.records), after.exit_code) == ({"lint"}, 0)


def test_what_cannot_be_repaired_is_red(sharing: MakeRepository) -> None:
    """A syntax error fails the stage and names the tools; the other files are repaired all the same."""
    broken = "def broken(:\n"
    files = {"noxfile.py": NOXFILE.format(options='group="classic"'), "broken.py": broken, "bad.py": BAD}
    repo = sharing(files)

    run = repo.run_nox("-s", "format")

    assert run.exit_code == 1
    assert run.record.reason == "could not repair everything: black"
    assert (repo.path / "broken.py").read_text(encoding="utf-8") == broken


def test_nothing_that_repairs_is_red(sharing: MakeRepository) -> None:
    """With flake8 alone there is nothing to do, and that is no success."""
    repo = sharing({"noxfile.py": NOXFILE.format(options='group="classic", tools=["flake8"]')})

    run = repo.run_nox("-s", "format")

    assert run.exit_code == 1
    assert run.record.reason.startswith("none of the project's linters can repair anything")
