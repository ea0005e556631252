"""Where `isonox` starts: what takes long and goes on beside begins before anything else is imported.

Git looks at the files; and where they have changed, so that something has to run, a process imports nox.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import os
import signal
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
    _open_streams()
    leave(guarded(_main))


def _open_streams() -> None:
    """Let nothing else get the numbers of standard streams that whoever called this has closed."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free: this one
            stream = open(number, "w" if number else "r", encoding="utf-8", closefd=False)  # noqa: SIM115 - it stays open
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)


def _main() -> ExitCode:
    gc.disable()  # there is no garbage before the first job runs, and thousands of records to be looked through for it
    arguments = sys.argv[1:]
    if _LOOKING.intersection(arguments[:1]) and not {"-h", "--help"}.intersection(arguments):
        with contextlib.suppress(IsonoxError, OSError):  # the verb says it, with what it knows
            if (code := _begun(git.workspace(Path.cwd()), arguments)) is not None:
                return code
    from isonox import cli  # noqa: PLC0415 - after what goes on beside has begun

    return ExitCode(cli.main())


def _begun(root: Path, arguments: list[str]) -> ExitCode | None:
    """Begin with what a verb needs; return how a run ends that has been before."""
    running = arguments[0] in _RUNNING
    if running:
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # until jobs run: what has begun is cleared away
    reading = tree.begin(root)
    if base := _base(arguments):
        from isonox.workspace import changes  # noqa: PLC0415 - only where it is asked for

        changes.begin(root, base)
    if not running:
        return None
    from isonox.verbs import again  # noqa: PLC0415 - after git has begun

    anew = "--no-cache" in arguments
    if anew or again.is_busy(root):
        _warm(root)
    if not anew:
        if (code := again.answer(root, arguments, reading)) is not None:
            return code
        if not again.is_settled(root, reading.digest):
            _warm(root)
    return None


def _base(arguments: list[str]) -> str:
    """Return the revision that changes are asked for since, as far as that can be told without a parser."""
    before = arguments[: arguments.index("--")] if "--" in arguments else arguments
    for flag, value in itertools.pairwise(before):
        if flag in ("--base", "-b"):
            return value
    return next((one.partition("=")[2] for one in before if one.startswith("--base=")), "")


def _warm(root: Path) -> None:
    """Let a copy of this process import nox; what both need is imported before, while git is at work."""
    from isonox.run import warm  # noqa: PLC0415 - an unchanged run does without
    from isonox.verbs import ci  # noqa: F401, PLC0415 - as above

    warm.begin(root)
