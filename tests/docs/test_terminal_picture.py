"""The picture of a terminal shows what a person sees at the end, and nothing of the machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

ROOT = Path(__file__).parents[2]

#: Draws a live display twice and erases it, as a run does; colours one word.
LIVE = r"""
import sys
assert sys.stdout.isatty() and __import__("os").get_terminal_size().columns == 100
sys.stdout.write("\x1b[?25l1/2 done\n  lint 1s")
sys.stdout.write("\r\x1b[2K\x1b[1A\x1b[2K\x1b[32mpassed\x1b[0m lint\n2/2 done")
sys.stdout.write("\r\x1b[2K\x1b[?25h")
print("written to", sys.argv[1], "https://a.org/b/c")
sys.exit(int(sys.argv[2]))
"""


def take(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `LIVE` in `folder` and take its picture."""
    (folder / "live.py").write_text(LIVE, encoding="utf-8")
    picture = ["-m", "docs.terminal_picture", "--output", str(folder / "out.svg"), "--folder", str(folder)]
    return subprocess.run(
        [sys.executable, *picture, "python3", "live.py", *arguments],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )


def words(picture: Path) -> str:
    """Return the text of a picture, line after line."""
    texts = ET.fromstring(picture.read_text(encoding="utf-8")).iter("{http://www.w3.org/2000/svg}text")  # noqa: S314 - a picture of ours
    return "\n".join("".join(text.itertext()).replace("\xa0", " ") for text in texts)


def test_what_was_erased_is_not_seen(tmp_path: Path) -> None:
    """Only the last state of a live display is left; the exit code is the command's."""
    done = take(tmp_path, str(tmp_path / "report.txt"), "3")

    assert 3 == done.returncode, done.stderr
    lines = [line.strip() for line in words(tmp_path / "out.svg").splitlines() if line.strip()]
    assert [
        "$ python3 live.py report.txt 3",
        "passed",
        "lint",
        "written to report.txt https://a.org/b/c",
    ] == lines[-4:]


def test_a_foreign_path_is_refused(tmp_path: Path) -> None:
    """Better no picture than one that shows the machine."""
    done = take(tmp_path, "/var/lib/elsewhere", "0")

    assert 0 != done.returncode
    assert "/var/lib/elsewhere" in done.stderr
    assert not (tmp_path / "out.svg").exists()


def test_the_picture_asks_no_other_host(tmp_path: Path) -> None:
    """Readers of the README load nothing from elsewhere."""
    take(tmp_path, "report.txt", "0")

    drawn = (tmp_path / "out.svg").read_text(encoding="utf-8")
    for known in ("http://www.w3.org/2000/svg", "https://www.textualize.io", "https://a.org"):
        drawn = drawn.replace(known, "")
    assert "http" not in drawn


@pytest.mark.parametrize("name", ["make-ci.svg"])
def test_the_committed_picture_shows_a_summary(name: str) -> None:
    """It ends with a verdict and where the records are."""
    shown = words(ROOT / "docs" / "images" / name)

    assert "$ make ci" in shown
    assert "records and logs" in shown
