"""bootstrap.sh says what is missing when the private environment can't be made."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COPIES = ("src/isonox/adopt/templates/bootstrap.sh", "examples/storefront/bootstrap.sh")

#: A stand-in for `python -m venv DIRECTORY`: the environment's python is the stand-in itself.
VENV = 'if [ "$1" = -m ]; then mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; fi; exit 0'


def bootstrap(folder: Path, python: str, lock: str = "") -> subprocess.CompletedProcess[str]:
    """Run the script in a folder with nothing but a lock, and no uv on PATH."""
    shutil.copy(ROOT / "bootstrap.sh", folder)
    (folder / "uv.lock").write_text(lock)
    return subprocess.run(
        ["/bin/sh", "bootstrap.sh", ".isonox/env"],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        env={"PATH": f"{folder}/bin:/usr/bin:/bin", "PYTHON": python, "UV": "no-uv-here", "HOME": os.environ["HOME"]},
    )


def fake_python(folder: Path, script: str) -> str:
    """Write a program that stands in for Python, and return its path."""
    path = folder / "bin" / "fakepython"
    path.parent.mkdir()
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("script", "lock", "message", "hint"),
    [
        (None, "", "there is no 'nopython' on PATH", "install Python 3.11 or newer"),
        ("exit 1", "", "does not run", "make ci PYTHON=python3.12"),
        ('[ -z "$2" ]', "", "is older than Python 3.11", "make ci PYTHON=python3.12"),
        ('[ "$1" = -m ] && exit 1; exit 0', "", "can't make a virtual environment", "python3-venv"),
        (
            VENV,
            'name = "other"\nversion = "1"\n',
            "uv.lock does not name uv",
            "uv add --group ci uv",
        ),
        (
            f'if [ "$2" = pip ]; then exit 1; fi; {VENV}',
            'name = "uv"\nversion = "0.9.0"\n',
            "pip could not install uv 0.9.0",
            "check the network",
        ),
    ],
)
def test_each_missing_piece_is_named(tmp_path: Path, script: str | None, lock: str, message: str, hint: str) -> None:
    """Exit 2, what is wrong, and what to do."""
    python = "nopython" if script is None else fake_python(tmp_path, script)

    done = bootstrap(tmp_path, python, lock)

    assert 2 == done.returncode, done
    assert message in done.stderr
    assert hint in done.stderr
    assert not (tmp_path / ".isonox/env/.bootstrapped").exists()


@pytest.mark.parametrize("copy", COPIES)
def test_the_copies_are_the_same(copy: str) -> None:
    """What `isonox init` writes, and what the example uses, is what this repository uses itself."""
    assert (ROOT / "bootstrap.sh").read_bytes() == (ROOT / copy).read_bytes()


@pytest.mark.parametrize("folder", [".", "src/isonox/adopt/templates", "examples/storefront"])
def test_make_says_that_there_is_no_lock(tmp_path: Path, folder: str) -> None:
    """And what writes one."""
    shutil.copy(ROOT / folder / "Makefile", tmp_path)
    (tmp_path / "pyproject.toml").touch()

    done = subprocess.run(["make", "ci"], cwd=tmp_path, check=False, capture_output=True, text=True)

    assert 2 == done.returncode
    assert done.stderr.startswith("error: there is no uv.lock\nhint: write it with: uv lock\n")
