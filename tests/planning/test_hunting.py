"""What a hunt tries, and what follows from it."""

from __future__ import annotations

import pytest

from isonox.errors import UsageError
from isonox.model.hunt import Conditions, Factor, Try
from isonox.planning.hunting import FACTORS, factors, fisher, simplest, tries


@pytest.mark.parametrize(
    ("table", "p"),
    [((3, 4, 1, 4), 0.485714), ((10, 10, 0, 10), 0.00001082509), ((7, 20, 0, 20), 0.008318), ((0, 9, 0, 9), 1.0)],
)
def test_the_probability_is_fishers(table: tuple[int, int, int, int], p: float) -> None:
    """Fisher's tea (p = 0.4857), and figures that R's fisher.test gives."""
    assert pytest.approx(p, rel=1e-3) == fisher(*table)


def test_each_factor_varies_in_half_of_the_tries_and_a_seed_repeats_them() -> None:
    """All of them independently, so that the table of one holds the others even; alone there is no order."""
    made = tries(400, 1)

    assert tries(400, 1) == made != tries(400, 2)
    assert {200} == {sum(name in one.varied for one in made) for name in FACTORS if name != "order"}
    assert 70 < sum("order" in one.varied for one in made) < 130
    assert not any(one.alone and one.order is not None for one in made)
    assert {"UTC", "UTC-14", "UTC+11"} == {one.zone for one in made}


def test_the_factor_that_makes_it_fail_comes_first_with_the_simplest_repetition() -> None:
    """Also if the test fails where the factor does not vary."""
    made = tries(40, 1)

    varied = [Try(conditions=one, message="slow" if one.load else "") for one in made]
    usual = [Try(conditions=one, message="" if one.load else "quick") for one in made]

    for done, fails_varied in ((varied, True), (usual, False)):
        first = factors(done)[0]
        found = simplest(done, first)
        assert ("load", fails_varied) == (first.name, first.fails_varied)
        assert first.p < 1e-9
        assert found is not None
        assert fails_varied is found.load
        assert len(found.varied) == min(len(one.conditions.varied) for one in done if one.message)
    assert simplest([], Factor(name="load", failures=0, runs=0, usual_failures=0, usual_runs=0, p=1.0)) is None


def test_conditions_are_read_as_they_are_written() -> None:
    """In the line that repeats them."""
    for one in tries(20, 3):
        assert one == Conditions.parsed(str(one))
    with pytest.raises(UsageError, match="such as order=71,load=1; known are alone, order"):
        Conditions.parsed("order=many")
    with pytest.raises(UsageError, match="there is no condition 'lod'"):
        Conditions.parsed("lod=1")
