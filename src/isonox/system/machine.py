"""What decides results on this machine beside the files of a checkout: each as a text that is another when it is."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from isonox.system.version import identity

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Where version managers keep interpreters; a new one there may be found first.
_HOMES = (
    "~/.pyenv/versions",
    "~/.local/share/uv/python",
    "~/.asdf/installs/python",
    "~/.local/share/mise/installs/python",
)


def state(path: str) -> str:
    """Return size, time and rights of a file or a folder; "none" where there is nothing."""
    try:
        found = os.stat(path)  # noqa: PTH116 - many of them, at each start
    except OSError:
        return "none"
    return f"{found.st_size} {found.st_mtime_ns} {found.st_mode:o}"


def content(path: Path | str) -> str:
    """Return a hash of a file, or of the names in a folder (its path ends in "/"); else the number of the error."""
    try:
        if str(path).endswith("/"):
            names = "\n".join(sorted(os.listdir(path)))  # noqa: PTH208 - as above
            return hashlib.sha256(names.encode("utf-8", "surrogateescape")).hexdigest()
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError as error:
        return str(error.errno)


def program(path: str, environ: Mapping[str, str]) -> str:
    """Return what changes when a program does: where its name leads to now, its size, time and rights.

    Args:
        path: As it was called, absolute.
        environ: Its PATH decides which one is meant.
    """
    import shutil  # noqa: PLC0415 - some runs do without

    place = shutil.which(os.path.basename(path), path=environ.get("PATH")) or path  # noqa: PTH119
    return f"{path} {state(path)} {place} {state(place)}"


def interpreter_folders(environ: Mapping[str, str]) -> list[str]:
    """Return the folders in which a new interpreter may turn up."""
    folders = [*environ.get("PATH", "").split(os.pathsep), *(os.path.expanduser(home) for home in _HOMES)]  # noqa: PTH111
    return [folder for folder in folders if folder]


def platform() -> str:
    """Return operating system, machine and what programs are linked against; not the kernel's version."""
    names = [sys.platform, os.uname().machine if hasattr(os, "uname") else os.environ.get("PROCESSOR_ARCHITECTURE", "")]
    with contextlib.suppress(OSError, ValueError, AttributeError):
        names.append(os.confstr("CS_GNU_LIBC_VERSION") or "")
    with contextlib.suppress(OSError):
        names.append(hashlib.sha256(Path("/etc/os-release").read_bytes()).hexdigest())
    return " ".join(names)


def installation() -> str:
    """Return which isonox runs here, in which Python, with which packages."""
    digest = hashlib.sha256(f"{identity()}\0{sys.version}\0{sys.executable}".encode())
    for entry in sys.path[1:]:  # the first is where the script is; an installation changes the folder that it is in
        with contextlib.suppress(OSError):
            line = f"{entry}\0{os.stat(entry).st_mtime_ns}\n"  # noqa: PTH116 - as above
            digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def observed(kind: str, name: str, environ: Mapping[str, str]) -> str:
    """Return how something is now that results depend on.

    Args:
        kind: "installation", "platform", "variables", or what a file is looked at for: "state", "content", "program".
        name: The absolute path of the file; a salt and the names of variables, with "=" between them.
        environ: The variables.
    """
    match kind:
        case "variables":  # some may be secrets: none can be found out from the hash of all, with a salt
            values = f"{name}\0{[environ.get(one) for one in name.split('=')[1:]]!r}"
            return hashlib.sha256(values.encode("utf-8", "surrogateescape")).hexdigest()
        case "state":
            return state(name)
        case "content":
            return content(name)
        case "program":
            return program(name, environ)
        case "platform":
            return platform()
        case "installation":
            return installation()
        case _:
            raise ValueError(kind)


def touched(kind: str, name: str, environ: Mapping[str, str], since: float) -> bool:
    """Return whether what `observed` looks at may have changed since: POSIX seconds."""
    match kind:
        case "state" | "content":
            paths = [name]
        case "program":
            import shutil  # noqa: PLC0415 - as above

            paths = [name, shutil.which(os.path.basename(name), path=environ.get("PATH")) or name]  # noqa: PTH119
        case "installation":
            paths = sys.path[1:]
        case _:
            paths = []
    return any(_changed(path) >= since for path in paths)


def _changed(path: str) -> float:
    """Return when a file last changed, or came to be missing: the time of the folder around it then."""
    while True:
        try:
            return max(os.stat(path).st_ctime, os.lstat(path).st_ctime)  # noqa: PTH116
        except OSError:
            above = os.path.dirname(path.rstrip("/"))  # noqa: PTH120
            if above == path:
                return 0.0
            path = above
