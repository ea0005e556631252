"""Ending processes with all that they started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import psutil
import pytest

from isonox.system import processes


def test_the_whole_tree_ends_even_if_it_ignores_sigterm() -> None:
    """Children in groups of their own included."""
    code = (
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
        "print('up', flush=True)\n"
        "time.sleep(600)\n"
    )
    process = subprocess.Popen([sys.executable, "-I", "-S", "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    family = processes.descendants(process.pid)

    processes.kill_tree(process.pid, grace=0.1)

    assert -9 == process.wait(5)
    process.stdout.close()
    assert 1 == len(family)
    assert [] == [one for one in family if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


def test_a_process_that_is_gone_is_no_error() -> None:
    """It may end while we look."""
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait()

    processes.kill_tree(process.pid, grace=0)

    assert [] == processes.descendants(process.pid)


def test_the_children_of_this_process_are_ended_but_for_some() -> None:
    """The dead ones wait for whoever started them."""
    first, second = (subprocess.Popen(["sleep", "600"]) for _ in range(2))
    seen = processes.has_children()

    processes.end_children(but=[second.pid])

    assert seen
    assert -signal.SIGKILL == first.wait(5)
    assert second.poll() is None
    assert [second.pid] == [process.pid for process in processes.descendants(os.getpid())]
    processes.end_children()
    assert -signal.SIGKILL == second.wait(5)
    assert [] == processes.descendants(os.getpid())


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere init gets orphans")
def test_only_what_a_dead_child_left_is_an_orphan() -> None:
    """A process that this one has started itself is none, nor is one that is named."""
    code = """
import subprocess, sys
from isonox.system import processes

processes.become_subreaper()
own = subprocess.Popen(["sleep", "600"])
named = subprocess.Popen(["sleep", "600"], start_new_session=True)
subprocess.run(["sh", "-c", "sleep 600 & exec sleep 0"], start_new_session=True, check=True)
before = len(processes.descendants(processes.os.getpid()))
processes.end_orphans(but=[named.pid])
left = {process.pid for process in processes.descendants(processes.os.getpid())}
print(before, left == {own.pid, named.pid})
processes.end_children()
"""

    ended = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert "3 True\n" == ended.stdout


@pytest.mark.parametrize(
    ("code", "words"),
    [(3, "exit 3"), (-9, "killed by signal 9 (SIGKILL; out of memory?)"), (-15, "killed by signal 15 (SIGTERM)")],
)
def test_exit_codes_in_words(code: int, words: str) -> None:
    """Signals by name."""
    assert words == processes.describe_exit(code)


def test_the_cores_are_those_that_this_process_may_use() -> None:
    """Not those of the machine."""
    assert 1 <= processes.cpu_count() <= (os.cpu_count() or 1)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is forked")
def test_a_fork_is_waited_for_by_several_threads() -> None:
    """Each gets to know how it ended; and one that has ended can be killed."""
    code = textwrap.dedent(
        """
        import os, threading
        from isonox.system.processes import Fork
        hold, release = os.pipe()
        forks = []
        for _ in range(20):  # all of them before there are threads: Python warns of a fork beside any
            pid = os.fork()
            if not pid:
                os.read(hold, 1)
                os._exit(7)
            forks.append(Fork(pid))
        codes = [[] for _ in forks]
        def wait_for(which):
            codes[which].append(forks[which].wait())
        waiting = [threading.Thread(target=wait_for, args=(which,)) for which in range(20) for _ in range(3)]
        for one in waiting:
            one.start()
        os.write(release, b"." * 20)
        for fork in forks:
            while fork.poll() is None:
                pass
        for one in waiting:
            one.join()
        for fork in forks:
            fork.kill()
        assert [[7, 7, 7]] * 20 == codes, codes
        """
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)

    assert (0, "") == (done.returncode, done.stderr)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is forked")
def test_a_fork_that_nobody_may_wait_for_has_ended() -> None:
    """Where the caller has SIGCHLD ignored, the system keeps no one's end."""
    code = textwrap.dedent(
        """
        import os, signal
        from isonox.system.processes import Fork
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        pid = os.fork()
        if not pid:
            os._exit(7)
        fork = Fork(pid)
        assert (0, 0) == (fork.wait(), fork.poll())
        fork.kill()
        """
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)

    assert (0, "") == (done.returncode, done.stderr)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is forked")
def test_a_fork_has_the_variables_as_they_were() -> None:
    """Whatever the encoding of file names is, such as Latin-1: programs that it starts get the same bytes."""
    code = textwrap.dedent(
        """
        import os, sys
        from isonox.system import processes
        to_bytes, to_text = (lambda text: text.encode("latin-1")), (lambda data: data.decode("latin-1"))
        os.environ = os._Environ(os.environb._data, to_bytes, to_text, to_bytes, to_text)
        if os.fork():
            sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
        processes.become_another(folder="/", variables=dict(os.environ), output=1, keep=())
        os.system('printf %s "$WORD"')
        os._exit(0)
        """
    )
    env = {**os.environb, b"WORD": b"caf\xe9"}
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, env=env)

    assert (0, b"caf\xe9", b"") == (done.returncode, done.stdout, done.stderr)
