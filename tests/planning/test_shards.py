"""Which shard runs which test."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isonox.planning import shards

#: Node ids of every kind, and seconds.
IDS = st.one_of(st.text(), st.from_regex(r"tests/test_[ab]\.py(::Test[AB])?::test_[abc](\[.*\])?", fullmatch=True))
SECONDS = st.floats(min_value=0, max_value=1e6)


@given(st.lists(IDS), st.dictionaries(IDS, SECONDS), st.integers(1, 64), st.sampled_from(shards.WAYS), st.randoms())
def test_every_test_is_in_exactly_one_shard_whatever_the_order(
    tests: list[str], durations: dict[str, float], count: int, by: str, chance: random.Random
) -> None:
    """And what belongs together is in the same."""
    found = shards.assigned(tests, durations, count, by)
    chance.shuffle(tests)
    places = {shards.unit(test, by): place for place, members in enumerate(found) for test in members}

    assert count == len(found)
    assert sorted(set(tests)) == sorted(test for members in found for test in members)
    assert found == shards.assigned(tests, durations, count, by)
    assert all(places[shards.unit(test, by)] == place for place, members in enumerate(found) for test in members)


@given(st.lists(SECONDS, min_size=1), st.integers(1, 20))
def test_no_shard_takes_longer_than_four_thirds_of_what_is_possible(seconds: list[float], count: int) -> None:
    """Graham's bound, against what nobody can beat: the mean, the longest test, and two of the `count` + 1 longest."""
    durations = {f"test_{number}": one for number, one in enumerate(seconds)}
    longest = max(sum(durations[test] for test in members) for members in shards.assigned(durations, durations, count))
    ordered = sorted(seconds, reverse=True)
    two = sum(ordered[count - 1 : count + 1]) if len(ordered) > count else 0.0
    possible = max(sum(seconds) / count, ordered[0], two)

    assert longest <= possible * 4 / 3 * (1 + 1e-9)


@pytest.mark.parametrize("count", [2, 4, 6, 8])
def test_hundreds_of_tests_are_split_evenly(count: int) -> None:
    """The slowest shard is within 5 % of the mean, as durations of real suites are spread."""
    chance = random.Random(count)  # noqa: S311 - figures, no secrets
    durations = {f"test_{number}": chance.lognormvariate(-3, 1.5) for number in range(600)}

    found = shards.assigned(durations, durations, count)

    assert shards.balance(sum(durations[test] for test in members) for members in found) < 1.05


def test_what_stays_together() -> None:
    """Brackets may hold anything, `::` too; functions have no class."""
    method, function = "tests/test_a.py::TestA::TestB::test_x[a::b[]]", "tests/test_a.py::test_x[C::d]"

    assert [method, "tests/test_a.py::TestA::TestB", "tests/test_a.py"] == [
        shards.unit(method, by) for by in shards.WAYS
    ]
    assert [function, function, "tests/test_a.py"] == [shards.unit(function, by) for by in shards.WAYS]


def test_new_tests_take_what_is_nearest_to_them() -> None:
    """The same function, else its file, else all; without any durations all take the same."""
    durations = {"a.py::test_x[1]": 1.0, "a.py::test_x[2]": 3.0, "a.py::test_y": 8.0, "b.py::test_z": 20.0}
    new = ["a.py::test_x[new]", "a.py::test_new", "c.py::test_new", "b.py::test_z"]

    assert [2.0, 4.0, 8.0, 20.0] == list(shards.estimated(new, durations).values())
    assert {1.0} == set(shards.estimated(new, {}).values())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no JSON"),
        (b"\xff", "no JSON"),
        (b'{"a": 1', "no JSON"),
        (b"<<<<<<< HEAD\n{}", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"[1]", "no table"),
        (b'{"a": "1"}', "no number of seconds"),
        (b'{"a": -1}', "no number of seconds"),
        (b'{"a": NaN}', "no number of seconds"),
        (b'{"a": true}', "no number of seconds"),
    ],
)
def test_a_file_of_durations_that_is_none(content: bytes, message: str) -> None:
    """It is said why."""
    with pytest.raises(ValueError, match=message):
        shards.parsed(content)


def test_the_number_of_shards_follows_from_the_durations() -> None:
    """As few as reach the target, as many as pay, never more than the longest test lets help."""
    even = {f"test_{number}": 1.0 for number in range(600)}

    assert 1 == shards.number({}, set_up=20, target=60, most=64)
    assert 30 == shards.number(even, set_up=20, target=None, most=64)
    assert 6 == shards.number(even, set_up=20, target=120, most=64)
    assert 30 == shards.number(even, set_up=20, target=10, most=64)
    assert 4 == shards.number(even, set_up=20, target=None, most=4)
    assert 3 == shards.number({**even, "slow": 300.0}, set_up=20, target=60, most=64)
    assert 1 == shards.number({"fast": 0.0}, set_up=0.1, target=None, most=64)


def test_balance_is_the_longest_over_the_mean() -> None:
    """1.0 where all are equal, or nothing was measured."""
    assert [1.0, 1.5, 1.0] == [shards.balance(seconds) for seconds in ([2, 2], [3, 1], [0, 0])]
