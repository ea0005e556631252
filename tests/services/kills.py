"""Servers that are started, stopped and killed again and again; by hand: `python -m tests.services.kills 200 50`.

A cycle starts a server and ends it. A kill ends the owner at a random moment between the beginning of the start and the
end of the stop, or the keepers with it; then the next run comes and looks what is left. Nothing may be: no process, no
port, no folder.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from isonox.services import account, declaration, lease, state
from isonox.system import clock

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from isonox.model.service import Service

#: Starts two services at once, says so, and ends them: `OWNER ROOT`.
OWNER = """
import os, sys, threading, time
from pathlib import Path
from isonox.services import account, declaration, lease
own = lease.own_process()
root = Path(sys.argv[1])
needs = lease.Needs(root, own, own, dict(os.environ), "native")
threads = [threading.Thread(target=lease.get, args=(one, needs, time.monotonic()), daemon=True)
           for one in (declaration.postgres(), declaration.redis())]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
lease.end_all(root, own)
"""

#: Seconds after which something that is still there has been left.
PATIENCE = 20.0


def left(root: Path, tokens: Iterable[str]) -> list[str]:
    """Return what is left of the servers with these tokens, of whatever is named as the workspace, and its notes."""
    bases = {tempfile.gettempdir(), account.temporary()}
    folders = [Path(base, f"isonox-{token}") for token in tokens for base in bases]
    found = [str(folder) for folder in folders if folder.exists()]
    found += [str(path) for path in (root / ".isonox" / "services").rglob("*.json")]
    words = {str(root), *(f"isonox-{token}" for token in tokens)}
    return found + [line for line in _command_lines() if any(word in line for word in words)]


def cycle(root: Path, service: Service) -> list[str]:
    """Start a server and end it; return what is left."""
    own = lease.own_process()
    found = lease.get(service, lease.Needs(root, own, own, dict(os.environ), "native"), clock.monotonic())
    known = found.place and found.place.read()
    lease.end_all(root, own)
    return [*left(root, [known.token] if known else []), *filter(_listening, found.addresses)]


def kill(root: Path, chance: random.Random) -> list[str]:
    """Kill an owner, and sometimes its keepers, at some moment; return what is left when the next run has looked."""
    number = chance.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(root)], stderr=subprocess.DEVNULL)
    end = time.monotonic() + chance.uniform(0.1, 2.2)
    tokens: set[str] = set()
    while time.monotonic() < end:
        tokens |= {known.token for known in _states(root)}
        time.sleep(0.01)
    if chance.random() < 1 / 3:
        for known in _states(root):
            if known.keeper and known.keeper.alive:
                os.kill(known.keeper.pid, signal.SIGKILL)
    owner.send_signal(number)
    owner.wait()
    tokens |= {known.token for known in _states(root)}
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up:
        state.sweep(root)
        if not (found := left(root, tokens)):
            break
        time.sleep(0.05)
    return found


def _states(root: Path) -> Iterator[state.State]:
    for place in state.places(root):
        if known := place.read():
            yield known


def _command_lines() -> Iterator[str]:
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and process.pid != os.getpid():
                yield " ".join(process.cmdline())
        except psutil.Error:
            continue


def _listening(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def main() -> None:
    """Do so many cycles and so many kills, and say what they left."""
    cycles, kills = (int(word) for word in sys.argv[1:3])
    seed = int(sys.argv[3]) if sys.argv[3:] else random.SystemRandom().randrange(10**6)
    print(f"seed {seed}", flush=True)  # noqa: T201 - a script
    chance = random.Random(seed)  # noqa: S311 - moments, no secrets
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        services = [declaration.postgres(), declaration.redis()]
        found = [one for number in range(cycles) for one in cycle(root, services[number % 2])]
        print(f"{cycles} cycles left {found}", flush=True)  # noqa: T201 - run by hand
        found = [one for _ in range(kills) for one in kill(root, chance)]
        print(f"{kills} kills left {found}", flush=True)  # noqa: T201 - run by hand


if __name__ == "__main__":
    main()
