"""Services are seen as real servers, in a workspace whose path is long and has a space."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from tests.services import kills

from isonox.services import backends, declaration, lease, state
from isonox.system import clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from isonox.model.service import Service
    from isonox.services.lease import Lease

#: Ends when it is told to, or when its standard input is closed; an owner of services.
OWNER = "import sys; sys.stdin.read()"


def missing(service: Service) -> str:
    """Return why a service can't be had natively on this machine; empty if it can."""
    try:
        backends.choose(service, os.environ, "native")
    except Exception as error:  # noqa: BLE001 - the reason is all that is wanted
        return str(error).splitlines()[0]
    return ""


needs_postgres = pytest.mark.skipif(bool(why := missing(declaration.postgres())), reason=why or "there")
needs_redis = pytest.mark.skipif(bool(why := missing(declaration.redis())), reason=why or "there")
as_root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can")


def until(done: Callable[[], object], seconds: float = 20) -> None:
    """Wait until something is so."""
    give_up = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < give_up, "it did not come to that"
        time.sleep(0.02)


@dataclass
class Workspace:
    """A folder with services, and a process that owns them."""

    root: Path
    owner: subprocess.Popen[bytes]
    tokens: set[str] = field(default_factory=set)

    def needs(self, **environ: str) -> lease.Needs:
        """Return what servers are started with: natively, unless `ISONOX_SERVICES` says something else."""
        process = state.Process.of(self.owner.pid)
        wanted = environ.pop("ISONOX_SERVICES", "native")
        return lease.Needs(self.root, process, process, {**os.environ, **environ}, wanted)

    def get(self, service: Service, **environ: str) -> Lease:
        """Return a lease of a service."""
        try:
            return lease.get(service, self.needs(**environ), clock.monotonic())
        finally:
            self.note()

    def note(self) -> None:
        """Remember the tokens of all servers."""
        self.tokens |= {found.token for one in state.places(self.root) if (found := one.read())}

    def end(self) -> None:
        """End the owner's servers."""
        self.note()
        lease.end_all(self.root, state.Process.of(self.owner.pid))

    def left(self) -> list[str]:
        """Return what is left of all servers: processes, folders, files."""
        return kills.left(self.root, self.tokens)


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """Return a workspace; whatever it has left is removed afterwards."""
    root = tmp_path / "a folder with spaces" / ("and a long name " * 6).strip()
    root.mkdir(parents=True)
    owner = subprocess.Popen([sys.executable, "-c", OWNER], stdin=subprocess.PIPE)
    made = Workspace(root, owner)
    yield made
    made.end()
    owner.kill()
    owner.communicate()
    shutil.rmtree(tmp_path, ignore_errors=True)
