"""Atomic writes and errors that say what to do."""

from __future__ import annotations

import errno
import os
import pathlib
from typing import TYPE_CHECKING

import pytest

from isonox.errors import StateError
from isonox.system import files

if TYPE_CHECKING:
    from pathlib import Path


def test_writes_replace_and_leave_no_temporary_file(tmp_path: Path) -> None:
    """A reader sees the old content or the new one."""
    target = tmp_path / "deep" / "file.json"

    files.write_atomic(target, b"old")
    files.write_atomic(target, b"new")

    assert b"new" == target.read_bytes()
    assert ["file.json"] == [path.name for path in target.parent.iterdir()]


def test_a_full_disk_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says so, and the half-written copy is removed."""
    target = tmp_path / "file.json"
    files.write_atomic(target, b"old")

    def full(_path: Path, _target: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(pathlib.Path, "replace", full)
    with pytest.raises(StateError, match="the disk is full"):
        files.write_atomic(target, b"new")

    assert b"old" == target.read_bytes()
    assert ["file.json"] == [path.name for path in tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("number", "hint"), [(errno.EACCES, "permissions"), (errno.EROFS, "permissions"), (errno.EIO, "")]
)
def test_errors_of_the_system_say_what_to_do(number: int, hint: str) -> None:
    """Where there is something to do."""
    error = files.state_error(OSError(number, os.strerror(number)), "can't write x")

    assert os.strerror(number) in error.message
    assert hint in (error.hint or "")


def test_the_state_folder_ignores_itself(tmp_path: Path) -> None:
    """Git does not see it, whatever the repository's own .gitignore says."""
    state = files.state_directory(tmp_path)

    assert "*\n" == (state / ".gitignore").read_text()


def test_a_missing_file_is_an_error_of_ours(tmp_path: Path) -> None:
    """Never an OSError through the boundary."""
    with pytest.raises(StateError, match="can't read"):
        files.read_state(tmp_path / "nothing")
