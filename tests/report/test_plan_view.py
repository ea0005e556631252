"""What is to run, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from isonox.errors import UsageError
from isonox.model.pipeline import Facts, Pipeline, Session
from isonox.model.plan import PlannedJob, Reason, ReasonKind, Selection
from isonox.model.workspace import Edge, EdgeKind, Package, Workspace
from isonox.planning.build import build
from isonox.report import plan_view

if TYPE_CHECKING:
    from collections.abc import Callable

    from isonox.model.plan import Plan

FACTS = Facts(
    timeout_minutes=15, env={"MODE": "x"}, secrets=("TOKEN",), required=False, permissions={"contents": "read"}
)


@pytest.fixture
def pipeline() -> Pipeline:
    """Make a pipeline of six sessions."""

    def session(name: str, stage: str, **facts: object) -> Session:
        return Session(id=name, stage=stage, signatures=(name, stage), **facts)  # type: ignore[arg-type]  # by name

    return Pipeline.validated(
        [
            session("lint", "lint", tags=("fast", "style"), description="Check style.\n\nAll of it.", facts=FACTS),
            session("tests-3.11(api)", "tests", python="3.11", package="api", requires=("lint",)),
            session("tests-3.12(api)", "tests", python="3.12", package="api"),
            session("coverage", "coverage", requires=("tests-3.11(api)", "tests-3.12(api)")),
            session("format", "format", default=False, python=False),
            session("tests(x='[red]')", "special", default=False),
        ]
    )


@pytest.fixture
def planned(pipeline: Pipeline) -> Callable[..., Plan]:
    """Plan a selection; lint and 3.11 were timed before."""

    def make(*names: str, ci: tuple[str, ...] = (), **selection: Any) -> Plan:
        return build(
            pipeline,
            Selection(names=names, **selection),
            isonox="0.1.0",
            ci=ci,
            durations={"lint": 2.5, "tests-3.11(api)": 90.0},
        )

    return make


def test_the_plan(planned: Callable[..., Plan]) -> None:
    """Jobs with reasons and estimates, and how long it takes alone, at least, and on these cores."""
    expected = """\
job              requires                          estimate                      why
lint                                               2.5s (its last green runs)    default, required-by tests-3.11(api)
tests-3.11(api)  lint                              1m 30s (its last green runs)  default, required-by coverage
tests-3.12(api)                                    1m 30s (others of its stage)  default, required-by coverage
coverage         tests-3.11(api), tests-3.12(api)  46.2s (a guess: never timed)  default

4 jobs: 3m 49s one after the other (2 jobs never timed)
critical path: 2m 19s: lint -> tests-3.11(api) -> coverage
about 2m 19s on 2 cores; no schedule beats 2m 19s
"""

    assert expected == plan_view.show_plan(planned(), 2)


def test_a_plan_says_who_takes_more_than_one_core(plan: Callable[..., Plan], job: Callable[..., PlannedJob]) -> None:
    """One core each is not worth a column; with wide jobs the work is more than the seconds."""
    jobs = [job("two", weight=2), job("all", weight="all"), job("alone", exclusive=True), job("one")]
    expected = """\
job    cores       estimate
two    2           30.0s (a guess: never timed)
all    all         30.0s (a guess: never timed)
alone  all, alone  30.0s (a guess: never timed)
one                30.0s (a guess: never timed)

4 jobs: 2m 00s one after the other (4 jobs never timed)
critical path: 30.0s: two
about 1m 30s on 4 cores; no schedule beats 1m 22s
"""

    assert expected == plan_view.show_plan(plan(*jobs), 4)
    assert "  cores" not in plan_view.show_plan(plan(job("one")), 1)


def test_long_lists_in_a_plan_are_counted(plan: Callable[..., Plan], job: Callable[..., PlannedJob]) -> None:
    """300 requirements do not make a line of 5000 characters; notes are said."""
    names = tuple(f"t({n})" for n in range(300))
    reasons = tuple(Reason(kind=ReasonKind.REQUIRED, detail=name) for name in names)

    shown = plan_view.show_plan(plan(job("all", requires=names, reasons=reasons), notes=("a\nnote",)), 1)

    assert "t(0), t(1), t(2) and 297 more" in shown
    assert "required-by t(0), required-by t(1), required-by t(2) and 297 more" in shown
    assert shown.endswith("\nnote: a note\n")


def test_names_with_brackets_and_line_ends_are_shown_as_they_are(
    plan: Callable[..., Plan], job: Callable[..., PlannedJob]
) -> None:
    """No markup, no colour, one line a job, no wrapping."""
    shown = plan_view.show_plan(plan(job("t([red]x[/red])"), job("t('\x1b[1m\n数')"), job("y" * 500)), 1)

    assert ["job", "t([red]x[/red])", "t(' 数')", "y" * 500] == [
        line.partition("  ")[0] for line in shown.splitlines()[:4]
    ]


def test_all_sessions(pipeline: Pipeline) -> None:
    """Whether a session runs by default is a sign, not a colour."""
    expected = """\
   session           tags         requires                          description
*  lint              fast, style                                    Check style.
*  tests-3.11(api)                lint
*  tests-3.12(api)
*  coverage                       tests-3.11(api), tests-3.12(api)
   format
   tests(x='[red]')

6 sessions in noxfile.py, 4 by default (*)
"""

    assert expected == plan_view.show_pipeline(pipeline)


def test_the_workspace() -> None:
    """Packages, what they depend on, each once, and what was passed over."""
    workspace = Workspace(
        packages=(
            Package(name="api", path="libs/api", requires_python=">=3.11"),
            Package(name="core", path="libs/core"),
        ),
        edges=tuple(Edge(source="api", target="core", kind=kind) for kind in (EdgeKind.PROJECT, EdgeKind.LOCK)),
        notes=("libs/x/pyproject.toml is no TOML",),
        lock="uv.lock",
    )
    expected = """\
package  path       python  depends on
api      libs/api   >=3.11  core
core     libs/core

2 packages, 1 dependency edge, locked in uv.lock
note: libs/x/pyproject.toml is no TOML
"""

    assert expected == plan_view.show_workspace(workspace)


def test_a_planned_job_explained(pipeline: Pipeline, planned: Callable[..., Plan]) -> None:
    """Why, who, how long, and the facts."""
    expected = """\
lint
  in the plan:      yes: default, required-by tests-3.11(api)
  requires:         nothing
  required by:      tests-3.11(api)
  estimate:         2.5s (its last green runs)
  arguments:        -k x
  description:      Check style.
  stage:            lint
  python:           the newest of the workspace
  tags:             fast, style
  timeout:          15 min
  environment:      declared: nothing else reaches it
  variables:        MODE
  secrets:          TOKEN
  cached:           yes
  required:         no: its failure is waived
  permissions:      contents: read
"""

    assert expected == plan_view.explain(planned(posargs=("-k", "x")), pipeline, "lint")


def test_a_plain_session_explained(pipeline: Pipeline, planned: Callable[..., Plan]) -> None:
    """It has no declared environment and no timeout, and is never cached."""
    said = plan_view.explain(planned(), pipeline, "tests-3.12(api)")

    assert "  environment:      inherited: whatever is set where it runs\n" in said
    assert "  timeout:          none\n" in said
    assert "  cached:           no\n" in said
    assert "  python:           3.12\n" in said
    assert "  package:          api\n" in said


def test_a_session_without_an_environment_explained(pipeline: Pipeline, planned: Callable[..., Plan]) -> None:
    """`python=False` is not the same as no Python asked for."""
    assert "  python:           none: no environment is made\n" in plan_view.explain(
        planned("format"), pipeline, "format"
    )


def test_a_requirement_outside_of_the_plan_is_said(
    plan: Callable[..., Plan], job: Callable[..., PlannedJob], pipeline: Pipeline
) -> None:
    """Nobody waits for it."""
    said = plan_view.explain(plan(job("coverage", requires=("tests-3.11(api)",))), pipeline, "coverage")

    assert "  not in this plan: tests-3.11(api)\n" in said


@pytest.mark.parametrize(
    ("names", "selection", "ci", "job", "why"),
    [
        (("lint",), {}, (), "coverage", "its name (coverage), asked: lint"),
        ((), {"tags": ("fast",)}, (), "coverage", "its tags (none), asked: fast"),
        ((), {"packages": ("api",)}, (), "coverage", "its package (none), asked: api"),
        (("tests",), {"pythons": ("3.11",)}, (), "tests-3.12(api)", "its Python (3.12), asked: 3.11"),
        ((), {}, (), "format", "it does not run by default, and was not asked for"),
        ((), {}, ("lint",), "coverage", "it runs by default in nox, but `[tool.isonox] ci` does not name it"),
    ],
)
def test_a_job_that_is_not_planned_explained(  # noqa: PLR0913, PLR0917 - parametrised
    pipeline: Pipeline,
    planned: Callable[..., Plan],
    names: tuple[str, ...],
    selection: dict[str, tuple[str, ...]],
    ci: tuple[str, ...],
    job: str,
    why: str,
) -> None:
    """The part of the selection that leaves it out is named."""
    said = plan_view.explain(planned(*names, ci=ci, **selection), pipeline, job)

    assert f"  in the plan:      no: {why}; and nothing in the plan requires it\n" in said


def test_a_job_is_found_by_any_of_its_names(pipeline: Pipeline, planned: Callable[..., Plan]) -> None:
    """A stage with one session means that session."""
    assert plan_view.explain(planned(), pipeline, "special").startswith("tests(x='[red]')\n")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("lnt", "unknown job 'lnt' (did you mean 'lint'?)\nhint: see what there is: isonox plan --all"),
        ("tests", "'tests' means 2 sessions\nhint: name one of them: tests-3.11(api), tests-3.12(api)"),
    ],
)
def test_a_name_that_means_no_job_is_an_error(
    pipeline: Pipeline, planned: Callable[..., Plan], name: str, message: str
) -> None:
    """With the names that were probably meant."""
    with pytest.raises(UsageError) as raised:
        plan_view.explain(planned(), pipeline, name)

    assert message == str(raised.value)
