"""Tests that are run again, seen from outside: flaky ones are red, or in quarantine, and never silent."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from isonox import stages
from isonox.errors import ConfigurationError
from isonox.model.record import Flaky, TestCounts
from isonox.model.verdict import Verdict
from isonox.system import clock

if TYPE_CHECKING:
    from tests.conftest import MakeRepository

NOXFILE = 'from isonox import stages\n\nstages.tests(pythons=["3.11"], retries=2{})\n'

#: `test_late` passes when it runs for the second time; the others always do the same.
TESTS = """
import pathlib

import pytest
import shop


@pytest.mark.parametrize("name", ["a b", "x/y::z", "\\n", "ü"])
def test_late(name: str) -> None:
    seen = pathlib.Path(".nox", name.encode().hex())
    if not seen.exists():
        seen.write_text("")
        raise RuntimeError("too early")
    assert shop.price(2) == 4


def test_good() -> None:
    assert shop.price(1) == 2


@pytest.mark.skip
def test_skipped() -> None:
    pass
"""

BROKEN = "\n\ndef test_bad() -> None:\n    assert 1 == 2\n"

FILES = {"src/shop.py": "def price(amount: int) -> int:\n    return 2 * amount\n", ".nox/.keep": ""}

SETTINGS = """
[tool.pytest.ini_options]
pythonpath = ["src"]

[tool.coverage.run]
patch = ["subprocess"]
"""

ENTRY = """
[[tool.isonox.quarantine]]
test = "tests/test_it.py::{}"
owner = "mail team"
until = {}
reason = "the clock"
"""


def entry(test: str, *, days: int) -> str:
    """Return an entry of the quarantine whose last day is so many days from now."""
    return ENTRY.format(test, (clock.now() + timedelta(days=days)).date())


@pytest.mark.parametrize(
    "options",
    ["", ', group="spread", workers=2', ", random_order=True", ", shards=1"],
    ids=["plain", "workers", "random", "one shard"],
)
def test_a_flaky_test_without_quarantine_is_red(sharing: MakeRepository, options: str) -> None:
    """It is named, with how often it failed and why; only what failed runs again, and no coverage is lost."""
    repo = sharing({"noxfile.py": NOXFILE.format(options), "tests/test_it.py": TESTS, **FILES}, settings=SETTINGS)

    run = repo.run_nox()
    record = run.record

    assert 1 == run.exit_code, run.output
    assert Verdict.FAILED is record.verdict, run.output
    assert record.reason.startswith("tests/test_it.py::test_late[")
    assert " is flaky: it failed in 1 of 2 runs: RuntimeError: too early; tests/" in record.reason
    assert "; and 1 more; find out what makes it fail (isonox flaky --hunt TEST), or put it into" in record.reason
    assert TestCounts(passed=5, skipped=1) == record.tests
    assert {(2, 1, "RuntimeError: too early", "")} == {
        (one.runs, one.failures, one.message, one.quarantine) for one in record.flaky
    }
    assert ["[\\n]", "[\\xfc]", "[a b]", "[x/y::z]"] == [
        one.test[len("tests/test_it.py::test_late") :] for one in record.flaky
    ]
    assert [".coverage"] == [path.name for path in run.folder.glob("artifacts/*/.coverage*")]
    assert 4 == (next(run.folder.glob("artifacts/*/junit-retry-1.xml"))).read_text().count("<testcase ")
    assert not list(run.folder.glob("artifacts/*/junit-retry-2.xml"))


def test_quarantine_is_green_with_a_note_and_only_for_what_passes_in_the_end(sharing: MakeRepository) -> None:
    """For all parameters at once; an entry that names nothing is told; what fails each time is red nevertheless."""
    forgiven = entry("test_late", days=0) + entry("test_bad", days=3) + entry("test_gone", days=3)
    repo = sharing({"noxfile.py": NOXFILE.format(""), "tests/test_it.py": TESTS, **FILES}, settings=SETTINGS + forgiven)

    green = repo.run_nox()
    steady = repo.run_nox()
    repo.write({"tests/test_it.py": TESTS + BROKEN})
    red = repo.run_nox()

    assert 0 == green.exit_code, green.output
    assert 4 == len(green.record.flaky)
    assert {f"mail team, until {clock.now().date()}"} == {one.quarantine for one in green.record.flaky}
    assert any(
        note.startswith("in quarantine (mail team, until ") and "RuntimeError: too early" in note
        for note in green.record.notes
    )
    assert "the quarantine names tests/test_it.py::test_gone, which is not there: take it out" in green.record.notes
    assert (0, ()) == (steady.exit_code, steady.record.flaky)
    assert 1 == red.exit_code
    assert (
        "1 of 7 tests failed; tests/test_it.py::test_bad, in quarantine, failed in all 3 runs: "
        "quarantine is for tests that pass in the end, with `retries`"
    ) == red.record.reason


def test_an_expired_quarantine_is_red(sharing: MakeRepository) -> None:
    """Even where its test passes; not in a run that leaves the test out."""
    repo = sharing(
        {"noxfile.py": NOXFILE.format(""), "tests/test_it.py": TESTS, **FILES},
        settings=SETTINGS + entry("test_good", days=-1) + entry("test_late", days=9),
    )

    red = repo.run_nox()
    other = repo.run_nox("--", "-k", "late")

    assert 1 == red.exit_code
    assert Verdict.FAILED is red.record.verdict
    assert red.record.reason.startswith("the quarantine of tests/test_it.py::test_good has expired on 2")
    assert red.record.reason.endswith(" (mail team: the clock): make the test reliable, or give it another date")
    assert 0 == other.exit_code, other.output


@pytest.mark.parametrize("options", ["", ', group="spread", workers=2'], ids=["plain", "workers"])
def test_a_quarantine_counts_without_retries(sharing: MakeRepository, options: str) -> None:
    """It may expire, or outlive its file; and it forgives nothing where no test runs again."""
    repo = sharing(
        {
            "noxfile.py": NOXFILE.replace(", retries=2", "").format(options),
            "tests/test_it.py": f"import shop\n\n\ndef test_good() -> None:\n    assert shop.price(1) == 2\n{BROKEN}",
            **FILES,
        },
        settings=SETTINGS
        + entry("test_good", days=-1)
        + entry("test_bad", days=9)
        + entry("test_x", days=-1).replace("test_it", "test_gone"),
    )

    record = repo.run_nox().record
    good, bad = record.reason.split("; ")[1:]

    assert record.reason.startswith("1 of 2 tests failed; ")
    assert good.startswith("the quarantine of tests/test_it.py::test_good has expired on 2")
    assert (
        "tests/test_it.py::test_bad, in quarantine, failed in its only run: quarantine is for tests that pass in the "
        "end, with `retries`"
    ) == bad
    assert "the quarantine names tests/test_gone.py::test_x, which is not there: take it out" in record.notes


def test_what_stopped_before_the_end_is_not_run_again(sharing: MakeRepository) -> None:
    """Else the tests that never ran would count as passed."""
    repo = sharing({"noxfile.py": NOXFILE.format(""), "tests/test_it.py": TESTS, **FILES}, settings=SETTINGS)

    stopped = repo.run_nox("--", "-x")

    assert 1 == stopped.exit_code
    assert "1 of 1 tests failed" == stopped.record.reason
    assert "pytest stopped before every test had run, so none was run again" in stopped.record.notes
    assert () == stopped.record.flaky


def test_secrets_stay_out_of_what_is_kept(sharing: MakeRepository) -> None:
    """The message of a flaky test, and the reports of each run."""
    noxfile = NOXFILE.format(', coverage=False, secrets=["TOKEN"]')
    test = TESTS.replace('"too early"', 'pathlib.os.environ["TOKEN"]').replace("import shop", "shop = None")
    test = test.replace("    assert shop.price(2) == 4\n", "").replace("assert shop.price(1) == 2", "pass")
    test = test.replace('"a b"', '"a hunter2 b"')
    repo = sharing({"noxfile.py": noxfile, "tests/test_it.py": test, **FILES}, settings=SETTINGS)

    run = repo.run_nox(env={"TOKEN": "hunter2"})

    assert {"RuntimeError: ***"} == {one.message for one in run.record.flaky}
    assert not [path for path in run.folder.rglob("*") if path.is_file() and b"hunter2" in path.read_bytes()]


def test_packages_name_their_tests_from_the_root(repository: MakeRepository) -> None:
    """Two packages may have tests of the same name."""
    flaky = "def test_it() -> None:\n    import pathlib\n    seen = pathlib.Path(__file__).with_name('seen')\n"
    flaky += "    first = not seen.exists()\n    seen.touch()\n    assert not first\n"
    noxfile = (
        'from isonox import stages\n\nstages.tests(pythons=["3.11"], coverage=False, per_package=["core"], retries=1)\n'
    )
    repo = repository({"noxfile.py": noxfile, "core/tests/test_it.py": flaky}, base="pair")

    run = repo.run_nox()

    assert (
        Flaky(test="core/tests/test_it.py::test_it", runs=2, failures=1, message="assert not True"),
    ) == run.record.flaky


def test_fewer_than_no_retries_are_refused() -> None:
    """When the noxfile is loaded."""
    with pytest.raises(ConfigurationError, match="retries=-1 must be 0 or more"):
        stages.tests(pythons=["3.11"], retries=-1)
