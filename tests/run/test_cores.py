"""What the cores of a run are shared between: seen from inside of the sessions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from isonox.sessions.environment import given_cores

if TYPE_CHECKING:
    from pathlib import Path

NOXFILE = """
import json, os
import isonox

def told(session):
    seen = [session.cores, os.environ["ISONOX_CORES"], os.environ["PYTEST_XDIST_AUTO_NUM_WORKERS"]]
    (session.root / f"{session.name}.json").write_text(json.dumps(seen))

for name, facts in {
    "narrow": {}, "two": {"weight": 2}, "many": {"weight": 64}, "all": {"weight": "all"}, "alone": {"exclusive": True}
}.items():
    isonox.session(name=name, venv_backend="none", **facts)(told)
"""


@pytest.mark.parametrize("start", [{}, {"ISONOX_START": "spawn"}], ids=["forked", "spawned"])
def test_each_session_of_a_run_knows_its_share(tmp_path: Path, start: dict[str, str]) -> None:
    """Three cores: one, two, and all three for a job that wants more, all, or to be alone; by hand, the machine's."""
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    (tmp_path / "noxfile.py").write_text(NOXFILE)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ISONOX_")}

    def run(*arguments: str) -> dict[str, object]:
        command = [sys.executable, "-m", *arguments]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment | start, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return {path.stem: json.loads(path.read_text()) for path in tmp_path.glob("*.json")}

    expected = {"narrow": 1, "two": 2, "many": 3, "all": 3, "alone": 3}
    assert {name: [cores, str(cores), str(cores)] for name, cores in expected.items()} == run(
        "isonox", "ci", "--jobs", "3"
    )
    machine = given_cores({})
    assert [machine, str(machine), str(machine)] == run("nox", "-s", "narrow")["narrow"]
