"""Install the peers, once per work folder; say which can't be had, and why."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import machine

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HERE = Path(__file__).parent
ROOT = HERE.parent

#: Tools that the machine has or lacks.
_SYSTEM = ("git", "make", "xargs")
#: Of a package from npm: the program itself, without the script around it that starts node first.
_NATIVE = {"turbo": ("turbo", "@turbo/*/bin/turbo"), "@moonrepo/cli": ("moon", "@moonrepo/core-*/moon")}
#: Nobody phones home, everybody may use a daemon, and no warning costs time.
_VARIABLES = {
    "LANG": "C.UTF-8",
    "TERM": "dumb",
    "DO_NOT_TRACK": "1",
    "TURBO_TELEMETRY_DISABLED": "1",
    "TURBO_NO_UPDATE_NOTIFIER": "1",
    "NX_DAEMON": "true",
    "NX_NO_CLOUD": "true",
    "NX_TUI": "false",
    "VIRTUALENV_NO_SEED": "1",
}


@dataclass(frozen=True, kw_only=True)
class Tools:
    """What is installed.

    Attributes:
        versions: By tool.
        missing: Why a tool is not there, by tool.
        env: The environment that the peers run in: none of the variables of this process.
        node_modules: The folder that holds nx, which wants to be found below the repository.
    """

    versions: dict[str, str]
    missing: dict[str, str]
    env: dict[str, str]
    node_modules: Path


def install(folder: Path) -> Tools:
    """Install everything below `folder`; what is there already is kept, but for isonox."""
    home, programs, node = folder / "home", folder / "bin", folder / "node"
    for one in (home, programs, node):
        one.mkdir(parents=True, exist_ok=True)
    (home / ".npmrc").write_text("update-notifier=false\n", encoding="utf-8")
    versions: dict[str, str] = {}
    missing: dict[str, str] = {}
    for tool in _SYSTEM:
        if shutil.which(tool):
            versions[tool] = machine.version(tool, "--version")
        else:
            missing[tool] = "not on PATH"
    _from_pypi(folder / "venv", versions, missing)
    _from_npm(node, programs, versions, missing)
    path = os.pathsep.join([str(folder / "venv" / "bin"), str(programs), "/usr/local/bin", "/usr/bin", "/bin"])
    return Tools(
        versions=versions,
        missing=missing,
        env={**_VARIABLES, "HOME": str(home), "PATH": path},
        node_modules=node / "nx" / "node_modules",
    )


def _from_pypi(venv: Path, versions: dict[str, str], missing: dict[str, str]) -> None:
    """Install the pinned peers, and isonox as a wheel of this checkout."""
    if not venv.exists():
        subprocess.run([sys.executable, "-m", "venv", "--upgrade-deps", venv], check=True)
    lines = (HERE / "peers" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    wanted: dict[str, str] = {line.partition("==")[0]: line for line in lines}
    pip = [str(venv / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    for tool, requirement in {**wanted, "isonox": str(ROOT)}.items():
        if why := _failure([*pip, "install", "--quiet", requirement]):
            missing[tool] = why
    listed = subprocess.run([*pip, "list", "--format", "json"], check=True, stdout=subprocess.PIPE).stdout
    installed = {entry["name"].lower(): entry["version"] for entry in json.loads(listed)}
    versions |= {tool: installed[tool] for tool in (*wanted, "isonox") if tool not in missing}


def _from_npm(node: Path, programs: Path, versions: dict[str, str], missing: dict[str, str]) -> None:
    """Install each pinned peer into a folder of its own."""
    wanted: Mapping[str, str] = json.loads((HERE / "peers" / "package.json").read_text(encoding="utf-8"))[
        "dependencies"
    ]
    npm = shutil.which("npm")
    for package, version in wanted.items():
        tool, native = _NATIVE.get(package, (package, f".bin/{package}"))
        if npm is None:
            missing[tool] = "npm is not on PATH"
            continue
        modules = node / tool / "node_modules"
        options = ("--prefix", str(node / tool), "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel", "error")
        if not modules.exists() and (why := _failure([npm, "install", *options, f"{package}@{version}"])):
            missing[tool] = why
            continue
        found = sorted(modules.glob(native))
        if not found:
            missing[tool] = f"{package}@{version} has no program for this machine"
            continue
        (programs / tool).unlink(missing_ok=True)
        (programs / tool).symlink_to(found[0])
        versions[tool] = json.loads((modules / package / "package.json").read_text(encoding="utf-8"))["version"]
    for name in ("node", "npm"):
        if shutil.which(name):
            versions[name] = machine.version(name, "--version")


def _failure(argv: Sequence[str]) -> str:
    """Run an installer; return what it says last if it fails."""
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    said = done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}"
    return said.splitlines()[-1] if done.returncode else ""
