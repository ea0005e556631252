"""The coverage stage, seen from outside: one figure over Pythons and packages, and no figure from half the data."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from isonox import stages
from isonox.errors import ConfigurationError
from isonox.model.verdict import Verdict

if TYPE_CHECKING:
    from tests.conftest import MakeRepository

PYTEST = '[tool.pytest.ini_options]\npythonpath = ["src"]\n'

#: Each Python runs one of the two branches.
SHOP = """
import sys


def era() -> str:
    if sys.version_info >= (3, 12):
        return "new"
    return "old"
"""
UNUSED = "def never():\n    a = 1\n    return a\n"
TEST = "import shop\n\n\ndef test_era() -> None:\n    assert shop.era()\n"


def test_pythons_are_combined_reported_and_judged(sharing: MakeRepository) -> None:
    """Two Pythons together run every line of one file; one that nothing imports brings the total below `fail_under`."""
    noxfile = 'from isonox import stages\n\nstages.tests(pythons=["3.11", "3.12"])\nstages.coverage()\n'
    settings = f"{PYTEST}\n[tool.coverage.report]\nfail_under = 80\n"
    files = {"noxfile.py": noxfile, "src/shop.py": SHOP, "src/unused.py": UNUSED, "tests/test_shop.py": TEST}
    repo = sharing(files, settings=settings)

    run = repo.run_nox("-s", "coverage")  # nox runs what it requires first

    record = run.records["coverage"]
    assert (run.exit_code, record.verdict) == (1, Verdict.FAILED)
    assert record.coverage_percent == 62.5
    assert "is less than fail-under=80; worst: src/unused.py 0 %" in record.reason, run.output
    assert [(finding.path, finding.line) for finding in record.findings] == [("src/unused.py", 1)]
    reports = run.folder / "artifacts/coverage"
    assert {"html", "coverage.xml", "coverage.md", "coverage.json"} <= {path.name for path in reports.iterdir()}
    assert "**62%**" in (reports / "coverage.md").read_text(encoding="utf-8")
    totals = json.loads((run.folder / "artifacts/coverage/coverage.json").read_text(encoding="utf-8"))["totals"]
    assert totals["missing_lines"] == 3
    assert repo.git("status", "--porcelain") == ""


def test_packages_are_combined(repository: MakeRepository) -> None:
    """Packages test themselves in their own folders; the total is over both, and `overall` judges it."""
    noxfile = """
from isonox import stages

stages.tests(per_package=True)
stages.tests(name="together", paths=["shop"])
stages.coverage(overall=90)
"""
    repo = repository({"noxfile.py": noxfile}, base="pair")

    run = repo.run_nox("-s", "tests", "together", "coverage")

    verdicts = [run.records[job].verdict for job in ("tests-3.11(core)", "tests-3.11(shop)", "together-3.11")]
    assert verdicts == [Verdict.PASSED] * 3, run.output
    assert f"--source={repo.path}/core/src,{repo.path}/shop/src" in run.output
    assert run.records["coverage"].coverage_percent == 85.71  # 6 of 7 lines: 3 of 4, and 3 of 3
    assert "worst: core/src/core/__init__.py 75 %" in run.records["coverage"].reason


ACCIDENTS = """
import sqlite3

import isonox
from isonox import stages

for name in ("lost", "emptied", "damaged", "whole"):
    stages.tests(pythons=["3.11"], name=name, group="tests")


@isonox.session(requires=["lost", "emptied", "damaged", "whole"])
def accidents(session):
    artifacts = session.run_directory.path / "artifacts"
    (lost,) = artifacts.glob("lost-3.11/.coverage*")
    lost.unlink()
    (damaged,) = artifacts.glob("damaged-3.11/.coverage*")
    damaged.write_text("damaged")
    (emptied,) = artifacts.glob("emptied-3.11/.coverage*")
    data = sqlite3.connect(emptied)
    data.execute("DELETE FROM line_bits")
    data.commit()
    data.close()


stages.coverage(requires=["lost", "emptied", "damaged", "whole", "accidents"])
"""


def test_lost_data_is_red(sharing: MakeRepository) -> None:
    """Data of three of four jobs goes bad after their tests passed: no figure is made from what is left."""
    repo = sharing({"noxfile.py": ACCIDENTS, "src/shop.py": SHOP, "tests/test_shop.py": TEST}, settings=PYTEST)

    run = repo.run_nox("-s", "coverage")

    record = run.records.pop("coverage")
    assert (run.exit_code, record.verdict, record.coverage_percent) == (1, Verdict.FAILED, None)
    damaged, emptied, lost = record.reason.removeprefix("the total would be wrong: ").split("; ")
    assert lost == "lost-3.11 left no coverage data"
    assert emptied == "emptied-3.11 left empty coverage data"
    assert "damaged-3.11" in damaged
    assert "is no coverage data: file is not a database" in damaged
    assert {each.verdict for each in run.records.values()} == {Verdict.PASSED}


KILLED = """
import os
from pathlib import Path

import shop


def test_era() -> None:
    assert shop.era()
    Path(os.environ["COVERAGE_FILE"] + ".killed.1.x").write_text("half of a file")
"""


def test_what_a_killed_process_half_wrote_is_red(sharing: MakeRepository) -> None:
    """The tests passed, and what the others measured is one file; the total would lack the lines of that process."""
    noxfile = 'from isonox import stages\n\nstages.tests(pythons=["3.11"])\nstages.coverage()\n'
    repo = sharing({"noxfile.py": noxfile, "src/shop.py": SHOP, "tests/test_shop.py": KILLED}, settings=PYTEST)

    run = repo.run_nox("-s", "coverage")

    left = run.folder / "artifacts/tests-3.11"
    assert run.records["tests-3.11"].verdict is Verdict.PASSED
    assert {".coverage", ".coverage.killed.1.x"} == {path.name for path in left.glob(".coverage*")}
    assert run.records["coverage"].verdict is Verdict.FAILED
    assert ".coverage.killed.1.x is no coverage data" in run.records["coverage"].reason


def test_a_run_without_data_is_red(sharing: MakeRepository) -> None:
    """Coverage alone has nothing to combine, and names the command that makes something."""
    noxfile = 'from isonox import stages\n\nstages.tests(pythons=["3.11"])\nstages.coverage(requires=[])\n'
    repo = sharing({"noxfile.py": noxfile})

    run = repo.run_nox("-s", "coverage")

    assert run.exit_code == 1
    assert run.record.reason.endswith("nox -s tests coverage")


def test_a_threshold_that_is_no_percentage_is_refused() -> None:
    """`overall` beyond 100 is answered when the stage is declared."""
    with pytest.raises(ConfigurationError, match="overall=101 is no percentage"):
        stages.coverage(overall=101)
