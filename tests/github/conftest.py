"""Plans and settings in short, and the programs that judge what was generated."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from isonox.github import files, pins
from isonox.github.setting import LEVELS, Setting
from isonox.model.pipeline import Facts
from isonox.model.plan import Plan, PlannedJob, Selection

if TYPE_CHECKING:
    from collections.abc import Mapping

_PINNED = re.compile(r"@[0-9a-f]{40} # v?([0-9]+)[^ \n]*")
_SCHEMA = "check-jsonschema", "--builtin-schema"


class Lint(Protocol):
    """The type of the `lint` fixture."""

    def __call__(self, made: Mapping[str, str]) -> None:
        """See `lint`."""


def job(name: str, *requires: str, **facts: Any) -> PlannedJob:
    """A planned job of 30 seconds; its stage is what stands before the first dash."""
    usual = {"session": name, "stage": name.partition("-")[0], "estimate_seconds": 30, "estimate_from": "prior"}
    return PlannedJob(id=name, requires=requires, **{**usual, **facts})


def shards_of(session: str, count: int, *requires: str, **facts: Any) -> list[PlannedJob]:
    """The planned jobs of a session that is split."""
    names = [(f"{session}#{number}/{count}", f"{number}/{count}") for number in range(1, count + 1)]
    usual = {"session": session, "stage": re.split(r"[-(]", session)[0]}
    return [job(name, *requires, **{**usual, "shard": shard, **facts}) for name, shard in names]


def plan_of(*jobs: PlannedJob) -> Plan:
    """A plan of these jobs."""
    return Plan(isonox="1", selection=Selection(), jobs=jobs)


def setting_of(plan: Plan, facts: Mapping[str, Facts] | None = None, **changes: Any) -> Setting:
    """A usual repository; `facts` are by stage."""
    given = facts or {}
    usual = {"pins": pins.shipped(), "uv": "0.13.9", "pythons": ("3.11", "3.12", "3.13")}
    return Setting(facts={one.id: given.get(one.stage, Facts()) for one in plan.jobs}, **{**usual, **changes})


#: What a shell, YAML or GitHub could take for something else than text.
ODD = [
    "$(touch x)", "`touch x`", "$HOME", "'; rm -rf .; '", '"; exit 0; "', " a ", "a: b # c", "{{ github.token }}",
    "x -x", "&& no", "*", "~", "\\", "\\n", "%0A::error::x", "::set-output name=x::y", "é😀", "yes", "3.10",
]  # fmt: skip
#: A pipeline of each kind.
SMALL = plan_of(job("lint"), *(job(f"tests-{python}", "lint", python=python) for python in ("3.12", "3.13")))
LARGE = plan_of(job("lint"), *(job(f"tests({name})", "lint", stage="tests", package=name) for name in ("api", "web")))
ODDLY = plan_of(*(job(f"{stage}({text})", stage=stage) for stage in ("odd", "Odd one") for text in ODD))
ALONE = plan_of(*(job(text, stage=text) for text in ODD))
#: Facts that leave traces.
FACTS = Facts(
    timeout_minutes=10,
    secrets=("GITHUB_TOKEN", "DEPLOY_KEY"),
    permissions={scope: levels[-1] for scope, levels in LEVELS.items()},
)


def generated(plan: Plan, facts: Mapping[str, Facts] | None = None, **changes: Any) -> dict[str, str]:
    """Every file of a pipeline."""
    return files.generate(plan, setting_of(plan, facts, **changes), codeql=True)


@pytest.fixture
def lint(tmp_path: Path) -> Lint:
    """Return a function that has every linter look at generated files, as a repository: nothing may be found.

    Actionlint knows the inputs of actions by their tags, and only workflows: so it also sees a copy with tags instead
    of commits, where the steps of each action are those of a workflow.
    """

    def look(made: Mapping[str, str]) -> None:
        workflows = [name for name in made if "/workflows/" in name]
        actions = [name for name in made if name not in workflows]
        unrolled = {f".github/workflows/{number}.yml": _unrolled(made[name]) for number, name in enumerate(actions)}
        pinned = _repository(tmp_path / "pinned", made)
        tagged = {name: _PINNED.sub(r"@v\1", text) for name, text in {**made, **unrolled}.items()}

        assert _run(pinned, "shellcheck", "--version")  # actionlint goes without it where there is none
        assert _run(pinned, "zizmor", "--persona=auditor", "--offline", "--no-progress", ".").startswith("No findings")
        assert ["", ""] == [_run(one, "actionlint") for one in (pinned, _repository(tmp_path / "tagged", tagged))]
        assert _run(pinned, *_SCHEMA, "vendor.github-workflows", *workflows).startswith("ok")
        assert _run(pinned, *_SCHEMA, "vendor.github-actions", *actions).startswith("ok")

    return look


def _unrolled(action: str) -> str:
    """Return a workflow with the steps of a composite action."""
    head, _, steps = action.partition("  steps:\n")
    inputs = "".join(f"      {name}:\n        type: string\n" for name in re.findall(r"^  (\w+):$", head, re.MULTILINE))
    trigger = f"on:\n  workflow_call:\n    inputs:\n{inputs}"
    return f"name: x\n{trigger}jobs:\n  x:\n    runs-on: ubuntu-24.04\n    steps:\n{steps}"


def _repository(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    return folder


def _run(folder: Path, *command: str) -> str:
    """Run a program of this environment and return what it found; one that is missing is an error."""
    own = str(Path(sys.executable).parent)
    env = {**os.environ, "PATH": os.pathsep.join([own, os.environ.get("PATH", os.defpath)]), "NO_COLOR": "1"}
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True, env=env)
    assert 0 == done.returncode, done.stdout + done.stderr
    return done.stdout
