"""Where `isonox` starts: git begins to look at the files before anything else is imported, which takes as long."""

from __future__ import annotations

import contextlib
import gc
import sys
from pathlib import Path

from isonox.errors import GitError
from isonox.system import git

#: Verbs that need the files of the checkout.
_LOOKING = frozenset(
    {"ci", "plan", "affected", "lint", "types", "test", "coverage", "security", "docs", "build", "format"}
)


def main() -> int:
    """Run the command line and return the exit code."""
    gc.disable()  # there is no garbage before the first job runs, and thousands of records to be looked through for it
    if _LOOKING.intersection(sys.argv[1:2]) and not {"-h", "--help"}.intersection(sys.argv):
        with contextlib.suppress(GitError, OSError):  # the verb says it, with what it knows
            git.look_ahead(git.workspace(Path.cwd()))
    from isonox import cli  # noqa: PLC0415 - after git has begun

    return cli.main()
