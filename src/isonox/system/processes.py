"""Starting processes, and ending them with everything that they started."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Linux, <linux/prctl.h>: orphans of our descendants become our children instead of init's.
_PR_SET_CHILD_SUBREAPER = 36


def become_subreaper() -> None:
    """Keep daemonised grandchildren within reach (Linux; elsewhere nothing happens)."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants(pid: int) -> list[psutil.Process]:
    """Return all living processes below `pid`, itself not included."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def signal_all(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    """Send a signal to each; those that are gone, or not ours, are passed over."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.send_signal(number)


def kill_tree(pid: int, *, grace: float, include_root: bool = True) -> None:
    """Terminate `pid` and everything below it, then kill what is left after `grace` seconds.

    New processes may appear while old ones die, so the tree is read again until it is empty.
    """
    family = descendants(pid)
    if include_root:
        with contextlib.suppress(psutil.Error):
            family.append(psutil.Process(pid))
    signal_all(family, signal.SIGTERM)
    _, alive = psutil.wait_procs(family, timeout=grace)
    deadline = time.monotonic() + 2.0
    while time.monotonic() < deadline:
        for process in list(alive):
            with contextlib.suppress(psutil.Error):
                alive.extend(process.children(recursive=True))
        if include_root or alive:
            alive.extend(descendants(pid))
        living = [p for p in set(alive) if p.is_running() and not _is_zombie(p)]
        if not living:
            return
        signal_all(living, signal.SIGKILL)
        _, alive = psutil.wait_procs(living, timeout=0.2)


def _is_zombie(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return True


def describe_exit(code: int) -> str:
    """Say in words how a process ended: "exit 1", "killed by signal 9 (SIGKILL; out of memory?)"."""
    if code >= 0:
        return f"exit {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "unknown"
    guess = "; out of memory?" if -code == getattr(signal, "SIGKILL", 9) else ""
    return f"killed by signal {-code} ({name}{guess})"


def cpu_count() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1
