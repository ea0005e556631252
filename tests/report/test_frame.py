"""Frames of the live board, in every size."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from isonox.model.events import JobAdded, JobEnded, JobStarted, RunStarted, Tick
from isonox.model.verdict import Verdict
from isonox.report import frame
from isonox.report.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from isonox.model.plan import Plan, PlannedJob
    from isonox.model.record import Record


@pytest.fixture
def begun(plan: Callable[..., Plan]) -> Callable[..., Progress]:
    """Start a run at 100 s on the clock; all its jobs run, with one log."""

    def begin(*jobs: PlannedJob, log: Path = Path("no-such.log"), slots: int = 4) -> Progress:
        progress = Progress()
        progress.take(RunStarted(plan=plan(*jobs), slots=slots, directory=Path()), 100.0)
        for one in jobs:
            progress.take(JobStarted(job=one, log=log), 100.0)
        return progress

    return begin


def painted(progress: Progress, now: float, *, width: int = 100, height: int = 30) -> list[str]:
    """Return a frame as plain text."""
    return [line.plain for line in frame.paint(progress, now, width=width, height=height)]


def test_the_header_counts_and_forecasts(
    begun: Callable[..., Progress], job: Callable[..., PlannedJob], record: Callable[..., Record]
) -> None:
    """Done, red, elapsed, and what is left, from history."""
    jobs = [job(name, estimate_seconds=60.0, estimate_from="history") for name in ("a", "b", "c")]
    progress = begun(*jobs)

    progress.take(JobEnded(job=jobs[0], record=record(jobs[0]), log=Path()), 110.0)
    progress.take(JobEnded(job=jobs[1], record=record(jobs[1], Verdict.FAILED), log=Path()), 110.0)
    progress.take(Tick(), 110.0)

    assert "2/3 done, 1 red, 0:12, about 0:48 left" == painted(progress, 112.0)[0]


def test_the_header_says_how_much_is_a_guess(begun: Callable[..., Progress], job: Callable[..., PlannedJob]) -> None:
    """Jobs that were never timed are counted, those that joined by notification too."""
    progress = begun(job("a"), job("timed", estimate_seconds=9.0, estimate_from="history"))

    progress.take(JobAdded(job=job("b")), 101.0)

    assert "0/3 done, 0 red, 0:01, about 0:30 left, 2 jobs never timed" == painted(progress, 101.0)[0]


def test_nothing_is_forecast_from_guesses_alone(begun: Callable[..., Progress], job: Callable[..., PlannedJob]) -> None:
    """A first run can't know; a run at its end has nothing left."""
    assert "0/1 done, 0 red, 0:01, 1 job never timed" == painted(begun(job("a")), 101.0)[0]
    assert "0/0 done, 0 red, 0:01" == painted(begun(), 101.0)[0]


def test_a_running_job_shows_time_bar_and_last_line(
    begun: Callable[..., Progress], job: Callable[..., PlannedJob], tmp_path: Path
) -> None:
    """The bar is half full at half of the estimate."""
    log = tmp_path / "log"
    log.write_text("first\nsecond [50%]\n\n  \n")
    timed = job("tests-3.12(api)", estimate_seconds=20.0, estimate_from="history")

    assert "  tests-3.12(api)    0:10 [####....]  second [50%]" == painted(begun(timed, log=log), 110.0)[1]


def test_a_job_that_was_never_timed_gets_no_bar(begun: Callable[..., Progress], job: Callable[..., PlannedJob]) -> None:
    """A guess is no progress; beside jobs with bars its column stays empty."""
    timed = job("timed", estimate_seconds=5.0, estimate_from="history")

    assert "  guess    0:05" == painted(begun(job("guess")), 105.0)[1]
    assert ["  timed    0:05 [########]", "  guess    0:05           "] == painted(begun(timed, job("guess")), 105.0)[
        1:
    ]


def test_an_overdue_job_has_a_full_bar(begun: Callable[..., Progress], job: Callable[..., PlannedJob]) -> None:
    """It never grows beyond its brackets."""
    timed = job("timed", estimate_seconds=5.0, estimate_from="history")

    assert "  timed    1:40 [########]" == painted(begun(timed), 200.0)[1]


@pytest.mark.parametrize("height", [1, 2, 3, 10, 500])
def test_no_more_lines_than_fit(begun: Callable[..., Progress], job: Callable[..., PlannedJob], height: int) -> None:
    """With 499 running jobs, those that do not fit are counted, and none is counted twice."""
    lines = painted(begun(*(job(f"tests({n})") for n in range(499))), 101.0, height=height)

    shown = sum("tests(" in line for line in lines)
    assert min(height, 500) == len(lines)
    assert lines[0].startswith("0/499 done")
    if 1 < height < 500:
        assert f"  and {499 - shown} more running" == lines[-1]


@pytest.mark.parametrize("width", [1, 2, 5, 10, 20, 40, 59, 60, 80, 200])
@pytest.mark.parametrize("said", ["ascii " * 50, "你好世界" * 50, "a\u0301\u200d👩‍👩‍👧" * 50, "[red]x[/red] \\[b]"])
def test_no_line_is_wider_than_the_terminal(
    begun: Callable[..., Progress], job: Callable[..., PlannedJob], tmp_path: Path, width: int, said: str
) -> None:
    """Wide characters take two cells, and a half one is not painted."""
    log = tmp_path / "log"
    log.write_text(said, encoding="utf-8")
    jobs = [job("测试-3.12(数据库='[red]')"), job("x", estimate_from="history")]

    for line in frame.paint(begun(*jobs, log=log), 4000.0, width=width, height=10):
        assert line.cell_len <= width
        assert "\n" not in line.plain


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", ""),
        (b"fine\n\xff\xfe half \xe2\x82\n", "\ufffd\ufffd half \ufffd"),
        (b"x\n\x1b[2J\x1b[31mred\x1b[0m\x1b]0;title\x07\n\x1b[K\n", "red"),
        (b"10%\r50%\r90%", "90%"),
        (b"a\tb\x00c\x08", "a bc"),
        (b"y" * 10_000, "y" * 4096),
    ],
)
def test_the_last_line_of_any_log(tmp_path: Path, content: bytes, expected: str) -> None:
    """Invalid UTF-8, escapes, progress bars, and lines that never end."""
    log = tmp_path / "log"
    log.write_bytes(content)

    assert expected == frame.last_line(log)


def test_a_log_that_is_not_there_has_no_last_line(tmp_path: Path) -> None:
    """Neither has a folder."""
    assert frame.last_line(tmp_path / "no-such.log") == ""
    assert frame.last_line(tmp_path) == ""


def test_only_the_end_of_a_huge_log_is_read(tmp_path: Path) -> None:
    """100 MB cost a few kilobytes of memory."""
    log = tmp_path / "log"
    with log.open("wb") as stream:
        stream.seek(100 * 1024 * 1024)
        stream.write(b"\nthe end\n")

    tracemalloc.start()
    try:
        said = frame.last_line(log)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert "the end" == said
    assert peak < 1024 * 1024
