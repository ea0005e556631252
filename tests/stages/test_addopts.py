"""Of a project's options for pytest, those count that pytest itself takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from isonox.stages import addopts

if TYPE_CHECKING:
    from pathlib import Path

RERUNS, COVER = "--reruns, which hides flaky tests", "--cov-fail-under, which does not count"


def _noted(session: Any, folder: Path) -> list[str]:
    addopts.looked_at(session, folder)
    return [text for text in (COVER, RERUNS) if any(text in note for note in session.notes)]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"pyproject.toml": '[tool.pytest.ini_options]\naddopts = "--reruns 3 --cov-fail-under=1"'}, [COVER, RERUNS]),
        ({"pyproject.toml": '[tool.pytest]\naddopts = ["--reruns=3"]'}, [RERUNS]),
        ({"tox.ini": "[pytest]\naddopts =\n  --reruns 3\n  # --cov-fail-under=1\n"}, [RERUNS]),
        ({"setup.cfg": "[tool:pytest]\naddopts = --reruns 3"}, [RERUNS]),
        ({"pytest.ini": "", "tox.ini": "[pytest]\naddopts = --reruns 3"}, []),
        ({".pytest.toml": "", "pyproject.toml": '[tool.pytest]\naddopts = ["--reruns=3"]'}, []),
        ({"tox.ini": "[testenv]\ncommands = pytest --reruns 3\n[flake8]\nx = --cov-fail-under=1"}, []),
        ({"pyproject.toml": '[tool.any]\naddopts = "--reruns 3"'}, []),
        ({"pytest.ini": "[pytest]\naddopts = --reruns-delay 3"}, []),
        ({"pytest.ini": '[pytest]\naddopts = --reruns "3'}, []),
        ({"pyproject.toml": "[tool.pytest\naddopts = 3"}, []),
    ],
)
def test_one_file_counts(stand_in: Any, files: dict[str, str], expected: list[str]) -> None:
    """The first that pytest would take; what other tools are told, and what can't be read, says nothing."""
    for name, text in files.items():
        (stand_in.root / name).write_text(text, encoding="utf-8")

    assert expected == _noted(stand_in, stand_in.root)


def test_a_package_without_any_has_that_of_the_folders_above(stand_in: Any) -> None:
    """Its own pyproject.toml does not count unless it has a table for pytest."""
    folder = stand_in.root / "libs/shop"
    folder.mkdir(parents=True)
    (stand_in.root / "pytest.ini").write_text("[pytest]\naddopts = --reruns 3 -p no:cov")
    (folder / "pyproject.toml").write_text("[project]\nname = 'shop'\n")

    assert addopts.blocks_pytest_cov(folder)
    assert [RERUNS] == _noted(stand_in, folder)

    (folder / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")

    assert not addopts.blocks_pytest_cov(folder)
