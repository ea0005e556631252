"""Which sessions a selection means."""

from typing import Any

import pytest

from isonox.errors import ExitCode, NothingSelectedError, UsageError
from isonox.model.pipeline import Pipeline, Session
from isonox.model.plan import ReasonKind, Selection
from isonox.planning.select import select


def pipeline() -> Pipeline:
    """Two Pythons, two packages, and sessions that are for neither."""
    return Pipeline.validated(
        (
            Session(id="lint", stage="lint", signatures=("lint",), tags=("style",)),
            *(
                Session(
                    id=f"tests-{python}({package})",
                    stage="tests",
                    signatures=(f"tests-{python}({package})", f"tests-{python}"),
                    python=python,
                    package=package,
                )
                for python in ("3.12", "3.13")
                for package in ("api", "core")
            ),
            Session(
                id="coverage",
                stage="coverage",
                signatures=("coverage",),
                requires=("tests-3.12(api)", "tests-3.13(core)"),
                default=False,
            ),
            Session(id="format", stage="format", signatures=("format",), default=False, tags=("style",)),
        )
    )


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ({"names": ("lint",)}, ["lint"]),
        ({"names": ("tests-3.12",)}, ["tests-3.12(api)", "tests-3.12(core)"]),
        ({"names": ("tests",), "packages": ("api",)}, ["tests-3.12(api)", "tests-3.13(api)"]),
        ({"names": ("tests",), "pythons": ("3.13",), "packages": ("core",)}, ["tests-3.13(core)"]),
        ({"tags": ("style",)}, ["lint"]),
        ({"names": ("format", "lint"), "tags": ("style",)}, ["lint", "format"]),
        ({"names": ("coverage",)}, ["tests-3.12(api)", "tests-3.13(core)", "coverage"]),
    ],
)
def test_selection_by_name_tag_package_and_python(selection: dict[str, Any], expected: list[str]) -> None:
    """Restrictions add up; what is required comes along; the noxfile's order is kept."""
    assert expected == list(select(pipeline(), Selection(**selection)))


def test_without_names_the_defaults_run() -> None:
    """The noxfile decides, as with plain nox."""
    selected = select(pipeline(), Selection())

    assert list(selected) == ["lint", "tests-3.12(api)", "tests-3.12(core)", "tests-3.13(api)", "tests-3.13(core)"]
    assert {ReasonKind.DEFAULT} == {reasons[0].kind for reasons in selected.values()}


def test_the_workspace_may_say_what_ci_means() -> None:
    """`[tool.isonox] ci` replaces the defaults, and names win over it."""
    assert list(select(pipeline(), Selection(), ci=("format",))) == ["format"]
    assert list(select(pipeline(), Selection(names=("lint",)), ci=("format",))) == ["lint"]


def test_reasons_say_who_requires_a_job() -> None:
    """A job that was asked for and is required has both reasons."""
    reasons = select(pipeline(), Selection(names=("coverage", "tests-3.12(api)")))["tests-3.12(api)"]

    assert [str(reason) for reason in reasons] == ["asked tests-3.12(api)", "required-by coverage"]


def test_unknown_words_are_reported_together() -> None:
    """One error for all, each with the closest known word."""
    with pytest.raises(UsageError) as caught:
        select(pipeline(), Selection(names=("lnit",), packages=("apo",), tags=("stile",), pythons=("3.99",)))

    assert "unknown session 'lnit' (did you mean 'lint'?)" in str(caught.value)
    assert "unknown package 'apo' (did you mean 'api'?)" in str(caught.value)
    assert "unknown tag 'stile' (did you mean 'style'?)" in str(caught.value)
    assert "unknown Python '3.99'" in str(caught.value)


def test_known_words_that_fit_nothing_together_exit_3() -> None:
    """Nothing selected is an error of its own, not a green run of nothing."""
    with pytest.raises(NothingSelectedError) as caught:
        select(pipeline(), Selection(names=("lint",), packages=("api",)))

    assert caught.value.exit_code == ExitCode.NOTHING_SELECTED
