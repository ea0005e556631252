"""The lint stage: every linter that the project uses looks, whatever the others find."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Unpack

from isonox.sessions import project
from isonox.sessions.arguments import checked
from isonox.sessions.declare import session as declare_session
from isonox.stages import linters, outcome, sources
from isonox.stages.options import StageOptions, with_inputs
from isonox.workspace import generated, lockfile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from isonox.sessions.session import Session

#: What the pipeline is made from, beside Python files and pyproject.toml: it says what the workflows must be.
_LOADED = (lockfile.LOCK, "mkdocs.yml", "mkdocs.yaml", "zensical.toml")
_DRIFT = re.compile(r"^(?:error: )?(?P<path>\.github/\S+) (?P<message>.+)$", re.MULTILINE)


@checked
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
    after `--` take the place of `paths`. Where isonox has written the workflows, they must still be what it would
    write.

    Args:
        paths: Files and folders to look at; everything that git does not ignore by default.
        tools: Run exactly these: "ruff" (both halves), "ruff-check", "ruff-format", "isort", "black", "flake8",
            "import-linter".
        group: The dependency group that holds the tools; by default "lint", else "dev".
        python: The interpreter that the tools run on; the workspace's newest by default.
        options: As for `isonox.session`.

    Raises:
        ConfigurationError: `tools` names one that isonox does not know.
    """
    wanted = linters.named(tools, stage="lint")

    def run_lint(session: Session) -> None:
        """Check style and imports with the project's linters."""
        chosen = linters.install(session, group=group, tools=wanted)
        asked = session.posargs or paths
        files = sources.files(session, asked, sources.PYTHON)
        complaints = []
        for linter in chosen:
            if linter.takes_paths or not session.posargs:
                complaints.append(linters.look(session, linter, linters.targets(linter, asked, files)))
            else:
                session.note(f"{linter.name} looks at the whole project: left out, since paths were given")
        if generated.workflows(session.root) and not session.posargs:
            complaints.append(_drift(session))
        if failed := ", ".join(filter(None, complaints)):
            session.error(f"not clean: {failed}")

    root = project.root()
    patterns = ["**"] if paths or linters.choose(root) else [*linters.INPUTS]
    patterns += _LOADED if generated.workflows(root) else ()
    declare_session(name="lint", python=python, tags=["lint"], **with_inputs(options, *patterns))(run_lint)


def _drift(session: Session) -> str:
    """Look whether the generated workflows are what the pipeline says; return what is wrong, or nothing."""
    found = outcome.run(session, sys.executable, "-m", "isonox", "workflows", "--check", external=True)
    outcome.report_matches(session, "isonox workflows", found.output, _DRIFT)
    return f"isonox workflows --check ({found})" if found.failed else ""
