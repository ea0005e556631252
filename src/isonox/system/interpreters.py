"""Find Python interpreters where version managers keep them, without starting each one."""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from isonox.errors import StateError
from isonox.system import files

if TYPE_CHECKING:
    from collections.abc import Iterator

Finder = Callable[[str], str | None]

#: `3.12`, `3.12.1`, `python3.12`; anything else (pypy, ranges, paths) is left to nox.
_VERSION = re.compile(r"(?:python)?(\d+\.\d+)(\.\d+)?", re.ASCII)

#: Seconds to wait for an interpreter to say its version.
_PATIENCE = 10

_ASK = "import platform; print(platform.python_implementation(), platform.python_version())"


class Known(msgspec.Struct):
    """What an interpreter said of itself, and the file that said it."""

    modified: int
    size: int
    implementation: str
    version: str


def find(spec: str, *, cache: Path) -> str | None:
    """Return the path of a CPython that matches `spec`, or None.

    Newest patch version first. Answers are kept in `cache` and hold while the file is unchanged.
    """
    match = _VERSION.fullmatch(spec)
    if match is None:
        return None
    minor, patch = match.groups()
    answers = _load(cache)
    before = dict(answers)
    found: list[tuple[tuple[int, ...], str]] = []
    for path in candidates(minor):
        answer = _ask(path, answers)
        if answer is None or answer.implementation != "CPython":
            continue
        wanted = f"{minor}{patch}" if patch else None
        if answer.version == wanted or (wanted is None and answer.version.rpartition(".")[0] == minor):
            found.append((tuple(int(part) for part in re.findall(r"\d+", answer.version)), path))
    if answers != before:
        _store(cache, answers)
    return max(found)[1] if found else None


def known(path: str, *, cache: Path) -> Known | None:
    """Return what the interpreter at `path` says of itself, or None where it can't; answers are kept as by `find`."""
    answers = _load(cache)
    before = dict(answers)
    found = _ask(path, answers)
    if answers != before:
        _store(cache, answers)
    return found


def candidates(minor: str) -> Iterator[str]:
    """Yield existing `python<minor>` files of pyenv, uv, asdf, mise, rye, PATH and the like, shims left out."""
    from findpython.providers import ALL_PROVIDERS  # noqa: PLC0415 - sessions without environments do without

    seen: set[Path] = set()
    names = (f"python{minor}", f"python{minor}.exe")
    for provider in ALL_PROVIDERS.values():
        instance = provider.create()
        if instance is None:
            continue
        for python in instance.find_pythons():
            path = Path(python.executable)
            if "shims" in path.parts or path.name not in (*names, "python3", "python", "python.exe"):
                continue
            for sibling in (path.with_name(name) for name in names):
                if sibling not in seen and sibling.is_file():
                    seen.add(sibling)
                    yield str(sibling)


def _ask(path: str, answers: dict[str, Known]) -> Known | None:
    """Return what the interpreter at `path` says of itself; from `answers` if the file has not changed since."""
    try:
        state = Path(path).stat()
        old = answers.get(path)
        if old is not None and (old.modified, old.size) == (state.st_mtime_ns, state.st_size):
            return old
        done = subprocess.run(
            [path, "-I", "-S", "-c", _ASK], check=True, capture_output=True, text=True, timeout=_PATIENCE
        )
        implementation, version = done.stdout.split()
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    answers[path] = Known(state.st_mtime_ns, state.st_size, implementation, version)
    return answers[path]


def _load(cache: Path) -> dict[str, Known]:
    try:
        return msgspec.json.decode((cache / "interpreters.json").read_bytes(), type=dict[str, Known])
    except (OSError, msgspec.DecodeError):
        return {}


def _store(cache: Path, answers: dict[str, Known]) -> None:
    with contextlib.suppress(StateError):  # then they are asked again next time
        files.write_atomic(cache / "interpreters.json", msgspec.json.encode(answers))
