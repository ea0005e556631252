"""What an installation takes from the lock, and the hash of it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import msgspec
import pytest
from tests.conftest import WORKSPACES

from isonox.errors import LockError
from isonox.model.record import Installation
from isonox.workspace.lock import Lock
from isonox.workspace.lock_entries import digest, entries

if TYPE_CHECKING:
    from pathlib import Path

TESTS = Installation(groups=("tests",), python="3.11.7")
SHOP = Installation(groups=("tests",), project=True, package="shop", python="3.11.7")


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    """Return a copy of a workspace of two packages, of which shop needs core."""
    return shutil.copytree(WORKSPACES / "pair", tmp_path / "pair")


def of(root: Path, installation: Installation) -> str:
    """Return the digest, from the files."""
    return digest(Lock.load(root / "uv.lock"), root, installation)


def test_locked_packages_and_local_ones(pair: Path) -> None:
    """A package's session installs it and what it needs; one of the workspace, all packages."""
    lock = Lock.load(pair / "uv.lock")

    shop, core = entries(lock, pair, SHOP), entries(lock, pair, msgspec.structs.replace(SHOP, package="core"))
    every = entries(lock, pair, msgspec.structs.replace(SHOP, package=None))

    assert ["core", "shop"] == [pin.name for pin in shop.folders]
    assert ["core"] == [pin.name for pin in core.folders]
    assert shop.folders == every.folders
    assert {"coverage", "pytest", "shop"} <= shop.names
    assert all(" --hash=sha256:" in line for line in shop.requirements().splitlines())
    assert shop.requirements() == core.requirements()
    assert 3 == len({shop.digest, core.digest, of(pair, TESTS)})
    assert shop.digest == every.digest


def test_the_digest_does_not_depend_on_where_the_workspace_is(pair: Path, tmp_path: Path) -> None:
    """So that two checkouts agree, and so do a laptop and CI."""
    elsewhere = shutil.copytree(pair, tmp_path / "elsewhere")

    assert of(elsewhere, SHOP) == of(pair, SHOP)


@pytest.mark.parametrize(
    "other",
    [{"groups": ("types",)}, {"groups": ("tests", "types")}, {"project": True}, {"python": "3.10.13"}],
)
def test_the_digest_changes_with_what_is_asked_for(pair: Path, other: dict[str, object]) -> None:
    """Where another Python needs other packages, too."""
    lock = (pair / "uv.lock").read_text().replace('requires-python = ">=3.11"', 'requires-python = ">=3.10"')
    marked = '{ name = "iniconfig", marker = "python_full_version >= \'3.11\'" }'
    (pair / "uv.lock").write_text(lock.replace('{ name = "iniconfig" }', marked))

    assert of(pair, msgspec.structs.replace(TESTS, **other)) != of(pair, TESTS)


def test_the_digest_changes_with_what_is_installed_only(pair: Path) -> None:
    """With a hash of it, or the metadata of a local package; not with entries of others, and not with code."""
    before, shop = of(pair, TESTS), of(pair, SHOP)
    lock = (pair / "uv.lock").read_text()
    (pair / "uv.lock").write_text(lock.replace('name = "mypy"\nversion = "2.4.1"', 'name = "mypy"\nversion = "2.4.2"'))
    (pair / "shop/src/shop/__init__.py").write_text("changed = True\n")
    unchanged = of(pair, TESTS), of(pair, SHOP)
    with (pair / "core/pyproject.toml").open("a") as manifest:
        manifest.write("\n[project.scripts]\ncore = 'core:main'\n")
    scripts = of(pair, TESTS), of(pair, SHOP)
    (pair / "uv.lock").write_text(
        lock.replace('name = "pluggy"\nversion = "1.7.0"', 'name = "pluggy"\nversion = "1.7.1"')
    )
    version = of(pair, TESTS)

    assert (before, shop) == unchanged
    assert (before, True) == (scripts[0], scripts[1] != shop)
    assert before != version


def test_what_the_lock_does_not_have(pair: Path) -> None:
    """As for an installation."""
    with pytest.raises(LockError, match="has no group 'test'"):
        of(pair, Installation(groups=("test",), python="3.11.7"))
