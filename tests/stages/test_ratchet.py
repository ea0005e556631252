"""The best coverage so far, in a file that is committed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from isonox.stages import ratchet
from isonox.stages.coverage_report import Share

if TYPE_CHECKING:
    from pathlib import Path


def judged(stand_in: Any, covered: int, *arguments: str) -> list[str]:
    """What is wrong with so many lines of 300, where 200 of 300 may be the best."""
    stand_in.posargs = arguments
    return list(ratchet.judge(stand_in, {"overall": Share(covered, 300)}))


@pytest.fixture
def best(stand_in: Any) -> Path:
    """The file, with two thirds in it."""
    path: Path = stand_in.root / ratchet.FILE
    assert [] == judged(stand_in, 200, ratchet.ARGUMENT)
    stand_in.notes.clear()
    return path


def test_without_a_best_there_is_nothing_to_hold(stand_in: Any) -> None:
    """A file that is missing, or was removed, is red: the check would be off, and nobody would know."""
    assert [".coverage-best.json says nothing of overall: isonox coverage -- --ratchet, and commit the file"] == judged(
        stand_in, 200
    )
    assert not (stand_in.root / ratchet.FILE).exists()


def test_the_same_again_is_well(stand_in: Any, best: Path) -> None:
    """What was rounded when it was written is no loss when it is read."""
    assert '{\n  "overall": 66.66\n}\n' == best.read_text(encoding="utf-8")
    assert [] == judged(stand_in, 200)
    assert [] == stand_in.notes


def test_less_than_the_best_is_red(stand_in: Any, best: Path) -> None:
    """Also when the best is to be written anew: it only ever rises."""
    before = best.read_text(encoding="utf-8")

    for arguments in ((), (ratchet.ARGUMENT,)):
        (found,) = judged(stand_in, 199, *arguments)

        assert found.endswith("overall is 66.33 %, and was 66.66 %")
        assert before == best.read_text(encoding="utf-8")


def test_more_is_kept_on_request(stand_in: Any, best: Path) -> None:
    """A note says how; a session that nobody asked writes nothing into the checkout."""
    assert [] == judged(stand_in, 210)
    assert stand_in.notes[-1].startswith("coverage is better than ever; keep it so: isonox coverage -- --ratchet")
    assert "66.66" in best.read_text(encoding="utf-8")

    assert [] == judged(stand_in, 210, ratchet.ARGUMENT)
    assert "70.0" in best.read_text(encoding="utf-8")


@pytest.mark.parametrize("content", ["{", '{"overall": "high"}', "[1]", "\xff"])
def test_a_damaged_file_is_red(stand_in: Any, content: str) -> None:
    """With the way out; it is left as it is."""
    path = stand_in.root / ratchet.FILE
    path.write_text(content, encoding="latin-1")

    (found,) = judged(stand_in, 200, ratchet.ARGUMENT)

    assert found.startswith(".coverage-best.json can't be read: ")
    assert found.endswith("restore it from git, or remove it and make it anew: isonox coverage -- --ratchet")
    assert content == path.read_text(encoding="latin-1")
