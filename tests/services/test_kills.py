"""Whatever is killed, and whenever: nothing is left. 200 cycles and 50 kills: see `kills`."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from tests.services import kills
from tests.services.conftest import as_root, needs_postgres, needs_redis, until

from isonox.services import declaration, state

#: A session that runs until it is stopped.
NOXFILE = """
import isonox
from isonox import services

@isonox.session(venv_backend="none", services=[services.postgres(), services.redis()])
def long(session):
    session.run("sleep", "600", external=True)
"""


@needs_postgres
@needs_redis
def test_servers_that_come_and_go_leave_nothing(tmp_path: Path) -> None:
    """Twelve times."""
    services = [declaration.postgres(), declaration.redis(), declaration.redis()]

    assert [] == [one for number in range(12) for one in kills.cycle(tmp_path, services[number % 3])]


@needs_postgres
@needs_redis
def test_killed_owners_and_keepers_leave_nothing(tmp_path: Path) -> None:
    """At eight moments between the beginning of the start and the end of the stop, by three signals."""
    chance = random.Random(20261121)  # noqa: S311 - moments, no secrets

    assert [] == [one for _ in range(8) for one in kills.kill(tmp_path, chance)]


@needs_postgres
@needs_redis
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("seconds", [0.7, 3.0])
def test_a_run_that_is_stopped_takes_its_servers_along(tmp_path: Path, number: signal.Signals, seconds: float) -> None:
    """While they start, and while they are used."""
    (tmp_path / "noxfile.py").write_text(NOXFILE)
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    environ = {**os.environ, "ISONOX_SERVICES": "native"}
    run = subprocess.Popen(
        [sys.executable, "-m", "isonox", "ci"], cwd=tmp_path, env=environ, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    tokens: set[str] = set()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        tokens |= {known.token for one in state.places(tmp_path) if (known := one.read())}
        time.sleep(0.02)

    run.send_signal(number)
    run.wait(30)

    assert tokens or seconds < 1
    until(lambda: not kills.left(tmp_path, tokens))


@as_root
@needs_postgres
def test_a_full_disk_is_an_error_that_says_so(tmp_path: Path) -> None:
    """The data folder is on a file system of 8 MiB, which the servers' account can reach."""
    small = Path(tempfile.mkdtemp(dir="/var/tmp"))
    small.chmod(0o755)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=1777", "none", str(small)], check=False)
    if mounted.returncode:
        small.rmdir()
        pytest.skip("no file system can be mounted here")
    try:
        done = subprocess.run(
            [sys.executable, "-c", kills.OWNER, str(tmp_path)], check=False, capture_output=True, text=True,
            env={**os.environ, "TMPDIR": str(small)}, timeout=60,
        )  # fmt: skip
        assert "No space left on device" in done.stderr
        assert [] == list(small.iterdir())
    finally:
        subprocess.run(["umount", str(small)], check=True)
        small.rmdir()
