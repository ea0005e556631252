"""What a run shows while it goes, on streams of every kind."""

from __future__ import annotations

import contextlib
import os
import re
import select
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TextIO

import pytest
from rich.cells import cell_len
from rich.console import Console

from isonox.model.events import JobAdded, JobEnded, JobStarted, RunEnded, RunStarted, Tick
from isonox.model.verdict import Verdict
from isonox.report.console import Board
from isonox.report.lines import Lines
from isonox.system import clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from isonox.model.events import Event
    from isonox.model.plan import Plan, PlannedJob
    from isonox.model.record import Record
    from isonox.sessions.run_directory import RunDirectory

#: A program that shows a run of three jobs on its terminal: one passes, one fails, one is blocked.
PROGRAM = """
import sys, time
from pathlib import Path
from isonox.model.events import JobEnded, JobStarted, RunEnded, RunStarted, Tick
from isonox.model.plan import Plan, PlannedJob, Selection
from isonox.model.record import Record
from isonox.model.verdict import Verdict
from isonox.report.console import Board
from isonox.system import terminal

def job(name):
    return PlannedJob(id=name, session=name, stage="s", estimate_seconds=1.0, estimate_from="history")

def ended(job, verdict, reason=""):
    record = Record(
        isonox="0", run="r", job=job.id, stage="s", verdict=verdict, reason=reason, started="", seconds=1.5
    )
    return JobEnded(job=job, record=record)

def wait(board, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        board(Tick())
        time.sleep(0.05)

log = Path(sys.argv[1])
log.write_text("\\x1b[2Jcollected 你好 [bold]items[/bold]\\n", encoding="utf-8")
one, two, three = job("tests-3.12(x='[bold]')"), job("lint"), job("docs")
plan = Plan(isonox="0", selection=Selection(), jobs=(one, two, three))
with Board(terminal.drawing(sys.stderr)) as board:
    board(RunStarted(plan=plan, slots=2, directory=log.parent))
    for each in (one, two):
        board(JobStarted(job=each, log=log))
    wait(board, 0.6)
    board(ended(one, Verdict.PASSED))
    print("half", flush=True)
    sys.stdin.readline()
    wait(board, 0.6)
    if sys.argv[2:] == ["crash"]:
        raise SystemExit("a crash")
    board(ended(two, Verdict.FAILED, "ruff exited with 1 [/red]"))
    board(ended(three, Verdict.BLOCKED, "lint failed"))
    board(RunEnded(plan=plan, records=(), seconds=1.0, interrupted=False, directory=log.parent))
sys.stderr.write("after\\n")
"""


class Terminal:
    """A pseudo-terminal with `PROGRAM` in it.

    Args:
        log: The log that all jobs of the run have.
        size: Rows and columns.
        arguments: For the program.
        variables: Set for the program.
    """

    def __init__(self, log: Path, size: tuple[int, int], arguments: tuple[str, ...] = (), **variables: str) -> None:
        self.master, slave = os.openpty()
        termios.tcsetwinsize(slave, size)
        kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
        self.child = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(log), *arguments],
            stdin=slave,
            stdout=subprocess.PIPE,
            stderr=slave,
            env={**kept, "TERM": "xterm-256color", "PYTHONUTF8": "1", **variables},
        )
        os.close(slave)
        self.output = b""

    def read_until(self, mark: bytes) -> str:
        """Return what is printed from now on, up to a mark or to the end."""
        begin = len(self.output)
        deadline = time.monotonic() + 30
        while mark not in self.output[begin:] and time.monotonic() < deadline:
            if not select.select([self.master], [], [], 0.1)[0]:
                continue
            try:
                read = os.read(self.master, 65536)
            except OSError:  # Linux says so when nobody has the other end any more
                break
            if not read:  # macOS says so
                break
            self.output += read
        return self.output[begin:].decode()

    def half(self, size: tuple[int, int] | None = None) -> None:
        """Wait until one job has ended; then let the program go on, in another size if that is given."""
        assert self.child.stdout is not None
        assert self.child.stdout.readline() == b"half\n"
        if size is not None:
            termios.tcsetwinsize(self.master, size)
        os.write(self.master, b"\n")

    def close(self) -> None:
        """Hang up, which ends the program; it may still be saving its coverage, and is given the time for that."""
        os.close(self.master)
        assert self.child.stdout is not None
        self.child.stdout.close()
        try:
            self.child.wait(20)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    """Open terminals; all are closed at the end."""
    opened: list[Terminal] = []

    def start(size: tuple[int, int], *arguments: str, **variables: str) -> Terminal:
        opened.append(Terminal(tmp_path / "log", size, arguments, **variables))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


class Painted(Protocol):
    """The fixture `board`."""

    def __call__(
        self, *jobs: PlannedJob, now: float, then: Iterable[Event] = (), log: Path = ..., **size: int
    ) -> list[str]:
        """Return the lines of a board at `now`."""


def plain(output: str) -> str:
    """Return the output without the sequences that move the cursor or colour."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", output)


def printed(console: Console) -> str:
    """Return what a console of the fixture has printed."""
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]  # it is a StringIO


def test_lines_are_one_at_the_start_and_one_at_the_end_of_each_job(
    console: Callable[..., Console],
    job: Callable[..., PlannedJob],
    plan: Callable[..., Plan],
    record: Callable[..., Record],
    directory: RunDirectory,
) -> None:
    """Nothing else is printed, nothing is wrapped, and markup is text."""
    one, two = job("tests(x='[red]')"), job("docs")
    log = directory.log_path(one.id)
    made = console(20)
    lines = Lines(made)

    lines(RunStarted(plan=plan(one, two), slots=2, directory=directory.path))
    lines(JobStarted(job=one, log=log))
    lines(Tick())
    lines(JobAdded(job=two))
    lines(JobEnded(job=one, record=record(one, Verdict.FAILED, reason="exit 1:\n[/x]", seconds=61.0)))
    lines(JobEnded(job=two, record=record(two, Verdict.BLOCKED, reason="it failed", seconds=0.0)))
    lines(RunEnded(plan=plan(one), records=(), seconds=1.0, interrupted=False, directory=directory.path))

    assert [
        "started tests(x='[red]')",
        "failed    tests(x='[red]') 1m 01s: exit 1: [/x]",
        "blocked   docs: it failed",
    ] == printed(made).splitlines()


@pytest.mark.parametrize(("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_lines_are_coloured_only_where_that_is_wanted(
    job: Callable[..., PlannedJob],
    record: Callable[..., Record],
    console: Callable[..., Console],
    variables: dict[str, str],
    coloured: bool,  # noqa: FBT001 - parametrised
) -> None:
    """The word is there in both cases."""
    made = console(force_terminal=True, color_system="standard", _environ=variables)

    Lines(made)(JobEnded(job=job("lint"), record=record(job("lint"), Verdict.FAILED)))

    assert coloured == ("\x1b[1;31m" in printed(made))
    assert "failed    lint 1.0s\n" == plain(printed(made))


@pytest.fixture(params=[os.pipe, os.openpty])
def gone(request: pytest.FixtureRequest) -> Iterator[TextIO]:
    """Return a stream whose other end was closed: a pipe's reader, a terminal's window."""
    theirs, ours = request.param()
    os.close(theirs)
    stream = os.fdopen(ours, "w", buffering=1)  # as standard error is
    yield stream
    with contextlib.suppress(OSError):
        stream.close()


@pytest.mark.parametrize("subscriber", [Lines, Board])
def test_a_reader_that_has_gone_does_not_stop_the_run(
    subscriber: Callable[[Console], Lines | Board],
    gone: TextIO,
    job: Callable[..., PlannedJob],
    ended: Callable[..., RunEnded],
    record: Callable[..., Record],
) -> None:
    """`isonox ci 2>&1 | head`, or a closed window: events are still taken, and nothing is raised."""
    one = job("lint")
    run = ended((one, record(one)))
    with contextlib.ExitStack() as stack:
        take = subscriber(Console(file=gone, force_terminal=True, width=80, height=24))
        if isinstance(take, Board):
            stack.enter_context(take)

        take(RunStarted(plan=run.plan, slots=1, directory=run.directory))
        take(JobStarted(job=one, log=run.directory))
        take(JobEnded(job=one, record=record(one)))
        take(run)

    with pytest.raises(OSError, match=r"Broken pipe|Input/output error"):
        gone.flush()


def test_a_board_paints_running_jobs_and_scrolls_finished_ones(terminal: Callable[..., Terminal]) -> None:
    """On a real terminal: header, job, bar, last line; then verdicts, and the board is gone."""
    opened = terminal((24, 80))

    opened.half()
    output = opened.read_until(b"after")
    text = plain(opened.output.decode())

    assert "0/3 done, 0 red, 0:00:00, about 0:00:0" in text
    assert re.search(r"  tests-3\.12\(x='\[bold\]'\) 0:00:00 [━╸╺]+ collected 你好 \[bold\]items\[/bold\]", text)
    assert "passed    tests-3.12(x='[bold]') 1.5s" in text
    assert "1/3 done, 0 red" in text
    assert "failed    lint 1.5s: ruff exited with 1 [/red]" in text
    assert "blocked   docs 1.5s: lint failed" in text
    assert "\x1b[2K" in output.partition("lint failed")[2].partition("after")[0]
    assert opened.output.count(b"\x1b[?25l") == opened.output.count(b"\x1b[?25h") > 0
    assert opened.child.wait(10) == 0


def test_a_board_respects_no_color(terminal: Callable[..., Terminal]) -> None:
    """The cursor moves, but nothing is coloured."""
    opened = terminal((24, 80), NO_COLOR="1")

    opened.half()
    opened.read_until(b"after")

    assert b"after" in opened.output
    assert not re.search(rb"\x1b\[[0-9;]*3[0-7]m", opened.output)


def test_a_board_in_a_tiny_terminal_never_writes_beyond_it(terminal: Callable[..., Terminal]) -> None:
    """Two rows, twenty columns: the header, and that jobs run."""
    opened = terminal((3, 20))

    opened.half()
    opened.read_until(b"after")
    frames = [
        line for line in re.split(r"[\r\n]+", plain(opened.output.decode())) if "done" in line or "running" in line
    ]

    assert frames
    assert max(map(len, frames)) < 20


def test_a_board_is_painted_anew_when_the_terminal_is_resized(terminal: Callable[..., Terminal]) -> None:
    """The screen is cleared, finished jobs stand above again, and lines fit the new width."""
    opened = terminal((24, 120))

    opened.half(size=(20, 40))
    output = opened.read_until(b"after")
    after_clear = plain(output.partition("\x1b[2J")[2].partition("failed")[0])

    assert "passed    tests-3.12(x='[bold]') 1.5s" in after_clear
    assert "1/3 done, 0 red, 0:00:0" in after_clear
    assert [] == [line for line in re.split(r"[\r\n]+", after_clear) if len(line) > 40]
    assert opened.child.wait(10) == 0


def test_a_crash_leaves_the_terminal_usable(terminal: Callable[..., Terminal]) -> None:
    """The cursor is shown again, and the message stands on a line of its own."""
    opened = terminal((24, 80), "crash")

    opened.half()
    opened.read_until(b"a crash")

    assert opened.output.rfind(b"\x1b[?25h") > opened.output.rfind(b"\x1b[?25l")
    assert opened.child.wait(10) == 1


def test_hundreds_of_jobs_that_end_at_once_each_get_their_line(
    console: Callable[..., Console],
    job: Callable[..., PlannedJob],
    plan: Callable[..., Plan],
    record: Callable[..., Record],
    directory: RunDirectory,
) -> None:
    """Ctrl-C with 500 jobs waiting: no verdict is lost, and the terminal is not flooded with frames."""
    jobs = [job(f"tests({n})") for n in range(500)]
    made = console(80, height=24, force_terminal=True)

    with Board(made) as board:
        board(RunStarted(plan=plan(*jobs), slots=8, directory=directory.path))
        for one in jobs:
            board(JobEnded(job=one, record=record(one, Verdict.CANCELLED, reason="interrupted", seconds=0.0)))

    lines = re.findall(r"cancelled tests\(\d+\): interrupted", plain(printed(made)))
    assert [f"cancelled tests({n}): interrupted" for n in range(500)] == lines
    assert plain(printed(made)).count("/500 done") < 600  # rich repeats the last frame below each line


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch, plan: Callable[..., Plan], console: Callable[..., Console]) -> Painted:
    """Start a board with jobs that run since 100 s on the clock; return what it shows at another time."""

    def paint(
        *jobs: PlannedJob, now: float, then: Iterable[Event] = (), log: Path = Path("no-such.log"), **size: int
    ) -> list[str]:
        monkeypatch.setattr(clock, "monotonic", lambda: 100.0)
        made = console(**{"width": 100, "height": 24, **size}, force_terminal=True)
        board = Board(made)
        board(RunStarted(plan=plan(*jobs), slots=4, directory=Path()))
        for event in (*(JobStarted(job=one, log=log) for one in jobs), *then):
            board(event)
        monkeypatch.setattr(clock, "monotonic", lambda: now)
        lines = made.render_lines(board._frame(), pad=False)  # as rich's live display does
        return ["".join(segment.text for segment in line).rstrip() for line in lines]

    return paint


def test_the_header_counts_and_forecasts(
    board: Painted, job: Callable[..., PlannedJob], record: Callable[..., Record]
) -> None:
    """Done, red, elapsed, what is left from history, and how much of that is a guess."""
    a, b, c = (job(name, estimate_seconds=60.0, estimate_from="history") for name in "abc")
    ends = [
        JobEnded(job=a, record=record(a)),
        JobEnded(job=b, record=record(b, Verdict.FAILED)),
    ]
    joined = JobAdded(job=job("guess"))

    assert "2/3 done, 1 red, 0:00:12, about 0:00:48 left" == board(a, b, c, now=112.0, then=ends)[0]
    assert "0/2 done, 0 red, 0:00:12, about 0:00:48 left, 1 job never timed" == board(a, now=112.0, then=[joined])[0]


def test_nothing_is_forecast_from_guesses_alone(board: Painted, job: Callable[..., PlannedJob]) -> None:
    """A first run can't know; a run at its end has nothing left."""
    assert "0/1 done, 0 red, 0:00:01, 1 job never timed" == board(job("a"), now=101.0)[0]
    assert "0/0 done, 0 red, 0:00:01" == board(now=101.0)[0]


def test_only_a_job_that_was_timed_gets_a_bar(board: Painted, job: Callable[..., PlannedJob], tmp_path: Path) -> None:
    """It is half full at half of the estimate, and never grows; the last line of the log stands beside it."""
    log = tmp_path / "log"
    log.write_text("first\nsecond [50%]\n\n  \n")
    jobs = [job("tests-3.12(api)", estimate_seconds=20.0, estimate_from="history"), job("guess")]

    assert [
        "  tests-3.12(api) 0:00:10 ━━━━━      second [50%]",
        "  guess           0:00:10            second [50%]",
    ] == [line.replace("╺━━━━", "     ") for line in board(*jobs, now=110.0, log=log)[1:]]
    assert "  tests-3.12(api) 0:16:40 ━━━━━━━━━━" == board(*jobs, now=1100.0)[1]


@pytest.mark.parametrize("width", [2, 10, 20, 60, 200])
@pytest.mark.parametrize("said", ["ascii " * 50, "你好世界" * 50, "[red]x[/red] \\[b]", "\x1b[2J\x1b[31mred\x07\r50%"])
def test_no_line_is_wider_than_the_terminal(
    board: Painted, job: Callable[..., PlannedJob], tmp_path: Path, width: int, said: str
) -> None:
    """Wide characters take two cells, and a half one is not painted; each job has one line."""
    log = tmp_path / "log"
    log.write_text(said, encoding="utf-8")
    jobs = [job("测试-3.12(数据库='[red]')"), job("x" * 90, estimate_from="history")]

    lines = board(*jobs, now=4000.0, log=log, width=width)

    assert 3 == len(lines)
    assert max(map(cell_len, lines)) <= width
