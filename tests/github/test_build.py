"""Workflows of a pipeline: they carry every session, keep GitHub's limits, and run no text that somebody chose."""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
from fnmatch import fnmatchcase
from graphlib import TopologicalSorter
from importlib import resources
from itertools import product
from typing import TYPE_CHECKING, Any

import jsonschema  # type: ignore[import-untyped]  # it has no stubs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from tests.github.conftest import ALONE, FACTS, LARGE, ODD, ODDLY, SMALL, generated, job, plan_of

from isonox.errors import ConfigurationError, ConfigurationErrors
from isonox.github import build, jobs, pins
from isonox.github.setting import Setting
from isonox.model.pipeline import Facts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from isonox.model.plan import Plan, PlannedJob


@functools.cache
def parsed(text: str) -> dict[str, Any]:
    """What GitHub reads."""
    return dict(YAML(typ="safe", pure=True).load(text))


def workflow_of(made: Mapping[str, str]) -> dict[str, Any]:
    """Return the workflow that runs the pipeline."""
    (found,) = (parsed(text) for name, text in made.items() if "/workflows/ci" in name)
    return found


def steps_of(made: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Yield every step of every file."""
    for document in map(parsed, made.values()):
        for one in document.get("jobs", {}).values():
            yield from one["steps"]
        yield from document.get("runs", {}).get("steps", ())


def runs_of(workflow: dict[str, Any], plan: Plan) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the jobs of stages as GitHub starts them: their id, and their content with the matrix filled in."""
    for name, one in workflow["jobs"].items():
        if name in (jobs.PLAN, jobs.GATE):
            continue
        matrix = one.get("strategy", {}).get("matrix", {"include": [{}]})
        if isinstance(matrix, str):
            (output,) = re.findall(r"^\$\{\{ fromJSON\(needs\.plan\.outputs\.([\w-]+)\) }}$", matrix)
            assert f"${{{{ steps.plan.outputs.{output} }}}}" == workflow["jobs"]["plan"]["outputs"][output]
            matrix = json.loads(jobs.matrices(jobs.group(plan))[output])
        assert ["include"] == list(matrix)
        for entry in matrix["include"]:
            yield name, filled(one, entry)


def filled(value: Any, entry: dict[str, str]) -> Any:
    """Replace the variables of a matrix, in everything but the matrix itself."""
    if isinstance(value, dict):
        return {key: filled(one, entry) for key, one in value.items() if key != "strategy"}
    if isinstance(value, list):
        return [filled(one, entry) for one in value]
    if isinstance(value, str):
        return re.sub(r"\$\{\{ matrix\.(\w+) }}", lambda match: entry.get(match[1], ""), value)
    return value


def sessions_in(content: dict[str, Any]) -> list[str]:
    """Return what a job's work step gives to nox."""
    env = content["steps"][1]["env"]
    return [env["SESSION"]] if "SESSION" in env else str(env["SESSIONS"]).split("\n")


def every(plan: Plan, facts: Mapping[str, Facts] | None = None, **changes: Any) -> Iterator[dict[str, str]]:
    """Yield the files of a pipeline, at the top and in a folder."""
    yield generated(plan, facts, **changes)
    yield generated(plan, facts, folder="libs/api", **changes)


# What GitHub limits


def test_no_matrix_has_more_than_256_jobs() -> None:
    """Source: https://docs.github.com/en/actions/reference/limits (job matrix)."""
    plan = plan_of(*(job(f"tests-{number}") for number in range(1_000)))

    runs = list(runs_of(workflow_of(generated(plan)), plan))

    assert 256 == len(runs)
    assert {one.session for one in plan.jobs} == {name for _, content in runs for name in sessions_in(content)}


def test_an_empty_matrix_is_never_evaluated() -> None:
    """GitHub fails a job whose matrix is empty; without its output the stage is skipped, and those after it are not.

    Source: https://docs.github.com/en/actions/reference/workflows-and-actions/expressions#status-check-functions
    """
    found = workflow_of(generated(LARGE))["jobs"]

    assert [
        "${{ !failure() && !cancelled() && needs.plan.outputs.lint != '' }}",
        "${{ !failure() && !cancelled() && needs.plan.outputs.tests != '' }}",
    ] == [found[name]["if"] for name in ("lint", "tests")]
    assert ["plan", "lint"] == found["tests"]["needs"]
    assert not any("if" in content for _, content in runs_of(workflow_of(generated(SMALL)), SMALL))


def test_check_names_are_not_cut() -> None:
    """GitHub cuts them after 100 characters; the gate's, which is required, is short wherever the noxfile is.

    Source: https://github.com/google/mono_repo.dart/issues/535
    """
    plan = plan_of(job("x" * 300), job("gate"))

    for folder in ("", "libs/api", "deep/" * 50 + "down"):
        found = workflow_of(generated(plan, folder=folder))["jobs"]
        names = [one["name"] for one in found.values()]
        assert max(map(len, names)) <= 100
        assert len(names) == len(set(names))
    assert ["gate", "gate (libs/api)"] == [workflow_of(made)["jobs"]["gate"]["name"] for made in every(plan)]


def test_scripts_and_expressions_are_short() -> None:
    """A script, and text with expressions, may have 21,000 characters; the gate's text grows with the stages.

    Source: ExpressionConstants.MaxLength of https://github.com/actions/runner
    """
    stages = plan_of(*(job(f"s{number}") for number in range(256)))
    long = plan_of(*(job(f"{'s' * 50}{number}") for number in range(256)))

    assert all(len(step.get("run", "")) < 300 for step in steps_of(generated(stages)))
    assert len(workflow_of(generated(stages))["jobs"]["gate"]["steps"][1]["env"]["RESULTS"]) <= 21_000
    with pytest.raises(ConfigurationError, match=r"names of 256 workflow jobs take 3\d,\d+ characters in the gate"):
        generated(long)


def test_caches_are_saved_on_the_default_branch_only() -> None:
    """What a pull request saves only that pull request can use, and it drives out what all can.

    Source: https://docs.github.com/en/actions/reference/workflows-and-actions/dependency-caching
    """
    for made in every(SMALL):
        (step,) = (step for step in steps_of(made) if step.get("uses", "").startswith("astral-sh/setup-uv@"))

        assert (
            "${{ github.ref == format('refs/heads/{0}', github.event.repository.default_branch) }}"
            == step["with"]["save-cache"]
        )
        assert "0.13.9" == step["with"]["version"]
        inputs = {"version", "enable-cache", "cache-dependency-glob", "cache-suffix", "save-cache"}
        assert inputs == set(step["with"])  # those of v10; actionlint does not know them
    assert "libs/api/uv.lock" == step["with"]["cache-dependency-glob"]
    assert "${{ github.job }}-libs-api" == step["with"]["cache-suffix"]


@pytest.mark.parametrize("plan", [SMALL, LARGE])
def test_a_required_check_always_starts(plan: Plan) -> None:
    """Merge queues ask for it by `merge_group`; a run that a filter of paths suppresses leaves it pending forever.

    Source: https://docs.github.com/en/pull-requests/collaborating-with-pull-requests (troubleshooting required checks)
    """
    for made in every(plan, branches=("main", "release/*")):
        found = workflow_of(made)

        assert {
            "push": {"branches": ["main", "release/*"]},
            "pull_request": None,
            "merge_group": None,
            "workflow_dispatch": None,
        } == found["on"]
        assert "always()" == found["jobs"]["gate"]["if"]
        assert list(found["jobs"])[:-1] == found["jobs"]["gate"]["needs"]
        assert not any("paths" in parsed(text).get("on", {}) for text in made.values())


def test_secrets_are_in_one_step_of_jobs_with_an_environment() -> None:
    """Forks and Dependabot get none; the names stand alone, so that no other secret can be read.

    Source: https://docs.github.com/en/actions/reference/security/secrets
    """
    for plan in (SMALL, LARGE):
        made = generated(plan, {"tests": FACTS}, environment="staging")
        found = workflow_of(made)["jobs"]
        text = "".join(made.values())

        assert {"name": "staging", "deployment": False} == found["tests"]["environment"]
        assert ["tests"] == [name for name, one in found.items() if "environment" in one]
        secrets = {"GITHUB_TOKEN": "${{ github.token }}", "DEPLOY_KEY": "${{ secrets.DEPLOY_KEY }}"}
        assert secrets.items() <= found["tests"]["steps"][1]["env"].items()
        assert ["secrets.DEPLOY_KEY"] == re.findall(r"\bsecrets\b[^ ,]+", text)
        assert 1 == text.count("github.token")
        assert "inherit" not in text


def test_the_token_alone_needs_no_environment() -> None:
    """It is there in every job."""
    found = workflow_of(generated(SMALL, {"lint": Facts(secrets=("GITHUB_TOKEN",))}))["jobs"]["lint"]

    assert "environment" not in found
    assert {"SESSION": "lint", "GITHUB_TOKEN": "${{ github.token }}"} == found["steps"][1]["env"]


def test_tokens_may_only_read_the_code() -> None:
    """Nothing by default, so that a private repository is readable; more for the stage that asks, and with a reason.

    Source: https://github.com/ossf/scorecard/blob/main/docs/checks.md#token-permissions
    """
    made = generated(SMALL, {"tests": Facts(permissions={"packages": "write", "contents": "write", "issues": "read"})})
    found = workflow_of(made)

    assert {} == found["permissions"]
    assert {"contents": "write", "packages": "write", "issues": "read"} == found["jobs"]["tests"]["permissions"]
    assert [{"contents": "read"}] * 2 == [found["jobs"][name]["permissions"] for name in ("lint", "gate")]
    assert "      packages: write # the session asks for it\n" in made[".github/workflows/ci.yml"]
    asked = workflow_of(generated(SMALL, {"tests": Facts(permissions={"issues": "read"})}))["jobs"]["tests"]
    assert {"contents": "read", "issues": "read"} == asked["permissions"]
    for text in made.values():
        granted = re.findall(r"^      [a-z-]+: (?:read|write)\b(.*)$", text, re.MULTILINE)
        assert all(reason.startswith(" # ") for reason in granted)


@pytest.mark.parametrize(
    ("limits", "minutes"),
    [([10], 25), ([0.5], 16), ([10, 30], 45), ([None], 360), ([10, None], 360), ([400], 360), ([float("inf")], 360)],
)
def test_every_job_ends(limits: list[float | None], minutes: int) -> None:
    """After its session's limit and a quarter of an hour; GitHub ends it after six hours, whatever it says.

    Source: https://docs.github.com/en/actions/reference/limits (job execution time)
    """
    plan = plan_of(*(job(f"tests-{number}", timeout_minutes=one) for number, one in enumerate(limits)))
    made = generated(plan)

    assert minutes == workflow_of(made)["jobs"]["tests"]["timeout-minutes"]
    found = [one["timeout-minutes"] for text in made.values() for one in parsed(text).get("jobs", {}).values()]
    assert all(isinstance(one, int) and 0 < one <= 360 for one in found)


def test_sessions_that_share_a_job_share_its_time() -> None:
    """A planned matrix says how much that is: ten minutes for each of its sessions, and a quarter of an hour."""
    plan = plan_of(*(job(f"tests-{number}", timeout_minutes=10) for number in range(300)))
    entries = json.loads(jobs.matrices(jobs.group(plan))["tests"])["include"]

    assert "${{ fromJSON(matrix.minutes) }}" == workflow_of(generated(plan))["jobs"]["tests"]["timeout-minutes"]
    assert {1: "25", 2: "35"} == {len(one["sessions"].split("\n")): one["minutes"] for one in entries}
    (alone,) = json.loads(jobs.matrices(jobs.group(plan_of(job("a", timeout_minutes=None))))["a"])["include"]
    assert "360" == alone["minutes"]


def test_artifacts_are_gone_after_a_week_and_never_silently_empty() -> None:
    """GitHub keeps them for 90 days if nobody says otherwise, and passes over hidden files.

    Source: https://github.com/actions/upload-artifact#inputs
    """
    (step,) = parsed(generated(SMALL)[".github/actions/keep-records/action.yml"])["runs"]["steps"]

    assert {
        "name": "${{ inputs.artifact }}",
        "path": "${{ env.ISONOX_RUN_DIRECTORY }}\n!${{ env.ISONOX_RUN_DIRECTORY }}/parts\n",
        "include-hidden-files": True,
        "if-no-files-found": "error",
        "retention-days": 7,
        "overwrite": True,
    } == step["with"]


def test_only_runs_of_pull_requests_are_cancelled() -> None:
    """By a newer push to the same one; each push to a branch is checked to its end.

    Source: https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#concurrency
    """
    for made in every(SMALL):
        for name, text in made.items():
            if "/workflows/" in name:
                assert {
                    "group": "isonox-${{ github.workflow }}-${{ github.event.pull_request.number || github.run_id }}",
                    "cancel-in-progress": "${{ github.event_name == 'pull_request' }}",
                } == parsed(text)["concurrency"]
    names = [parsed(text)["name"] for made in every(SMALL) for name, text in made.items() if "/workflows/" in name]
    assert ["CI", "CodeQL", "CI (libs/api)", "CodeQL"] == names


STORED = {"targeted": True}, {"remote_cache": True}, {"targeted": True, "remote_cache": True}
PATHS = {True: ".isonox/cache\n.isonox/history.db\n", False: ".isonox/history.db\n"}


@pytest.mark.parametrize("changes", STORED)
def test_the_store_is_restored_by_all_and_saved_by_pushes_to_the_default_branch(changes: dict[str, Any]) -> None:
    """The plan takes the newest, the gate the very same, and saves it under a key that no other run has.

    Source: https://docs.github.com/en/actions/reference/workflows-and-actions/dependency-caching
    """
    for made in every(SMALL, **changes):
        found = workflow_of(made)["jobs"]
        folder = workflow_of(made)["defaults"]["run"].get("working-directory", "")
        paths = "".join(f"{folder and folder + '/'}{line}\n" for line in PATHS["remote_cache" in changes].splitlines())
        first, again, saved = (
            step for name in ("plan", "gate") for step in found[name]["steps"] if "cache" in step.get("uses", "")
        )

        assert [paths] * 3 == [step["with"]["path"] for step in (first, again, saved)]
        prefix = "isonox-ci-libs-api/" if folder else "isonox-ci/"
        assert f"{prefix}${{{{ github.run_id }}}}-${{{{ github.run_attempt }}}}" == saved["with"]["key"]
        assert (saved["with"]["key"], f"{prefix}\n") == (first["with"]["key"], first["with"]["restore-keys"])
        assert "${{ steps.store.outputs.cache-matched-key }}" == found["plan"]["outputs"]["store"]
        assert "${{ needs.plan.outputs.store }}" == again["with"]["key"]
        assert "needs.plan.outputs.store != ''" == again["if"]
        assert (
            "${{ !cancelled() && github.event_name == 'push' && "
            "github.ref == format('refs/heads/{0}', github.event.repository.default_branch) }}"
        ) == saved["if"]
        assert ["actions/cache/restore"] * 2 == [step["uses"].partition("@")[0] for step in (first, again)]
        assert saved["uses"].startswith("actions/cache/save@")


def test_what_is_cached_is_fetched_as_what_ran() -> None:
    """The records and artifacts of known results are an artifact of the plan, and its name is like the others."""
    found = workflow_of(generated(SMALL, remote_cache=True))["jobs"]

    assert {"artifact": "records.plan.0"} == found["plan"]["steps"][-1]["with"]
    assert "records.{plan,lint}.*" == found["tests"]["steps"][0]["with"]["records"]
    assert "records" not in found["lint"]["steps"][0]["with"]
    assert "records.*" == found["gate"]["steps"][0]["with"]["records"]


def test_no_stage_takes_the_name_of_what_the_plan_puts_out() -> None:
    """One that is called `store` gets another id."""
    plan = plan_of(job("store"))
    found = workflow_of(generated(plan, remote_cache=True))["jobs"]

    assert 2 == len(found["plan"]["outputs"])
    assert "store" not in found


def test_a_base_arrives_by_a_variable_and_only_from_pull_requests() -> None:
    """Other events have none: all jobs are planned."""
    found = workflow_of(generated(SMALL, affected=True))["jobs"]
    plan, gate = found["plan"]["steps"][1], found["gate"]["steps"][1]

    assert ["${{ github.event.pull_request.base.sha }}"] * 2 == [one["env"]["BASE"] for one in (plan, gate)]
    assert '.isonox/env/bin/isonox plan --github --base "$BASE"\n' == plan["run"]
    assert '.isonox/env/bin/isonox gate --results "$RESULTS" --base "$BASE"\n' == gate["run"]


@pytest.mark.parametrize("folder", ["", "libs/api"])
def test_only_the_coverage_job_uploads_its_report(folder: str) -> None:
    """It alone may read the token, which no script gets; a failing upload leaves the job as it is, unless asked."""
    plan = plan_of(*SMALL.jobs, job("coverage", "tests-3.12"))
    found = workflow_of(generated(plan, codecov=True, folder=folder))["jobs"]
    work, upload, keep = found["coverage"]["steps"][1:]

    prefix = f"{folder}/" if folder else ""
    report = f"{prefix}${{{{ env.ISONOX_RUN_DIRECTORY }}}}/artifacts/coverage/coverage.xml"
    assert report == upload["with"]["files"]
    assert (True, False, "!cancelled()") == (
        upload["with"]["disable_search"], upload["with"]["fail_ci_if_error"], upload["if"]
    )  # fmt: skip
    assert ["coverage"] == [name for name, one in found.items() if "environment" in one]
    assert ["coverage"] == [name for name, one in found.items() if "CODECOV" in str(one)]
    assert "CODECOV" not in str([work, keep])
    assert {"contents": "read"} == found["coverage"]["permissions"]
    required = workflow_of(generated(plan, codecov="required"))["jobs"]["coverage"]["steps"][2]
    assert required["with"]["fail_ci_if_error"] is True


def test_every_job_has_the_merge_base() -> None:
    """Coverage of new code needs the history of the branch and of its base; their tips alone are red."""
    depths = [one["with"].get("fetch-depth") for one in steps_of(generated(SMALL)) if one["name"] == "Check out"]

    assert [None, 0] == sorted(depths, key=str, reverse=True)  # CodeQL has no sessions


def test_an_upload_needs_a_report() -> None:
    """Without the stage nothing would be uploaded, and nobody would know."""
    with pytest.raises(ConfigurationErrors, match="codecov: the pipeline has no stage 'coverage'"):
        generated(SMALL, codecov=True)


# What others could make of it


@pytest.mark.parametrize("plan", [SMALL, LARGE, ODDLY, ALONE])
def test_scripts_are_constant(plan: Plan) -> None:
    """No expression stands in a script, and no text that somebody chose: all arrive by variables.

    Source: https://docs.github.com/en/actions/concepts/security/script-injections
    """
    constant = {step["run"] for one in (SMALL, LARGE) for step in steps_of(generated(one)) if "run" in step}
    for made in every(plan, {"tests": FACTS}, branches=("$(x)", "`x`"), environment="$(x)", runner="$(x)"):
        scripts = {step["run"] for step in steps_of(made) if "run" in step}

        assert scripts <= constant
        assert not any("${{" in script for script in scripts)


def test_actions_are_pinned_to_commits() -> None:
    """To those of the pins file, with their versions behind them; the repository's own are those of this commit.

    Source: https://docs.github.com/en/actions/reference/security/secure-use#using-third-party-actions
    """
    known = {f"{action}@{pin.commit} # {pin.version}" for action, pin in pins.shipped().items()}
    for made in (*every(SMALL), *every(LARGE)):
        for text in made.values():
            for used in re.findall(r"^ *(?:- )?uses: (.*)$", text, re.MULTILINE):
                action, _, pin = used.partition("@")
                repository = "/".join(action.split("/")[:2])
                assert f"{repository}@{pin}" in known or re.fullmatch(r"\$/\.github/actions/[\w-]+", used)
                if used.startswith("$/"):
                    assert f"{used[2:]}/action.yml" in made


@pytest.mark.parametrize("plan", [ODDLY, ALONE, plan_of(*ODDLY.jobs, job("a", package="a"))])
def test_odd_ids_arrive_as_they_are(plan: Plan) -> None:
    """Alone, from a list, and from a plan that is made at run time."""
    found = [name for _, content in runs_of(workflow_of(generated(plan)), plan) for name in sessions_in(content)]

    assert [one.session for one in plan.jobs] == found


@pytest.mark.parametrize("names", [["lint"], ODD, ["a(1)"]])
@pytest.mark.parametrize("number", [0, 1])
def test_the_work_step_gives_nox_every_id_as_it_is(tmp_path: Path, names: list[str], number: int) -> None:
    """Run by bash as GitHub calls it, with a nox that tells what it got; its failure is the step's."""
    plan = (SMALL, LARGE)[number]
    script = workflow_of(generated(plan))["jobs"]["tests"]["steps"][1]["run"]
    nox = tmp_path / ".isonox" / "env" / "bin" / "nox"
    nox.parent.mkdir(parents=True)
    nox.write_text("#!/bin/sh\nprintf '%s\\0' \"$@\" >> got\nexit ${EXIT:-0}\n", encoding="utf-8")
    nox.chmod(0o755)

    for chunk in [names] if number else [[name] for name in names]:
        env = {"SESSIONS" if number else "SESSION": "\n".join(chunk), "PATH": os.environ["PATH"]}
        assert 0 == bash(tmp_path, script, env)
        assert 0 != bash(tmp_path, script, {**env, "EXIT": "1"})
        told = (tmp_path / "got").read_text(encoding="utf-8").split("\0")[:-1]
        assert 2 * ["--no-dependencies", "-s", *chunk] == told
        (tmp_path / "got").unlink()
    assert {".isonox", "script"} == {path.name for path in tmp_path.iterdir()}  # and nothing that an id asked for


@pytest.mark.parametrize("further", ["", "3.14", "3.14t pypy3.11"])
def test_the_set_up_installs_every_interpreter(tmp_path: Path, further: str) -> None:
    """Those that every job gets, and those of its sessions; `make` is told the program that runs isonox."""
    steps = parsed(generated(SMALL, pythons=("3.11", "3.12.3"))[".github/actions/set-up/action.yml"])["runs"]["steps"]
    uv = tmp_path / "uv"
    uv.write_text('#!/bin/sh\necho "$@" > got\n', encoding="utf-8")
    uv.chmod(0o755)
    pythons = steps[2]["env"]["PYTHONS"].replace("${{ inputs.python }}", further)

    assert 0 == bash(tmp_path, steps[2]["run"], {"PYTHONS": pythons, "PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert f"python install 3.11 3.12.3 {further}".split() == (tmp_path / "got").read_text().split()
    assert "make .isonox/env/.bootstrapped PYTHON=python3.12\n" == steps[3]["run"]


def bash(folder: Path, script: str, env: dict[str, str]) -> int:
    """Run a script as GitHub does with `shell: bash`; return its exit code."""
    (folder / "script").write_text(script, encoding="utf-8")
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "script"]
    return subprocess.run(command, cwd=folder, check=False, env=env).returncode


EXPRESSION = "release/${{ github.event.issue.title }}"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"runner": EXPRESSION}, f"tool.isonox.runner: '{EXPRESSION}': GitHub would take '${{{{' for the start"),
        ({"environment": EXPRESSION}, "tool.isonox.environment: "),
        ({"branches": ("main", "release/${{x}}")}, "tool.isonox.branches: 'release/${{x}}': GitHub would take"),
        ({"branches": ("a b",)}, "tool.isonox.branches: 'a b': git allows no such name"),
        ({"branches": ("a\nb",)}, "tool.isonox.branches: 'a\\nb': git allows no such name"),
        ({"runner": "a\nb"}, "tool.isonox.runner: 'a\\nb': a control character can't be handed to a job"),
        ({"folder": "a\nb"}, "the noxfile's folder 'a\\nb': a control character"),
        ({"folder": "${{ x }}"}, "the noxfile's folder '${{ x }}': GitHub would take"),
        ({"folder": "libs/[x]"}, "the noxfile's folder 'libs/[x]': actions would take it for a glob"),
    ],
)
def test_text_that_github_would_evaluate_is_refused(changes: dict[str, Any], problem: str) -> None:
    """It evaluates names, labels, environments, variables and matrices, and refuses a workflow with more.

    Source: https://docs.github.com/en/actions/reference/workflows-and-actions/contexts#context-availability
    """
    with pytest.raises(ConfigurationErrors, match=re.escape(problem)):
        generated(SMALL, **changes)


def test_ids_that_github_would_evaluate_are_refused() -> None:
    """A branch or a file can name a session: `${{ secrets.X }}` in its id would be that secret."""
    with pytest.raises(ConfigurationErrors, match=r"session 'tests.*': GitHub would take"):
        generated(plan_of(job("lint"), job(f"tests({EXPRESSION})")))


@pytest.mark.parametrize(
    ("facts", "problem"),
    [
        ({"permissions": {"content": "read"}}, "GitHub has no 'content' (did you mean 'contents'?)"),
        ({"permissions": {"contents": "admin"}}, "contents is 'admin', and may be 'read' or 'write'"),
        ({"permissions": {"contents": "none"}}, "contents is 'none', and may be 'read' or 'write'"),
        ({"permissions": {"id-token": "read"}}, "id-token is 'read', and may be 'write'"),
        ({"permissions": {"models": "write"}}, "models is 'write', and may be 'read'"),
        ({"secrets": ("MY-KEY",)}, "GitHub allows no secret of the name 'MY-KEY'"),
        ({"secrets": ("1ST",)}, "GitHub allows no secret of the name '1ST'"),
        ({"secrets": ("",)}, "GitHub allows no secret of the name ''"),
        ({"secrets": ("GITHUB_KEY",)}, "GitHub allows no secret of the name 'GITHUB_KEY'"),
        ({"secrets": ("github_token",)}, "GitHub allows no secret of the name 'github_token'"),
        ({"secrets": ("X }}\n",)}, "GitHub allows no secret of the name 'X }}\\n'"),
        ({"secrets": ("SESSION",)}, "'SESSION' means something else to the workflow's step"),
        ({"secrets": ("SESSIONS",)}, "'SESSIONS' means something else to the workflow's step"),
    ],
)
def test_what_github_does_not_have_is_refused(facts: dict[str, Any], problem: str) -> None:
    """The error names the session once, however many Pythons and packages it has.

    Source: https://docs.github.com/en/actions/reference/security/secrets#naming-your-secrets
    """
    with pytest.raises(ConfigurationErrors) as caught:
        generated(SMALL, {"tests": Facts(**facts)})

    (fact,) = facts
    assert (f"session 'tests': {fact}: {problem}",) == caught.value.problems


# What is in the workflow


@pytest.mark.parametrize(
    ("plan", "dynamic"),
    [
        (SMALL, False),
        (LARGE, True),
        (plan_of(*(job(f"tests-{number}") for number in range(20))), False),
        (plan_of(*(job(f"tests-{number}") for number in range(21))), True),
        (plan_of(*(job(f"{stage}-{number}") for stage in "abc" for number in range(20))), False),
    ],
)
def test_matrices_are_planned_at_run_time_where_the_workflow_could_not_list_them(plan: Plan, dynamic: bool) -> None:  # noqa: FBT001 - a case
    """With packages, whose number changes, or more than twenty sessions of a stage."""
    found = workflow_of(generated(plan))["jobs"]

    assert dynamic == build.is_dynamic(plan, always=False) == ("plan" in found)


@pytest.mark.parametrize("change", ["targeted", "remote_cache", "affected"])
def test_matrices_are_planned_at_run_time_where_they_depend_on_more_than_the_commit(change: str) -> None:
    """On durations, on known results, on what a pull request changes."""
    changes: dict[str, Any] = {change: True}

    assert "plan" in workflow_of(generated(SMALL, **changes))["jobs"]


def test_durations_do_not_change_the_workflow() -> None:
    """They differ from machine to machine, and the files must not."""
    plans = [
        plan_of(*(job(f"tests-{i}", estimate_seconds=i**power) for i in range(300)), job("lint", "tests-1"))
        for power in (0, 1, 2)
    ]

    assert 1 == len({tuple(generated(plan).items()) for plan in plans})


def test_interpreters_of_one_session_only_are_installed_for_it() -> None:
    """Whichever entry of the matrix needs one: the others pass nothing."""
    plan = plan_of(job("tests-3.12", python="3.12"), job("tests-3.14", python="3.14"), job("docs", python="3.15"))
    runs = {sessions_in(content)[0]: content for _, content in runs_of(workflow_of(generated(plan)), plan)}

    assert ["", "3.14", "3.15"] == [one["steps"][0]["with"]["python"] for one in runs.values()]


def test_a_pipeline_in_a_folder_has_files_and_paths_of_its_own() -> None:
    """Scripts run there, the cache depends on its lock, and artifacts come from and go to its runs."""
    made = generated(SMALL, folder="examples/shop")
    setup = parsed(made[".github/actions/set-up-examples-shop/action.yml"])["runs"]["steps"]
    keep = parsed(made[".github/actions/keep-records-examples-shop/action.yml"])["runs"]["steps"][0]

    assert {
        ".github/workflows/ci-examples-shop.yml",
        ".github/workflows/codeql-examples-shop.yml",
        ".github/actions/set-up-examples-shop/action.yml",
        ".github/actions/keep-records-examples-shop/action.yml",
    } == set(made)
    assert {"run": {"shell": "bash", "working-directory": "examples/shop"}} == workflow_of(made)["defaults"]
    assert "examples/shop" == setup[3]["working-directory"]
    assert "examples/shop/${{ env.ISONOX_RUN_DIRECTORY }}/parts" == setup[4]["with"]["path"]
    run = "examples/shop/${{ env.ISONOX_RUN_DIRECTORY }}"
    assert f"{run}\n!{run}/parts\n" == keep["with"]["path"]
    assert all(text.startswith("# Made by isonox from examples/shop/noxfile.py; ") for text in made.values())


def test_folders_that_look_alike_share_no_files() -> None:
    """Also where nothing is left of a name, as at the top."""
    folders = ["", "a", "a b", "a_b", "a.b", "é", "ü", "a/é", "a/ü", "-a", "a-", "a//b", "libs/a b"]
    found = [set(generated(SMALL, folder=folder)) for folder in folders]

    assert 4 * len(folders) == len(set().union(*found))
    assert all(re.fullmatch(r"[\w./-]+", name, re.ASCII) for names in found for name in names)


# All of it at once

STAGES = ["lint", "tests", "Tests", "plan", "gate", "type check", "é", "on"]


@st.composite
def pipelines(draw: st.DrawFn) -> tuple[Plan, dict[str, Facts]]:
    """Stages with Pythons and packages, that require each other, with any facts."""
    made: list[PlannedJob] = []
    facts = {}
    for stage in draw(st.lists(st.sampled_from(STAGES), unique=True, min_size=1, max_size=5)):
        pythons = draw(st.just([None]) | st.lists(st.sampled_from(["3.11", "3.12", "3.14"]), unique=True, min_size=1))
        packages = draw(st.just([None]) | st.lists(st.sampled_from(["api", "web", "a.b"]), unique=True, min_size=1))
        limit = draw(st.sampled_from([None, 0.5, 60, 500]))
        facts[stage] = Facts(
            timeout_minutes=limit,
            secrets=tuple(draw(st.lists(st.sampled_from(["KEY", "GITHUB_TOKEN"]), unique=True))),
            permissions=draw(st.sampled_from([{}, {"contents": "write"}, {"id-token": "write", "issues": "read"}])),
        )
        for python, package in product(pythons, packages):
            name = f"{stage}{f'-{python}' if python else ''}{f'({package})' if package else ''}"
            before = draw(st.sets(st.sampled_from([one.id for one in made]), max_size=3)) if made else ()
            made.append(job(name, *sorted(before), stage=stage, python=python, package=package, timeout_minutes=limit))
    return plan_of(*made), facts


@pytest.fixture(scope="module")
def schemas() -> dict[str, Any]:
    """The schemas of SchemaStore, as check-jsonschema brings them."""
    folder = resources.files("check_jsonschema") / "builtin_schemas" / "vendor"
    found = {}
    for kind in ("workflows", "actions"):
        schema = json.loads((folder / f"github-{kind}.json").read_bytes())
        found[kind] = jsonschema.validators.validator_for(schema)(schema)
    return found


@settings(max_examples=40, deadline=None)
@given(pipelines(), st.sampled_from(["", "libs/api"]))
def test_the_workflow_runs_exactly_the_plan(
    schemas: dict[str, Any], pipeline: tuple[Plan, dict[str, Facts]], folder: str
) -> None:
    """Any pipeline: valid files, every session once, after those that it requires and with their records."""
    plan, facts = pipeline
    made = generated(plan, facts, folder=folder, pythons=("3.11", "3.12"))
    workflow = workflow_of(made)
    runs = list(runs_of(workflow, plan))
    at = {sessions_in(content)[0]: name for name, content in runs}

    for name, text in made.items():
        schemas[name.split("/")[1]].validate(parsed(text))
    assert sorted(one.session for one in plan.jobs) == sorted(one for _, run in runs for one in sessions_in(run))
    assert at == jobs.carriers(plan)
    assert all(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", name) for name in workflow["jobs"])
    ancestors: dict[str, set[str]] = {}
    for name in TopologicalSorter(
        {name: one.get("needs", ()) for name, one in workflow["jobs"].items()}
    ).static_order():
        needs = workflow["jobs"][name].get("needs", ())
        ancestors[name] = {*needs, *(one for needed in needs for one in ancestors[needed])}
    assert set(workflow["jobs"]) == {*ancestors["gate"], "gate"}
    artifact = {sessions_in(content)[0]: content["steps"][2]["with"]["artifact"] for _, content in runs}
    assert len(plan.jobs) == len(set(artifact.values())) == len({content["name"] for _, content in runs} - {"gate"})
    for name, content in runs:
        (session,) = sessions_in(content)
        given_with = content["steps"][0].get("with", {})
        requires = plan.by_id[session].requires
        assert {at[one] for one in requires} <= ancestors[name]
        assert all(matches(given_with.get("records", ""), artifact[one]) for one in requires)
        assert plan.by_id[session].python in (None, "3.11", "3.12", *given_with.get("python", "").split())
        assert ("environment" in content) == ("KEY" in facts[plan.by_id[session].stage].secrets)
    fetched = workflow["jobs"]["gate"]["steps"][0]["with"]["records"]
    assert all(matches(fetched, name) for name in artifact.values())


def matches(pattern: str, name: str) -> bool:
    """Whether a glob with braces finds a name, as the action for downloads does."""
    before, brace, rest = pattern.partition("{")
    if not brace:
        return fnmatchcase(name, pattern)
    middle, _, after = rest.partition("}")
    return any(fnmatchcase(name, f"{before}{one}{after}") for one in middle.split(","))


@pytest.mark.parametrize(("environment", "program"), [("declared", "nox"), ("inherited", "isonox-nox")])
def test_plain_sessions_run_with_the_wrapper_too(environment: Any, program: str) -> None:
    """A noxfile without a session of isonox's does not bring the wrapper along."""
    plan = plan_of(job("lint"))
    setting = Setting(
        facts={"lint": Facts(environment=environment)}, pins=pins.shipped(), uv="0.13.9", pythons=("3.13",)
    )
    made = build.workflow(plan, setting)
    assert f'.isonox/env/bin/{program} --no-dependencies -s "$SESSION"' == made.jobs[0].steps[1].run
