"""Reading and writing files so that nobody ever sees half of one."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
from typing import TYPE_CHECKING

from isonox.errors import StateError

if TYPE_CHECKING:
    from pathlib import Path

#: The folder of isonox's own state, relative to the workspace root.
STATE = ".isonox"


def write_atomic(path: Path, content: bytes, *, mode: int = 0o666) -> None:
    """Write `content` to a temporary file beside `path`, then replace `path` with it.

    A reader sees the old file or the new one, whenever this process dies. After a power failure the file may be
    damaged, which its reader notices: waiting for the disk would cost more than most sessions.

    Args:
        path: The file.
        content: All of it.
        mode: Who may do what with it, less what the umask takes away.

    Raises:
        StateError: The folder can't be written, or the disk is full.
    """
    opener = functools.partial(os.open, mode=mode)
    temporary = path.with_name(f".{path.name[:40]}.{os.urandom(4).hex()}.tmp")
    try:
        try:
            stream = open(temporary, "xb", opener=opener)  # noqa: SIM115 - with a mode; closed below
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            stream = open(temporary, "xb", opener=opener)  # noqa: SIM115 - as above
        with stream:
            stream.write(content)
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise state_error(error, f"can't write {path}") from error


def append(path: Path, text: str) -> None:
    """Add text to the end of a file that somebody else reads later.

    Raises:
        StateError: It can't be written.
    """
    try:
        with path.open("a", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise state_error(error, f"can't write {path}") from error


def remove(path: Path) -> None:
    """Remove a file that may be gone already.

    Raises:
        StateError: The folder can't be written.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise state_error(error, f"can't remove {path}") from error


def read_state(path: Path) -> bytes:
    """Return the file's bytes.

    Raises:
        StateError: The file is missing or can't be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise state_error(error, f"can't read {path}") from error


def make_directory(path: Path) -> Path:
    """Create `path` and its parents if need be, and return it.

    Raises:
        StateError: It can't be created.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise state_error(error, f"can't create {path}") from error
    return path


def state_directory(root: Path) -> Path:
    """Return `root/.isonox`, created and told to git to be ignored.

    Raises:
        StateError: It can't be created or written.
    """
    state = make_directory(root / STATE)
    ignore = state / ".gitignore"
    if not ignore.exists():
        write_atomic(ignore, b"*\n")
    if not os.access(state, os.W_OK | os.X_OK):
        raise StateError(f"can't write in {state}", hint=f"make it yours: chmod -R u+rwX {state}, or remove it")
    return state


def state_error(error: OSError, what: str) -> StateError:
    """Turn an operating-system error into one that says what to do."""
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            hint = "the disk is full: free some space and run again"
        case errno.EACCES | errno.EPERM | errno.EROFS:
            hint = "check the owner and the permissions of that folder"
        case _:
            hint = ""
    return StateError(f"{what}: {error.strerror or error}", hint=hint or None)
