"""How long a job should take."""

import pytest

from isonox.model.pipeline import Pipeline, Session
from isonox.planning.estimates import PRIOR_SECONDS, Estimates

PIPELINE = Pipeline.validated(
    [
        *(Session(id=f"tests({name})", stage="tests") for name in ("a", "b", "c", "new")),
        Session(id="lint", stage="lint"),
        Session(id="docs", stage="docs"),
    ]
)


@pytest.mark.parametrize(
    ("durations", "job", "expected"),
    [
        ({"tests(a)": 10.0, "tests(b)": 60.0, "tests(c)": 20.0, "lint": 1.0}, "tests(a)", (10.0, "history")),
        ({"tests(a)": 10.0, "tests(b)": 60.0, "tests(c)": 20.0, "lint": 1.0}, "tests(new)", (20.0, "stage")),
        ({"tests(a)": 10.0, "tests(b)": 60.0, "lint": 1.0}, "docs", (10.0, "prior")),
        ({"gone": 7.0}, "lint", (7.0, "prior")),
        ({}, "lint", (PRIOR_SECONDS, "prior")),
    ],
)
def test_a_job_is_expected_to_take_what_is_nearest_to_it(
    durations: dict[str, float], job: str, expected: tuple[float, str]
) -> None:
    """Its own median; else that of its stage; else that of all that was recorded; else a guess."""
    assert expected == Estimates(PIPELINE, durations).of(PIPELINE.by_id[job])
