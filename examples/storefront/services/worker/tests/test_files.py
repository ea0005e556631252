from pathlib import Path

import pytest

from storefront_worker.files import replace_text


def test_a_file_is_made_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"

    replace_text(path, "long text\n")
    replace_text(path, "über\n")

    assert path.read_bytes() == "über\n".encode()
    assert list(tmp_path.iterdir()) == [path]


def test_the_old_file_stays_when_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    replace_text(path, "old\n")

    with pytest.raises(UnicodeEncodeError):
        replace_text(path, "new \ud800")

    assert path.read_text("utf-8") == "old\n"
