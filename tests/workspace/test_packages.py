"""Which directories are packages, and what is noted on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from isonox.errors import ConfigurationErrors, GitError
from isonox.model.config import Config
from isonox.model.workspace import Package
from isonox.workspace import packages

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Tree = Callable[..., Path]


def project(name: str) -> str:
    """Return the shortest pyproject.toml of a project."""
    return f"[project]\nname = {name!r}\n"


def paths(root: Path, **settings: object) -> list[str]:
    """Return the directories of the packages found."""
    return [package.path for package in packages.load(root, Config(**settings)).packages]  # type: ignore[arg-type]  # by name


def problems(root: Path, **settings: object) -> tuple[str, ...]:
    """Return what loading the packages complains about."""
    with pytest.raises(ConfigurationErrors) as caught:
        paths(root, **settings)
    return caught.value.problems


def test_a_single_project(tree: Tree) -> None:
    """The root alone; its name is normalised, its specifier is kept as written."""
    root = tree({"pyproject.toml": project("My_Lib.Core") + "requires-python = '>= 3.10'\n"}, git=True)

    workspace = packages.load(root, Config())

    assert workspace.packages == (Package(name="my-lib-core", path=".", requires_python=">= 3.10", installable=False),)
    assert workspace.notes == ()
    assert workspace.lock is None


def test_uv_members_and_root(tree: Tree) -> None:
    """Members less the excluded; the root because it is a project; strays are noted, hidden ones are not."""
    root = tree(
        {
            "pyproject.toml": project("root") + "[tool.uv.workspace]\nmembers = ['libs/*']\nexclude = ['libs/old']\n",
            "libs/a/pyproject.toml": project("a"),
            "libs/old/pyproject.toml": "no TOML",
            "libs/notes/README": "",
            "libs/.cache/pyproject.toml": "no TOML",
            "elsewhere/pyproject.toml": project("elsewhere"),
            "uv.lock": "version = 1\n",
        }
    )

    workspace = packages.load(root, Config())

    assert [package.path for package in workspace.packages] == [".", "libs/a"]
    assert workspace.notes == ("libs/notes: matches 'libs/*' but has no pyproject.toml; passed over",)
    assert workspace.lock == "uv.lock"


def test_a_virtual_uv_root_is_no_package(copied: Callable[[str], Path]) -> None:
    """No `[project]`, no package."""
    assert paths(copied("uv-virtual-root")) == ["packages/api", "packages/core"]


def test_globs_name_exactly_the_packages(tree: Tree) -> None:
    """`packages` wins over uv's members, and `.` is the root."""
    root = tree(
        {
            "pyproject.toml": project("root") + "[tool.uv.workspace]\nmembers = ['libs/*']\n",
            "libs/a/pyproject.toml": project("a"),
            "services/x/api/pyproject.toml": project("api"),
            "services/__pycache__/pyproject.toml": project("compiled"),
        }
    )

    assert paths(root, packages=("services/**",)) == ["services/x/api"]
    assert paths(root, packages=(".", "services/*/api")) == [".", "services/x/api"]


def test_problems_of_globs_come_at_once(tree: Tree) -> None:
    """A glob without a match, one that leaves the root, a project that is unusable."""
    root = tree(
        {
            "a/pyproject.toml": "[project\n",
            "b/pyproject.toml": project("{{name}}"),
            "empty/README": "",
        }
    )

    assert problems(root, packages=("a", "b", "empty", "../x", "/x", "nope/*")) == (
        "a/pyproject.toml:1: not valid TOML: Expected ']' at the end of a table declaration",
        "b/pyproject.toml: '{{name}}' is no valid project name",
        "pyproject.toml: tool.isonox.packages: 'empty' matches no directory with a pyproject.toml",
        "pyproject.toml: tool.isonox.packages: '../x' must be a path below the workspace root",
        "pyproject.toml: tool.isonox.packages: '../x' matches no directory with a pyproject.toml",
        "pyproject.toml: tool.isonox.packages: '/x' must be a path below the workspace root",
        "pyproject.toml: tool.isonox.packages: '/x' matches no directory with a pyproject.toml",
        "pyproject.toml: tool.isonox.packages: 'nope/*' matches no directory with a pyproject.toml",
    )


def test_uv_members_that_match_nothing(tree: Tree) -> None:
    """The key that is wrong is uv's."""
    root = tree({"pyproject.toml": "[tool.uv.workspace]\nmembers = ['libs/*']\n"})

    assert problems(root) == (
        "pyproject.toml: tool.uv.workspace.members: 'libs/*' matches no directory with a pyproject.toml",
    )


def test_otherwise_every_tracked_project(tree: Tree) -> None:
    """Poetry's too; what is passed over is noted, what git ignores is not looked at."""
    root = tree(
        {
            ".gitignore": "build/\n",
            "pyproject.toml": "[tool.ruff]\n",
            "a/pyproject.toml": "[tool.poetry]\nname = 'Poetic.One'\n[tool.poetry.dependencies]\npython = '^3.10'\n",
            "b/pyproject.toml": "[build-system]\nrequires = ['setuptools']\n",
            "build/pyproject.toml": project("built"),
            "docs/pyproject.toml": "[tool.black]\n",
            "not-pyproject.toml": "no TOML",
            "template/{{ name }}/pyproject.toml": "{% if x %}\n[project]\n",
            "skeleton/pyproject.toml": project("$pkg"),
            "gone/pyproject.toml": project("gone"),
        },
        git=True,
    )
    (root / "gone/pyproject.toml").unlink()

    workspace = packages.load(root, Config())

    assert workspace.packages == (
        Package(name="poetic-one", path="a", requires_python=">=3.10,<4"),
        Package(name="b", path="b"),
        Package(name="skeleton", path="skeleton"),
    )
    assert workspace.notes == (
        "docs/pyproject.toml: only settings of tools, no project; passed over",
        "gone/pyproject.toml: tracked, but not in the working tree; passed over",
        "skeleton/pyproject.toml: '$pkg' is no package name; called after its directory",
        "template/{{ name }}/pyproject.toml:1: not valid TOML: Invalid statement; passed over (a template?)",
    )


def test_scanning_needs_a_repository(tmp_path: Path) -> None:
    """Without globs, members or git there is nothing to go by."""
    with pytest.raises(GitError):
        packages.load(tmp_path, Config())


def test_a_name_used_twice_is_noted(tree: Tree) -> None:
    """Both packages are kept, as their paths differ."""
    root = tree({"x/pyproject.toml": project("same"), "y/pyproject.toml": project("SAME")}, git=True)

    workspace = packages.load(root, Config())

    assert [package.path for package in workspace.packages] == ["x", "y"]
    assert workspace.notes == ("the name 'same' is used by 2 packages: x, y",)


def test_a_file_that_cannot_be_read_is_told(tree: Tree) -> None:
    """A pyproject.toml that is a directory is skipped by globs, and so leaves the glob empty."""
    root = tree({"a/pyproject.toml/file": ""})

    assert problems(root, packages=("a",)) == (
        "pyproject.toml: tool.isonox.packages: 'a' matches no directory with a pyproject.toml",
    )
