"""What is stored is found again, as it was, and only where it may be used."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import msgspec
import pytest
from tests.cache.entries import DAY, NOW, blobs, content, entry, fingerprint, folder

from isonox.cache import store as store_module
from isonox.cache.store import Store
from isonox.errors import StateError
from isonox.model.verdict import Verdict
from isonox.system import clock

FILES = {"junit.xml": b"<x/>", "out/deep/data.bin": bytes(range(256)) * 4000, "empty": b""}


def found(store: Store, *names: str, now: float = NOW) -> list[str]:
    """Return the jobs of what is found."""
    return sorted(one.job for one in store.find([fingerprint(name) for name in names], now=now).values())


def test_a_result_comes_back_with_its_files(tmp_path: Path) -> None:
    """Contents, names and the right to execute, into a new folder."""
    out = folder(tmp_path / "out", {**FILES, "run.sh": b"#!/bin/sh"})
    (out / "run.sh").chmod(0o755)
    Store.of(tmp_path).add(entry(), out)
    store = Store.of(tmp_path)

    (hit,) = store.find([fingerprint("a"), fingerprint("b")], now=NOW).values()
    store.restore(hit, tmp_path / "back")

    assert entry() == msgspec.structs.replace(hit, artifacts=())
    assert content(out) == content(tmp_path / "back")
    assert os.access(tmp_path / "back" / "run.sh", os.X_OK)
    assert not os.access(tmp_path / "back" / "junit.xml", os.X_OK)
    assert [] == store.problems


def test_nothing_is_made_before_something_is_stored(tmp_path: Path) -> None:
    """Reading, pruning and the like need no cache."""
    store = Store.of(tmp_path)

    store.touch([fingerprint("a")], NOW)
    store.empty(NOW)

    assert [] == found(store, "a")
    assert store.latest("tests(a)") is None
    assert store.recall("kind", "key") is None
    assert (0, []) == (store.prune(now=NOW).entries, store.verify())
    assert 0 == store.usage().entries
    assert [] == list(tmp_path.iterdir())


def test_git_does_not_see_the_cache(tmp_path: Path) -> None:
    """Even if the cache is the first thing in `.isonox`."""
    Store.of(tmp_path).remember("kind", "key", b"")

    assert "*\n" == (tmp_path / ".isonox" / ".gitignore").read_text()


def test_equal_files_are_stored_once(tmp_path: Path) -> None:
    """Whatever their names and jobs."""
    store = Store.of(tmp_path)
    out = folder(tmp_path / "out", {"a": b"same", "b": b"same"})

    store.add_many([(entry("a"), out), (entry("b"), out)])

    assert 1 == len(blobs(tmp_path))
    assert (2, 1) == (store.usage().entries, store.usage().blobs)


def test_thousands_are_found_at_once(tmp_path: Path) -> None:
    """More than one statement of sqlite takes as parameters."""
    store = Store.of(tmp_path)
    names = [str(number) for number in range(3000)]
    store.add_many([(entry(name), None) for name in names])

    hits = store.find([fingerprint(name) for name in [*names, *map("no{}".format, range(60_000))]], now=NOW)

    assert {fingerprint(name) for name in names} == set(hits)


def test_the_last_of_two_equal_results_stays(tmp_path: Path) -> None:
    """A job ran twice."""
    store = Store.of(tmp_path)

    store.add(entry(stored=NOW - 5))
    store.add(entry())

    assert NOW == store.find([fingerprint("a")], now=NOW)[fingerprint("a")].stored
    assert 1 == store.usage().entries


@pytest.mark.parametrize(
    ("now", "expected"),
    [(NOW + 9, ["tests(a)"]), (NOW + 10, []), (NOW - DAY, ["tests(a)"]), (NOW - DAY - 1, [])],
)
def test_time(tmp_path: Path, now: float, expected: list[str]) -> None:
    """What expired is not used, nor is what is from the future by more than a day: the clock went backwards."""
    store = Store.of(tmp_path)
    store.add(entry(expires=NOW + 10))

    assert expected == found(store, "a", now=now)


def test_the_origin_decides(tmp_path: Path) -> None:
    """CI takes nothing from a laptop."""
    store = Store.of(tmp_path)
    store.add_many([(entry("a"), None), (entry("b", origin="github"), None)])

    hits = store.find([fingerprint("a"), fingerprint("b")], now=NOW, origins=["github"])

    assert [fingerprint("b")] == list(hits)


def test_only_what_passed_is_used(tmp_path: Path) -> None:
    """Whoever stored it."""
    store = Store.of(tmp_path)

    store.add(entry(verdict=Verdict.FAILED))

    assert [] == found(store, "a")
    assert ["the cached result of tests(a) was removed: its verdict is failed"] == store.problems


def test_the_newest_entry_of_a_job(tmp_path: Path) -> None:
    """Whether it can be used or not."""
    store = Store.of(tmp_path)
    store.add_many(
        [(entry(name, job="tests", stored=NOW + at, expires=NOW), None) for name, at in [("a", 1), ("b", 2), ("c", 0)]]
    )
    store.add(entry("d", stored=NOW + 9))

    latest = store.latest("tests")

    assert latest is not None
    assert {"files": "b"} == latest.parts
    assert store.latest("test") is None


@pytest.mark.parametrize("name", ["a\nb", "-rf", "ü ☃", "back\\slash", "'\"$`", "x" * 250, ".hidden"])
def test_odd_names_come_back(tmp_path: Path, name: str) -> None:
    """Whatever a file can be called in UTF-8."""
    store = Store.of(tmp_path)
    kept = store.add(entry(), folder(tmp_path / "out", {f"{name}/{name}": b"x"}))

    assert kept is not None
    store.restore(kept, tmp_path / "back")

    assert {f"{name}/{name}": b"x"} == content(tmp_path / "back")


def test_a_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    """That result only, and with the reason."""
    store = Store.of(tmp_path)
    out = folder(tmp_path / "out", {"fine": b""})
    try:
        Path(os.fsdecode(os.fsencode(out) + b"/caf\xe9")).touch()
    except OSError:
        pytest.skip("this file system takes UTF-8 only")

    kept = store.add_many([(entry("a"), out), (entry("b"), None)])

    assert ["tests(b)"] == [one.job for one in kept]
    assert ["tests(b)"] == found(store, "a", "b")
    assert ["the result of tests(a) was not stored: the name 'caf\\udce9' is not UTF-8"] == store.problems


def test_a_record_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    """An argument may be any bytes."""
    store = Store.of(tmp_path)
    odd = msgspec.structs.replace(entry().record, posargs=("caf\udce9",))

    assert store.add(entry(record=odd)) is None
    assert store.problems[0].startswith("the result of tests(a) was not stored: 'utf-8' codec can't encode")


def test_a_link_to_a_file_of_the_folder_is_stored_as_a_file(tmp_path: Path) -> None:
    """The content is what counts."""
    store = Store.of(tmp_path)
    out = folder(tmp_path / "out", {"in/real": b"x"})
    (out / "link").symlink_to("in/real")

    kept = store.add(entry(), out)

    assert kept is not None
    store.restore(kept, tmp_path / "back")
    assert {"in/real": b"x", "link": b"x"} == content(tmp_path / "back")
    assert not (tmp_path / "back" / "link").is_symlink()


@pytest.mark.parametrize("target", ["../secret", "/etc/hostname", "self", "nowhere", "folder", "."])
def test_other_links_are_refused(tmp_path: Path, target: str) -> None:
    """Out of the folder, to themselves, to nothing, to a folder."""
    store = Store.of(tmp_path)
    (tmp_path / "secret").write_text("x")
    out = folder(tmp_path / "out", {"folder/x": b""})
    (out / "self").symlink_to(target)

    assert store.add(entry(), out) is None
    assert store.problems[0].startswith("the result of tests(a) was not stored: 'self' ")


def test_what_is_no_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading a pipe would wait forever."""
    store = Store.of(tmp_path)
    out = folder(tmp_path / "out", {})
    out.mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(out)  # the path of a socket must be short
        server.bind("socket")

    assert store.add(entry(), out) is None
    assert ["the result of tests(a) was not stored: 'socket' is not a file, or is a link to somewhere else"] == (
        store.problems
    )


def test_a_folder_that_is_gone_is_refused(tmp_path: Path) -> None:
    """A result without its files is none."""
    store = Store.of(tmp_path)

    assert store.add(entry(), tmp_path / "gone") is None
    assert "can't be read: No such file or directory" in store.problems[0]


def test_restoring_overwrites_nothing(tmp_path: Path) -> None:
    """The folder has to be new or empty."""
    store = Store.of(tmp_path)
    kept = store.add(entry(), folder(tmp_path / "out", {"a": b"new"}))
    assert kept is not None
    (tmp_path / "empty").mkdir()
    folder(tmp_path / "full", {"a": b"old"})

    store.restore(kept, tmp_path / "empty")
    with pytest.raises(StateError, match=r"can't restore the cached result of tests\(a\)"):
        store.restore(kept, tmp_path / "full")

    assert {"a": b"new"} == content(tmp_path / "empty")
    assert {"a": b"old"} == content(tmp_path / "full")
    assert ["tests(a)"] == found(store, "a")


def test_what_is_remembered_is_recalled(tmp_path: Path) -> None:
    """By kind and key; the last value counts."""
    store = Store.of(tmp_path)
    for kind, key, value in [("k", "a", b"1"), ("k", "a", b"2"), ("k", "b", b""), ("other", "a", b"3")]:
        store.remember(kind, key, value)

    assert {"a": b"2", "b": b""} == store.recall_many("k", ["a", "b", "c"])
    assert b"3" == Store.of(tmp_path).recall("other", "a")


def test_memos_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In number and size; what was not used for longest goes."""
    store = Store.of(tmp_path)
    monkeypatch.setattr(store_module, "MAX_MEMOS", 3)
    monkeypatch.setattr(store_module, "MAX_MEMO_BYTES", 100)
    for day, key in enumerate("abc"):
        monkeypatch.setattr(clock, "posix", lambda day=day: NOW + day * 2 * DAY)
        store.remember("k", key, b"x")
    monkeypatch.setattr(clock, "posix", lambda: NOW + 9 * DAY)
    store.recall("k", "a")

    store.remember("k", "d", b"x")
    by_number = store.recall_many("k", "abcd")
    monkeypatch.setattr(clock, "posix", lambda: NOW + 19 * DAY)
    store.remember("k", "e", b"x" * 80)

    assert {"a", "c", "d"} == set(by_number)
    assert {"e"} <= set(store.recall_many("k", "abcde")) < {"a", "c", "d", "e"}
