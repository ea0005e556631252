"""Example entries, and the files that come with them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from isonox.cache.entry import Entry, of_parts
from isonox.model.record import Record
from isonox.model.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: When everything happens: POSIX seconds.
NOW = 1_795_000_000.0
HOUR = 3600.0
DAY = 86400.0


def entry(name: str = "a", verdict: Verdict = Verdict.PASSED, **facts: Any) -> Entry:
    """Return the entry of a job; its fingerprint is made from `name`."""
    job = facts.pop("job", f"tests({name})")
    record = Record(isonox="1", run="1-a", job=job, stage="tests", verdict=verdict, started="")
    given = {"stored": NOW, "origin": "local", "record": record, **facts}
    return Entry(fingerprint=fingerprint(name), job=job, run="1-a", named=of_parts({"files": name}), **given)


def fingerprint(name: str) -> str:
    """Return the fingerprint of `entry(name)`."""
    return hashlib.sha256(name.encode()).hexdigest()


def folder(path: Path, files: Mapping[str, bytes]) -> Path:
    """Make a folder of artifacts."""
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def content(path: Path) -> dict[str, bytes]:
    """Return the files of a folder; none if there is no folder."""
    return {found.relative_to(path).as_posix(): found.read_bytes() for found in path.rglob("*") if found.is_file()}


def blobs(root: Path) -> list[Path]:
    """Return the stored files of the workspace at `root`."""
    return [path for path in (root / ".isonox" / "cache" / "blobs").rglob("*") if path.is_file()]
