"""The tests stage, seen from outside: what counts as tested, and what a run keeps of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from isonox import stages
from isonox.errors import ConfigurationError
from isonox.model.record import TestCounts
from isonox.model.verdict import Verdict

if TYPE_CHECKING:
    from tests.conftest import MakeRepository

SETTINGS = """
[tool.pytest.ini_options]
pythonpath = ["src"]
markers = ["slow"]
"""

CODE = {"src/shop.py": "def price(amount: int) -> int:\n    return 2 * amount\n"}

PASSING = "import shop\n\n\ndef test_price() -> None:\n    assert shop.price(1) == 2\n"

FAILING = """
import os

import pytest


def test_wrong() -> None:
    assert 1 == 2


def test_broken() -> None:
    raise RuntimeError(os.environ["TOKEN"])


@pytest.fixture
def server() -> None:
    raise OSError("no server")


def test_error(server: None) -> None:
    pass


def test_right() -> None:
    pass


@pytest.mark.skip
def test_skipped() -> None:
    pass
"""

UNIMPORTABLE = "import shop\nimport not_there\n\n\ndef test_price() -> None:\n    pass\n"

SKIPPED = "import pytest\n\n\n@pytest.mark.skip\ndef test_skipped() -> None:\n    pass\n"


def test_each_python_leaves_counts_a_report_and_coverage_data(sharing: MakeRepository) -> None:
    """Two Pythons, each with JUnit, counts and data of its own; the working tree stays clean."""
    noxfile = 'from isonox import stages\n\nstages.tests(pythons=["3.11", "3.12"])\n'
    repo = sharing({"noxfile.py": noxfile, "tests/test_shop.py": PASSING, **CODE}, settings=SETTINGS)

    run = repo.run_nox()

    assert run.exit_code == 0, run.output
    for job in ("tests-3.11", "tests-3.12"):
        record = run.records[job]
        assert record.tests == TestCounts(passed=1)
        assert f"{job}/junit.xml" in record.artifacts
        assert [".coverage"] == [path.name for path in (run.folder / "artifacts" / job).glob(".coverage*")]
    assert repo.git("status", "--porcelain") == ""


def test_coverage_may_be_measured_on_some_pythons_only(sharing: MakeRepository) -> None:
    """The others owe no data, and are not slowed down."""
    noxfile = (
        'from isonox import stages\n\nstages.tests(pythons=["3.11", "3.12"], coverage=["3.12"])\nstages.coverage()\n'
    )
    repo = sharing({"noxfile.py": noxfile, "tests/test_shop.py": PASSING, **CODE}, settings=SETTINGS)

    run = repo.run_nox()

    assert run.exit_code == 0, run.output
    found = {job: list((run.folder / "artifacts" / job).glob(".coverage*")) for job in ("tests-3.11", "tests-3.12")}
    assert {"tests-3.11": 0, "tests-3.12": 1} == {job: len(data) for job, data in found.items()}
    assert run.records["coverage"].coverage_percent == 100


def test_every_way_not_to_have_tested_is_red(sharing: MakeRepository) -> None:
    """Failures, skips only, nothing collected, nothing measured, no coverage: red with the reason; else green."""
    noxfile = """
from isonox import stages

only = {"pythons": ["3.11"], "coverage": False}
stages.tests(**only, name="failing", paths=["tests/test_failing.py"], secrets=["TOKEN"])
stages.tests(**only, name="broken", paths=["tests/unimportable.py", "tests/bad_syntax.py"])
stages.tests(**only, name="skipped", paths=["tests/test_skipped.py"])
stages.tests(**only, name="marked", markers="slow and not shop")
stages.tests(**only, name="absent", paths=["integration"])
stages.tests(**only, name="plain", paths=["tests/test_shop.py"], group="bare")
stages.tests(pythons=["3.11"], name="unmeasured", paths=["tests/test_other.py"])
stages.tests(pythons=["3.11"], name="uncovered", group="bare")
"""
    repo = sharing(
        {
            "noxfile.py": noxfile,
            "tests/test_shop.py": PASSING,
            "tests/test_failing.py": FAILING,
            "tests/unimportable.py": UNIMPORTABLE,
            "tests/bad_syntax.py": "x = 1\n\ndef test_(:\n    pass\n",
            "tests/test_skipped.py": SKIPPED,
            "tests/test_other.py": "def test_other() -> None:\n    pass\n",
            **CODE,
        },
        settings=SETTINGS,
    )

    run = repo.run_nox(env={"TOKEN": "hunter2 & <hunter3>"})

    reasons = {record.stage: record.reason for record in run.records.values() if record.verdict is Verdict.FAILED}
    assert reasons.pop("failing") == "3 of 5 tests failed"
    assert reasons.pop("broken") == "2 files with tests can't be collected"
    assert reasons.pop("skipped") == "nothing was tested: every test was skipped (1)"
    assert reasons.pop("marked").startswith("no test was collected with the markers 'slow and not shop'")
    assert reasons.pop("absent").startswith("there is no 'integration' in ")
    assert reasons.pop("unmeasured").startswith("the tests ran, but not one line of the code was measured")
    assert reasons.pop("uncovered").startswith("coverage is needed here, but not in the dependency group 'bare'")
    assert reasons == {}
    assert run.records["plain-3.11"].verdict is Verdict.PASSED
    failing = run.records["failing-3.11"]
    assert failing.tests == TestCounts(passed=1, failed=2, errors=1, skipped=1)
    assert [(found.path, found.line) for found in failing.findings] == [
        ("tests/test_failing.py", line) for line in (7, 11, 20)
    ]
    assert failing.findings[1].message == "test_broken: RuntimeError: ***"
    assert [(found.path, found.line, found.message) for found in run.records["broken-3.11"].findings] == [
        ("tests/unimportable.py", 2, "tests.unimportable: ModuleNotFoundError: No module named 'not_there'"),
        ("tests/bad_syntax.py", 3, "tests.bad_syntax: SyntaxError: invalid syntax"),
    ]
    report = run.folder / "artifacts/failing-3.11/junit.xml"
    assert "hunter" not in run.output + report.read_text(encoding="utf-8")


def test_what_a_project_does_to_pytest_hides_nothing(sharing: MakeRepository) -> None:
    """Hooks that change how it ends, and options of its own: what failed, or did not run, is red or said."""
    noxfile = """
from isonox import stages

only = {"pythons": ["3.11"], "coverage": False}
stages.tests(**only, name="ended", paths=["tests/test_failing.py"])
stages.tests(**only, name="left", paths=["tests/test_leaving.py"], env={"PYTHONPATH": "lib"})
stages.tests(**only, name="gone", paths=["tests/test_gone.py"])
stages.tests(**only, name="never", paths=["tests/test_never.py"])
stages.tests(**only, name="dropped", paths=["tests/dropped"])
stages.tests(**only, name="last", paths=["tests/test_last.py"])
"""
    last = """
import pathlib

def test_broken_once() -> None:
    assert pathlib.Path("src/fixed").exists()

def test_broken_then() -> None:
    assert not pathlib.Path("src/fixed").exists()
"""
    repo = sharing(
        {
            "noxfile.py": noxfile,
            "conftest.py": "def pytest_sessionfinish(session):\n    session.exitstatus = 0\n",
            "tests/test_failing.py": FAILING,
            "tests/test_gone.py": "import os\n\ndef test_a(): os._exit(0)\n\ndef test_b(): assert False\n",
            "tests/test_never.py": "import os\n\nos._exit(0)\n",
            "tests/dropped/conftest.py": "def pytest_collection_finish(session):\n    del session.items[1:]\n",
            "tests/dropped/test_it.py": "def test_a(): pass\n\ndef test_b(): assert False\n",
            "tests/test_last.py": last,
            "lib/hidden.py": "",
            "tests/test_leaving.py": "import hidden\nimport pytest\n\ndef test_a(): pass\n\n"
            "def test_b(): pytest.exit('bye', returncode=0)\n\ndef test_c(): assert False\n",
            **CODE,
        },
        settings=f'{SETTINGS}addopts = "--lf"\n',
    )

    first = repo.run_nox()
    repo.write({"src/fixed": "", "tests/test_failing.py": PASSING})
    second = repo.run_nox("-s", "last-3.11", "ended-3.11")

    reasons = {record.stage: record.reason for record in first.records.values()}
    assert "3 of 5 tests failed" == reasons["ended"]
    cut = "pytest ended well, but did not run 2 of the {} tests that it was to run: tests/test_{}.py::test_{}"
    assert reasons["left"].startswith(cut.format(3, "leaving", "b"))
    assert TestCounts(passed=1) == first.records["left-3.11"].tests
    assert reasons["gone"].startswith(cut.format(2, "gone", "a"))
    assert "pytest ended well before it had found the tests" == reasons["never"]
    assert Verdict.PASSED is first.records["dropped-3.11"].verdict
    assert ["1 of 2 tests failed"] * 2 == [reasons["last"], second.records["last-3.11"].reason]


def test_arguments_narrow_the_tests(sharing: MakeRepository) -> None:
    """Arguments go to pytest: a path replaces the noxfile's, and what matches nothing is red with its own hint."""
    noxfile = 'from isonox import stages\n\nstages.tests(pythons=["3.11"], paths=["tests/test_failing.py"])\n'
    files = {"noxfile.py": noxfile, "tests/test_shop.py": PASSING, "tests/test_failing.py": FAILING, **CODE}
    repo = sharing(files, settings=SETTINGS)

    run = repo.run_nox("-s", "tests", "--", "tests/test_shop.py::test_price")

    assert (run.exit_code, run.record.tests) == (0, TestCounts(passed=1)), run.output

    run = repo.run_nox("-s", "tests", "--", "-k", "no_such")

    assert run.exit_code == 1
    assert run.record.reason == "no test was collected: nothing matches -k no_such"


SPREAD = """
from isonox import stages

only = {{"pythons": ["3.11"], "group": "spread"}}
stages.tests(**only, workers="auto", paths=["tests/test_all.py"])
stages.tests(**only, name="capped", workers=2, paths=["tests/test_two.py"], env={{"LEAST": "{least}"}})
stages.coverage(requires=["tests"], group="spread", overall=100)
"""

COUNTED = """
import os

import pytest
import shop


@pytest.mark.parametrize("amount", range(9))
def test_price(amount: int) -> None:
    assert shop.price(amount) == 2 * amount
    assert os.environ["PYTEST_XDIST_WORKER_COUNT"] == os.environ["{variable}"]
"""


@pytest.mark.parametrize("cores", ["1", "3"])
def test_workers_are_as_many_as_the_session_has_cores(sharing: MakeRepository, cores: str) -> None:
    """One worker is one, too, so that isolation is the same everywhere; what they measure is complete."""
    repo = sharing(
        {
            "noxfile.py": SPREAD.format(least=min(2, int(cores))),
            "tests/test_all.py": COUNTED.format(variable="ISONOX_CORES"),
            "tests/test_two.py": COUNTED.format(variable="LEAST"),
            **CODE,
        },
        settings=f'{SETTINGS}\n[tool.coverage.run]\npatch = ["subprocess"]\nbranch = true\n',
    )

    run = repo.run_nox("-s", "capped", "coverage", env={"ISONOX_CORES": cores})

    assert run.exit_code == 0, run.output
    assert run.records["tests-3.11"].tests == TestCounts(passed=9)
    assert run.records["coverage"].coverage_percent == 100
    for job in ("tests-3.11", "capped-3.11"):
        left = run.folder / "artifacts" / job
        assert {".coverage", "junit.xml", "tests.json"} == {path.name for path in left.iterdir()}


def test_workers_need_xdist_and_coverage_that_measures_them(sharing: MakeRepository) -> None:
    """Both are red with what to add; a session that measures nothing needs xdist only."""
    noxfile = """
from isonox import stages

stages.tests(pythons=["3.11"], workers="auto")
stages.tests(pythons=["3.11"], name="unmeasured", workers=2, group="spread")
stages.tests(pythons=["3.11"], name="plain", workers=2, group="spread", coverage=False)
"""
    repo = sharing({"noxfile.py": noxfile, "tests/test_shop.py": PASSING, **CODE}, settings=SETTINGS)

    run = repo.run_nox()

    reason = "pytest-xdist is needed here, but not in the dependency group 'tests'"
    assert run.records["tests-3.11"].reason.startswith(reason), run.output
    reason = "the tests run in processes of pytest-xdist, which coverage is not configured to measure"
    assert run.records["unmeasured-3.11"].reason.startswith(reason)
    assert run.records["plain-3.11"].verdict is Verdict.PASSED


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workers": 2, "weight": 2}, "say the same thing"),
        ({"timeout_minuts": 3}, "tests: there is no option 'timeout_minuts' .did you mean 'timeout_minutes'?"),
        ({"python": "3.13"}, "tests: there is no option 'python' .did you mean 'pythons'?"),
        ({"tags": ["x"]}, "tests: there is no option 'tags'"),
        ({"requires": "lint"}, "session 'tests': requires='lint' must be a list"),
        ({"pythons": "3.13"}, "tests: pythons='3.13' must be a list"),
        ({"paths": "tests"}, "tests: paths='tests' must be a list"),
        ({"retries": "2"}, "tests: retries='2' is not of the type int"),
        ({"retries": True}, "tests: retries=True is not of the type int"),
        ({"workers": True}, r"tests: workers=True is not of the type int \| Literal\['auto'\] \| None"),
        ({"random_order": "no"}, "tests: random_order='no' is not of the type bool"),
        ({"markers": ["unit"]}, r"tests: markers=\['unit'\] is not of the type str \| None"),
        ({"required": "no"}, "session 'tests': required='no' is not of the type bool"),
        ({"workers": 0}, "workers=0 must be a number of processes, or 'auto'"),
        ({"coverage": ["2.7"], "pythons": ["3.13"]}, "coverage names '2.7', on which there are no tests"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, object], message: str) -> None:
    """When the stage is declared."""
    with pytest.raises(ConfigurationError, match=message):
        stages.tests(**options)  # type: ignore[arg-type]  # by name
