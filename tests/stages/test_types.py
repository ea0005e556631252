"""The types stage, seen from outside: mypy for each Python, on what the project says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from isonox.model.verdict import Verdict

if TYPE_CHECKING:
    from tests.conftest import MakeRepository

NOXFILE = "from isonox import stages\n\nstages.types({options})\n"


def test_each_python_is_checked_as_itself(sharing: MakeRepository) -> None:
    """Code that only 3.12 understands is red for 3.11 alone, whatever version mypy's configuration names."""
    repo = sharing(
        {
            "noxfile.py": NOXFILE.format(options='pythons=["3.11", "3.12"]'),
            "src/shop.py": "from typing import override\n\nprint(override)\n",
            "tests/test_shop.py": "import shop\n\nprint(shop)\n",
        },
        settings='[tool.mypy]\npython_version = "3.12"\n',
    )

    run = repo.run_nox("-s", "types")

    assert run.exit_code == 1
    old, new = run.records["types-3.11"], run.records["types-3.12"]
    assert (old.verdict, new.verdict) == (Verdict.FAILED, Verdict.PASSED)
    assert old.reason.startswith("mypy: Found 1 error in 1 file")
    (finding,) = old.findings
    assert (finding.tool, finding.path, finding.line) == ("mypy", "src/shop.py", 1)
    assert 'has no attribute "override"' in finding.message
    assert "(checked 2 source files)" in run.output


def test_what_mypy_is_configured_to_check_is_checked(sharing: MakeRepository) -> None:
    """`files` of mypy's configuration wins over the stage's `paths`; paths after -- win over both."""
    files = {
        "noxfile.py": NOXFILE.format(options='pythons=["3.11"], paths=["src"]'),
        "mypy.ini": "[mypy]\nfiles = checked.py\n",
        "checked.py": "good: int = 1\n",
        "src/other.py": "bad: int = ''\n",
    }
    repo = sharing(files)

    assert repo.run_nox("-s", "types").exit_code == 0  # of its own configuration

    run = repo.run_nox("-s", "types", "--", "src/other.py")

    assert run.exit_code == 1
    assert [(finding.path, finding.line) for finding in run.record.findings] == [("src/other.py", 1)]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ('pythons=["3.11"]', "there is nothing to check: no source or test folder was found"),
        ('pythons=["3.11"], paths=["docs"]', "mypy: There are no .py[i] files in directory 'docs'"),
        ('pythons=["3.11"], group="lint"', "mypy is needed here, but not in the dependency group 'lint'"),
    ],
)
def test_nothing_to_check_is_red_and_says_why(sharing: MakeRepository, options: str, reason: str) -> None:
    """No folder, no file, no mypy: each is a failure whose reason says what is missing."""
    repo = sharing({"noxfile.py": NOXFILE.format(options=options), "docs/index.md": "# Shop\n"})

    run = repo.run_nox("-s", "types")

    assert (run.exit_code, run.record.verdict) == (1, Verdict.FAILED)
    assert run.record.reason.startswith(reason)


def test_a_workspace_is_checked_package_by_package(repository: MakeRepository) -> None:
    """Packages see each other's types, may have tests of the same name, and configure mypy for themselves."""
    repo = repository({"noxfile.py": NOXFILE.format(options="")}, base="pair")
    core = (repo.path / "core/pyproject.toml").read_text(encoding="utf-8")
    repo.write(
        {
            "core/pyproject.toml": f"{core}\n[tool.mypy]\ndisallow_untyped_defs = true\n",
            "core/src/core/untyped.py": "def untyped(x):\n    return x\n",
            "shop/src/shop/untyped.py": "def untyped(x):\n    return x\n",
            "shop/src/shop/wrong.py": "import core\n\nanswer: str = core.double(21)\n",
        }
    )
    run = repo.run_nox("-s", "types")

    assert run.exit_code == 1
    assert run.record.reason.startswith("core: mypy: Found 1 error")
    places = [(finding.path, finding.line) for finding in run.record.findings]
    assert places == [("core/src/core/untyped.py", 1), ("shop/src/shop/wrong.py", 3)]
