"""`isonox init`: a pipeline that works, and nothing lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from isonox.sessions import loader

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeRepository


PYPROJECT = """
[project]
name = "thing"
version = "1"
requires-python = ">=3.11"

[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[dependency-groups]
ci = ["isonox[uv]", "pre-commit"]
dev = ["Ruff>=0.9", "pytest", "mypy"]
"""


def init(folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run `isonox init`."""
    return subprocess.run(
        [sys.executable, "-m", "isonox", "init"],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, **env},
    )


def test_writes_what_the_repository_has_something_for(repository: MakeRepository) -> None:
    """The noxfile loads; there are stages for the tools that are configured and the tests that exist."""
    files = {"test_it.py": "def test_it(): ...\n"}
    made = repository(files, settings='[tool.black]\n[tool.isonox]\npythons = ["3.12"]\n')

    done = init(made.path)

    assert 0 == done.returncode, done.stderr
    assert ["lint", "format", "types", "tests", "coverage", "security"] == list(loader.load(made.path).stages)
    assert "uv add --group ci 'isonox[uv] @ " in done.stdout
    assert "uv add --group lint black" in done.stdout
    assert "uv add --group security bandit" in done.stdout
    assert "uv add --group tests" not in done.stdout
    assert "make ci" == done.stdout.strip().splitlines()[-1].strip()
    assert {".isonox/", ".nox/", "__pycache__/"} <= set((made.path / ".gitignore").read_text().split())
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


def test_only_what_the_groups_lack_is_proposed(repository: MakeRepository) -> None:
    """A stage falls back to `dev` where that has its tools; the build backend is one of them."""
    made = repository({"pyproject.toml": PYPROJECT, "test_it.py": ""})

    proposed = [line.strip() for line in init(made.path).stdout.splitlines() if line.startswith("  uv add")]

    assert [
        "uv add --group ci pre-commit-hooks",
        "uv add --group dev coverage",
        "uv add --group coverage coverage",
        "uv add --group security bandit detect-secrets zizmor",
        "uv add --group build build twine hatchling",
    ] == proposed


def test_the_script_block_names_the_repository_that_isonox_came_from(repository: MakeRepository) -> None:
    """A nox that knows nothing of isonox would look for a release otherwise; and so would uv."""
    made = repository()
    installed = made.path.parent / "site" / "isonox-0.1.0.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: isonox\nVersion: 0.1.0\n")
    origin = {"url": "https://example.org/isonox", "vcs_info": {"vcs": "git", "requested_revision": "v1"}}
    (installed / "direct_url.json").write_text(json.dumps(origin))

    done = init(made.path, PYTHONPATH=str(installed.parent))

    assert '"isonox[uv] @ git+https://example.org/isonox@v1"' in (made.path / "noxfile.py").read_text()
    assert "uv add --group ci 'isonox[uv] @ git+https://example.org/isonox@v1' pre-commit" in done.stdout
