"""`isonox services`: servers by hand."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from tests.services.conftest import missing

from isonox import cli
from isonox.services import declaration, lease, state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(bool(why := missing(declaration.redis())), reason=why or "there")

NOXFILE = """
import isonox
from isonox import services

@isonox.session(venv_backend="none", services=[services.redis()])
def one(session): ...

@isonox.session(venv_backend="none", services=[services.redis(), services.postgres("99")])
def two(session): ...
"""


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a repository, which is the current folder; two sessions share a Redis, and one needs what nobody has."""
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    (tmp_path / "noxfile.py").write_text(NOXFILE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ISONOX_SERVICES", "native")
    yield tmp_path
    lease.end_all(tmp_path, None)


@pytest.fixture
def isonox(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Return a function that runs a command line: exit code, standard output, standard error."""

    def run(*words: str) -> tuple[int, str, str]:
        code = cli.main(["services", *words])
        return code, *capsys.readouterr()

    return run


def test_up_status_logs_down(workspace: Path, isonox: Any) -> None:
    """It stays up between the commands, and is the same one when it is asked for again."""
    code, out, err = isonox("up", "redis")
    again = isonox("up", "redis")[1]
    status = json.loads(isonox("status", "--json")[1])

    assert 0 == code
    assert re.fullmatch(r"(note: Redis was declared, .* \(Valkey .*\) was used\n)?", err)  # where there is no Redis
    assert re.fullmatch(r"REDIS_URL=redis://:\w+@127\.0\.0\.1:\d+/0\n", out)
    assert out == again
    assert [("redis", "ready", "native", None)] == [
        (one["name"], one["phase"], one["backend"], one["owner"]) for one in status
    ]
    assert "password" not in isonox("status")[1]
    assert "Ready to accept connections" in isonox("logs", "redis")[1]
    assert (0, "ended: Redis\n", "") == isonox("down")
    assert (0, "", "no services\n") == isonox()
    assert not (workspace / ".isonox" / "services" / "up").exists()


def test_what_can_not_be_had_exits_5_and_the_rest_is_up(workspace: Path, isonox: Any) -> None:
    """The error says what to do; asked for again, it is tried again."""
    for _ in range(2):
        code, out, err = isonox("up")

        assert 5 == code
        assert out.startswith("REDIS_URL=")
        assert "error: PostgreSQL 99 is not to be had here" in err
        assert "hint: set ISONOX_SERVICE_POSTGRES_URL" in err
    assert {"failed", "ready"} == {one["phase"] for one in json.loads(isonox("--json")[1])}
    assert (0, "removed: PostgreSQL 99, which did not run\nended: Redis\n", "") == isonox("down")


def test_servers_of_a_run_are_shown_and_left_alone(workspace: Path, isonox: Any) -> None:
    """`down` ends what `up` started, and removes what dead runs left; nothing else."""
    own = lease.own_process()
    found = lease.get(declaration.redis(), lease.Needs(workspace, own, own, dict(os.environ), "native"), 0)
    try:
        (shown,) = json.loads(isonox("--json")[1])
        assert os.getpid() == shown["owner"]
        assert (0, "", "no services\n") == isonox("down")
        assert "" == found.trouble()
    finally:
        lease.end_all(workspace, own)
    dead = state.Process(pid=own.pid, identity="another life")
    lost = state.State(service=declaration.redis(), token="0123456789abcdef", root=str(workspace), owner=dead)
    state.Place(workspace, state.owner_name(dead), lost.service).write(lost)
    assert "redis  lost" in isonox()[1]
    assert (0, "removed: Redis of a run that is gone\n", "") == isonox("down")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["stat"], "unknown action 'stat' (did you mean 'status'?)"),
        (["up", "rediss"], "no session declares a service 'rediss' (did you mean 'redis'?)"),
        (["logs", "redis"], "no service 'redis' is there"),
    ],
)
def test_what_is_not_there_is_an_error(workspace: Path, isonox: Any, words: list[str], message: str) -> None:
    """With a hint."""
    code, out, err = isonox(*words)

    assert (2, "") == (code, out)
    assert message in err


def test_a_noxfile_without_services_says_so(workspace: Path, isonox: Any) -> None:
    """Nothing to start is no success."""
    (workspace / "noxfile.py").write_text("import isonox\n@isonox.session\ndef a(session): ...\n")

    code, _, err = isonox("up")

    assert (2, True) == (code, "no session declares a service" in err)
