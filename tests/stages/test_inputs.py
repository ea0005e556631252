"""The inputs that the stages declare by themselves cover what their tools are seen using."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from isonox.model.verdict import Verdict
from isonox.sessions.loader import load

if TYPE_CHECKING:
    from tests.conftest import MakeRepository, NoxRun

TEST = '''"""Tests."""

import shop


def test_price() -> None:
    """It is one."""
    assert shop.price() == 1
'''
CODE = {
    "src/shop/__init__.py": '"""A shop."""\n\n\ndef price() -> int:\n    """Return it."""\n    return 1\n',
    "src/shop/orders.py": '"""Orders."""\n',
    "tests/test_shop.py": TEST,
    "conftest.py": '"""Nothing."""\n',
    ".env": "SECRET=1\n",
    "build.log": "left by somebody\n",
    ".gitignore": ".env\n*.log\n.nox/\n__pycache__/\n",
    ".isort.cfg": "[settings]\nprofile = black\n",
    ".flake8": "[flake8]\nmax-line-length = 120\nexclude = .nox\n",
}
SETTINGS = """
[tool.pytest.ini_options]
pythonpath = ["src"]

[tool.black]

[tool.importlinter]
root_package = "shop"

[[tool.importlinter.contracts]]
name = "Orders do not know the shop"
type = "forbidden"
source_modules = ["shop.orders"]
forbidden_modules = ["shop"]
as_packages = false
"""


def noxfile(*calls: str) -> dict[str, str]:
    """Return a noxfile that declares some stages."""
    return {
        "noxfile.py": '"""A pipeline."""\n\nfrom isonox import stages\n\n' + "".join(f"stages.{one}\n" for one in calls)
    }


def assert_covered(run: NoxRun) -> None:
    """Every job passed, was traced, and used nothing else."""
    assert {Verdict.PASSED} == {record.verdict for record in run.records.values()}, run.output
    assert {True} == {record.traced for record in run.records.values()}
    assert {} == {job: record.undeclared for job, record in run.records.items() if record.undeclared}


def test_linters_types_tests_and_coverage(sharing: MakeRepository) -> None:
    """In a project with ignored files of its own; each linter that isonox knows looks at it."""
    calls = ('lint(group="every")', 'types(pythons=["3.11"])', 'tests(pythons=["3.11"])', "coverage()")

    assert_covered(sharing({**CODE, **noxfile(*calls)}, settings=SETTINGS).run_nox())


def test_tests_of_packages(repository: MakeRepository) -> None:
    """Each with its package and what that depends on; pytest and coverage are configured above them."""
    files = {
        **noxfile("tests(per_package=True)", "coverage()"),
        "conftest.py": "",
        "core/.env": "",
        ".gitignore": ".env\n",
    }
    settings = '[tool.pytest.ini_options]\naddopts = ["-ra"]\n\n[tool.coverage.run]\nbranch = true\n'

    assert_covered(repository(files, base="pair", settings=settings).run_nox())


def test_docs_build_licenses_and_security(sharing: MakeRepository) -> None:
    """The same for the stages about what is published."""
    calls = ("docs()", "build()", "licenses()", "security()")

    assert_covered(
        sharing({**noxfile(*calls), ".gitignore": ".env\n.nox/\n", ".env": ""}, base="supply-chain").run_nox()
    )


@pytest.mark.parametrize(
    ("call", "settings", "files", "pattern", "named"),
    [
        ("lint()", "", {}, "**/*.py", True),
        ("lint()", "", {}, "**", False),
        ('lint(paths=["src"])', "", {}, "**", True),
        ("lint()", '[tool.ruff]\nextend-include = ["*.pyx"]', {}, "**", True),
        ("lint()", "", {"ruff.toml": 'extend = "other.toml"\n'}, "**", True),
        ('lint(inputs=["more/**"])', "", {}, "**/*.py", True),
        ('lint(inputs=["more/**"])', "", {}, "more/**", True),
        ("security()", "", {}, "**", True),
        ("audit()", "", {}, "uv.lock", True),
        ("docs()", "", {"mkdocs.yml": "docs_dir: manual\n"}, "manual/**", True),
        ("docs()", "", {"zensical.toml": ""}, "**", True),
        ("docs()", "", {}, "**", True),
        ("build(per_package=True)", "", {}, "uv.lock", True),
        ("tests(per_package=True)", "", {"libs/a/pyproject.toml": '[project]\nname = "a"\n'}, "libs/conftest.py", True),
        ("tests(per_package=True)", "", {"libs/a/pyproject.toml": '[project]\nname = "a"\n'}, "pytest.ini", True),
        ("types()", "", {}, "pyproject.toml#dependency-groups", True),
    ],
)
def test_what_a_stage_declares(  # noqa: PLR0913 - one case
    repository: MakeRepository, call: str, settings: str, files: dict[str, str], pattern: str, *, named: bool
) -> None:
    """Every file where a tool that can't be seen may look at any; what the noxfile names comes beside it."""
    repo = repository({**noxfile(call), **files}, settings=f'{settings}\n[tool.isonox]\npythons = ["3.11"]\n')

    inputs = load(repo.path).sessions[0].facts.inputs

    assert inputs is not None
    assert named == (pattern in inputs), inputs


@pytest.mark.parametrize("call", ["tests()", "build()", "lint(inputs=None)", "docs(inputs=None)"])
def test_every_file_counts_where_nothing_is_declared(repository: MakeRepository, call: str) -> None:
    """A stage that runs the project's own code for the whole workspace, or one that is told so."""
    repo = repository(noxfile(call), settings='[tool.isonox]\npythons = ["3.11"]\n')

    assert load(repo.path).sessions[0].facts.inputs is None


def test_a_version_from_git_is_an_input_without_a_name(repository: MakeRepository) -> None:
    """What is built then depends on tags."""
    backend = '[build-system]\nrequires = ["hatchling", "hatch-vcs"]\nbuild-backend = "hatchling.build"'
    repo = repository(noxfile("build()"), base="supply-chain")
    text = (repo.path / "pyproject.toml").read_text(encoding="utf-8")
    old = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"'
    repo.write({"pyproject.toml": text.replace(old, backend)})

    run = repo.run_nox("-s", "build")

    assert [".git"] == [one.what for one in run.record.undeclared], run.output
