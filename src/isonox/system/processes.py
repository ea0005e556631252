"""Starting processes, and ending them with everything that they started."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import functools
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import psutil

#: Linux, <linux/prctl.h>: get a signal when the parent dies; orphans of our descendants become our children
#: instead of init's.
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36

#: The module of the processes that are never ended with a tree: they end by themselves when their owner is gone, and
#: what is below them with them (see `isonox.services.keeper`).
KEEPER = "isonox.services.keeper"

# psutil takes as long to import as all the rest of a keeper of services, which needs it only in the end.

#: Seconds between two looks at dying processes, and seconds after the first SIGKILL that nothing survives.
_POLL, _KILLING = 0.02, 2.0

#: How often children are looked for again.
_SWEEPS = 5


def become_subreaper() -> None:
    """Keep daemonised grandchildren within reach (Linux; elsewhere nothing happens)."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def reap_orphans() -> None:
    """From now on, let daemons whose parents are gone disappear when they end, as they would elsewhere (Linux).

    Whoever ends a daemon often waits until nobody has its id. What init does then, a subreaper has to do.
    """
    if sys.platform == "linux" and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGCHLD, _reap_orphans)


def _reap_orphans(*_: object) -> None:
    """Reap children that can't have been started here: they are in a session (setsid(2)) that somebody else leads.

    This runs between any two steps of a program: it imports nothing, and raises nothing.
    """
    with contextlib.suppress(OSError, ValueError):  # a kernel without that file; ids that are cut off
        own, descriptor = os.getsid(0), os.open(f"/proc/self/task/{os.getpid()}/children", os.O_RDONLY)
        try:
            children = os.read(descriptor, 65536).split()
        finally:
            os.close(descriptor)
        for child in map(int, children):
            with contextlib.suppress(OSError):  # somebody else has reaped it
                if os.getsid(child) not in (own, child):
                    os.waitpid(child, os.WNOHANG)


def signal_when_parent_dies(number: signal.Signals) -> None:
    """Ask for a signal when the thread that started this process ends, or its process (Linux)."""
    _prctl(_PR_SET_PDEATHSIG, number)


class Fork:
    """A copy of this process that was made by fork(2): what its maker asks of it, as of a `subprocess.Popen`.

    Args:
        pid: Its process id. Nobody else waits for it.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._code: int | None = None
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        """Return how it ended, negative for the signal that killed it; None while it lives.

        Where the caller of this program has SIGCHLD ignored, nobody gets to know: it is 0 then, as in `subprocess`.
        """
        with self._lock:
            if self._code is None:
                try:
                    pid, status = os.waitpid(self.pid, os.WNOHANG)
                except ChildProcessError:
                    self._code = 0
                else:
                    self._code = os.waitstatus_to_exitcode(status) if pid else None
            return self._code

    def wait(self) -> int:
        """Wait for its end, and return how it ended."""
        while (code := self.poll()) is None:
            with contextlib.suppress(ChildProcessError):  # another thread has asked meanwhile
                os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)  # leaves it to `poll`, in whichever thread
        return code

    def kill(self) -> None:
        """End it at once; one that has ended is passed over."""
        with self._lock:
            if self._code is None:
                os.kill(self.pid, signal.SIGKILL)


def become_another(*, folder: str, variables: Mapping[str, str], output: int, keep: Iterable[int]) -> None:
    """Make a fork of this process what a program is that was started for itself: a session of its own (Linux).

    Args:
        folder: Where it is from now on.
        variables: All that it has of the environment.
        output: What it prints goes to this descriptor; nothing comes in.
        keep: Descriptors that stay open, beside the first three.
    """
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    kept = {0, 1, 2, *keep}
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - not all numbers: in containers there may be a billion
        if int(name) not in kept:
            with contextlib.suppress(OSError):  # it was that of the listing
                os.close(int(name))
    os.chdir(folder)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    atexit._clear()  # noqa: SLF001 - what was registered is for the original to do
    for name in [name for name in os.environ if name not in variables]:
        del os.environ[name]
    os.environ.update({name: value for name, value in variables.items() if os.environ.get(name) != value})
    _pin_environment()


def _pin_environment() -> None:
    """Keep the variables where nobody frees them, as those of a new program are.

    What setenv(3) has allocated it may move when it adds one more, under the feet of a thread that looks at them.
    """
    items = [b"%b=%b" % pair for pair in os.environb.items()]
    _pinned.append((ctypes.c_char_p * (len(items) + 1))(*items, None))
    with contextlib.suppress(ValueError):  # this C library has another name for it
        ctypes.c_void_p.in_dll(_c_library(), "environ").value = ctypes.addressof(_pinned[-1])


_pinned: list[ctypes.Array[ctypes.c_char_p]] = []


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            _c_library().prctl(option, value, 0, 0, 0)


@functools.cache
def _c_library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def has_children() -> bool:
    """Return whether this process has children, dead ones that wait to be reaped included: one system call."""
    if not hasattr(os, "waitid"):  # macOS before Python 3.13, Windows
        return True
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def descendants(pid: int) -> list[psutil.Process]:
    """Return all living processes below `pid`, itself not included; one that only waits to be reaped is dead."""
    if pid == os.getpid() and not has_children():
        return []
    import psutil  # noqa: PLC0415 - see above

    try:
        return _below(psutil.Process(pid))
    except psutil.Error:
        return []


def _below(root: psutil.Process) -> list[psutil.Process]:
    """As `descendants`; of another process that has got the root's id meanwhile, nothing."""
    import psutil  # noqa: PLC0415 - see above

    try:
        found = [process for process in root.children(recursive=True) if _is_alive(process)]
    except psutil.Error:
        return []
    return _without_keepers(found)


def _without_keepers(found: list[psutil.Process]) -> list[psutil.Process]:
    """Leave out keepers of services, with what is below them."""
    import psutil  # noqa: PLC0415 - see above

    by_pid = {process.pid: process for process in found}

    def is_kept(process: psutil.Process | None) -> bool:
        while process is not None and not _is_keeper(process):
            process = by_pid.get(process.ppid())
        return process is not None

    left = []
    for process in found:
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended meanwhile: servers have many that live briefly
            if not is_kept(process):
                left.append(process)
    return left


def _is_keeper(process: psutil.Process) -> bool:
    import psutil  # noqa: PLC0415 - see above

    try:
        return process.cmdline()[1:3] == ["-m", KEEPER]
    except psutil.AccessDenied:
        return False


def end_children(but: Iterable[int] = ()) -> None:
    """End the children of this process, with everything below them, except those with the given ids.

    What a child starts while it dies becomes a child of this process (see `become_subreaper`), so it is looked again.
    """
    kept = set(but)
    _end_children(lambda pid: pid not in kept)


def end_orphans(but: Iterable[int] = ()) -> None:
    """End what a child that died has left to this process, with everything below it; the given ids are no orphans.

    A child that was started without a session of its own (setsid(2)) belongs to this process, and is spared.
    """
    if sys.platform != "linux":  # init's, see `become_subreaper`
        return
    kept, own = set(but), os.getsid(0)

    def is_orphan(pid: int) -> bool:
        with contextlib.suppress(ProcessLookupError):  # it is gone
            return pid not in kept and os.getsid(pid) != own
        return False

    _end_children(is_orphan)


def _end_children(is_meant: Callable[[int], bool]) -> None:
    for _ in range(_SWEEPS):
        if not has_children():
            break
        import psutil  # noqa: PLC0415 - see above

        found = _without_keepers(psutil.Process().children())
        left = [process for process in found if is_meant(process.pid) and _is_alive(process)]
        if not left:
            break
        for process in left:
            kill_tree(process.pid, grace=0)


def signal_all(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    """Send a signal to each; those that are gone, or not ours, are passed over."""
    import psutil  # noqa: PLC0415 - see above

    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.send_signal(number)


def kill_tree(pid: int, *, grace: float, include_root: bool = True) -> None:
    """Terminate `pid` and everything below it, then kill what is left after `grace` seconds; without grace, kill it.

    New processes may appear while old ones die, so the tree is read again until it is empty. Nobody is waited
    for in the system's sense: whoever started a process still gets its exit code.
    """
    import psutil  # noqa: PLC0415 - see above

    try:
        root = psutil.Process(pid)
    except psutil.Error:
        return
    family = set(_below(root))
    if include_root:
        family.add(root)
    if grace:  # else a process may take the end of another one for its own success
        signal_all(family, signal.SIGTERM)
    now = time.monotonic()
    kill_from, give_up = now + grace, now + grace + _KILLING
    while (living := [process for process in family if _is_alive(process)]) and time.monotonic() < give_up:
        if time.monotonic() >= kill_from:
            signal_all(living, signal.SIGKILL)
        time.sleep(_POLL)
        for process in living:
            family.update(_below(process))
        family.update(_below(root))


def identity(pid: int) -> str:
    """Return what tells a living process from all others with the same id; empty where it is dead.

    It names the boot and the process namespace as well: whoever reads it elsewhere can't mistake it.
    """
    if sys.platform != "linux":
        import psutil  # noqa: PLC0415 - see above

        try:
            return "" if not _is_alive(found := psutil.Process(pid)) else f"{found.create_time():.2f}"
        except psutil.Error:
            return ""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stream:  # noqa: PTH123 - read again and again
            fields = stream.read().rpartition(b")")[2].split()
    except OSError:
        return ""
    # Source: proc(5): field 3 is the state, field 22 the start in clock ticks since boot.
    return "" if fields[0] in b"ZX" else f"{_place()}-{int(fields[19])}"


@functools.cache
def _place() -> str:
    """Return a name for this boot and process namespace."""
    parts = []
    with contextlib.suppress(OSError):
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:  # noqa: PTH123 - as above
            parts.append(stream.read(8))
        parts.append(os.readlink("/proc/self/ns/pid").strip("pid:[]"))  # noqa: PTH115 - as above
    return "-".join(parts)


def _is_alive(process: psutil.Process) -> bool:
    import psutil  # noqa: PLC0415 - see above

    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


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
