"""Run a command and say what it cost: wall time, CPU time with all its descendants, its own memory."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from resource import struct_rusage

#: prctl(2): orphans become children of this process, so that what they cost can be asked for.
_PR_SET_CHILD_SUBREAPER = 36
#: Seconds that helpers which outlive a command, such as a forkserver, have for ending.
_GRACE = 1.0
#: Seconds between two looks at a process's memory.
_LOOK = 0.1


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What one run of a command cost.

    Attributes:
        seconds: Wall time from before it is started until it has ended.
        cpu_seconds: User and system time of it and its descendants. Daemons that live on are not in it.
        parent_mb: Peak resident memory of the started process alone, without what it started; None where nobody
            looked, or where there is no /proc.
        exit_code: Negative for the signal that killed it.
        output: Standard output and standard error.
    """

    seconds: float
    cpu_seconds: float
    parent_mb: float | None
    exit_code: int
    output: str


def run(
    argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], timeout: float = 3600, watch_memory: bool = False
) -> Sample:
    """Run a command to its end.

    Args:
        argv: The command; its first word is looked up on the PATH of `env`.
        cwd: Where it runs.
        env: All that it sees of the environment.
        timeout: Seconds after which it is killed, with its process group.
        watch_memory: Look at the memory of the started process while it runs.
    """
    _adopt_orphans()
    before = _children()
    with tempfile.TemporaryFile() as written:
        started = time.perf_counter()
        process = subprocess.Popen(
            argv,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        alarm = threading.Timer(timeout, os.killpg, (process.pid, signal.SIGKILL))
        alarm.start()
        watch = _MemoryWatch(process.pid) if watch_memory else None
        try:
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - started
        finally:
            alarm.cancel()
            parent_mb = watch.stop() if watch else None
        process.returncode = os.waitstatus_to_exitcode(status)
        usages = [usage, *_ended_orphans(before)]
        written.seek(0)
        output = written.read().decode(errors="replace")
    return Sample(
        seconds=seconds,
        cpu_seconds=sum(one.ru_utime + one.ru_stime for one in usages),
        parent_mb=parent_mb,
        exit_code=process.returncode,
        output=output,
    )


def _adopt_orphans() -> None:
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _children() -> frozenset[int]:
    """Return the children of this process; none where there is no /proc."""
    return frozenset(int(pid) for pid in _words(Path("/proc/self/task").glob("*/children")))


def _words(files: Iterable[Path]) -> list[str]:
    words: list[str] = []
    for file in files:
        with contextlib.suppress(FileNotFoundError):  # the thread has ended meanwhile
            words += file.read_text().split()
    return words


def _ended_orphans(before: frozenset[int]) -> list[struct_rusage]:
    """Return what the orphans of a command cost, as far as they end soon; daemons don't."""
    found = []
    deadline = time.monotonic() + _GRACE
    while time.monotonic() < deadline and (new := _children() - before):
        ended = [os.wait4(pid, os.WNOHANG) for pid in new]
        found += [usage for pid, _, usage in ended if pid]
        time.sleep(0.005)
    return found


class _MemoryWatch:
    """Looks at the high-water mark of one process's resident memory until told to stop."""

    def __init__(self, pid: int) -> None:
        self._status = Path(f"/proc/{pid}/status")
        self._peak: float | None = None
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._done.wait(_LOOK):
            try:
                lines = self._status.read_text().splitlines()
            except OSError:
                return
            for line in lines:
                if line.startswith("VmHWM:"):
                    self._peak = int(line.split()[1]) * 1024 / 1e6

    def stop(self) -> float | None:
        """Return the peak in MB."""
        self._done.set()
        self._thread.join()
        return self._peak
