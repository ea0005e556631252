"""What is declared is read again exactly when something that it was read from has changed."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import msgspec
import pytest

from isonox.cache.store import Store
from isonox.sessions import known, reading
from isonox.workspace import tree

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeRepository, Repository

NOXFILE = textwrap.dedent(
    """
    import os
    import pathlib

    import nox
    import settings

    import isonox

    pathlib.Path("pythons.txt").read_text()
    pathlib.Path("site-packages/word.txt").read_text()


    @isonox.session(venv_backend="none")
    def check(session):
        session.log(settings.WORD)


    if os.environ.get("WITH_MORE"):

        @isonox.session(venv_backend="none")
        def more(session):
            session.log("more")
    """
)


@pytest.fixture
def repo(repository: MakeRepository) -> Repository:
    """Return a repository whose noxfile imports a module, reads a file and asks for a variable."""
    made = repository({"noxfile.py": NOXFILE, "settings.py": "WORD = 'word'\n", "pythons.txt": "3.13\n"})
    made.write({"site-packages/word.txt": "word"})
    made.write({".gitignore": ".nox/\n.isonox/\n__pycache__/\nlocal.txt\n"})
    return made


def read(root: Path, **variables: str) -> known.Project:
    """Read what is declared, in a process of its own, as each verb does."""
    code = (
        "import os, pathlib; from isonox.verbs.checkout import Checkout; "
        "c = Checkout.around(pathlib.Path.cwd()); c.project"
    )
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True, env={**os.environ, **variables})
    found = recall(root, **variables)
    assert found is not None
    return found


def recall(root: Path, **variables: str) -> known.Project | None:
    """Return what is kept, if it still holds in a process like those of `read`."""
    code = (
        "import os, pathlib, sys; from isonox.verbs.checkout import Checkout; import msgspec; "
        "k = Checkout.around(pathlib.Path.cwd())._known; "
        "sys.stdout.buffer.write(b'' if k is None else msgspec.msgpack.encode(k)); assert 'nox' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, check=True, capture_output=True, env={**os.environ, **variables}
    )

    return msgspec.msgpack.decode(done.stdout, type=known.Project) if done.stdout else None


def test_nothing_is_known_at_first_and_everything_afterwards(repo: Repository) -> None:
    """The second time, nox is not even imported (`recall` looks)."""
    assert recall(repo.path) is None

    found = read(repo.path)

    assert ["check"] == [session.id for session in found.pipeline.sessions]
    assert ("pythons.txt", "settings.py", "site-packages/word.txt") == found.modules
    assert found == recall(repo.path)


@pytest.mark.parametrize(
    "files",
    [
        {"noxfile.py": NOXFILE.replace('"none"', "None", 1)},
        {"settings.py": "WORD = 'other'\n"},
        {"site-packages/word.txt": "other"},
        {"pythons.txt": "3.12\n"},
        {"pyproject.toml": '[project]\nname = "tools"\nversion = "2"\n'},
        {"libs/new/pyproject.toml": '[project]\nname = "new"\nversion = "1"\n'},
    ],
)
def test_a_change_of_what_was_read_is_seen(repo: Repository, files: dict[str, str]) -> None:
    """The noxfile, what it imports, what it reads, and which packages there are."""
    read(repo.path)
    for name, content in files.items():
        (repo.path / name).parent.mkdir(parents=True, exist_ok=True)
        (repo.path / name).write_text(content)

    assert recall(repo.path) is None


def test_a_folder_that_the_noxfile_lists_counts_by_its_names(repo: Repository) -> None:
    """It may declare a session for each file."""
    repo.write({"noxfile.py": f"import os\nos.listdir('data')\n{NOXFILE}", "data/one.txt": "1"})
    read(repo.path)
    (repo.path / "data/one.txt").write_text("2")
    assert recall(repo.path) is not None

    (repo.path / "data/two.txt").write_text("2")

    assert recall(repo.path) is None


OPTIONAL = f"""
import sys
sys.path.append("tools")
import helper
try:
    from inside import extra
except ImportError:
    extra = None
{NOXFILE}"""


@pytest.mark.parametrize("path", ["inside/extra.py", "tools/helper/__init__.py", "helper.py"])
def test_a_module_that_comes_counts_where_the_noxfile_would_import_it(repo: Repository, path: str) -> None:
    """One that it can do without, or one that is found first; nothing else changes by the search for them."""
    repo.write({"noxfile.py": OPTIONAL, "tools/helper.py": "", "inside/__init__.py": ""})
    found = read(repo.path)
    looked_at = ("inside/__init__.py", "pythons.txt", "settings.py", "site-packages/word.txt", "tools/helper.py")
    assert looked_at == found.modules
    assert recall(repo.path) is not None

    (repo.path / path).parent.mkdir(exist_ok=True)
    (repo.path / path).with_name("other.py").touch()
    assert recall(repo.path) is not None
    (repo.path / path).touch()

    assert recall(repo.path) is None


def test_a_change_of_something_else_is_none(repo: Repository) -> None:
    """Neither a document nor a variable that nobody asked for."""
    read(repo.path)
    (repo.path / "README.md").write_text("other")

    assert recall(repo.path, SOMETHING="else") is not None


def test_a_variable_that_the_noxfile_asks_for_counts(repo: Repository) -> None:
    """It decides which sessions there are."""
    repo.write({"noxfile.py": f"import os\nos.environb.get(b'RAW')\n{NOXFILE}"})
    assert ("RAW", "WITH_MORE") == read(repo.path).variables

    assert recall(repo.path, WITH_MORE="1") is None
    assert recall(repo.path, RAW="1") is None
    assert 2 == len(read(repo.path, WITH_MORE="1").pipeline.sessions)
    assert recall(repo.path) is None


#: To a server of its own: to any other one, this suite's own verdict could not be used again.
_CONNECTS = "with socket.create_server(('127.0.0.1', 0)) as one:\n    socket.create_connection(one.getsockname())\n"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import subprocess\nsubprocess.run(['true'])\n", "the noxfile starts a process while it is loaded: true"),
        ("import os\ndict(os.environ)\n", "the noxfile looks at all environment variables"),
        (f"import socket\n{_CONNECTS}", "the noxfile opens a connection while it is loaded"),
    ],
)  # fmt: skip
def test_a_noxfile_that_may_be_different_each_time_is_not_kept(repo: Repository, code: str, reason: str) -> None:
    """What it asks for has no name."""
    repo.write({"noxfile.py": f"{code}\n{NOXFILE}"})
    script = (
        "import pathlib; from isonox.verbs.checkout import Checkout; "
        "print(Checkout.around(pathlib.Path.cwd())._read()[1])"
    )

    done = subprocess.run([sys.executable, "-c", script], cwd=repo.path, check=True, capture_output=True, text=True)

    assert reason == done.stdout.strip()
    assert recall(repo.path) is None


def test_the_value_of_a_secret_is_not_written_down(repo: Repository) -> None:
    """Not even where the noxfile computes a variable of a session from it; others do no harm."""
    code = f"import os\n{NOXFILE}".replace(
        '"none")', '"none", secrets=["TOKEN"], env={"COPY": os.environ["TOKEN"]})', 1
    )
    repo.write({"noxfile.py": code})
    script = (
        "import pathlib; from isonox.verbs.checkout import Checkout; print(Checkout.around(pathlib.Path.cwd())._read())"
    )
    env = {**os.environ, "TOKEN": "top5ecret"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=repo.path, check=True, capture_output=True, text=True, env=env
    )

    assert "holds the value of a secret" in done.stdout
    assert not any(b"top5ecret" in path.read_bytes() for path in (repo.path / ".isonox").rglob("*") if path.is_file())
    repo.write({"noxfile.py": code.replace('os.environ["TOKEN"]', '"x"')})
    assert read(repo.path, TOKEN="top5ecret") == recall(repo.path, TOKEN="top5ecret")


def test_what_is_kept_and_damaged_is_read_again(repo: Repository) -> None:
    """Something else under its name is no project."""
    read(repo.path)
    store = Store.of(repo.path)
    found = store.recall("project", "noxfile.py:sources")
    assert found is not None

    store.remember("project", "noxfile.py:sources", b"\xc1")

    assert recall(repo.path) is None


def test_reading_returns_what_recall_finds(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within one process, too."""
    monkeypatch.chdir(repo.path)
    store, now = Store.of(repo.path), tree.reading(repo.path).tree()

    found, hindrance = reading.read(store, repo.path, "noxfile.py", now, os.environ)

    assert not hindrance
    kept = known.last(store, "noxfile.py")
    assert kept is not None
    assert found == kept[1]
    assert known.is_current(kept[0], repo.path, tree.reading(repo.path).tree(), os.environ)
