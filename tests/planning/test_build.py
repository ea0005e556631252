"""The plan as a document."""

import msgspec
import pytest

from isonox.model.pipeline import Facts, Pipeline, Session
from isonox.model.plan import PLAN_VERSION, Plan, Selection
from isonox.planning.build import build

PIPELINE = Pipeline.validated(
    (
        Session(id="build", stage="build", facts=Facts(timeout_minutes=5, weight="all", exclusive=True)),
        Session(id="api", stage="api", requires=("build",), facts=Facts(required=False)),
    )
)


def made(**arguments: object) -> Plan:
    """The plan for everything."""
    return build(PIPELINE, Selection(posargs=("-k", "x")), isonox="1", **arguments)  # type: ignore[arg-type]  # by name


def test_same_inputs_give_the_same_bytes() -> None:
    """The planner is pure."""
    first, second = made(durations={"api": 2.0}), made(durations={"api": 2.0})

    assert msgspec.json.encode(first) == msgspec.json.encode(second)


def test_the_plan_carries_what_the_run_needs() -> None:
    """Facts, what it takes of the machine, posargs, and estimates with their origin."""
    plan = made(durations={"api": 2.5}, commit="c" * 40, dirty=True)

    assert (plan.by_id["build"].timeout_minutes, plan.by_id["build"].required) == (5, True)
    assert (plan.by_id["build"].weight, plan.by_id["build"].exclusive) == ("all", True)
    assert (plan.by_id["api"].weight, plan.by_id["api"].exclusive) == (1, False)
    assert (plan.by_id["build"].estimate_seconds, plan.by_id["build"].estimate_from) == (2.5, "prior")
    assert (plan.by_id["api"].estimate_seconds, plan.by_id["api"].estimate_from) == (2.5, "history")
    assert not plan.by_id["api"].required
    assert plan.by_id["api"].posargs == ("-k", "x")
    assert plan.version == PLAN_VERSION


def test_the_document_survives_a_round_trip_and_refuses_unknown_fields() -> None:
    """What is written can be read; what is misspelt is refused."""
    encoded = msgspec.json.encode(made())

    assert made() == msgspec.json.decode(encoded, type=Plan)
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(encoded.replace(b'"jobs"', b'"jbos"'), type=Plan)
