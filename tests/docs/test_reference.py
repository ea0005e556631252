"""The reference is what the code says, and its check finds every difference."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"


def generate(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the generator as its header says."""
    return subprocess.run(
        [sys.executable, "-m", "docs.generate_reference", *arguments],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of the pages."""
    return Path(shutil.copytree(REFERENCE, tmp_path / "reference"))


def test_the_committed_pages_are_what_the_code_says() -> None:
    """If this fails: `.isonox/env/bin/python -m docs.generate_reference`."""
    done = generate("--check")

    assert 0 == done.returncode, done.stdout + done.stderr


def test_drift_shows_the_difference_and_exits_4(copy: Path) -> None:
    """A changed line is shown as it is and as it should be; nothing is written."""
    page = copy / "exit-codes.md"
    changed = page.read_text(encoding="utf-8").replace("| 4 | `DRIFT` |", "| 5 | `DRIFT` |")
    page.write_text(changed, encoding="utf-8")

    done = generate("--check", "--folder", str(copy))

    assert 4 == done.returncode
    assert "-| 5 | `DRIFT` |" in done.stdout
    assert "+| 4 | `DRIFT` |" in done.stdout
    assert "hint: " in done.stderr
    assert changed == page.read_text(encoding="utf-8")


@pytest.mark.parametrize("fault", ["missing", "surplus"])
def test_a_page_too_few_or_too_many_is_drift(copy: Path, fault: str) -> None:
    """The folder holds the generated pages and nothing else."""
    if fault == "missing":
        (copy / "stages.md").unlink()
    else:
        (copy / "old.md").write_text("# Old\n", encoding="utf-8")

    done = generate("--check", "--folder", str(copy))

    assert 4 == done.returncode
    assert ("stages.md" if fault == "missing" else "old.md") in done.stdout


def test_writing_mends_all_of_it(copy: Path) -> None:
    """After it, the check is content."""
    (copy / "stages.md").unlink()
    (copy / "old.md").write_text("# Old\n", encoding="utf-8")

    assert 0 == generate("--folder", str(copy)).returncode
    assert sorted(path.name for path in REFERENCE.iterdir()) == sorted(path.name for path in copy.iterdir())
    assert 0 == generate("--check", "--folder", str(copy)).returncode
