"""Finding interpreters without starting each of them."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import pytest

from isonox.system import interpreters

MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"


def script(path: Path, says: str) -> Path:
    """Write a file that answers like an interpreter, and counts how often it is asked."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho asked >> '{path}.asked'\n{says}\n")
    path.chmod(0o755)
    return path


def test_a_version_is_found_and_works(tmp_path: Path) -> None:
    """The one that runs this test has at least its own minor version."""
    found = interpreters.find(MINOR, cache=tmp_path)

    assert found is not None
    assert Path(found).name.startswith(f"python{MINOR}")


@pytest.mark.parametrize("spec", ["pypy3.10", ">=3.11", "/usr/bin/python3", "3", "3.99", "3.99.1"])
def test_other_specs_and_missing_versions_are_left_to_nox(tmp_path: Path, spec: str) -> None:
    """Nothing is made up."""
    assert interpreters.find(spec, cache=tmp_path) is None


def test_newest_patch_wins_broken_ones_are_passed_over_and_answers_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shim that fails is no interpreter; an unchanged file is asked once."""
    old = script(tmp_path / "a" / "python3.9", "echo CPython 3.9.2")
    new = script(tmp_path / "b" / "python3.9", "echo CPython 3.9.11")
    shim = script(tmp_path / "c" / "python3.9", "echo 'not selected' >&2; exit 127")
    pypy = script(tmp_path / "d" / "python3.9", "echo PyPy 3.9.99")
    monkeypatch.setattr(interpreters, "candidates", lambda _minor: iter(map(str, (old, new, shim, pypy))))

    first = interpreters.find("3.9", cache=tmp_path)
    second = interpreters.find("python3.9", cache=tmp_path)
    exact = interpreters.find("3.9.2", cache=tmp_path)

    assert (str(new), str(new), str(old)) == (first, second, exact)
    assert "asked\n" == Path(f"{new}.asked").read_text()


def test_an_interpreter_that_was_replaced_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer holds for the file, not for its name."""
    path = script(tmp_path / "python3.9", "echo CPython 3.9.2")
    monkeypatch.setattr(interpreters, "candidates", lambda _minor: iter([str(path)]))

    before = interpreters.find("3.9.2", cache=tmp_path)
    script(path, "echo CPython 3.9.17 # newer")

    assert str(path) == before
    assert interpreters.find("3.9.2", cache=tmp_path) is None
    assert str(path) == interpreters.find("3.9.17", cache=tmp_path)


def test_shims_are_no_candidates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pyenv's and asdf's shims exist for versions that are not selected, and fail."""
    shim = script(tmp_path / "shims" / f"python{MINOR}", f"echo CPython {platform.python_version()}")
    monkeypatch.setenv("PATH", str(shim.parent))

    assert str(shim) not in list(interpreters.candidates(MINOR))
