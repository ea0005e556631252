"""Two runs, compared: what is a difference, and what is not."""

from __future__ import annotations

import types
import typing
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import pytest

from isonox.history.comparison import ALLOWED, Comparison, Difference, Side, compare
from isonox.model.plan import Plan, PlannedJob, Selection
from isonox.model.record import (
    Command,
    Environment,
    Finding,
    Flaky,
    Interpreter,
    Notification,
    Platform,
    Record,
    Split,
    TestCounts,
)
from isonox.model.service import ServiceUse
from isonox.model.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

LAPTOP = {
    "root": "/Users/ada/shop",
    "run": "/Users/ada/shop/.isonox/runs/1-a",
    "environment": "/Users/ada/shop/.nox/tests",
    "environments": "/Users/ada/shop/.nox",
    "nox": "/Users/ada/shop/.isonox/env",
    "home": "/Users/ada",
    "temporary": "/var/folders/zz/T",
}
RUNNER = {
    "root": "/home/runner/shop",
    "run": "/home/runner/shop/.isonox/runs/2-b",
    "environment": "/cache/nox/tests",
    "environments": "/cache/nox",
    "nox": "/opt/tools/nox",
    "home": "/home/runner",
    "temporary": "/scratch",
}

#: Has something in every field.
FULL = Record(
    isonox="1",
    run="1-a",
    job="tests",
    stage="tests",
    verdict=Verdict.PASSED,
    started="2026-11-21T10:45:00Z",
    interpreter=Interpreter(),
    platform=Platform(system="Linux", release="6", machine="x86_64"),
    environment=Environment(policy="declared"),
    commands=(Command(argv=("pytest",), exit_code=0),),
    tests=TestCounts(),
    split=Split(collected=3, selected=1),
    flaky=(Flaky(test="t.py::test_it", runs=2, failures=1),),
    findings=(Finding(tool="mypy", message="no"),),
    notified=(Notification(session="docs"),),
    services=(ServiceUse(name="postgres", kind="postgres"),),
)


def record(job: str = "tests", **facts: Any) -> Record:
    """What a job did, on the laptop."""
    return msgspec.structs.replace(
        FULL, **{"job": job, "stage": job, "notified": (), "commands": (), "places": LAPTOP, **facts}
    )


def ran(*commands: tuple[str, ...]) -> tuple[Command, ...]:
    """Commands of the session, all of which ended well."""
    return tuple(Command(argv=argv, exit_code=0) for argv in commands)


def between(first: Record | tuple[Record, ...], second: Record | tuple[Record, ...], *jobs: str) -> Comparison:
    """Compare two runs without a plan."""
    left, right = (one if isinstance(one, tuple) else (one,) for one in (first, second))
    return compare(Side(name="a", records=left), Side(name="b", records=right), jobs)


def found(comparison: Comparison) -> dict[str, tuple[Any, Any]]:
    """Return the values of each field that differs."""
    return {difference.field: (difference.first, difference.second) for difference in comparison.differences}


def changed(whole: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every field below a struct, with a copy of the struct in which only that field is another."""
    hints = typing.get_type_hints(type(whole))
    for name in whole.__struct_fields__:
        value, field = getattr(whole, name), f"{path}.{name}".lstrip(".")
        inside = value[0] if isinstance(value, tuple) and value and isinstance(value[0], msgspec.Struct) else value
        if isinstance(inside, msgspec.Struct):
            for below, other in changed(inside, field):
                yield below, msgspec.structs.replace(whole, **{name: (other,) if isinstance(value, tuple) else other})
        else:
            yield field, msgspec.structs.replace(whole, **{name: another(value, hints[name])})


def another(value: Any, kind: Any) -> Any:
    """Return a value of a type that is not this one."""
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        kind = next(one for one in typing.get_args(kind) if one is not type(None))
    if typing.get_origin(kind) is Literal or kind is Verdict:
        return next(one for one in (typing.get_args(kind) or Verdict) if one != value)
    made = {dict: {"x": "y"}, tuple: ("x",), bool: not value, int: 7, float: 7.5, str: "x"}
    return made[typing.get_origin(kind) or kind]


FIELDS = dict(changed(FULL))


def test_every_field_can_be_told_apart() -> None:
    """Guards the test below: its examples reach all structs that a record is made of."""
    inner = (Command, Interpreter, Platform, Environment, TestCounts, Split, Flaky, Finding, Notification, ServiceUse)

    assert len(FIELDS) == len(Record.__struct_fields__) + sum(len(one.__struct_fields__) - 1 for one in inner)
    assert all(other != FULL for other in FIELDS.values())


@pytest.mark.parametrize("field", FIELDS)
def test_every_field_is_compared_or_allowed_to_differ(field: str) -> None:
    """A new field of a record makes a difference, until `ALLOWED` says why it makes none."""
    comparison = between(FULL, FIELDS[field])
    allowed = any(field == name or field.startswith(f"{name}.") for name in ALLOWED)

    assert comparison.same is allowed, comparison.differences
    assert between(FIELDS[field], FULL).same is allowed
    if allowed:
        assert {name: why for name, why in ALLOWED.items() if field.startswith(name)} == comparison.allowed


def test_what_is_allowed_is_there() -> None:
    """No entry outlives its field, and each has a reason."""
    known = {".".join(field.split(".")[:depth]) for field in FIELDS for depth in (1, 2)} | {"commands.environment"}

    assert known >= ALLOWED.keys()
    assert all(ALLOWED.values())


def test_a_run_on_a_laptop_and_one_on_github_are_the_same() -> None:
    """Other folders, another machine, another time; one made its environment anew, the other had it."""
    laptop = record(
        run="1-a",
        seconds=2.0,
        interpreter=Interpreter(asked="3.12", version="3.12.8", path="/opt/python/bin"),
        posargs=("--conf=/Users/ada/shop/x.ini",),
        commands=ran(
            ("/opt/homebrew/bin/make", "-C", "/Users/ada/shop/docs"),
            ("/Users/ada/shop/.nox/tests/bin/pytest", "--junit-xml=/Users/ada/shop/.isonox/runs/1-a/junit.xml"),
            ("/Users/ada/shop/.isonox/env/bin/python", ".nox/tests/tmp/list.txt", "/var/folders/zz/T/tmpab12_xyz/f"),
        ),
        environment=Environment(policy="declared", values={"DATA": "/Users/ada/shop/data"}, passed=("HOME",)),
        artifacts=("tests/.coverage.laptop.pid1.XabcdefX.H", "tests/junit.xml"),
    )
    runner = record(
        run="2-b",
        seconds=9.0,
        interpreter=Interpreter(asked="3.12", version="3.12.8", path="/opt/hostedtoolcache/bin"),
        posargs=("--conf=/home/runner/shop/x.ini",),
        commands=(
            Command(argv=("/opt/tools/nox/bin/uv", "venv", "/cache/nox/tests"), phase="environment"),
            *ran(
                ("/opt/tools/nox/bin/uv", "pip", "sync", "/cache/nox/tests/isonox-requirements.txt"),
                ("/cache/nox/tests/bin/python", "-m", "pip", "install", "-e", "/home/runner/shop"),
                ("/usr/bin/make", "-C", "/home/runner/shop/docs"),
                ("/cache/nox/tests/bin/pytest", "--junit-xml=/home/runner/shop/.isonox/runs/2-b/junit.xml"),
                ("/opt/tools/nox/bin/python", "/cache/nox/tests/tmp/list.txt", "/scratch/tmpzz9988aa/f"),
            ),
        ),
        environment=Environment(policy="declared", values={"DATA": "/home/runner/shop/data"}),
        artifacts=(
            "tests/.coverage.vm.pid7.XuZ3ggEx.H4",
            "tests/.coverage.vm.pid8.XuZ3ggEx.H4",
            "tests/junit.xml",
        ),
        places=RUNNER,
    )

    comparison = between(laptop, runner)

    assert () == comparison.differences
    assert comparison.same
    places = {"commands.environment", "interpreter.path", "environment.passed", "places"}
    assert {"run", "seconds", "commands.seconds"} | places == comparison.allowed.keys()


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("/Users/ada/shop", "{root}"),
        ("/Users/ada/shop2/x", "{home}/shop2/x"),
        ("/Users/ada/shop.toml", "{home}/shop.toml"),
        ("/data/Users/ada/shop/x", "/data/Users/ada/shop/x"),
        ("-I/Users/ada/shop/include", "-I{root}/include"),
        ("a=/Users/ada/shop:/Users/ada/shop/b,/Users/ada", "a={root}:{root}/b,{home}"),
        ("file:///Users/ada/shop/x", "file://{root}/x"),
        ("/Users/ada/shop/Users/ada/x", "{root}/Users/ada/x"),
        ("/Users/ada/shop/.nox/tests/tmp/tmp12345678", "{environment}/tmp/tmp{random}"),
        (".nox/tests/tmp/tmp12345678/x", "{environment}/tmp/tmp{random}/x"),
        ("/Users/ada/shop/.nox/.cache/mypy", "{environments}/.cache/mypy"),
        (".nox/.cache/mypy", "{environments}/.cache/mypy"),
        ("sub/.nox/tests/x", "sub/.nox/tests/x"),
        ("src/tmpsettings", "src/tmpsettings"),
        ("/var/folders/zz/T/tmpsettings.d", "{temporary}/tmpsettings.d"),
    ],
)
def test_paths_start_with_the_name_of_a_place(word: str, shown: str) -> None:
    """The innermost one, where the path is meant and no longer name."""
    assert {"posargs": ((shown,), ("other",))} == found(between(record(posargs=(word,)), record(posargs=("other",))))


def test_a_place_that_is_the_whole_machine_is_none() -> None:
    """Such as the home of a user in a container."""
    first, second = record(posargs=("/x",), places={"root": "/w", "home": "/"}), record(posargs=("/x",), places={})

    assert between(first, second).same


def test_two_places_in_one_folder_are_the_first() -> None:
    """A workspace that is a container's home."""
    first = record(posargs=("/w/x",), places={"root": "/w", "home": "/w"})

    assert between(first, record(posargs=("/Users/ada/shop/x",))).same


def test_distributions_variables_and_versions_are_named_one_by_one() -> None:
    """Changed, added, removed."""
    first = record(distributions={"ruff": "1.0", "black": "2.0"}, interpreter=Interpreter(version="3.12.7"))
    second = record(
        distributions={"ruff": "1.1", "isort": "3.0"},
        interpreter=Interpreter(version="3.12.8"),
        environment=Environment(policy="declared", values={"TZ": "UTC"}),
    )

    assert {
        "distributions.ruff": ("1.0", "1.1"),
        "distributions.black": ("2.0", None),
        "distributions.isort": (None, "3.0"),
        "interpreter.version": ("3.12.7", "3.12.8"),
        "environment.values.TZ": (None, "UTC"),
    } == found(between(first, second))


def test_a_command_more_does_not_shift_the_others() -> None:
    """Commands are aligned; one that is changed stands beside what took its place."""
    first = ran(("a",), ("b", "-x"), ("c",))
    second = (*ran(("new",), ("a",), ("b", "-y")), Command(argv=("c",), exit_code=1))

    assert {
        "commands.1.argv": (None, ("new",)),
        "commands.2.argv": (("b", "-x"), ("b", "-y")),
        "commands.3.exit_code": (0, 1),
    } == found(between(record(commands=first), record(commands=second)))


def test_the_order_of_commands_counts() -> None:
    """The same ones in another order are not the same run."""
    first, second = record(commands=ran(("a",), ("b",))), record(commands=ran(("b",), ("a",)))

    assert not between(first, second).same


def test_an_install_in_words_only_is_a_command_like_others() -> None:
    """Only what changes an environment is left out."""
    for words in ("pytest -k pip install", "pip check", "uv run install", "python -m build"):
        assert not between(record(commands=ran(tuple(words.split()))), record()).same, words
    for words in ("pip install x", "uv pip sync x", "/usr/bin/python -m pip --quiet uninstall x"):
        assert between(record(commands=ran(tuple(words.split()))), record()).same, words


def test_jobs_of_one_run_only_and_planned_ones_without_a_record() -> None:
    """The first is no job of the other run; the second is, and is missing."""
    planned = [
        PlannedJob(id=name, session=name, stage=name, estimate_seconds=1, estimate_from="prior") for name in ("a", "b")
    ]
    plan = Plan(isonox="1", selection=Selection(), jobs=tuple(planned))
    first = Side(name="x", plan=plan, records=(record("a"),))
    second = Side(name="y", records=(record("a"), record("b"), record("c", verdict=Verdict.FAILED)))

    comparison = compare(first, second)

    assert ("a", "b", "c") == comparison.jobs
    assert (
        Difference(job="b", field="verdict", first="missing", second="passed"),
        Difference(job="c", field="job", first=None, second="failed"),
    ) == comparison.differences


def test_a_job_that_ran_in_one_run_only_differs_in_its_verdict() -> None:
    """All else would follow from that; where the verdict is the same, it is compared."""
    first = record(distributions={"ruff": "1.0"}, verdict=Verdict.FAILED)
    blocked = record(environment=None, tests=None, written_by="run", verdict=Verdict.BLOCKED)
    failed = msgspec.structs.replace(blocked, verdict=Verdict.FAILED)

    assert {"verdict": ("failed", "blocked")} == found(between(first, blocked))
    assert {"environment.policy", "distributions.ruff", "tests.passed"} < found(between(first, failed)).keys()


def test_only_the_jobs_that_are_asked_for() -> None:
    """Others may differ."""
    first = record("a"), record("b")
    second = record("a"), record("b", verdict=Verdict.FAILED, commit="1")

    assert between(first, second, "a").same
    assert ("b",) == between(first, second, "b").jobs
    assert {"commit", "verdict"} == found(between(first, second, "b")).keys()


def test_the_run_as_a_whole_is_compared_once() -> None:
    """Not once a job; a run over two commits says so."""
    first = tuple(record(name, commit="1") for name in "abc")
    second = *(record(name, commit="1") for name in "ab"), record("c", commit="2", dirty=True)

    assert (
        Difference(job=None, field="commit", first="1", second="1, 2"),
        Difference(job=None, field="dirty", first=False, second=True),
    ) == between(first, second).differences


def test_a_comparison_can_be_written_and_read() -> None:
    """As `--json` does."""
    comparison = between(record(commands=ran(("a", "b")), tests=None), record(verdict=Verdict.FAILED))

    assert comparison == msgspec.json.decode(msgspec.json.encode(comparison), type=Comparison)


def test_services_are_compared_by_their_versions_not_by_where_they_answer() -> None:
    """Ports and names of databases are another each time."""
    laptop = record(
        services=(ServiceUse(name="postgres", kind="postgres", version="16.4", backend="native", seconds=1),),
        commands=ran(("psql", "postgresql://isonox:***@127.0.0.1:40001/main_0a1b2c3d")),
    )
    runner = record(
        services=(ServiceUse(name="postgres", kind="postgres", version="16.9", backend="docker", seconds=2),),
        commands=ran(("psql", "postgresql://isonox:***@127.0.0.1:50002/main_d3c2b1a0")),
    )

    assert {"services.postgres.version": ("16.4", "16.9")} == found(between(laptop, runner))
