"""What is written down of a server."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

#: Forks of a process, in each of which threads read a state for the first time, as those do that start servers.
CROWD = textwrap.dedent(
    """
    import os, pathlib, sys, threading

    from isonox.errors import StateError
    from isonox.services import state

    sys.setswitchinterval(1e-6)
    place = state.Place.at(pathlib.Path(sys.argv[1]))


    def read(start):
        start.wait()
        try:
            place.read()
        except StateError:
            pass


    died = 0
    for _ in range(300):
        if not (pid := os.fork()):
            start = threading.Barrier(3)
            threads = [threading.Thread(target=read, args=(start,)) for _ in range(3)]
            [thread.start() for thread in threads]
            [thread.join() for thread in threads]
            os._exit(0)
        died += os.waitpid(pid, 0)[1] != 0
    print(died)
    """
)


def test_threads_that_read_for_the_first_time_do_not_crash(tmp_path: Path) -> None:
    """Msgspec takes a type apart when it sees it first, and can't do that in two threads at once."""
    document = tmp_path / "postgres.json"
    document.write_text('{"keeper": {"pid": 1, "identity": "a"}}')

    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}  # each fork
    done = subprocess.run(
        [sys.executable, "-c", CROWD, str(document)], check=True, capture_output=True, text=True, timeout=120,
        env=unmeasured,
    )  # fmt: skip

    assert "0\n" == done.stdout
