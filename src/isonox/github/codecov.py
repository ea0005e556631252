"""The step that uploads the coverage stage's report to Codecov."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isonox.github.workflow import Step
from isonox.sessions.run_directory import file_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from isonox.github.jobs import Carrier
    from isonox.github.setting import Setting

#: The stage whose report is uploaded.
STAGE = "coverage"

#: The secret of the GitHub environment that holds those of sessions. Nothing but this step gets it.
_TOKEN = "${{ secrets.CODECOV_TOKEN }}"  # noqa: S105 - where it is  # nosec B105


def uploads(carrier: Carrier, setting: Setting) -> Iterator[Step]:
    """Yield the step, for the workflow job that carries the coverage stage.

    A report below its thresholds is uploaded, too. Codecov looks for no other files, and runs no plugins of its own.
    Source: https://github.com/codecov/codecov-action#arguments
    """
    if not setting.codecov or carrier.stage != STAGE:
        return
    reports = [f"{setting.run_directory}/artifacts/{file_name(job.id)}/coverage.xml" for job in carrier.jobs]
    yield Step(
        name="Upload to Codecov",
        condition="!cancelled()",
        uses=setting.uses("codecov/codecov-action"),
        with_={
            "files": ",".join(reports),
            "disable_search": True,
            "plugins": "noop",
            "fail_ci_if_error": setting.codecov == "required",
            "token": _TOKEN,
        },
    )
