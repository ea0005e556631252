"""Sharded and shuffled tests, seen from outside: which tests a shard runs, and what it leaves."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec
import pytest

from isonox import stages
from isonox.errors import ConfigurationError
from isonox.model.split import Evidence
from isonox.model.verdict import Verdict

if TYPE_CHECKING:
    from tests.conftest import MakeRepository, NoxRun, Repository

NOXFILE = 'from isonox import stages\n\nstages.tests(pythons=["3.11"], coverage=False, shards=3{})\n'

#: What parametrised ids may hold.
ODD = """
import pytest


@pytest.mark.parametrize("name", ["a b", "x/y", "p::q", "[1]", "", "]", 'it\\'s "q"', "ü", "$(x)", "-k", "\\n"])
def test_odd(name: str) -> None:
    pass


class TestOne:
    @pytest.mark.parametrize("name", ["p::q", "[::"])
    def test_odd(self, name: str) -> None:
        pass
"""

ORDERED = """
import pathlib

import pytest


@pytest.mark.parametrize("number", range(12))
def test_number(number: int) -> None:
    with pathlib.Path(".nox/order").open("a") as file:
        file.write(f"{number} ")
"""


def run_shards(repo: Repository, count: int = 3) -> list[NoxRun]:
    """Run each shard in a nox of its own, as a workflow does."""
    return [
        repo.run_nox("-s", "tests-3.11", env={"ISONOX_SHARD": f"{number}/{count}"}) for number in range(1, count + 1)
    ]


def evidence_of(run: NoxRun) -> Evidence:
    """What the only job of a run left."""
    (path,) = run.folder.glob("artifacts/*/tests.json")
    return msgspec.json.decode(path.read_bytes(), type=Evidence)


@pytest.mark.parametrize("options", ["", ', group="spread", workers=2'])
def test_shards_share_the_tests_whatever_their_ids_hold(sharing: MakeRepository, options: str) -> None:
    """Each test runs in one of them, also in processes of pytest-xdist; without the variable, all run in one."""
    repo = sharing({"noxfile.py": NOXFILE.format(options), "tests/test_odd.py": ODD})

    runs = run_shards(repo)
    left = [evidence_of(run) for run in runs]
    whole = repo.run_nox("-s", "tests-3.11")

    assert [0, 0, 0, 0] == [run.exit_code for run in (*runs, whole)], runs[0].output
    assert [f"tests-3.11#{number}/3" for number in (1, 2, 3)] == [run.record.job for run in runs]
    assert len(left[0].collected) == 13
    assert {left[0].collected} == {one.collected for one in left}
    assert list(range(13)) == sorted(place for one in left for place in one.executed)
    assert [len(one.executed) for one in left] == [run.record.tests and run.record.tests.total for run in runs]
    assert "tests-3.11" == whole.record.job
    assert tuple(range(13)) == evidence_of(whole).executed


@pytest.mark.parametrize("number", [1, 3])
def test_shards_without_a_test_are_green_as_long_as_there_are_tests(sharing: MakeRepository, number: int) -> None:
    """Fewer tests than shards: what is collected is left, and no count of tests."""
    tests = "".join(f"def test_{one}() -> None:\n    pass\n\n\n" for one in range(number))
    noxfile = NOXFILE.replace("shards=3", "shards=6").replace("coverage=False, ", "")
    settings = '[tool.pytest.ini_options]\npythonpath = ["src"]'
    code = {"src/shop.py": "PRICE = 1\n", "tests/test_few.py": f"import shop\n\n\n{tests}"}
    repo = sharing({"noxfile.py": noxfile.format(""), **code}, settings=settings)

    runs = run_shards(repo, 6)
    empty = [run.record for run in runs if run.record.tests is None]

    assert [0] * 6 == [run.exit_code for run in runs], runs[0].output
    assert 6 - number == len(empty)
    assert {Verdict.PASSED} == {record.verdict for record in empty}
    assert all(f"no test is left for shard {record.job[-3:]}" in record.notes[0] for record in empty)
    assert all(record.split and (number, 0) == (record.split.collected, record.split.selected) for record in empty)
    assert not any(path.endswith(".coverage") for record in empty for path in record.artifacts)
    assert {number} == {len(evidence_of(run).collected) for run in runs}


def test_shards_of_nothing_are_red(sharing: MakeRepository) -> None:
    """No test at all is no green, however it is split."""
    repo = sharing({"noxfile.py": NOXFILE.format(""), "tests/test_none.py": ""})

    runs = run_shards(repo)

    assert [1, 1, 1] == [run.exit_code for run in runs]
    assert all(run.record.reason.startswith("no test was collected") for run in runs)


def test_what_belongs_together_stays_together(sharing: MakeRepository) -> None:
    """The tests of a file, for a fixture that is expensive."""
    tests = "".join(f"def test_{one}() -> None:\n    pass\n\n\n" for one in range(4))
    files = {f"tests/test_{name}.py": tests for name in "abcd"}
    repo = sharing({"noxfile.py": NOXFILE.format(', split_by="module"'), **files})

    left = [evidence_of(run) for run in run_shards(repo)]
    modules = [{test.partition("::")[0] for test in one.ran} for one in left]

    assert 4 == sum(map(len, modules)) == len(set.union(*modules))
    assert {"module"} == {one.by for one in left}


def test_durations_decide_and_those_of_another_project_are_told(sharing: MakeRepository) -> None:
    """The slow test has a shard of its own; names that fit nothing count for nothing."""
    tests = "".join(f"def test_{one}() -> None:\n    pass\n\n\n" for one in range(5))
    durations = {f"tests/test_a.py::test_{one}": 9.0 if one == 3 else 1.0 for one in range(5)}
    repo = sharing(
        {"noxfile.py": NOXFILE.format(""), "tests/test_a.py": tests, ".test_durations": json.dumps(durations)}
    )

    first = repo.run_nox("-s", "tests-3.11", env={"ISONOX_SHARD": "1/3"})
    repo.write({".test_durations": json.dumps({"other/test_x.py::test_y": 9.0})})
    other = repo.run_nox("-s", "tests-3.11", env={"ISONOX_SHARD": "1/3"})

    assert ["tests/test_a.py::test_3"] == list(evidence_of(first).ran)
    assert 64 == len(evidence_of(first).durations)
    assert 0 == other.exit_code
    assert ".test_durations names none of these tests, as if it were another project's" in other.record.notes[0]


def test_a_damaged_file_of_durations_is_red(sharing: MakeRepository) -> None:
    """Its place and the way out are named."""
    repo = sharing(
        {"noxfile.py": NOXFILE.format(""), "tests/test_odd.py": ODD, ".test_durations": "<<<<<<< HEAD\n{}\n"}
    )

    done = repo.run_nox("-s", "tests-3.11", env={"ISONOX_SHARD": "1/3"})

    assert 1 == done.exit_code
    assert "/.test_durations: it is no JSON: " in done.record.reason
    assert "isonox split --store" in done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    ("given", "message"), [("2/4", "tests-3.11 is split into 3 shards"), ("4/3", "is no shard"), ("two", "is no shard")]
)
def test_a_shard_that_there_is_not_is_red(sharing: MakeRepository, given: str, message: str) -> None:
    """Nothing runs, rather than something else."""
    repo = sharing({"noxfile.py": NOXFILE.format(""), "tests/test_odd.py": ODD})

    done = repo.run_nox("-s", "tests-3.11", env={"ISONOX_SHARD": given})

    assert 1 == done.exit_code
    assert message in done.output
    assert {} == done.records


@pytest.mark.parametrize("options", ["", ', group="spread", workers=2'])
def test_a_random_order_is_repeated_by_its_seed(sharing: MakeRepository, options: str) -> None:
    """The seed is in the record, and given back it makes the same order; the verdict is not used again."""
    noxfile = NOXFILE.replace("shards=3", "random_order=True").format(options)
    repo = sharing({"noxfile.py": noxfile, "tests/test_order.py": ORDERED})
    order = repo.path / ".nox" / "order"
    order.parent.mkdir()

    seeds, orders = [], []
    for seed in ("1", "1", "2", ""):
        done = repo.run_nox("-s", "tests-3.11", env={"ISONOX_SEED": seed})
        assert done.record.split, done.output
        seeds.append(done.record.split.seed)
        orders.append(order.read_text())
        order.unlink()

    assert [1, 1, 2] == seeds[:3]
    assert isinstance(seeds[3], int)
    assert all(sorted(map(int, one.split())) == list(range(12)) for one in orders)
    if not options:
        assert orders[0] == orders[1] != orders[2]
        assert orders[0].split() != sorted(orders[0].split(), key=int)


def test_a_seed_that_is_none_is_red(sharing: MakeRepository) -> None:
    """Instead of some other order."""
    repo = sharing({"noxfile.py": NOXFILE.format(", random_order=True"), "tests/test_odd.py": ODD})

    done = repo.run_nox("-s", "tests-3.11", env={"ISONOX_SEED": "x"})

    assert 1 == done.exit_code
    assert "ISONOX_SEED='x' must be a whole number" in done.output


def test_tests_do_not_see_how_they_are_split(sharing: MakeRepository) -> None:
    """What they start would otherwise be split as well."""
    test = "import os\n\n\ndef test_it() -> None:\n    assert not [one for one in os.environ if 'ISONOX_PY' in one]\n"
    test += "    assert 'plugin' not in os.environ.get('PYTHONPATH', '')\n    assert 'ISONOX_SHARD' not in os.environ\n"
    repo = sharing({"noxfile.py": NOXFILE.format(""), "tests/test_it.py": test})

    runs = run_shards(repo)

    assert [0, 0, 0] == [run.exit_code for run in runs], runs[0].output


@pytest.mark.parametrize("options", [{"shards": 0}, {"shards": 65}, {"shards": True}, {"split_by": "modul"}])
def test_options_that_make_no_sense_are_refused(options: dict[str, object]) -> None:
    """When the noxfile is loaded."""
    with pytest.raises(ConfigurationError, match=r"must be a number from 1 to 64|did you mean|is not of the type"):
        stages.tests(pythons=["3.11"], **options)  # type: ignore[arg-type]  # as a noxfile may
