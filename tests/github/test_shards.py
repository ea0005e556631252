"""Shards on GitHub: a job of the matrix for each, told which it is by a variable, and a gate that misses every one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.github.conftest import generated, job, plan_of, setting_of, shards_of

from isonox.errors import ConfigurationError
from isonox.github import files, jobs
from isonox.github.jobs import Target
from isonox.github.verify import proof, workflow_file
from isonox.model.pipeline import Facts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.github.conftest import Lint

    from isonox.model.plan import Plan

CI = ".github/workflows/ci.yml"
VARIABLE = "ISONOX_SHARD: ${{ matrix.shard }}"

SPLIT = plan_of(
    job("lint"),
    *shards_of("tests-3.12", 3, "lint", python="3.12"),
    *shards_of("tests-3.13", 3, "lint", python="3.13"),
    job("coverage", *(f"tests-3.{python}#{number}/3" for python in (12, 13) for number in (1, 2, 3))),
)
PACKAGES = plan_of(*shards_of("tests(api)", 2, package="api"), job("tests(web)", stage="tests", package="web"))


def proved(folder: Path, plan: Plan, made: Mapping[str, str]) -> Any:
    """Write the files, and prove the gate of the workflow."""
    for name, text in made.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return proof.prove(workflow_file.load(folder / CI, folder), plan)


def test_each_shard_is_a_job_that_is_told_which_it_is() -> None:
    """Other stages do not hear of shards."""
    made = generated(SPLIT)[CI]
    entries = jobs.group(SPLIT)[1].packs

    assert [(("tests-3.12",), f"{number}/3") for number in (1, 2, 3)] == [
        (one.sessions, one.shard) for one in entries[:3]
    ]
    assert "tests-3.12#1/3" == entries[0].name
    assert 1 == made.count(VARIABLE)
    assert 2 == made.count('shard: "2/3"')


def test_shards_share_no_job_even_where_sessions_do() -> None:
    """Nox would take two shards of a session for the same."""
    timed: dict[str, Any] = {"estimate_seconds": 1, "estimate_from": "history"}
    plan = plan_of(*shards_of("tests", 3, **timed), *(job(f"lint-{one}", stage="lint", **timed) for one in "abc"))

    tests, lint = jobs.group(plan, Target(600, 10))

    assert (3, 1) == (len(tests.packs), len(lint.packs))


def test_the_matrix_of_a_plan_names_shards_only_where_there_are_some() -> None:
    """A session that is not split has none; without any, the matrix is what it was."""
    (matrix,) = jobs.matrices(jobs.group(PACKAGES)).values()
    (plain,) = jobs.matrices(jobs.group(plan_of(job("tests(web)", stage="tests", package="web")))).values()

    assert ["1/2", "2/2", None] == [entry.get("shard") for entry in json.loads(matrix)["include"]]
    assert "shard" not in plain


def test_a_number_that_follows_from_durations_is_planned_at_run_time() -> None:
    """Else the workflow would drift with every new recording, also where there is one shard at the moment."""
    auto = generated(plan_of(job("tests")), {"tests": Facts(auto_shards=True)})[CI]

    assert VARIABLE in auto
    assert "isonox plan --github" in auto
    assert "ISONOX_SHARD" not in generated(plan_of(job("tests")))[CI]


def test_more_shards_than_a_matrix_holds_are_refused() -> None:
    """Instead of letting some share a job."""
    plan = plan_of(*(one for number in range(5) for one in shards_of(f"tests-{number}", 60)))

    with pytest.raises(ConfigurationError, match="stage 'tests' has 300 jobs, and a matrix of GitHub has at most 256"):
        jobs.group(plan)


@pytest.mark.parametrize("plan", [SPLIT, PACKAGES])
def test_the_gate_is_proved_with_shards(plan: Plan, tmp_path: Path, lint: Lint) -> None:
    """And the workflow is what GitHub takes."""
    made = generated(plan)
    found = proved(tmp_path, plan, made)
    lint(made)

    assert () == found.counter_examples
    assert len(plan.jobs) == found.jobs
    assert found.cases


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (f"          {VARIABLE}\n", "", "tests-3.12#1/3, tests-3.12#2/3"),
        ('            shard: "2/3"\n', '            shard: "1/3"\n', "tests-3.12#2/3"),
    ],
)
def test_a_shard_that_no_job_runs_is_found(old: str, new: str, message: str, tmp_path: Path) -> None:
    """The variable is not handed on, or one shard twice: no run of that workflow can be green."""
    made = files.generate(SPLIT, setting_of(SPLIT), codeql=False)
    assert old in made[CI]

    found = proved(tmp_path, SPLIT, {**made, CI: made[CI].replace(old, new, 1)})

    assert found.counter_examples
    assert message in str(found.counter_examples)
