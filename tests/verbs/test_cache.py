"""`isonox cache`: what is kept, whether it is whole, and less of it."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from tests.cache.entries import DAY, blobs, entry, fingerprint, folder

from isonox import cli
from isonox.cache.store import Store
from isonox.system import clock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a repository, which is the current folder; three results are kept, each with a file of 100 KiB."""
    root = tmp_path / "workspace"
    root.mkdir()
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    for age, name in enumerate("abc"):
        out = folder(tmp_path / name, {"file": name.encode() * (100 << 10)})
        Store.of(root).add(entry(name, stored=clock.posix() - age * DAY), out)
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def isonox(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Return a function that runs a command line: exit code, standard output, standard error."""

    def run(*words: str) -> tuple[int, str, str]:
        code = cli.main(["cache", *words])
        return code, *capsys.readouterr()

    return run


def left(root: Path) -> set[str]:
    """Return the names of what is left."""
    hits = Store.of(root).find([fingerprint(name) for name in "abc"], now=clock.posix())
    return {hit.parts["files"] for hit in hits.values()}


def test_show(workspace: Path, isonox: Any) -> None:
    """What there is, by default; with or without the word."""
    code, out, err = isonox()

    assert (0, "") == (code, err)
    assert [f"path: {workspace}/.isonox/cache", "results: 3 (tests 3)"] == out.splitlines()[:2]
    assert re.fullmatch(r"size: 30\d(\.\d)? KiB of 2 GiB, with 3 files", out.splitlines()[2])
    assert (0, out, "") == isonox("show")


def test_show_as_a_document(workspace: Path, isonox: Any) -> None:
    """Everything that is shown."""
    document = json.loads(isonox("--json")[1])

    assert {"path", "entries", "blobs", "bytes", "oldest", "stages", "max_bytes", "max_age_seconds"} == set(document)
    assert (3, {"tests": 3}, 2 << 30) == (document["entries"], document["stages"], document["max_bytes"])


def test_nothing_is_made_to_show_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, isonox: Any) -> None:
    """A fresh clone."""
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    monkeypatch.chdir(tmp_path)

    assert [0, 0, 0] == [isonox(*words)[0] for words in ([], ["verify"], ["prune", "--all"])]
    assert "results: 0\n" in isonox()[1]
    assert [".git"] == [path.name for path in tmp_path.iterdir()]


def test_verify_says_what_was_damaged(workspace: Path, isonox: Any) -> None:
    """Once: it is gone then."""
    whole = isonox("verify")
    (blob,) = [path for path in blobs(workspace) if path.read_bytes().startswith(b"b")]
    blob.write_bytes(b"x" * (100 << 10))

    assert (0, "nothing is damaged\n", "") == whole
    assert (1, "the cached result of tests(b) was removed: 'file' is not what was stored\n", "") == isonox("verify")
    assert (0, {"problems": []}) == (isonox("verify")[0], json.loads(isonox("verify", "--json")[1]))
    assert {"a", "c"} == left(workspace)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "abc"),
        (["--max-size", "250KB"], "ab"),
        (["--max-size", "0.11 MiB"], "a"),
        (["--max-size", "0"], ""),
        (["--max-age", "36h"], "ab"),
        (["--max-age", "1w"], "abc"),
        (["--max-size", "250K", "--max-age", "0.5d"], "a"),
        (["--all"], ""),
    ],
)
def test_prune(workspace: Path, isonox: Any, words: list[str], expected: str) -> None:
    """To its bounds, to those that are given, or everything."""
    code, out, err = isonox("prune", *words)

    gone = 3 - len(expected)
    assert (0, "") == (code, err)
    assert out.startswith(f"removed {gone} result{'' if gone == 1 else 's'} and {gone} file")
    assert set(expected) == left(workspace)
    assert len(expected) == len(blobs(workspace))


def test_prune_as_a_document(workspace: Path, isonox: Any) -> None:
    """How much went."""
    document = json.loads(isonox("prune", "--all", "--json")[1])

    assert (3, 3) == (document["entries"], document["blobs"])
    assert 300 << 10 < document["bytes"] < 305 << 10


def test_a_damaged_cache_is_a_warning(workspace: Path, isonox: Any) -> None:
    """It begins anew."""
    (workspace / ".isonox" / "cache" / "results.db").write_bytes(b"no database" * 500)

    code, out, err = isonox()

    assert (0, True) == (code, "results: 0" in out)
    assert err.startswith("warning: ")
    assert "is kept as results.damaged" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["prnue"], "unknown action 'prnue' (did you mean 'prune'?)\nhint: name one of: show, verify, prune"),
        (["explain"], "unknown action 'explain'\nhint: name one of"),
        (["--all"], "only `prune` takes --all"),
        (["verify", "--max-age", "7d", "--max-size", "1"], "only `prune` takes --max-size and --max-age"),
        (["prune", "--all", "--max-age", "7d"], "--all and --max-age do not go together"),
        (["prune", "--max-size", "5 apples"], "--max-size: '5 apples' is not understood\nhint: a number with its unit"),
        (["prune", "--max-size", "-1"], "--max-size: '-1' is not understood"),
        (["prune", "--max-age", "7"], "--max-age: '7' is not understood"),
        (["prune", "--max-age", "7" * 400 + "d"], "is not understood"),
    ],
)
def test_what_makes_no_sense_is_refused(workspace: Path, isonox: Any, words: list[str], message: str) -> None:
    """Before anything is removed."""
    code, out, err = isonox(*words)

    assert (2, "") == (code, out)
    assert message in err
    assert 3 == len(left(workspace))
