"""What is damaged is noticed, removed and reported, and never used."""

from __future__ import annotations

import errno
import os
import random
import sqlite3
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import filelock
import msgspec
import pytest
from tests.cache.entries import NOW, blobs, content, entry, fingerprint, folder

from isonox.cache import entry as entry_module
from isonox.cache.blobs import Artifact
from isonox.cache.database import FORMAT, Damage, Database
from isonox.cache.store import Store
from isonox.errors import DamagedEntryError, StateError

if TYPE_CHECKING:
    from isonox.cache.entry import Entry

A = fingerprint("a")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return a cache with two results, one of them with a file."""
    made = Store.of(tmp_path)
    made.add(entry("a"), folder(tmp_path / "out", {"deep/file": b"content"}))
    made.add(entry("b"))
    made.remember("kind", "key", b"remembered")
    return made


@pytest.fixture
def database(store: Store) -> Path:
    """Return the file of its database."""
    return store.path / "results.db"


def flip(path: Path, mark: bytes, after: int) -> None:
    """Change one bit of a file, so many bytes after a mark."""
    content = bytearray(path.read_bytes())
    content[content.index(mark) + after] ^= 4
    path.write_bytes(content)


def jobs(store: Store) -> list[str]:
    """Return the jobs of what is found."""
    return sorted(one.job for one in store.find([A, fingerprint("b")], now=NOW).values())


def hit(store: Store) -> Entry:
    """Return the result with a file."""
    return store.find([A], now=NOW)[A]


@pytest.mark.parametrize(("after", "why"), [(1, "it has another format"), (11, "it is damaged"), (60, "it is damaged")])
def test_a_damaged_row_is_removed(store: Store, database: Path, after: int, why: str) -> None:
    """The others stay."""
    flip(database, b"entry 2.1\n", after)

    lost = {"tests(a)", "tests(b)"}.difference(jobs(store)).pop()

    assert [f"the cached result of {lost} was removed: {why}"] == store.problems
    assert 1 == Store.of(store.path.parent.parent).usage().entries


def test_a_damaged_row_may_have_a_damaged_name(store: Store, database: Path) -> None:
    """It is removed all the same."""
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE entries SET job = CAST(x'61fe' AS TEXT), payload = 7 WHERE job = 'tests(a)'")
    connection.close()

    assert ["tests(b)"] == jobs(store)
    assert ["the cached result of a\ufffd was removed: it has another format"] == store.problems


def test_a_row_of_another_format_is_removed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is that of another isonox."""
    monkeypatch.setattr(entry_module, "_FORMAT", b"entry 3.1\n")

    assert [] == jobs(store)
    assert 2 == len(store.problems)
    assert [] == store.verify()


def test_a_record_with_another_shape_is_removed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its checksum is right."""

    class Other(msgspec.Struct):
        job: int

    monkeypatch.setattr(entry_module, "_DECODER", msgspec.msgpack.Decoder(Other))

    assert [] == jobs(store)
    assert "the cached result of tests(a) was removed: it is damaged" in store.problems


def test_an_entry_under_a_wrong_fingerprint_is_removed(store: Store, database: Path) -> None:
    """What decides is in the entry."""
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE entries SET fingerprint = 'x' || fingerprint")
    connection.close()

    assert {} == store.find([f"x{A}"], now=NOW)
    assert ["the cached result of tests(a) was removed: it is damaged"] == store.problems


def test_any_damage_of_the_database(store: Store, database: Path) -> None:
    """Whichever byte it hits: the right result, or none; never another, never a crash."""
    whole = database.read_bytes()
    right = store.find([A, fingerprint("b")], now=NOW)
    shuffled = random.Random(5)  # noqa: S311 - the same each time
    for position in [*range(16, 64, 2), *(shuffled.randrange(len(whole)) for _ in range(40))]:
        broken = bytearray(whole)
        broken[position] ^= shuffled.randrange(1, 256)
        database.write_bytes(broken)

        found = store.find(right, now=NOW)
        assert found.items() <= right.items(), position
        assert store.recall("kind", "key") in (b"remembered", None), position
        store.verify()
        kept = store.add(entry("c"))
        assert kept in store.find([fingerprint("c")], now=NOW).values(), position
        for path in store.path.glob("results.db-*"):
            path.unlink()


def test_a_name_that_sqlite_cannot_say(store: Store, database: Path) -> None:
    """The message about it is not UTF-8."""
    database.write_bytes(database.read_bytes().replace(b"CREATE INDEX", b"CREATE \xfeNDEX"))

    assert [] == jobs(store)
    assert "is kept as results.damaged" in store.problems[0]


@pytest.mark.parametrize("length", [0, 50, 5000])
def test_a_cut_off_database_begins_anew(store: Store, database: Path, length: int) -> None:
    """Whatever is left of it."""
    database.write_bytes(database.read_bytes()[:length])

    assert [] == jobs(store)
    assert store.add(entry("c")) is not None
    assert fingerprint("c") in store.find([fingerprint("c")], now=NOW)


def test_a_damaged_database_is_set_aside(store: Store, database: Path) -> None:
    """It is kept for whoever wants to look; a line says so."""
    database.write_bytes(b"this is no database" * 500)

    assert [] == jobs(store)
    store.add(entry("b"))
    assert ["tests(b)"] == jobs(store)
    assert [f"{database} is damaged: it is kept as results.damaged, and the cache begins anew"] == store.problems
    assert (store.path / "results.damaged").read_bytes().startswith(b"this is no database")


def test_a_database_of_another_format_is_emptied(store: Store, database: Path) -> None:
    """Older or newer, or of another program."""
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE other (x)")
        connection.execute("DROP TABLE memos")
        connection.execute(f"PRAGMA user_version = {FORMAT + 6}")
    connection.close()

    assert [] == jobs(store)
    assert store.add(entry("b")) is not None
    assert ["tests(b)"] == jobs(store)
    assert [f"the cache had format {FORMAT + 6}, this isonox has {FORMAT}: it begins anew"] == store.problems


def test_what_another_process_set_aside_is_not_set_aside_again(store: Store, database: Path) -> None:
    """Both met the damage; the new database is whole."""
    before = store._database._identity()
    database.write_bytes(b"this is no database" * 500)
    other = Store.of(store.path.parent.parent)
    other.find([A], now=NOW)
    other.add(entry("b"))

    store._database._set_aside(before)

    assert ["tests(b)"] == jobs(store)
    assert [] == store.problems


def test_damage_that_stays_is_an_error(store: Store) -> None:
    """A disk that can't keep anything."""

    def damage(_: sqlite3.Connection) -> None:
        raise Damage

    with pytest.raises(StateError, match="is damaged again and again"):
        store._database.write(damage)


@pytest.mark.parametrize("damage", [b"cut", b"", None])
def test_a_file_that_is_cut_off_or_missing(store: Store, tmp_path: Path, damage: bytes | None) -> None:
    """Seen without reading it."""
    (blob,) = blobs(tmp_path)
    if damage is None:
        blob.unlink()
    else:
        blob.write_bytes(damage)

    assert ["tests(b)"] == jobs(store)
    assert ["the cached result of tests(a) was removed: 'deep/file' is missing or cut off"] == store.problems


def test_a_file_that_changed_is_not_restored(store: Store, tmp_path: Path) -> None:
    """Entry, file and folder are removed; the next run stores it again."""
    (blob,) = blobs(tmp_path)
    blob.write_bytes(b"c0ntent")

    with pytest.raises(DamagedEntryError, match=r"tests\(a\) is damaged: 'deep/file' is not what was stored"):
        store.restore(hit(store), tmp_path / "back")

    assert not (tmp_path / "back").exists()
    assert [] == blobs(tmp_path)
    assert ["tests(b)"] == jobs(store)
    store.add(entry("a"), tmp_path / "out")
    store.restore(hit(store), tmp_path / "back")
    assert {"deep/file": b"content"} == content(tmp_path / "back")


def test_storing_again_repairs_a_file(store: Store, tmp_path: Path) -> None:
    """Another job has a file with that content."""
    (blob,) = blobs(tmp_path)
    blob.write_bytes(b"c0ntent")

    store.add(entry("c"), tmp_path / "out")

    store.restore(hit(store), tmp_path / "back")
    assert {"deep/file": b"content"} == content(tmp_path / "back")


@pytest.mark.parametrize("path", ["../evil", "a/../../evil", "/evil", "a//b", ".", "", "a\0b"])
def test_nothing_is_restored_outside_of_the_folder(store: Store, tmp_path: Path, path: str) -> None:
    """Whatever an entry says."""
    evil = msgspec.structs.replace(hit(store).artifacts[0], path=path)

    with pytest.raises(DamagedEntryError, match="leads out of its folder"):
        store.restore(entry("a", artifacts=(*hit(store).artifacts, evil)), tmp_path / "x" / "back")

    assert [] == jobs(store)[:-1]
    assert not (tmp_path / "x" / "back").exists()
    assert not (tmp_path / "x" / "evil").exists()


def test_nothing_is_read_outside_of_the_store(store: Store, tmp_path: Path) -> None:
    """A digest is no path."""
    (tmp_path / "secret").write_text("x")

    with pytest.raises(DamagedEntryError, match="leads out of its folder"):
        store.restore(entry("a", artifacts=(Artifact("x", "../../../../secret", 1),)), tmp_path / "back")
    assert (tmp_path / "secret").exists()


def test_verify_looks_into_everything(store: Store, tmp_path: Path) -> None:
    """It removes what is damaged, and names it."""
    whole = store.verify()
    (blob,) = blobs(tmp_path)
    blob.write_bytes(b"c0ntent")

    assert [] == whole
    assert ["the cached result of tests(a) was removed: 'deep/file' is not what was stored"] == store.verify()
    assert [] == store.verify()
    assert ["tests(b)"] == jobs(store)


def test_a_damaged_memo_is_removed(store: Store, database: Path) -> None:
    """It is made again."""
    flip(database, b"remembered", 3)

    assert [None, None] == [store.recall("kind", "key"), store.recall("kind", "key")]
    assert ["what was remembered as 'kind' is damaged; it was removed"] == store.problems


def test_a_locked_database_is_an_error(store: Store, database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run goes on without; reading needs no lock."""
    monkeypatch.setattr("isonox.cache.database._PATIENCE", 0.01)
    other = sqlite3.connect(database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(StateError, match="another isonox is writing"):
        store.add(entry("c"))

    assert ["tests(a)", "tests(b)"] == jobs(store)
    other.close()


def test_a_cache_that_another_process_makes_forever_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That process hangs; this one does not wait for it forever."""
    monkeypatch.setattr("isonox.cache.database._PATIENCE", 0.01)
    store = Store.of(tmp_path)
    store.path.mkdir(parents=True)

    with filelock.FileLock(store.path / "results.lock"), pytest.raises(StateError, match=r"can't use .*results\.db"):
        store.add(entry())


def test_a_full_disk_is_an_error(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it is the database that does not fit, or a file; nothing is half there."""
    opened = Database._opened

    def small(self: Database) -> sqlite3.Connection:
        connection = opened(self)
        connection.execute("PRAGMA max_page_count = 1")
        return connection

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    many = [(entry(str(number)), None) for number in range(99)]
    out = folder(tmp_path / "new", {"x": b"new"})
    with monkeypatch.context() as patch:
        patch.setattr(Database, "_opened", small)
        with pytest.raises(StateError, match="the disk is full"):
            store.add_many(many)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises(StateError, match="the disk is full"):
            store.add(entry("c"), out)

    assert (2, []) == (store.usage().entries, store.verify())
    assert 1 == len(blobs(tmp_path))


def test_a_full_disk_can_be_emptied(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files go, though the database has no room to say so."""
    monkeypatch.setattr(Database, "write", lambda *_: (_ for _ in ()).throw(StateError("full")))

    with pytest.raises(StateError, match="full"):
        store.empty(NOW)

    assert [] == blobs(tmp_path)


def test_a_folder_that_cannot_be_used_is_an_error(tmp_path: Path) -> None:
    """With its path."""
    (tmp_path / ".isonox").mkdir()
    (tmp_path / ".isonox" / "cache").write_text("")

    with pytest.raises(StateError, match=r"can't create .*cache"):
        Store.of(tmp_path).add(entry())


def test_the_cache_may_be_on_another_file_system(tmp_path: Path) -> None:
    """Behind a link: nothing is renamed across."""
    memory = Path("/dev/shm")  # noqa: S108 - the one that Linux always has
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no other file system here")
    with tempfile.TemporaryDirectory(dir=memory) as elsewhere:
        (tmp_path / ".isonox").mkdir()
        (tmp_path / ".isonox" / "cache").symlink_to(elsewhere)
        store = Store.of(tmp_path)
        store.add(entry("a"), folder(tmp_path / "out", {"deep/file": b"content"}))

        store.restore(hit(store), tmp_path / "back")

        assert {"deep/file": b"content"} == content(tmp_path / "back")
        assert (Path(elsewhere) / "results.db").exists()
