"""`isonox init`: a pipeline that works, and nothing lost."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from isonox.sessions import loader

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeRepository


def init(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `isonox init`."""
    return subprocess.run(
        [sys.executable, "-m", "isonox", "init"], cwd=folder, check=False, capture_output=True, text=True
    )


def test_writes_what_the_repository_has_something_for(repository: MakeRepository) -> None:
    """The noxfile loads; there are stages for the tools that are configured and the tests that exist."""
    files = {"test_it.py": "def test_it(): ...\n"}
    made = repository(files, settings='[tool.black]\n[tool.isonox]\npythons = ["3.12"]\n')

    done = init(made.path)

    assert 0 == done.returncode, done.stderr
    assert ["lint", "format", "types", "tests", "coverage", "security"] == list(loader.load(made.path).stages)
    assert "uv add --group ci 'isonox[uv]'" in done.stdout
    assert "uv add --group security bandit" in done.stdout
    assert "make ci" == done.stdout.strip().splitlines()[-1].strip()
    assert {".isonox/", ".nox/"} <= set((made.path / ".gitignore").read_text().split())
    assert ".isonox/env/bin/nox -s lint --" in (made.path / ".pre-commit-config.yaml").read_text()
    assert 0 == subprocess.run(["sh", "-n", "bootstrap.sh"], cwd=made.path, check=False).returncode
    listed = subprocess.run(["make", "help"], cwd=made.path, check=True, capture_output=True, text=True).stdout
    assert "make ci" in listed


def test_nothing_that_exists_is_overwritten(repository: MakeRepository) -> None:
    """Kept files are named; a second call changes nothing."""
    made = repository({"noxfile.py": "# mine\n", "Makefile": "# mine too\n"})

    first, second = init(made.path), init(made.path)

    assert "# mine\n" == (made.path / "noxfile.py").read_text()
    assert "# mine too\n" == (made.path / "Makefile").read_text()
    assert "kept     noxfile.py" in first.stdout
    assert "wrote" not in second.stdout
