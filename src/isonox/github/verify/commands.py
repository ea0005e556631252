"""How the scripts of a workflow call isonox and nox, as far as the gate depends on it."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

#: A script that isonox or nox takes part in.
OURS = re.compile(r"\b(?:isonox|nox)\b")
PLANS = re.compile(r"\bisonox\s+plan\b.*--github")
GATES = re.compile(r"\bisonox\s+gate\b")


class Command(NamedTuple):
    """A command that leaves something that the gate looks at, or that is the gate.

    Attributes:
        verb: "plan", "gate", or "nox" where it runs sessions.
        based: Whether it is told what the changes are against.
        results: What `--results` is given.
        sessions: Those that nox is told to run.
        alone: Whether nox leaves out what they require.
    """

    verb: str
    based: bool = False
    results: str = ""
    sessions: tuple[str, ...] = ()
    alone: bool = False


def read(words: Sequence[str]) -> Command | None:
    """Return what a command line asks for; None for any other than these."""
    name, rest = PurePosixPath(words[0]).name, list(words[1:])
    if name == "isonox":
        needed = {"plan": "--github" in rest, "gate": "--results" in rest[:-1]}
        known = bool(rest) and needed.get(rest[0], False)
        return Command(rest[0], bool(_after(rest, "--base")), _after(rest, "--results")) if known else None
    while name in ("uvx", "uv", "python", "python3") and "nox" in rest:
        name, rest = "nox", rest[rest.index("nox") + 1 :]
    sessions = _sessions(rest) if name in ("nox", "isonox-nox") else ()
    return Command("nox", sessions=sessions, alone="--no-dependencies" in rest) if sessions else None


def _after(words: list[str], option: str) -> str:
    """Return the value of an option; empty without one."""
    return words[words.index(option) + 1] if option in words[:-1] else ""


def _sessions(words: list[str]) -> tuple[str, ...]:
    """Return what follows `-s` on nox's command line; nothing if there is more on it, which may leave work out."""
    rest = [word for word in words if word and word != "--no-dependencies"]
    named = rest[:1] in (["-s"], ["-e"], ["--session"], ["--sessions"])
    return tuple(rest[1:]) if named and not any(word.startswith("-") for word in rest[1:]) else ()
