"""What decides a result beside the files: the same on the next machine that has the same."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from isonox.cache.store import Store
from isonox.model.record import Command, Record
from isonox.model.verdict import Verdict
from isonox.sessions import surroundings

if TYPE_CHECKING:
    from pathlib import Path


def record(*programs: str, **places: str) -> Record:
    """A job that called these."""
    commands = tuple(Command(argv=(one, "-x"), exit_code=0) for one in programs)
    return Record(
        isonox="1", run="r", job="j", stage="j", verdict=Verdict.PASSED, started="", commands=commands, places=places
    )


def test_programs_of_the_workspace_are_named_from_its_root() -> None:
    """Others as they are; those of the session's own environment are known by what was installed."""
    called = ("/w/.isonox/env/bin/uv", "/usr/bin/git", "/w/.nox/lint/bin/ruff", "/w2/tool")

    found = surroundings.discovered(record(*called, root="/w", environment="/w/.nox/lint"))

    assert (".isonox/env/bin/uv", "/usr/bin/git", "/w2/tool") == found.programs
    assert called == surroundings.discovered(record(*called)).programs


def test_a_program_of_the_workspace_is_its_content(tmp_path: Path) -> None:
    """Installed anew it is the same; changed it is another; missing, or not to be run, it is none."""
    path, store = tmp_path / "bin" / "tool", Store.of(tmp_path)
    path.parent.mkdir()

    def identity(content: bytes, seconds: int) -> str:
        path.write_bytes(content)
        path.chmod(0o755)
        os.utime(path, (seconds, seconds))
        return surroundings.program("bin/tool", tmp_path, store, {})

    first, again, other = identity(b"one", 1), identity(b"one", 2), identity(b"two", 3)
    path.chmod(0o644)

    assert first == again != other
    assert "bin/tool none" == surroundings.program("bin/tool", tmp_path, store, {})
    path.unlink()
    assert "bin/tool none" == surroundings.program("bin/tool", tmp_path, store, {})


@pytest.mark.parametrize("path", ["/usr/bin/env", "/nowhere/at/all"])
def test_a_program_elsewhere_is_its_place_size_and_time(tmp_path: Path, path: str) -> None:
    """Nothing of it is read."""
    found = surroundings.program(path, tmp_path, Store.of(tmp_path), {"PATH": "/usr/bin"})

    assert found.startswith(f"{path} ")
    assert path.startswith("/nowhere") == found.endswith(" none")
