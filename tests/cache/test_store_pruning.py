"""The cache stays within its bounds, and two runs may use it at once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.cache.entries import DAY, HOUR, NOW, blobs, entry, fingerprint, folder

from isonox.cache.database import Database
from isonox.cache.pruning import Pruned
from isonox.cache.store import Store

KIB = 1024


def fill(tmp_path: Path, *names: str, used: float = NOW) -> Store:
    """Store entries with a file of 10 KiB each."""
    store = Store.of(tmp_path)
    for name in names:
        out = folder(tmp_path / f"out-{name}", {"file": name.encode() * 10 * KIB})
        store.add(entry(name, stored=used), out)
    return store


def left(store: Store, now: float = NOW) -> str:
    """Return the names of what is left."""
    return "".join(sorted(one.parts["files"] for one in store.find(list(map(fingerprint, "abcdef")), now=now).values()))


def aged(tmp_path: Path, seconds: float) -> None:
    """Make every stored file so much older than NOW."""
    for path in blobs(tmp_path):
        os.utime(path, (NOW - seconds, NOW - seconds))


def test_within_its_bounds_nothing_goes(tmp_path: Path) -> None:
    """And a second look costs nothing."""
    store = fill(tmp_path, *"abc")
    aged(tmp_path, DAY)

    assert [Pruned(), Pruned()] == [store.prune(now=NOW), store.prune(now=NOW)]
    assert "abc" == left(store)


def test_the_least_recently_used_go_first(tmp_path: Path) -> None:
    """Until the rest fits; their files go at once."""
    store = fill(tmp_path, *"abcd", used=NOW - 5 * DAY)
    store.touch([fingerprint("a"), fingerprint("c")], NOW)
    aged(tmp_path, 0)

    pruned = store.prune(max_bytes=25 * KIB, now=NOW)

    assert "ac" == left(store)
    assert (2, 2) == (pruned.entries, pruned.blobs)
    assert 20 * KIB < pruned.bytes < 22 * KIB
    assert 2 == len(blobs(tmp_path))


def test_a_use_is_noted_once_a_day(tmp_path: Path) -> None:
    """A run that only reads does not write."""
    store = fill(tmp_path, "a")
    database = tmp_path / ".isonox" / "cache" / "results.db"
    before = database.read_bytes()

    store.find([fingerprint("a")], now=NOW + HOUR)
    store.touch([fingerprint("a")], NOW + HOUR)
    same = database.read_bytes()
    store.touch([fingerprint("a")], NOW + 2 * DAY)

    assert before == same != database.read_bytes()


def test_what_was_not_used_for_long_goes(tmp_path: Path) -> None:
    """And what was used stays."""
    store = fill(tmp_path, *"abc", used=NOW - 8 * DAY)
    store.touch([fingerprint("b")], NOW - 2 * DAY)

    assert 2 == store.prune(max_age_seconds=7 * DAY, now=NOW).entries
    assert "b" == left(store)


def test_what_expired_goes(tmp_path: Path) -> None:
    """It will never be used."""
    store = Store.of(tmp_path)
    store.add_many([(entry("a", expires=NOW), None), (entry("b", expires=NOW + 1), None)])
    store.prune(now=NOW - 1)

    assert 1 == store.prune(now=NOW).entries
    assert "b" == left(store)


def test_a_file_that_another_entry_needs_stays(tmp_path: Path) -> None:
    """It is counted once, too."""
    store = Store.of(tmp_path)
    out = folder(tmp_path / "out", {"file": b"x" * 10 * KIB})
    store.add_many([(entry(name, stored=NOW - age * DAY), out) for age, name in enumerate("abc")])

    assert 0 == store.prune(max_bytes=15 * KIB, now=NOW).entries
    assert (1, 0) == (store.prune(max_age_seconds=1.5 * DAY, now=NOW).entries, store.prune(now=NOW).blobs)
    assert "ab" == left(store)
    assert [] == store.verify()


def test_one_that_is_too_large_does_not_push_out_the_others(tmp_path: Path) -> None:
    """It goes itself."""
    store = fill(tmp_path, *"ab", used=NOW - DAY)
    store.add(entry("c"), folder(tmp_path / "large", {"file": bytes(100 * KIB)}))

    store.prune(max_bytes=50 * KIB, now=NOW)

    assert "ab" == left(store)


def test_an_entry_from_the_future_is_the_first_to_go(tmp_path: Path) -> None:
    """The clock went backwards: it can't be used for long, and would never be the oldest."""
    store = fill(tmp_path, "a", used=NOW + 9 * DAY)
    fill(tmp_path, "b")

    store.prune(max_bytes=15 * KIB, now=NOW)

    assert "b" == left(store, NOW + 9 * DAY)


def test_killed_between_file_and_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The result is not there; its file stays for an hour, for another run may be at that point right now."""
    store = fill(tmp_path, "a")
    with monkeypatch.context() as patch:
        patch.setattr(Database, "write", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            fill(tmp_path, "b")
    (tmp_path / ".isonox" / "cache" / "blobs" / "1234.tmp").touch()

    aged(tmp_path, HOUR - 1)
    soon = store.prune(now=NOW)
    later = store.prune(now=NOW + 2 * DAY)

    assert "a" == left(store)
    assert (Pruned(), Pruned(entries=0, blobs=2, bytes=10 * KIB)) == (soon, later)
    assert 1 == len(blobs(tmp_path))


def test_empty_means_empty(tmp_path: Path) -> None:
    """New files, old files, memos; and the disk gets its space back."""
    store = fill(tmp_path, *"abc")
    store.remember("k", "a", bytes(500 * KIB))
    (tmp_path / ".isonox" / "cache" / "results.damaged").touch()
    (tmp_path / ".isonox" / "cache" / "blobs" / "1234.tmp").touch()

    pruned = store.empty(NOW)

    assert (3, 4) == (pruned.entries, pruned.blobs)
    assert ("", [], None) == (left(store), blobs(tmp_path), store.recall("k", "a"))
    assert ["blobs", "results.db", "results.lock"] == sorted(one.name for one in store.path.iterdir())
    assert (store.path / "results.db").stat().st_size < 100 * KIB


def test_usage(tmp_path: Path) -> None:
    """What `isonox cache` shows."""
    store = fill(tmp_path, "b", used=NOW - DAY)
    store = fill(tmp_path, "a")

    usage = store.usage()

    assert (2, 2, NOW - DAY, {"tests": 2}) == (usage.entries, usage.blobs, usage.oldest, usage.stages)
    assert 20 * KIB < usage.bytes < 22 * KIB
    assert str(tmp_path / ".isonox" / "cache") == usage.path


WORKER = """
import sys, time
from pathlib import Path
from isonox.cache.store import Store
from isonox.errors import DamagedEntryError
from tests.cache.entries import content, entry, fingerprint, folder

root, me = Path(sys.argv[1]), sys.argv[2]
store = Store.of(root)
while not (root / "go").exists():
    time.sleep(0.001)
names = [f"{who}-{turn}" for who in "0123" for turn in range(10)]
for turn in range(10):
    mine = [f"{me}-{turn}", f"{(int(me) + 1) % 4}-{turn}"]
    outs = [folder(root / f"{me}" / name, {"own": name.encode() * 500, "shared": b"x" * turn}) for name in mine]
    assert 2 == len(store.add_many([(entry(name, stored=time.time()), out) for name, out in zip(mine, outs)]))
    store.remember("k", mine[0], mine[0].encode())
    store.prune(max_bytes=30_000, now=time.time())
    for number, hit in enumerate(store.find([fingerprint(name) for name in names], now=time.time()).values()):
        back = root / me / f"back-{turn}-{number}"
        try:
            store.restore(hit, back)
        except DamagedEntryError:
            continue  # pruned since, by another process
        name = hit.parts["files"]
        assert {"own": name.encode() * 500, "shared": b"x" * int(name[2:])} == content(back), name
print(*[line for line in store.problems if "missing or cut off" not in line])
"""


def test_processes_at_once(tmp_path: Path) -> None:
    """Four of them store, prune, find and restore: none fails, none gets something wrong."""
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(tmp_path), str(number)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        for number in range(4)
    ]
    time.sleep(0.5)
    (tmp_path / "go").touch()

    said = [worker.communicate(timeout=120) for worker in workers]

    assert ["\n"] * 4 == [out for out, _ in said], said
    assert [0] * 4 == [worker.returncode for worker in workers], said
    store = Store.of(tmp_path)
    store.verify()
    assert [] == store.verify()
