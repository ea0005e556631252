"""The two actions that are written beside the workflow: what each job begins and ends with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isonox.github.workflow import Action, Input, Step

if TYPE_CHECKING:
    from isonox.github.setting import Setting

RECORDS_DAYS = 7


def set_up(setting: Setting) -> Action:
    """Return the action that brings a job to where `make` brings a laptop."""
    runs_isonox = ".".join(setting.pythons[-1].split(".")[:2])  # the name of its program has no patch version
    return Action(
        name="Set up",
        description="Bring a job to where `make` brings a laptop: the commit, uv, interpreters, isonox from uv.lock.",
        inputs={
            "python": Input(description="Further interpreters, separated by spaces.", default=""),
            "records": Input(description="A glob of artifacts with records of earlier jobs.", default=""),
        },
        steps=(
            Step(
                name="Check out",
                uses=setting.uses("actions/checkout"),
                with_={"fetch-depth": 0, "persist-credentials": False},
            ),
            Step(
                name="Install uv",
                uses=setting.uses("astral-sh/setup-uv"),
                with_={
                    "version": setting.uv,
                    "enable-cache": True,
                    "cache-dependency-glob": setting.path("uv.lock"),
                    "cache-suffix": f"${{{{ github.job }}}}{setting.suffix}",
                    "save-cache": "${{ github.ref == format('refs/heads/{0}', "
                    "github.event.repository.default_branch) }}",
                },
            ),
            Step(
                name="Install the interpreters",
                env={"PYTHONS": f"{' '.join(setting.pythons)} ${{{{ inputs.python }}}}"},
                run='xargs uv python install <<< "$PYTHONS"',
            ),
            Step(
                name="Install isonox and nox",
                working_directory=setting.folder,
                run=f"make .isonox/env/.bootstrapped PYTHON=python{runs_isonox}",
            ),
            Step(
                name="Fetch records",
                condition="inputs.records != ''",
                uses=setting.uses("actions/download-artifact"),
                with_={
                    "pattern": "${{ inputs.records }}",
                    "path": f"{setting.run_directory}/parts",
                },
            ),
        ),
    )


def keep_records(setting: Setting) -> Action:
    """Return the action that keeps what a job's sessions left."""
    run = setting.run_directory
    return Action(
        name="Keep records",
        description="Keep what the sessions of this job left, for later jobs and the gate.",
        inputs={"artifact": Input(description="The artifact's name, unique in the run.")},
        steps=(
            Step(
                name="Upload",
                uses=setting.uses("actions/upload-artifact"),
                with_={
                    "name": "${{ inputs.artifact }}",
                    "path": f"{run}\n!{run}/parts\n",
                    "include-hidden-files": True,
                    "if-no-files-found": "error",
                    "retention-days": RECORDS_DAYS,
                    "overwrite": True,
                },
            ),
        ),
    )
