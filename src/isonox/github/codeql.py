"""The workflow that has CodeQL look at the code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isonox.github.build import CHECK_OUT
from isonox.github.workflow import Job, Matrix, Permission, Step, Triggers, Workflow

if TYPE_CHECKING:
    from isonox.github.setting import Setting


def workflow(setting: Setting) -> Workflow:
    """Return the workflow that has CodeQL look at the code: on push, pull request, and daily."""
    languages = ("actions", "python")
    return Workflow(
        name="CodeQL",
        triggers=Triggers(branches=setting.branches, cron="23 4 * * *"),
        jobs=(
            Job(
                id="analyze",
                name="analyze (${{ matrix.language }})",
                runs_on=setting.runner,
                timeout_minutes=60,
                permissions=(
                    Permission("actions", "read", "read the workflow's run, in private repositories"),
                    CHECK_OUT,
                    Permission("security-events", "write", "upload the findings"),
                ),
                matrix=Matrix(include=tuple({"language": language} for language in languages)),
                steps=(
                    Step(
                        name="Check out",
                        uses=setting.uses("actions/checkout"),
                        with_={"persist-credentials": False},
                    ),
                    Step(
                        name="Start CodeQL",
                        uses=setting.uses("github/codeql-action/init"),
                        with_={"languages": "${{ matrix.language }}", "build-mode": "none"},
                    ),
                    Step(
                        name="Analyze",
                        uses=setting.uses("github/codeql-action/analyze"),
                        with_={"category": "/language:${{ matrix.language }}"},
                    ),
                ),
            ),
        ),
    )
