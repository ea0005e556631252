"""Every error that isonox raises on purpose: one tree, and each class owns its message form and exit code.

An error says what happened, where (file, key, line), and what to do about it. The one boundary that turns
errors into exit codes is `isonox.verbs.boundary.guarded`.
"""

from __future__ import annotations

import functools
import sys
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType


class ExitCode(IntEnum):
    """Exit codes of the command line (the table in the reference is made from this class)."""

    OK = 0
    JOB_FAILED = 1
    USAGE = 2
    NOTHING_SELECTED = 3
    DRIFT = 4
    SERVICE_UNHEALTHY = 5
    DEPLOY_ROLLED_BACK = 6
    ROLLBACK_FAILED = 7
    BUG = 70
    INTERRUPTED = 130


class IsonoxError(Exception):
    """Root of the tree.

    Args:
        message: What happened and where, one sentence or a few lines.
        hint: What to do about it.
    """

    exit_code = ExitCode.USAGE

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message


class UsageError(IsonoxError):
    """The command line asks for something that does not exist."""


class ConfigurationError(IsonoxError):
    """A file of the repository is wrong: pyproject.toml, the noxfile, the lock."""


class ConfigurationErrors(ConfigurationError):  # noqa: N818 - it is several
    """Several configuration errors, reported at once.

    Args:
        problems: One message each, already saying file and key.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        heading = "1 problem" if count == 1 else f"{count} problems"
        super().__init__("\n".join([f"{heading} in the configuration:", *(f"  {p}" for p in self.problems)]))


class NoxfileError(ConfigurationError):
    """The noxfile is missing, can't be imported, or declares sessions that contradict each other."""


class CycleError(ConfigurationError):
    """Sessions require each other in a circle.

    Args:
        cycle: The ids on the circle, first id repeated at the end.
    """

    def __init__(self, cycle: Iterable[str]) -> None:
        self.cycle = tuple(cycle)
        super().__init__(
            "sessions require each other in a circle: " + " -> ".join(self.cycle),
            hint="remove one of these `requires` in the noxfile",
        )


class LockError(ConfigurationError):
    """The lock file is missing, unreadable, or older than pyproject.toml."""


class GitError(ConfigurationError):
    """Git is missing, this is no repository, or it lacks the history that was asked for."""


class StateError(IsonoxError):
    """`.isonox/` can't be read or written (permissions, full disk)."""


class DamagedEntryError(StateError):
    """A result of the cache is not whole; it was removed, so that its job runs."""


class DriftError(IsonoxError):
    """A generated file is not what isonox would write, and writing it would lose somebody's work."""

    exit_code = ExitCode.DRIFT


class ServiceError(IsonoxError):
    """A service can't be started, did not become healthy, or has another major version than the declared one."""

    exit_code = ExitCode.SERVICE_UNHEALTHY


class NothingSelectedError(IsonoxError):
    """The selection matches no job."""

    exit_code = ExitCode.NOTHING_SELECTED


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``" (did you mean 'x'?)"`` for the closest known name, or an empty string."""
    import difflib  # noqa: PLC0415 - nobody else needs it

    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" (did you mean {close[0]!r}?)" if close else ""


@functools.cache
def tell_uncaught() -> None:
    """Let plain nox end with an error's message and exit code: it lets what a noxfile raises be a traceback."""
    before = sys.excepthook

    def tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not isinstance(error, IsonoxError):
            before(kind, error, trace)
            return
        sys.stderr.write(f"error: {error}\n")
        raise SystemExit(int(error.exit_code))

    sys.excepthook = tell
