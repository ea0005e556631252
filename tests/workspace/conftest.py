"""What the tests of the workspace share: small repositories, made for real."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

#: The locks of `uv-*` were written by `uv lock` from the files beside them; then their URLs were replaced.
WORKSPACES = Path(__file__).parent.parent / "workspaces"


@pytest.fixture
def tree(tmp_path: Path) -> Callable[..., Path]:
    """Write files, given as path and text, into a fresh directory; return it."""

    def write(files: dict[str, str], *, git: bool = False) -> Path:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        if git:
            subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
            subprocess.run(["git", "add", "--all"], cwd=tmp_path, check=True)
        return tmp_path

    return write


@pytest.fixture
def copied(tmp_path: Path) -> Callable[[str], Path]:
    """Copy one of `tests/workspaces` to where it may be changed."""

    def copy(name: str) -> Path:
        return Path(shutil.copytree(WORKSPACES / name, tmp_path / name))

    return copy
