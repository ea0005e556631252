"""The coverage stage, seen from outside: one figure over Pythons and packages, and no figure from half the data."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import coverage
import pytest

from isonox import stages
from isonox.errors import ConfigurationError
from isonox.model.plan import Plan, PlannedJob, Selection
from isonox.model.record import blank_record
from isonox.model.verdict import Verdict
from isonox.sessions.run_directory import RunDirectory
from isonox.stages import coverage_data

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


BEGUN = """
import os
import sqlite3

import shop


def test_era() -> None:
    assert shop.era()
    for number, tables in enumerate(("", "CREATE TABLE coverage_schema (version integer)")):
        made = sqlite3.connect(f"{os.environ['COVERAGE_FILE']}.killed.{number}.x")
        made.executescript(tables)
        made.close()
"""


def test_what_a_killed_process_never_wrote_is_said(sharing: MakeRepository) -> None:
    """Two processes were killed as they made their data files: like one that was killed before, but for the note."""
    noxfile = 'from isonox import stages\n\nstages.tests(pythons=["3.11"])\nstages.coverage()\n'
    repo = sharing({"noxfile.py": noxfile, "src/shop.py": SHOP, "tests/test_shop.py": BEGUN}, settings=PYTEST)

    run = repo.run_nox("-s", "coverage")

    assert 0 == run.exit_code, run.output
    assert ("what 2 processes that were killed while saving ran is not in the coverage data",) == tuple(
        run.records["tests-3.11"].notes
    )
    assert [".coverage"] == [path.name for path in (run.folder / "artifacts/tests-3.11").glob(".coverage*")]


def test_a_run_without_data_is_red(sharing: MakeRepository) -> None:
    """Coverage alone has nothing to combine, and names the command that makes something."""
    noxfile = 'from isonox import stages\n\nstages.tests(pythons=["3.11"])\nstages.coverage(requires=[])\n'
    repo = sharing({"noxfile.py": noxfile})

    run = repo.run_nox("-s", "coverage")

    assert run.exit_code == 1
    assert run.record.reason.endswith("nox -s tests coverage")


OLDER = """
import sqlite3

import isonox
from isonox import stages

for name in ("older", "whole"):
    stages.tests(pythons=["3.11"], name=name, group="tests")


@isonox.session(requires=["older", "whole"])
def accidents(session):
    (older,) = session.run_directory.path.glob("artifacts/older-3.11/.coverage")
    data = sqlite3.connect(older)
    data.execute("UPDATE coverage_schema SET version = 6")
    data.commit()
    data.close()


stages.coverage(requires=["older", "whole", "accidents"])
"""


def test_data_of_another_version_is_red(sharing: MakeRepository) -> None:
    """Coverage itself warns, and makes a figure of the rest."""
    repo = sharing({"noxfile.py": OLDER, "src/shop.py": SHOP, "tests/test_shop.py": TEST}, settings=PYTEST)

    record = repo.run_nox("-s", "coverage").records["coverage"]

    assert (record.verdict, record.coverage_percent) == (Verdict.FAILED, None)
    assert "older-3.11 left data of another version of coverage" in record.reason


def test_a_session_without_a_record_is_red(sharing: MakeRepository) -> None:
    """One of two Pythons never ran in this run; what the other one measured is not the total."""
    noxfile = 'from isonox import stages\n\nstages.tests(pythons=["3.11", "3.12"])\nstages.coverage(overall=10)\n'
    repo = sharing({"noxfile.py": noxfile, "src/shop.py": SHOP, "tests/test_shop.py": TEST}, settings=PYTEST)

    run = repo.run_nox("--no-dependencies", "-s", "tests-3.12", "coverage")

    assert run.records["tests-3.12"].verdict is Verdict.PASSED
    assert "the total would be wrong: tests-3.11 left no record" == run.records["coverage"].reason


def test_a_lost_shard_is_named(stand_in: Any) -> None:
    """A session's jobs are slices of one whole, and each says how many there are."""
    stand_in.run_directory = RunDirectory.at(stand_in.root / "run")
    plan = Plan(isonox="1", selection=Selection(), jobs=())
    for job in ("tests-3.12#1/3", "tests-3.12#3/3", "lint"):
        planned = PlannedJob(id=job, session=job, stage="x", estimate_seconds=1, estimate_from="prior")
        started = "2026-01-01T00:00:00Z"
        record = blank_record(plan, planned, Verdict.PASSED, "", run="x", started=started)
        stand_in.run_directory.write_record(record)

    assert ["tests-3.12#2/3 left no record"] == coverage_data.missing(stand_in, ())


#: 100 statements, of which 11 do not run: 89 %.
BILLING = "def never():\n" + "    a = 1\n" * 11 + "b = 1\n" * 88
FAULTS = """
from isonox import stages

stages.tests(pythons=["3.11"])
stages.coverage(
    overall=80,
    critical={"src/billing/*": 90, "src/shop.py": 90, "src/biling/*": 90},
    new=85,
    ratchet=True,
)
"""


def test_every_figure_is_judged(sharing: MakeRepository) -> None:
    """A critical path at 89 %, a pattern without a file, new code without a test: all in one message."""
    files = {
        "src/shop.py": "import billing.deep.tax\n\n\ndef era():\n    return 1\n",
        "src/billing/__init__.py": "",
        "src/billing/deep/__init__.py": "",
        "src/billing/deep/tax.py": BILLING,
        "tests/test_shop.py": TEST,
        "noxfile.py": FAULTS,
        ".coverage-best.json": '{"overall": 99.5, "src/shop.py": 20}',
    }
    repo = sharing(files, settings=PYTEST)
    repo.git("switch", "--quiet", "--create", "topic")
    repo.write({"src/billing/deep/more.py": "x = 1\n", "src/apart/lost.py": "x = 1\n"})

    run = repo.run_nox("-s", "coverage")

    record = run.records["coverage"]
    assert (1, Verdict.FAILED, 88.46) == (run.exit_code, record.verdict, record.coverage_percent)
    assert (
        "critical 'src/billing/*' is covered by 88.11 %, less than 90: "
        "src/billing/deep/tax.py:2-12, src/billing/deep/more.py:1; "
        "critical 'src/biling/*' matches no measured line (did you mean 'src/billing/*'?); "
        "new code is covered by 0 %, less than new=85; not covered: src/billing/deep/more.py:1; "
        "below the best of .coverage-best.json (if that is meant, lower it there for all to see): "
        "overall is 88.46 %, and was 99.5 %"
    ) == record.reason, run.output
    assert "new code: not measured: src/apart/lost.py" in record.notes
    assert ("src/billing/deep/more.py", 1) in {(finding.path, finding.line) for finding in record.findings}
    assert record.fingerprint is None

    record = repo.run_nox("-s", "coverage", env={"ISONOX_BASE": "nowhere"}).records["coverage"]

    assert "new code can't be judged: git knows no revision 'nowhere'" in record.reason


@pytest.mark.parametrize(
    ("files", "settings", "expected"),
    [
        ({}, "", None),
        ({}, "[tool.coverage.run]\nsource = ['a']\n", ("pyproject.toml", ["a"])),
        ({}, "[tool.coverage.report]\nskip_empty = true\n", ("pyproject.toml", None)),
        ({".coveragerc": "[report]\n"}, "[tool.coverage.run]\nsource = ['a']\n", (".coveragerc", None)),
        ({".coveragerc.toml": "[run]\nsource = ['b']\n"}, "", (".coveragerc.toml", ["b"])),
        ({".coveragerc.toml": "[tool.coverage.run]\nsource = ['b']\n"}, "", (".coveragerc.toml", ["b"])),
        ({"setup.cfg": "[coverage:report]\n"}, "[tool.coverage.run]\nsource = ['a']\n", ("pyproject.toml", ["a"])),
        (
            {"setup.cfg": "[coverage:report]\nprecision = 1\n"},
            "[tool.coverage.run]\nsource = ['a']\n",
            ("setup.cfg", None),
        ),
        ({"setup.cfg": "[metadata]\n"}, "[tool.coverage.run]\nsource = ['a']\n", ("pyproject.toml", ["a"])),
        ({"tox.ini": "[coverage:run]\nsource = c\n"}, "", ("tox.ini", "c")),
    ],
)
def test_the_file_counts_that_coverage_itself_takes(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    files: dict[str, str],
    settings: str,
    expected: tuple[str, object] | None,
) -> None:
    """One alone, and that by its being there or by any of its sections."""
    for name, text in {**files, **({"pyproject.toml": settings} if settings else {})}.items():
        (tmp_path / name).write_text(text)

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COVERAGE_RCFILE", raising=False)

    found = coverage_data._configuration(tmp_path)

    assert expected == (found and (found.path.name, found.values.get("source")))
    taken = coverage.Coverage(data_file=None).config.config_file
    assert (expected and expected[0]) == (taken and Path(taken).name)


def test_a_threshold_that_is_no_percentage_is_refused() -> None:
    """`overall` beyond 100 is answered when the stage is declared."""
    with pytest.raises(ConfigurationError, match="overall=101 is no percentage"):
        stages.coverage(overall=101)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"overall": 0.9}, "overall=0.9 is less than 1 %; did you mean 90?"),
        ({"new": -1}, "new=-1 is no percentage"),
        ({"critical": {"src/*": 900}}, "critical: 'src/*': 900 is no percentage"),
        ({"base": "origin/main"}, "give new=, too"),
        ({"untested": {"web": " "}}, "untested: 'web' needs a reason"),
    ],
)
def test_what_can_not_be_met_or_would_not_be_looked_at_is_refused(options: Any, said: str) -> None:
    """When the stage is declared, in both places."""
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        stages.coverage(**options)


def test_a_package_that_no_test_measures_is_red(repository: MakeRepository) -> None:
    """Its lines are missing from the total; a reason lets it be, and is printed. One that is only imported is named."""
    noxfile = """
from isonox import stages

stages.tests(per_package=["shop"])
stages.coverage(overall=50{untested})
"""
    repo = repository({"noxfile.py": noxfile.format(untested="")}, base="pair")

    record = repo.run_nox("-s", "coverage").records["coverage"]

    assert record.reason.startswith("the total would be wrong: nothing was measured of core; test it,")

    repo.write({"noxfile.py": noxfile.format(untested=', untested={"core": "going away"}')})
    record = repo.run_nox("-s", "coverage").records["coverage"]

    assert (Verdict.PASSED, ("nothing of core need be measured: going away",)) == (record.verdict, record.notes)

    repo.write({"noxfile.py": noxfile.format(untested=', untested={"cor": "going away"}')})
    record = repo.run_nox("-s", "coverage").records["coverage"]

    assert "untested names 'cor', which is no package (did you mean 'core'?)" == record.reason
