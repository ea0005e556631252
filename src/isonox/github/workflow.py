"""The slice of GitHub's workflow syntax that isonox writes, as typed data.

Source: https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax and, for `Action`,
https://docs.github.com/en/actions/reference/workflows-and-actions/metadata-syntax.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Scalar = str | int | bool


class Permission(msgspec.Struct, frozen=True):
    """What the token of a job may do, and why."""

    scope: str
    level: Literal["read", "write"]
    reason: str


class Uses(msgspec.Struct, frozen=True):
    """An action: of another repository by its commit (`version` is the tag of that commit), or of this one."""

    action: str
    version: str = ""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A step of a job or of a composite action: it either uses an action or runs a script in bash."""

    name: str
    id: str = ""
    condition: str = ""
    uses: Uses | None = None
    with_: dict[str, Scalar] = {}
    run: str = ""
    env: dict[str, str] = {}
    working_directory: str = ""


class Matrix(msgspec.Struct, frozen=True, kw_only=True):
    """The jobs of a matrix: their variables, or an expression that gives them at run time."""

    include: tuple[dict[str, str], ...] = ()
    expression: str = ""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job of a workflow.

    Attributes:
        comment: Stands above the job.
        timeout_minutes: A number, or an expression that gives it at run time.
        environment: The GitHub environment whose secrets it may read.
    """

    id: str
    name: str
    runs_on: str
    timeout_minutes: int | str
    permissions: tuple[Permission, ...]
    steps: tuple[Step, ...]
    comment: str = ""
    needs: tuple[str, ...] = ()
    condition: str = ""
    matrix: Matrix | None = None
    environment: str = ""
    outputs: dict[str, str] = {}


class Triggers(msgspec.Struct, frozen=True, kw_only=True):
    """What starts a workflow. There is no `paths`: a required check of a run that never starts stays pending."""

    branches: tuple[str, ...]
    dispatch: bool = False
    cron: str = ""


class Workflow(msgspec.Struct, frozen=True, kw_only=True):
    """A workflow. Its token may do nothing at all; each job names what it needs."""

    name: str
    triggers: Triggers
    jobs: tuple[Job, ...]
    env: dict[str, str] = {}
    working_directory: str = ""


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """An input of an action; without a default it must be given."""

    description: str
    default: str | None = None


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """A composite action."""

    name: str
    description: str
    inputs: dict[str, Input]
    steps: tuple[Step, ...]
