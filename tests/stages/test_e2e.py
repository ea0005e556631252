"""The e2e stage: a real browser, where there is one."""

from __future__ import annotations

import importlib
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from isonox.model.verdict import Verdict

if TYPE_CHECKING:
    from tests.conftest import MakeRepository

e2e_stage = importlib.import_module("isonox.stages.e2e")

BROWSER = next(filter(None, map(shutil.which, e2e_stage._NAMES)), "")

NOXFILE = """
from isonox import stages

APP = ["python", "app.py", "{port}"]
stages.e2e(app=APP)
stages.e2e(app=APP, name="secretive", secrets=["TOKEN"], group="e2e")
stages.e2e(app=APP, name="laptop", waive_without_browser=True, group="e2e")
"""

TESTS = """
import pytest


@pytest.mark.e2e
def test_title(page) -> None:
    page.goto("/")
    assert page.title() == "The shop"


@pytest.mark.e2e
def test_nobody_sells_coffee(page) -> None:
    page.goto("/")
    assert "Coffee" in page.content()
"""

FILES = {"noxfile.py": NOXFILE, "tests/test_e2e.py": TESTS}


@pytest.mark.skipif(not BROWSER, reason="no Chromium or Chrome on PATH")
def test_failures_leave_a_screenshot_and_a_trace(sharing: MakeRepository) -> None:
    """And none for what passes; the browser's version is noted."""
    run = sharing(FILES, base="served").run_nox("-s", "e2e")

    assert run.record.reason == "1 of 2 tests failed", run.output
    kept = {Path(name).name for name in run.record.artifacts if "browser/" in name}
    assert {"test-failed-1.png", "trace.zip"} == kept
    assert 1 == len({Path(name).parent for name in run.record.artifacts if "browser/" in name})
    assert any(note.startswith("browser: Chrom") or "Chrome" in note for note in run.record.notes)


@pytest.mark.skipif(not BROWSER, reason="no Chromium or Chrome on PATH")
def test_a_session_with_secrets_keeps_no_trace(sharing: MakeRepository) -> None:
    """It would have what was typed."""
    run = sharing(FILES, base="served").run_nox("-s", "secretive", env={"TOKEN": "hunter2"})

    assert run.record.reason == "1 of 2 tests failed", run.output
    assert {"test-failed-1.png"} == {Path(name).name for name in run.record.artifacts if "browser/" in name}
    assert any(note.startswith("no traces are kept") for note in run.record.notes)


def test_without_a_browser_it_is_red_unless_a_laptop_is_allowed_to_do_without(
    sharing: MakeRepository, tmp_path: Path
) -> None:
    """With what to install; CI has to have one."""
    for tool in ("git", "uv"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or "")
    path = os.pathsep.join([str(tmp_path), str(Path(sys.executable).parent)])
    nowhere = {"PATH": path, "PLAYWRIGHT_BROWSERS_PATH": "/none"}
    repo = sharing(FILES, base="served")

    here = repo.run_nox("-s", "e2e", "laptop", env=nowhere)
    there = repo.run_nox("-s", "laptop", env=nowhere | {"CI": "true"})

    assert here.records["e2e"].verdict is Verdict.FAILED, here.output
    assert "`apt-get install chromium`" in here.records["e2e"].reason
    assert here.records["laptop"].verdict is Verdict.WAIVED
    assert there.record.verdict is Verdict.FAILED, there.output
