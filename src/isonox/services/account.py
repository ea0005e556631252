"""The account that servers run as: ours, but for root, whom most of them refuse."""

from __future__ import annotations

import functools
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from isonox.errors import ServiceError

_OTHERS = 0o001

#: Folders that every account can reach, in which those of servers get random names.
_COMMON = ("/tmp", "/var/tmp")  # noqa: S108  # nosec B108 - see above


class Account(NamedTuple):
    """Whom a server runs as; without ids, as this process."""

    uid: int | None = None
    gid: int | None = None

    @property
    def options(self) -> dict[str, Any]:
        """What `subprocess` is told."""
        return {} if self.uid is None else {"user": self.uid, "group": self.gid, "extra_groups": []}

    def give(self, path: Path) -> None:
        """Make a file or folder the account's."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)


@functools.cache
def server() -> Account:
    """Return the account of servers.

    Not that of the machine's own databases: who is allowed to run programs in a server could reach their data.

    Raises:
        ServiceError: We are root, and there is nobody else.
    """
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return Account()
    import pwd  # noqa: PLC0415 - there is none on Windows

    try:
        found = pwd.getpwnam("nobody")
    except KeyError:
        raise ServiceError(
            "servers refuse to run as root, and this machine has no account 'nobody'",
            hint="add that account, run as another user, or use Docker",
        ) from None
    return Account(found.pw_uid, found.pw_gid)


def temporary() -> str:
    """Return the folder for data: one that the servers' account can reach."""
    own = tempfile.gettempdir()
    if server().uid is None or _reachable(own):
        return own
    return next((one for one in _COMMON if _reachable(one)), own)


def reachable_program(program: str, bundle: list[Path], folder: Path) -> str:
    """Return a program that the servers' account can run: itself, or that of a copy.

    Args:
        program: Its path.
        bundle: What it needs, resolved: itself or the folder that it is in, and what has to be beside that.
        folder: Where a copy may be put.
    """
    real = Path(program).resolve()
    if server().uid is None or _reachable(str(real.parent)):
        return program
    target = folder / "program"
    target.mkdir(mode=0o755)
    for one in bundle:
        if one.is_dir():
            shutil.copytree(one, target / one.name, symlinks=True)
        else:
            shutil.copy2(one, target)
    return str(target / real.relative_to(bundle[0].parent))


def _reachable(folder: str) -> bool:
    path = Path(folder).resolve()
    return all(one.is_dir() and one.stat().st_mode & _OTHERS for one in (path, *path.parents))
