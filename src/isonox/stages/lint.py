"""The lint stage: every linter that the project uses looks, whatever the others find."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from isonox.sessions.declare import session as declare_session
from isonox.stages import linters, outcome
from isonox.stages.options import StageOptions, with_defaults
from isonox.stages.sources import python_files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from isonox.sessions.session import Session
    from isonox.stages.linters import Linter


def lint(
    *,
    paths: Sequence[str] = (),
    tools: Sequence[str] = (),
    group: str | None = None,
    python: str | None = None,
    **options: Unpack[StageOptions],
) -> None:
    """Declare the session `lint`: ruff, isort, black, flake8 and import-linter, as far as the project uses them.

    A tool is used that the project configures, or that its dependency group lists. All of them run, also when
    an earlier one fails; where black is used, `ruff format` is not, unless `[tool.ruff.format]` exists. Paths
    after `--` take the place of `paths`.

    Args:
        paths: Files and folders to look at; everything that git does not ignore by default.
        tools: Run exactly these: "ruff" (both halves), "ruff-check", "ruff-format", "isort", "black", "flake8",
            "import-linter".
        group: The dependency group that holds the tools; by default "lint", else "dev".
        python: The interpreter that the tools run on; nox's own by default.
        options: As for `isonox.session`.

    Raises:
        ConfigurationError: `tools` names one that isonox does not know.
    """
    wanted = linters.named(tools, stage="lint")

    def run_lint(session: Session) -> None:
        """Check style and imports with the project's linters."""
        chosen = linters.install(session, group=group, tools=wanted)
        files = python_files(session, session.posargs or paths)
        failed = [linter.name for linter in chosen if not _passes(session, linter, paths, files)]
        if failed:
            session.error(f"not clean: {', '.join(failed)}")

    declare_session(name="lint", python=python, tags=["lint"], **with_defaults(options))(run_lint)


def _passes(session: Session, linter: Linter, paths: Sequence[str], files: Sequence[str]) -> bool:
    """Run one linter; looking at nothing is no pass, unless the files were chosen by hand."""
    if not linter.takes_paths:
        if session.posargs:
            session.note(f"{linter.name} looks at the whole project: left out, since paths were given")
            return True
        targets: Sequence[str] = ()
    else:
        targets = session.posargs or paths or linters.everything(linter, files)
    done = outcome.run(session, *linter.check, *targets, env=linters.environment(session, linter))
    outcome.report_findings(session, linter.name, done.output, *linter.findings)
    if done.failed:
        return False
    if not linters.looked_at_nothing(session, linter, done.output, targets):
        return True
    session.note(f"{linter.name} found no file to look at: its own configuration excludes all of them")
    return bool(session.posargs)
