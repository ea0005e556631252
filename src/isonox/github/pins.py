"""Actions by the commit that they are pinned to: isonox's own list, or the repository's.

A list has a line for each action, as `uses:` has it: `actions/checkout@<commit> # v7.0.1`. In quotes, as JSON would
have them, scanners take commits for secrets.
"""

from __future__ import annotations

import re
from importlib import resources
from typing import TYPE_CHECKING, NamedTuple

from isonox.errors import ConfigurationError
from isonox.system import files, git

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: The repository's own pins, relative to its top; written by `isonox workflows --update-pins`.
FILE = ".github/action-pins.txt"

_VERSION = re.compile(r"v(\d+)\.(\d+)\.(\d+)", re.ASCII)
_LINE = re.compile(
    rf"(?P<action>[\w.-]+/[\w.-]+)@(?P<commit>[0-9a-f]{{40}}) # (?P<version>{_VERSION.pattern})", re.ASCII
)
_HOST = "https://github.com"


class Pin(NamedTuple):
    """A version of an action: its tag, and the full hash of the commit that the tag names."""

    version: str
    commit: str


def shipped() -> dict[str, Pin]:
    """Return the pins that come with isonox."""
    return _parse(resources.files("isonox.github").joinpath("pins.txt").read_text(encoding="utf-8"))


def load(top: Path) -> dict[str, Pin]:
    """Return the repository's pins, filled up with those that come with isonox.

    Raises:
        ConfigurationError: The file is no such list.
    """
    path = top / FILE
    if not path.exists():
        return shipped()
    try:
        return shipped() | _parse(path.read_text(encoding="utf-8", errors="replace"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"{FILE}: {error}", hint="remove it, and write it anew: isonox workflows --update-pins"
        ) from error


def newest(action: str, current: Pin) -> tuple[Pin, str]:
    """Ask GitHub for the newest version of an action within its major version.

    Returns:
        The pin, and the newest version of a later major, if there is one: its inputs may differ.

    Raises:
        GitError: The repository does not answer.
    """
    tags = git.remote_tags(f"{_HOST}/{action}")
    versions = {tag: tuple(map(int, match.groups())) for tag in tags if (match := _VERSION.fullmatch(tag))}
    major = current.version.split(".")[0]
    best = max((tag for tag in versions if tag.split(".")[0] == major), key=versions.__getitem__, default="")
    last = max(versions, key=versions.__getitem__, default="")
    pin = Pin(best, tags[best]) if best and versions[best] > _parsed(current) else current
    return pin, last if last and versions[last] > _parsed(pin) else ""


def write(top: Path, pins: Mapping[str, Pin]) -> None:
    """Keep these as the repository's own pins."""
    lines = (f"{action}@{pin.commit} # {pin.version}\n" for action, pin in sorted(pins.items()))
    files.write_atomic(top / FILE, "".join(lines).encode())


def _parse(text: str) -> dict[str, Pin]:
    found = {}
    for number, line in enumerate(text.splitlines(), start=1):
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"line {number} is not ACTION@COMMIT # VERSION, with a full commit hash: {line!r}")
        found[match["action"]] = Pin(match["version"], match["commit"])
    return found


def _parsed(pin: Pin) -> tuple[int, ...]:
    return tuple(map(int, pin.version[1:].split(".")))
