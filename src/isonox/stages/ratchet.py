"""The best coverage so far: a committed file, so that it is the same here and in CI."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from isonox.system import files

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from isonox.sessions.session import Session
    from isonox.stages.coverage_report import Share

#: Relative to the workspace's root: each figure's name, and its best percentage.
FILE = ".coverage-best.json"
#: What asks the session to write it.
ARGUMENT = "--ratchet"
RAISE = f"isonox coverage -- {ARGUMENT}"


def judge(session: Session, shares: Mapping[str, Share]) -> Iterator[str]:
    """Yield what is wrong: figures below their best, or without one; with `--ratchet`, write the file if none fell.

    Args:
        session: The running session.
        shares: Each figure that is judged, by its name.

    Raises:
        StateError: The file can't be written.
    """
    try:
        best = _read(session.root / FILE)
    except (OSError, msgspec.DecodeError) as error:
        yield f"{FILE} can't be read: {error}; restore it from git, or remove it and make it anew: {RAISE}"
        return
    now = {name: share.percent for name, share in shares.items()}
    fallen = [
        f"{name} is {share}, and was {best[name]:g} %"
        for name, share in shares.items()
        if share.percent < best.get(name, 0.0)
    ]
    news = [name for name, percent in now.items() if percent != best.get(name)]
    if fallen:
        yield f"below the best of {FILE} (if that is meant, lower it there for all to see): {', '.join(fallen)}"
    if fallen or not news:
        return
    if ARGUMENT in session.posargs:
        files.write_atomic(session.root / FILE, msgspec.json.format(msgspec.json.encode(now), indent=2) + b"\n")
        session.note(f"{FILE} holds the best now; commit it")
    elif missing := [name for name in news if name not in best]:
        yield f"{FILE} says nothing of {', '.join(missing)}: {RAISE}, and commit the file"
    else:
        session.note(f"coverage is better than ever; keep it so: {RAISE}, and commit {FILE}")


def _read(path: Path) -> dict[str, float]:
    return msgspec.json.decode(path.read_bytes(), type=dict[str, float]) if path.exists() else {}
