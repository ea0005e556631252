"""Which workflow job carries which sessions: ids, needs, packs, names, and GitHub's limits."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from fnmatch import fnmatchcase
from graphlib import TopologicalSorter
from itertools import product
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.github.conftest import job, plan_of

from isonox.errors import ConfigurationError, ConfigurationErrors
from isonox.github import jobs

if TYPE_CHECKING:
    from isonox.model.plan import Plan, PlannedJob

#: Names that are taken, that nothing is left of, or that look alike once GitHub's rules are applied.
ODD = ["", " ", "plan", "gate", "Plan", "GATE", "tests", "Tests", "TESTS", "a b", "a-b", "a_b", "a.b", "é", "1", "-x"]
STAGE = st.sampled_from([*ODD, "_", "__", "x" * 60, "x" * 61, "x" * 200, "ß", "ss", "SS", "on", "${x}"]) | st.text(
    max_size=5
).filter(lambda text: not jobs.unfit(text))


def staged(*names: str) -> Plan:
    """A plan with one session in each stage."""
    return plan_of(*(job(f"{number}", stage=name) for number, name in enumerate(names)))


def many(count: int, **facts: object) -> Plan:
    """A plan with one stage."""
    return plan_of(*(job(f"tests-{number}", **facts) for number in range(count)))


@st.composite
def webs(draw: st.DrawFn) -> Plan:
    """Sessions of a few stages that require each other in any way, but for circles."""
    made: list[PlannedJob] = []
    for number in range(draw(st.integers(1, 10))):
        requires = draw(st.sets(st.sampled_from([one.id for one in made]))) if made else ()
        made.append(job(f"s{number}", *sorted(requires), stage=draw(st.sampled_from(["a", "b", "c", "d"]))))
    return plan_of(*draw(st.permutations(made)))


@given(st.lists(STAGE, unique=True, min_size=1, max_size=12))
@example(ODD)
def test_every_stage_gets_an_id_of_its_own(stages: list[str]) -> None:
    """Ids start with a letter or `_`, and have only letters, digits, `-` and `_`; GitHub does not tell case apart.

    Source: https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_id
    """
    found = jobs.group(staged(*stages))

    assert stages == [carrier.stage for carrier in found]
    assert all(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]{0,99}", carrier.id) for carrier in found)
    assert len({jobs.PLAN, jobs.GATE, *(carrier.id.casefold() for carrier in found)}) == len(stages) + 2
    assert {one.stage: one.id for one in found} == {one.stage: one.id for one in jobs.group(staged(*stages[::-1]))}


@pytest.mark.parametrize("stage", ["tests", "type-check", "_private", "A1", "x" * 60])
def test_a_name_that_is_an_id_is_kept(stage: str) -> None:
    """Whatever the other stages are called."""
    assert [stage] == [one.id for one in jobs.group(staged(stage, "docs", "a b")) if one.stage == stage]


@given(webs())
@example(plan_of(job("s0", stage="a"), job("s1", "s0", stage="a")))
@example(plan_of(*(job(f"s{i}", *[f"s{i - 1}"][: i > 0], stage="ab"[i % 2]) for i in range(4))))
def test_requirements_run_in_earlier_workflow_jobs(plan: Plan) -> None:
    """Also where the sessions of a stage require each other, or those of two stages crosswise: there is no circle."""
    found = jobs.group(plan)
    by_id = {carrier.id: carrier for carrier in found}
    at = {one.id: carrier for carrier in found for one in carrier.jobs}

    order = list(TopologicalSorter({carrier.id: carrier.needs for carrier in found}).static_order())

    assert Counter(one.id for one in plan.jobs) == Counter(one.id for carrier in found for one in carrier.jobs)
    assert {one.id: at[one.id].id for one in plan.jobs} == jobs.carriers(plan)
    assert all(one.stage == carrier.stage for carrier in found for one in carrier.jobs)
    assert all(at[name].id in at[one.id].upstream for one in plan.jobs for name in one.requires)
    for name in order:
        needs = by_id[name].needs
        assert {*needs, *(one for needed in needs for one in by_id[needed].upstream)} == set(by_id[name].upstream)


def test_a_stage_is_one_workflow_job_unless_it_has_to_be_cut() -> None:
    """Two stages that wait for each other are cut by depth; one that waits for both is not."""
    first, second = job("a-1"), job("a-2", "b-1", "lint")
    docs = job("docs-1", "a-2"), job("docs-2", "b-1")

    found = jobs.group(plan_of(job("lint"), first, job("b-1", "a-1"), second, *docs))

    assert [("lint", 1), ("a", 1), ("b", 1), ("a", 1), ("docs", 2)] == [(one.stage, len(one.jobs)) for one in found]
    assert ["lint", "a", "docs"] == [one.id for one in found if one.id == one.stage]
    assert (found[2].id, "lint") == found[3].needs


def test_requirements_outside_of_the_plan_are_nobodys() -> None:
    """A selection may leave out what a session requires."""
    (carrier,) = jobs.group(plan_of(job("tests", "build")))

    assert ((), ()) == (carrier.needs, carrier.upstream)


@pytest.mark.parametrize("count", [1, 255, 256, 257, 5_000])
def test_a_matrix_holds_every_session_once(count: int) -> None:
    """GitHub: a matrix generates at most 256 jobs per workflow run; until then each session has its own.

    Source: https://docs.github.com/en/actions/reference/limits
    """
    plan = plan_of(*(job(f"tests-{number}", estimate_seconds=number) for number in range(count)))
    (carrier,) = jobs.group(plan)

    assert min(count, 256) == len(carrier.packs)
    assert Counter(one.session for one in plan.jobs) == Counter(name for one in carrier.packs for name in one.sessions)
    if count <= 256:
        assert [(one.session,) for one in plan.jobs] == [pack.sessions for pack in carrier.packs]
    order = {one.session: number for number, one in enumerate(plan.jobs)}
    assert all(sorted(one.sessions, key=order.__getitem__) == list(one.sessions) for one in carrier.packs)


@given(st.integers(257, 400), st.randoms(use_true_random=False))
def test_packs_are_balanced_by_duration(count: int, chance: random.Random) -> None:
    """The fullest is at most one session above the mean (Graham's bound for lists)."""
    seconds = [chance.choice([0, 1, 10, 600]) for _ in range(count)]
    plan = plan_of(*(job(f"tests-{number}", estimate_seconds=one) for number, one in enumerate(seconds)))
    loads = [pack.seconds for carrier in jobs.group(plan) for pack in carrier.packs]

    assert sum(seconds) == sum(loads)
    assert max(loads) <= sum(loads) / 256 + max(seconds) * 255 / 256


def test_many_short_sessions_make_equal_packs() -> None:
    """With twenty sessions in each, the fullest takes 2% longer than the mean at most."""
    chance = random.Random(7)  # noqa: S311 - durations, no secrets
    plan = plan_of(*(job(f"tests-{number}", estimate_seconds=chance.uniform(1, 60)) for number in range(5_000)))
    loads = [pack.seconds for carrier in jobs.group(plan) for pack in carrier.packs]

    assert max(loads) < 1.02 * sum(loads) / len(loads)


def test_names_are_short_and_unique() -> None:
    """GitHub cuts check names after 100 characters: those that differ in the middle stay different.

    Source: https://github.com/google/mono_repo.dart/issues/535
    """
    long = [f"tests-3.12({'x' * 60}{middle}{'y' * 60})" for middle in "abc"]
    edge = [f"tests-{'é' * 94}{end}" for end in ("", "e", "é")]
    plan = plan_of(*map(job, (*long, *edge)), *many(600, stage="m").jobs)

    names = [pack.name for carrier in jobs.group(plan) for pack in carrier.packs]

    assert max(map(len, names)) == 100
    assert len(names) == len(set(names))
    assert "m (256 of 256)" in names
    assert f"tests-{'é' * 94}" in names
    assert all(name.startswith("tests-3.12(xxx") and name.endswith("yyy)") for name in names[:3])


@pytest.mark.parametrize("name", ["gate", "plan", "Gate"])
def test_no_session_has_the_name_of_the_required_check(name: str) -> None:
    """GitHub knows a required check by its name alone: a green session must not stand in for the gate.

    Source: https://docs.github.com/en/pull-requests/collaborating-with-pull-requests (required status checks)
    """
    ((pack,),) = [carrier.packs for carrier in jobs.group(plan_of(job(name)))]

    assert (f"{name} (session)", (name,)) == (pack.name, pack.sessions)


@given(st.lists(STAGE, unique=True, min_size=1, max_size=6), st.integers(1, 3))
def test_a_glob_finds_the_artifacts_of_its_carrier_only(stages: list[str], count: int) -> None:
    """Names are unique in the run and legal on every platform.

    Source: https://github.com/actions/upload-artifact, src/shared (no `/`, `:`, `*`, quotes, line ends and so on)
    """
    plan = plan_of(*(job(f"job {name}-{i}", stage=name) for name, i in product(stages, range(count))))
    found = jobs.group(plan)
    artifacts = [pack.artifact for carrier in found for pack in carrier.packs]

    assert len(artifacts) == len({name.casefold() for name in artifacts}) == len(plan.jobs)
    assert all(re.fullmatch(r"records\.[A-Za-z0-9_-]+\.[0-9]+", name) for name in artifacts)
    for carrier in found:
        matched = [name for name in artifacts if fnmatchcase(name, f"records.{carrier.id}.*")]
        assert [pack.artifact for pack in carrier.packs] == matched


def test_only_what_uv_can_install_is_asked_of_it() -> None:
    """Each version once; nox finds the interpreters of paths itself, and `python=False` needs none."""
    asked = ["3.12", "pypy3.10", "3.14t", "/usr/bin/python3", "-x", "$(x)", "", None, False, "3.12"]
    plan = plan_of(*(job(f"t-{number}", python=one, stage="t") for number, one in enumerate(asked)))

    assert [["3.12"], ["pypy3.10"], ["3.14t"], *[[]] * 6, ["3.12"]] == [
        list(pack.pythons) for carrier in jobs.group(plan) for pack in carrier.packs
    ]
    (packed,) = jobs.group(many(600, python="3.12"))
    assert {("3.12",)} == {pack.pythons for pack in packed.packs}


def test_the_matrices_are_one_line_of_json_each() -> None:
    """As `$GITHUB_OUTPUT` wants them; sessions that share a job stand on lines of their own."""
    found = jobs.matrices(jobs.group(plan_of(job("lint"), *many(300, python="3.12").jobs)))

    assert {"lint", "tests"} == set(found)
    alone = {"name": "lint", "sessions": "lint", "python": "", "artifact": "records.lint.0", "minutes": "360"}
    assert {"include": [alone]} == json.loads(found["lint"])
    entries = json.loads(found["tests"])["include"]
    assert [f"tests-{number}" for number in range(300)] == sorted(
        (name for one in entries for name in one["sessions"].split("\n")), key=lambda name: int(name[6:])
    )
    assert not any("\n" in text for text in found.values())


@pytest.mark.parametrize(("letter", "count"), [("x", 5_000), ("€", 5_000), ("😀", 2_500)])
def test_matrices_that_are_too_large_are_refused(letter: str, count: int) -> None:
    """GitHub: outputs are at most 1 MB per job, measured as UTF-16: two bytes for an x, four for a face.

    Source: https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idoutputs
    """
    small, large = (plan_of(*(job(f"t-{i}({letter * n})") for i in range(count))) for n in (90, 110))

    assert jobs.matrices(jobs.group(small))
    with pytest.raises(ConfigurationError, match=rf"of {count} jobs take 1,[\d,]+ bytes, and GitHub allows 1,048,576"):
        jobs.matrices(jobs.group(large))


def test_more_stages_than_anybody_can_read_are_refused() -> None:
    """A workflow job each is too many; 256 are not."""
    assert 256 == len(jobs.group(staged(*(f"s{number}" for number in range(256)))))
    with pytest.raises(ConfigurationError, match="has 257 stages, and a workflow may have 256 jobs"):
        jobs.group(staged(*(f"s{number}" for number in range(257))))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("tests(${{ github.token }})", "GitHub would take '${{' for the start of an expression"),
        ("tests(a\nb)", "a control character can't be handed to a job"),
        ("tests(\x1b[2J)", "a control character can't be handed to a job"),
        ("tests(\udcff)", "a control character can't be handed to a job"),
    ],
)
def test_ids_that_would_not_arrive_as_they_are_are_refused(text: str, reason: str) -> None:
    """All of them at once, at each use of the plan: also when it is made anew on GitHub."""
    plan = plan_of(job("lint"), job(text), job(f"other-{text}"))

    for use in (jobs.group, jobs.carriers):
        with pytest.raises(ConfigurationErrors) as caught:
            use(plan)
        assert (f"session {text!r}: {reason}", f"session {f'other-{text}'!r}: {reason}") == caught.value.problems


def timed(name: str, *requires: str, **facts: object) -> PlannedJob:
    """A planned job whose duration was recorded."""
    return job(name, *requires, estimate_from="history", **facts)


def packs_of(plan: Plan, seconds: float, *known: str) -> dict[str, list[tuple[str, ...]]]:
    """Return the sessions of each job by carrier, for a target; set-up takes ten seconds."""
    found = jobs.group(plan, jobs.Target(seconds, 10), known)
    return {carrier.id: [pack.sessions for pack in carrier.packs] for carrier in found}


def test_sessions_share_jobs_as_far_as_the_target_allows() -> None:
    """Plan, set-up and gate take 10 seconds each: a tight target leaves a job each, a wide one lets them share."""
    tests = [timed(f"tests-{number}", "lint", estimate_seconds=20) for number in range(4)]
    plan = plan_of(timed("lint", estimate_seconds=20), *tests)
    names = [one.id for one in tests]

    assert {"lint": [("lint",)], "tests": [(name,) for name in names]} == packs_of(plan, 80)
    assert {"lint": [("lint",)], "tests": [tuple(names[:2]), tuple(names[2:])]} == packs_of(plan, 100)
    assert {"lint": [("lint",)], "tests": [tuple(names)]} == packs_of(plan, 140)


def test_the_plan_orders_the_sessions_of_a_job() -> None:
    """However they were packed: nox runs them in that order."""
    plan = plan_of(*(timed(f"tests-{number}", estimate_seconds=number) for number in range(9)))

    assert {"tests": [tuple(f"tests-{number}" for number in range(9))]} == packs_of(plan, 600)


def test_a_stage_that_was_never_timed_is_not_packed() -> None:
    """A guess tells nothing about what fits."""
    plan = plan_of(*many(3).jobs, *(timed(f"docs-{number}", estimate_seconds=1) for number in range(3)))

    assert [3, 1] == [len(packs) for packs in packs_of(plan, 3600).values()]


def test_what_is_known_is_left_out_and_nothing_else_changes() -> None:
    """Ids stay, also those of stages with nothing to run, and so do the requirements."""
    first, second = job("a-1"), job("a-2", "b-1", "lint")
    plan = plan_of(job("lint"), first, job("b-1", "a-1"), second)

    found = jobs.group(plan, None, {"lint", "a-1"})

    assert [(one.id, one.jobs, one.needs) for one in jobs.group(plan)] == [(o.id, o.jobs, o.needs) for o in found]
    assert [[], [], [("b-1",)], [("a-2",)]] == [[pack.sessions for pack in one.packs] for one in found]
    assert {found[2].id, found[3].id} == set(jobs.matrices(jobs.group(plan, known={"lint", "a-1"})))
    assert {"lint": [], "docs": [("docs",)]} == packs_of(plan_of(timed("lint"), timed("docs")), 600, "lint")


def test_a_session_that_nox_would_take_for_an_option_is_refused() -> None:
    """`nox -s "-x"` does not select it."""
    with pytest.raises(ConfigurationErrors, match="session '-x': nox would take it for an option"):
        jobs.group(plan_of(job("-x")))
