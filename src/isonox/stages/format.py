"""The format stage: the tools of the lint stage repair what they can."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from isonox.sessions.arguments import checked
from isonox.sessions.declare import session as declare_session
from isonox.stages import linters, outcome, sources
from isonox.stages.options import StageOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from isonox.sessions.session import Session


@checked
def format(  # noqa: A001 - the stage's name in a noxfile: stages.format()
    *,
    paths: Sequence[str] = (),
    tools: Sequence[str] = (),
    group: str | None = None,
    python: str | None = None,
    **options: Unpack[StageOptions],
) -> None:
    """Declare the session `format`, which runs only when it is asked for: it changes files.

    It runs the same tools as `lint`, from the same dependency group: ruff's fixes, isort, `ruff format`, black.
    Paths after `--` take the place of `paths`.

    Args:
        paths: Files and folders to repair; everything that git does not ignore by default.
        tools: As for `lint`.
        group: As for `lint`: by default "lint", else "dev".
        python: The interpreter that the tools run on; the workspace's newest by default.
        options: As for `isonox.session`.

    Raises:
        ConfigurationError: `tools` names one that isonox does not know.
    """
    wanted = linters.named(tools, stage="format")

    def run_format(session: Session) -> None:
        """Repair what the project's linters can repair."""
        chosen = [linter for linter in linters.install(session, group=group, tools=wanted) if linter.fix]
        if not chosen:
            session.error("none of the project's linters can repair anything; ruff, isort and black can")
        asked = session.posargs or paths
        files = sources.files(session, asked, sources.PYTHON)
        failed = [
            linter.name
            for linter in chosen
            if outcome.run(session, *linter.fix, *linters.targets(linter, asked, files)).failed
        ]
        if failed:
            session.error(f"could not repair everything: {', '.join(failed)}")

    defaults = StageOptions(default=False, cache=False)
    declare_session(name="format", python=python, tags=["format"], **(defaults | options))(run_format)
