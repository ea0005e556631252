"""Where `isonox` starts: what takes long and goes on beside begins before anything else is imported.

Git looks at the files; and where they have changed, so that something has to run, a process imports nox.
"""

from __future__ import annotations

import contextlib
import gc
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from isonox.errors import ExitCode, IsonoxError
from isonox.system import git
from isonox.system.leaving import leave
from isonox.verbs.boundary import guarded
from isonox.workspace import tree

if TYPE_CHECKING:
    from typing import NoReturn

#: Verbs that run sessions.
_RUNNING = frozenset({"ci", "lint", "types", "test", "coverage", "security", "docs", "build", "format"})

#: Verbs that need the files of the checkout.
_LOOKING = _RUNNING | {"plan", "affected"}


def main() -> NoReturn:
    """Run the command line, and end this process with the exit code."""
    leave(guarded(_main))


def _main() -> ExitCode:
    gc.disable()  # there is no garbage before the first job runs, and thousands of records to be looked through for it
    arguments = sys.argv[1:]
    if _LOOKING.intersection(arguments[:1]) and not {"-h", "--help"}.intersection(arguments):
        with contextlib.suppress(IsonoxError, OSError):  # the verb says it, with what it knows
            root = git.workspace(Path.cwd())
            reading = tree.begin(root)
            if arguments[0] in _RUNNING and (code := _begun(root, arguments, reading)) is not None:
                return code
    from isonox import cli  # noqa: PLC0415 - as above

    return ExitCode(cli.main())


def _begun(root: Path, arguments: list[str], reading: tree.Reading) -> ExitCode | None:
    """Begin with what a run needs; return how it ends where it is one that has been before."""
    from isonox.verbs import again  # noqa: PLC0415 - after git has begun

    wanted = "--no-cache" in arguments
    if not wanted:
        if (code := again.answer(root, arguments, reading)) is not None:
            return code
        wanted = not again.is_settled(root, reading.digest)
    if wanted:
        from isonox.run import warm  # noqa: PLC0415 - as above

        warm.begin(root)
    return None
