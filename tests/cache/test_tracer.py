"""The tracer, in real Python processes: what they do is noted, and they notice nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from isonox.cache import tracing
from isonox.cache.tracer import sitecustomize
from isonox.system import interpreters

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path(sitecustomize.__file__).parent


class Traced:
    """A workspace with a report beside it."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self.root.mkdir()
        self.report = folder / "report"
        self.report.write_bytes(b"")

    def run(
        self, program: str, *, python: str = sys.executable, env: Mapping[str, str] | None = None, code: int = 0
    ) -> str:
        """Run a program in the root and return what it printed; its own file is outside."""
        script = self.root.parent / "program.py"
        script.write_text(program, encoding="utf-8")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ISONOX", "PYTHON", "COV"))}
        ours = {"PYTHONPATH": str(FOLDER), sitecustomize.REPORT: str(self.report), sitecustomize.ROOT: str(self.root)}
        done = subprocess.run(
            [python, str(script)],
            cwd=self.root,
            env={**kept, "PYTHONDONTWRITEBYTECODE": "1", **ours, **(env or {})},
            check=False,
            capture_output=True,
            text=True,
        )
        assert code == done.returncode, done.stderr
        assert not done.stderr
        return done.stdout

    @property
    def facts(self) -> list[str]:
        """What was noted."""
        return os.fsdecode(self.report.read_bytes()).split("\0")[:-1]


@pytest.fixture
def traced(tmp_path: Path) -> Traced:
    """Return an empty workspace."""
    return Traced(tmp_path)


EVERYTHING = """
import os, pathlib, shutil, socket, sqlite3, subprocess, sys, tempfile
for path in ("a.txt", b"a.txt", pathlib.Path("a.txt"), os.path.abspath("./x/../a.txt"), "link/b.txt"):
    open(path).close()
open(os.open("a.txt", os.O_RDONLY), closefd=True).close()
try:
    open("missing")
except OSError:
    pass
os.makedirs("made", exist_ok=True)
os.makedirs("made", exist_ok=True)
open("made/one", "w").close()
open("made/one", "a").close()
open("a.txt", "r+").close()
os.replace("made/one", "made/two")
shutil.rmtree("made")
list(pathlib.Path("data").iterdir())
os.listdir()
os.scandir("data").close()
sqlite3.connect("new.db").close()
server = socket.socket()
server.bind(("127.0.0.1", 0))
server.listen()
socket.create_connection(server.getsockname()).close()
open(tempfile.mkstemp()[1]).close()
"""


@pytest.mark.parametrize("version", ["3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14"])
def test_what_a_process_does_is_noted_once_and_in_order(traced: Traced, version: str) -> None:
    """On every Python that can be found: files by all their names, folders, sockets; nothing outside of the root."""
    python = interpreters.find(version, cache=traced.root.parent / "interpreters.json")
    if python is None:
        pytest.skip(f"there is no Python {version} here")
    (traced.root / "data").mkdir()
    for name in ("a.txt", "data/b.txt"):
        (traced.root / name).touch()
    (traced.root / "link").symlink_to("data")

    traced.run(EVERYTHING, python=python)

    *facts, bound, connected = traced.facts
    expected = ["Ra.txt", "Rlink", "Rdata/b.txt", "Rmissing", "Wmade", "Wmade/one", "Amade/one", "Aa.txt"]
    expected += ["Mmade/one//made/two", "Amade", "Ldata", "L", "Wnew.db", "Anew.db"]
    assert expected == facts
    assert f"C127.0.0.1:{bound[1:]}" == connected


def test_imports_are_told_from_listings(traced: Traced) -> None:
    """The import system lists folders to find modules; a compiled module stands for its source."""
    (traced.root / "pack").mkdir()
    (traced.root / "pack" / "inner.py").touch()

    traced.run("import sys; sys.path.insert(0, 'pack'); import inner", env={"PYTHONDONTWRITEBYTECODE": ""})
    traced.run("import sys; sys.path.insert(0, 'pack'); import inner")

    *first, again = traced.facts[:-1]
    assert "Ipack" in first
    assert "Rpack/inner.py" in first
    assert traced.facts[-1].startswith("Rpack/__pycache__/inner.")
    assert "Ipack" == again


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forks_grandchildren_and_the_killed_are_noted(traced: Traced) -> None:
    """Facts are written at once; the environment is left as it was."""
    program = """
import os, signal, subprocess, sys
if not os.fork():
    open("forked")if os.path.exists("forked") else open("forked", "w")
    os._exit(0)
os.wait()
subprocess.run([sys.executable, "-c", "open('grandchild', 'w')"], check=True)
open("killed", "w")
os.kill(os.getpid(), signal.SIGKILL)
"""
    traced.run(program, code=-signal.SIGKILL)

    assert ["Wforked", "Wgrandchild", "Wkilled"] == [fact for fact in traced.facts if fact[0] == "W"]


def test_the_root_may_be_behind_a_link(traced: Traced) -> None:
    """What counts is where a file is, by whatever name."""
    alias = traced.root.parent / "alias"
    alias.symlink_to(traced.root)
    (traced.root / "a.txt").touch()

    traced.run(f"open({str(alias / 'a.txt')!r})", env={sitecustomize.ROOT: str(alias)})

    assert ["Ra.txt"] == traced.facts


def test_what_is_installed_is_not_noted(traced: Traced) -> None:
    """Environments in the workspace, and isonox's own folder; but folders of other trees with such names."""
    places = [".nox/tests/lib/x.py", ".isonox/latest", "env/lib/python3/site-packages/x.py"]
    others = ["site-packages/x.py", "data/dist-packages/x.py"]
    for place in (*places, *others, "env/pyvenv.cfg"):
        (traced.root / place).parent.mkdir(parents=True, exist_ok=True)
        (traced.root / place).touch()

    traced.run("".join(f"open({place!r});" for place in (*places, *others)))

    assert [f"R{place}" for place in others] == traced.facts


def test_another_sitecustomize_has_its_turn(traced: Traced) -> None:
    """It is the module of that name then, and the tracer's folder is not on the path any more."""
    (traced.root / "sitecustomize.py").write_text("MARK = 'theirs'\nprint('theirs')\n", encoding="utf-8")
    program = "import os, sys, sitecustomize; print(sitecustomize.MARK, os.environ['PYTHONPATH'], sys.path)"
    both = os.pathsep.join([str(FOLDER), str(traced.root)])

    first, second = traced.run(program, env={"PYTHONPATH": both}).splitlines()

    assert "theirs" == first
    assert second.startswith(f"theirs {both} ")
    assert str(FOLDER) not in second.removeprefix(f"theirs {both} ")
    assert "Rsitecustomize.py" in traced.facts


def test_a_process_without_a_report_is_left_alone(traced: Traced) -> None:
    """The folder stays on the path of processes that dropped the other variables, or outlived the session."""
    traced.run("open('a', 'w')", env={sitecustomize.REPORT: ""})
    assert [] == traced.facts

    traced.report.unlink()
    traced.run("open('a', 'w'); open('b', 'w')")
    assert not traced.report.exists()


def test_what_cannot_be_traced_says_so(traced: Traced) -> None:
    """The process goes on, and the report is worth nothing."""
    output = traced.run("import sys; sys.audit('open', 'not the arguments of open'); print('went on')")

    assert "went on\n" == output
    assert traced.facts[0].startswith("ETypeError: ")
    assert tracing.read(traced.report.read_bytes()) is None


@pytest.mark.parametrize("version", ["3.6", "3.7"])
def test_a_python_without_audit_hooks_says_so(traced: Traced, version: str) -> None:
    """It reads the same file, and nothing else happens."""
    python = interpreters.find(version, cache=traced.root.parent / "interpreters.json")
    if python is None:
        pytest.skip(f"there is no Python {version} here")

    assert "went on\n" == traced.run("print('went on')", python=python)
    assert [fact[0] for fact in traced.facts] == ["E"]


def test_what_a_signal_raises_in_between_is_raised(tmp_path: Path) -> None:
    """A time limit that strikes while something is noted is not lost."""
    (tmp_path / "report").touch()
    tracer = sitecustomize.Tracer()
    tracer.start(str(tmp_path / "report"), str(tmp_path))

    def strike(_frame: object) -> NoReturn:
        raise TimeoutError

    tracer.passed_over = strike

    with pytest.raises(TimeoutError):
        tracer.hook("open", (str(tmp_path / "a"), "r", 0))
