"""A run in which nothing had to run is repeated, exactly while nothing that it depends on has changed."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import textwrap
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from isonox.errors import ExitCode
from isonox.sessions import run_directory
from isonox.system import clock, machine
from isonox.verbs import again, ci
from isonox.verbs.results import Results

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import MakeRepository, Repository

    from isonox.model.record import Record
    from isonox.sessions.run_directory import RunDirectory

NOXFILE = textwrap.dedent(
    '''
    import pathlib
    from datetime import timedelta

    import isonox

    LEVEL = pathlib.Path(__file__).with_name("level.ignored").read_text()


    @isonox.session(venv_backend="none", inputs=["rules.txt"])
    def check(session):
        """Leave something."""
        (session.artifacts / "seen.txt").write_text((session.root / "rules.txt").read_text() + LEVEL)
        session.run("tool", external=True)


    @isonox.session(venv_backend="none", inputs=["rules.txt"], cache=timedelta(hours=1))
    def soon(session):
        """Hold for a time only."""
        session.run("python", "-S", "-c", "", external=True)
    '''
)
ALL = {"check", "soon"}

#: `isonox`, which says on standard error whether it has repeated a run.
ISONOX = """
import sys
from isonox import entry
from isonox.verbs import again

def told(*arguments, answer=again.answer):
    code = answer(*arguments)
    print("repeated" if code is not None else "", file=sys.stderr)
    return code

again.answer = told
entry.main()
"""


class Seen(NamedTuple):
    """What `isonox ci` said and left.

    Attributes:
        repeated: Whether it was the run before again.
        verdicts: Of each job.
        lines: What it printed, without time and folder.
    """

    code: int
    repeated: bool
    verdicts: dict[str, str]
    lines: list[str]
    folder: Path


class Place(NamedTuple):
    """A workspace, and a folder of programs on PATH."""

    repo: Repository
    tools: Path

    def ci(self, *arguments: str, **variables: str) -> Seen:
        """Run `isonox ci`."""
        unwanted = ("NOX", "ISONOX_", "CI", "GITHUB_")
        env = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
        env |= {"PATH": f"{self.tools}{os.pathsep}{env['PATH']}", **variables}
        command = [sys.executable, "-c", ISONOX, "ci", *arguments]
        done = subprocess.run(command, cwd=self.repo.path, check=False, capture_output=True, text=True, env=env)
        run = run_directory.latest(self.repo.path)
        assert run is not None, done.stderr
        verdicts = {record.job: record.verdict.value for record in run.read_records()}
        lines = [line for line in done.stdout.splitlines() if not line.startswith(("time:", "records:"))]
        return Seen(done.returncode, "repeated" in done.stderr.splitlines(), verdicts, lines, run.path)

    def settled(self) -> Seen:
        """Run until the last run is repeated, at most three times."""
        seen = [self.ci(), self.ci(), self.ci()][-1]
        assert seen.repeated
        return seen

    @property
    def notes(self) -> list[Path]:
        """The notes that runs have left."""
        return sorted((self.repo.path / ".isonox/cache/again").glob("*"))

    @property
    def noted(self) -> Path:
        """The run that the only note is of."""
        (path,) = self.notes
        note = again.read(path)
        assert note is not None
        return self.repo.path / ".isonox/runs" / note.run


@pytest.fixture
def place(repository: MakeRepository, tmp_path: Path) -> Place:
    """Return a workspace with a program beside it."""
    repo = repository(
        {"noxfile.py": NOXFILE, "rules.txt": "rules\n", ".gitignore": ".isonox/\n.nox/\n__pycache__/\n*.ignored\n"},
        settings='[tool.isonox]\npass-env = ["LEVEL"]\n',
    )
    (repo.path / "level.ignored").write_text("1\n")
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "tool").write_text("#!/bin/sh\nexit 0\n")
    (tools / "tool").chmod(0o755)
    return Place(repo, tools)


def _documents(folder: Path) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = json.loads((folder / "cached.json").read_text())["records"]
    return [{name: value for name, value in one.items() if name not in ("run", "started")} for one in records]


def test_the_same_run_again(place: Place) -> None:
    """In a folder of its own: plan, records and artifacts, under its own name."""
    first = place.ci()
    known = place.ci()

    third = place.ci()

    assert ([False, False, True], [0, 0, 0]) == (
        [first.repeated, known.repeated, third.repeated],
        [first.code, known.code, third.code],
    )
    assert (known.lines, dict.fromkeys(ALL, "cached")) == (third.lines, third.verdicts)
    assert (known.folder / "plan.json").read_bytes() == (third.folder / "plan.json").read_bytes()
    assert _documents(known.folder) == _documents(third.folder)
    records = run_directory.RunDirectory(third.folder).read_records()
    assert {(third.folder.name, first.folder.name)} == {(record.run, record.from_run) for record in records}
    assert "rules\n1\n" == (third.folder / "artifacts/check/seen.txt").read_text()


def _replaced(path: Path, text: str) -> None:
    """Write a program anew, as an installation does."""
    path.unlink()
    path.write_text(text)
    path.chmod(0o755)


def _damaged(*paths: Path) -> None:
    for path in paths:
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


#: What happens, and the jobs that run then: none where only the whole work has to be done.
CHANGES: dict[str, tuple[Callable[[Place], object], set[str]]] = {
    "nothing": (lambda _place: None, set()),
    "a file": (lambda place: (place.repo.path / "rules.txt").write_text("other\n"), ALL),
    "a new file": (lambda place: (place.repo.path / "new.txt").write_text("new\n"), set()),
    "a commit": (lambda place: place.repo.write({}), set()),
    "the noxfile": (lambda place: place.repo.write({"noxfile.py": f"{NOXFILE}\nX = 1\n"}), ALL),
    "a file that git ignores": (lambda place: (place.repo.path / "level.ignored").write_text("2\n"), ALL),
    "a program": (lambda place: _replaced(place.tools / "tool", "#!/bin/sh\n:\n"), {"check"}),
    "a new folder on PATH": (lambda place: (place.tools / "more").mkdir(), set()),
    "the note": (lambda place: _damaged(place.notes[0]), set()),
    "the records before": (lambda place: _damaged(place.noted / "cached.json"), set()),
    "the plan before": (lambda place: (place.noted / "plan.json").unlink(), set()),
    "an empty cache": (lambda place: _isonox(place, "cache", "prune", "--all"), ALL),
    "a damaged artifact": (
        lambda place: _damaged(
            *(path for path in (place.repo.path / ".isonox/cache/blobs").rglob("*") if path.is_file())
        ),
        {"check"},
    ),
}


def _isonox(place: Place, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "isonox", *arguments], cwd=place.repo.path, check=True, capture_output=True)


def test_whatever_changes_the_verdicts_are_found_anew(place: Place) -> None:
    """One thing after the other; each is noticed, and what it concerns runs."""
    found = {}
    for name, (change, _) in CHANGES.items():
        place.settled()
        change(place)
        seen = place.ci()
        found[name] = seen.repeated, {job for job, verdict in seen.verdicts.items() if verdict == "passed"}

    assert {name: (name == "nothing", jobs) for name, (_, jobs) in CHANGES.items()} == found


def test_other_variables_and_arguments_are_other_runs(place: Place) -> None:
    """Each list of arguments has a note of its own; a machine of GitHub has none."""
    place.settled()

    seen = [
        place.ci(LEVEL="2"),
        place.ci(PATH=f"{place.tools}{os.pathsep}{os.environ['PATH']}{os.pathsep}/nowhere"),
        place.ci(),
        place.ci("--only", "check"),
        place.ci("--only", "check"),
        place.ci("--no-cache"),
        place.ci("--json"),
        place.ci(GITHUB_ACTIONS="true"),
    ]

    assert [False, False, False, False, True, False, False, False] == [one.repeated for one in seen]
    assert ["passed", *["cached"] * 4, "passed", "cached", "passed"] == [one.verdicts["check"] for one in seen]


def test_what_a_shell_changes_by_itself_is_no_change(place: Place) -> None:
    """And no value of a variable, nor the hash of one, is written down: it may be a secret."""
    place.settled()

    seen = place.ci(OLDPWD="/elsewhere", SHLVL="7")
    place.ci(LEVEL="hunter2")

    assert seen.repeated
    guess = hashlib.sha256(b"hunter2").hexdigest()
    notes = "".join(path.read_text() for path in place.notes)
    assert (False, False) == ("hunter2" in notes, guess in notes)
    assert {0o600} == {path.stat().st_mode & 0o777 for path in place.notes}


def test_what_changes_while_a_run_is_at_work_leaves_no_note(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its verdicts may be those of what was there before."""
    place.settled()
    for path in place.notes:
        path.unlink()
    original = Results.hits

    def hits(results: Results, directory: RunDirectory) -> dict[str, Record]:
        (place.repo.path / "level.ignored").write_text("2\n")
        return original(results, directory)

    monkeypatch.setattr(Results, "hits", hits)
    monkeypatch.setenv("PATH", f"{place.tools}{os.pathsep}{os.environ['PATH']}")
    for name in ("CI", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(again, "_arguments", ("ci",))
    monkeypatch.chdir(place.repo.path)

    code = ci.ci()

    assert ([], ExitCode.OK) == (place.notes, code)
    assert set(place.ci().verdicts.values()) == {"passed"}


def test_an_interpreter_that_is_not_there_yet_is_looked_for_each_time(place: Place) -> None:
    """It may be anywhere."""
    pyproject = place.repo.path / "pyproject.toml"
    place.repo.write({"pyproject.toml": f'{pyproject.read_text()}\npythons = ["3.11", "3.99"]\n'})

    seen = [place.ci(), place.ci(), place.ci()]

    assert ([], ["cached"]) == (place.notes, list({*seen[-1].verdicts.values()}))


@pytest.mark.parametrize("content", [b"", b"x\0y", None])
def test_a_note_of_another_format_is_none(place: Place, content: bytes | None) -> None:
    """The whole work is done, and leaves a new one."""
    place.settled()
    (path,) = place.notes
    whole = path.read_bytes()
    if content is None:
        content = whole.partition(b"\0")[2]
        content = hashlib.sha256(content).hexdigest().encode() + b"\0" + content
    path.write_bytes(content)

    assert [(False, 0), (True, 0)] == [(seen.repeated, seen.code) for seen in (place.ci(), place.ci())]


def test_a_verdict_that_holds_for_an_hour_is_not_repeated_after_it(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor on another day, nor where the clock went backwards."""
    place.settled()
    (path,) = place.notes
    note = again.read(path)
    assert note is not None
    monkeypatch.setattr(machine, "observed", lambda kind, name, _: note.observed[_at(note.observed, kind, name)])
    monkeypatch.setattr(clock, "now", lambda: datetime.fromisoformat(f"{note.day}T12:00:00Z"))
    found = {}
    for hours in (-0.1, 0.001, 0.9, 1.1):
        monkeypatch.setattr(clock, "posix", lambda hours=hours: float(note.made) + 3600 * hours)
        found[hours] = note.holds, note._replace(day="2026-01-01").holds

    assert {-0.1: (False, False), 0.001: (True, False), 0.9: (True, False), 1.1: (False, False)} == found


def _at(observed: tuple[str, ...], kind: str, name: str) -> int:
    """Return where the value is of what was observed."""
    return list(zip(observed[::3], observed[1::3], strict=True)).index((kind, name)) * 3 + 2
