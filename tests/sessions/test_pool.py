"""The folder of shared environments: who uses one keeps it, and what nobody uses is removed in the end."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from isonox.errors import StateError
from isonox.sessions import pool

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DAY = 24 * 60 * 60


def filled(folder: Path) -> pool.Made:
    """Make an environment with one distribution."""
    (folder / "lib/one-1.0.dist-info").mkdir(parents=True)
    return pool.Made({"one": "1.0"}, (folder / "lib",))


def refuse(_folder: Path) -> pool.Made:
    """Make nothing."""
    raise AssertionError("it is there already")


def use(place: Path, make: Callable[[Path], pool.Made] = filled) -> Path:
    """Use an environment for a moment; return where it is."""
    held = pool.environment(place, "key", make)
    held.release()
    return held.folder


def age(place: Path, days: float) -> None:
    """Make it look as if nobody had used a place for some days."""
    moment = (place / "isonox.json").stat().st_mtime - days * DAY
    os.utime(place / "isonox.json", (moment, moment))


def test_it_is_made_once_for_a_key(tmp_path: Path) -> None:
    """Another key in the same place, which shares the first digits of its hash, makes another."""
    place = tmp_path / "3.11-a"

    first, second = pool.environment(place, "key", filled), pool.environment(place, "key", refuse)
    other = pool.environment(place, "another", filled)

    assert (first.folder, {"one": "1.0"}) == (second.folder, second.distributions)
    assert first.folder != other.folder
    assert (True, True) == (first.folder.exists(), other.folder.exists())
    for held in (first, second, other):
        held.release()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda place, folder: (folder / "lib/two-1.0.dist-info").mkdir(),
        lambda place, folder: (folder / "lib/one-1.0.dist-info").rmdir(),
        lambda place, folder: shutil.rmtree(folder),
        lambda place, folder: (place / "isonox.json").write_text("{"),
        lambda place, folder: (place / "isonox.json").unlink(),
    ],
)
def test_it_is_made_anew_when_it_is_not_what_it_was(tmp_path: Path, spoil: Callable[[Path, Path], None]) -> None:
    """Changed, half removed, or never finished; what is left of it goes."""
    place = tmp_path / "3.11-a"
    before = use(place)
    spoil(place, before)

    after = use(place)

    assert after != before
    assert (False, True) == (before.exists(), after.exists())


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    """The next one makes it."""
    place = tmp_path / "3.11-a"

    def fail(folder: Path) -> pool.Made:
        filled(folder)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        use(place, fail)

    assert [] == list(place.glob("*/lib"))
    assert use(place).exists()


def test_one_that_is_changed_at_once_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not used, and not made for ever."""
    monkeypatch.setattr(pool, "_prune", lambda folder: shutil.rmtree(folder / "3.11-a"))

    with pytest.raises(StateError, match="was changed while it was made"):
        use(tmp_path / "3.11-a")


def test_what_nobody_has_used_for_two_weeks_is_removed(tmp_path: Path) -> None:
    """By whoever makes another one, once a day; not what is in use, and not what was used since."""
    old, recent, busy = (tmp_path / name for name in ("3.11-old", "3.11-recent", "3.11-busy"))
    folders = [use(place) for place in (old, recent)]
    held = pool.environment(busy, "key", filled)
    for place, days in ((old, 15), (recent, 13), (busy, 15)):
        age(place, days)

    use(tmp_path / "3.11-same-day")
    same_day = old.exists()
    os.utime(tmp_path / "pruned", (0, 0))
    use(tmp_path / "3.11-new")

    assert same_day
    assert [False, True] == [folder.exists() for folder in folders]
    assert not old.exists()
    assert held.folder.exists()
    held.release()


def test_using_one_keeps_it(tmp_path: Path) -> None:
    """The two weeks begin anew."""
    place = tmp_path / "3.11-a"
    folder = use(place)
    age(place, 15)
    use(place, refuse)
    os.utime(tmp_path / "pruned", (0, 0))

    use(tmp_path / "3.11-new")

    assert folder.exists()


def test_what_a_killed_one_left_is_removed(tmp_path: Path) -> None:
    """Where nothing was ever finished, the folder's own age counts."""
    (tmp_path / "3.11-a/ab12").mkdir(parents=True)
    os.utime(tmp_path / "3.11-a", (0, 0))

    use(tmp_path / "3.11-new")

    assert not (tmp_path / "3.11-a").exists()
