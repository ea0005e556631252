"""Whether the lock is older than what the pyproject.toml files say, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from isonox.errors import ConfigurationError
from isonox.workspace.lock import Lock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Copied = Callable[[str], Path]

API, CORE = "packages/api/pyproject.toml", "packages/core/pyproject.toml"


def reason(root: Path) -> str | None:
    """Return why the lock of `root` is stale."""
    return Lock.load(root / "uv.lock").stale_reason(root)


def replace(path: Path, old: str, new: str) -> None:
    """Change one place of a file."""
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize("name", ["uv-virtual-root", "uv-forks", "uv-sources", "uv-conflicts"])
def test_a_fresh_lock_is_current(copied: Copied, name: str) -> None:
    """As uv wrote it: rewritten markers, sources, self references and empty groups are no difference."""
    assert reason(copied(name)) is None


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("pyproject.toml", '["pytest>=7"', '["httpx", "pytest>=7"', "pyproject.toml adds 'httpx' to group 'dev'"),
        ("pyproject.toml", '"pytest>=7", ', "", "pyproject.toml drops 'pytest' from group 'dev'"),
        ("pyproject.toml", "pluggy<2", "pluggy<3",
         "pyproject.toml changes 'pluggy' in the constraints from '<2' to '<3'"),
        (API, "packaging>=20", "packaging>=21", f"{API} changes 'packaging' in its dependencies from '>=20' to '>=21'"),
        (API, "packaging>=20", "packaging",
         f"{API} changes 'packaging' in its dependencies from '>=20' to any version"),
        (API, "sys_platform=='win32'", "sys_platform=='linux'",
         f"{API} changes the markers of 'colorama' in its dependencies"),
        (API, '"click>=8"', '"click>=8", "rich[jupyter]"', f"{API} adds 'rich[jupyter]' to extra 'fast'"),
        (API, 'all = ["api[fast]"]', "", f"{API} drops 'api[fast]' from extra 'all'"),
        (API, "api[fast]", "api", f"{API} adds 'api' to extra 'all'; {API} drops 'api[fast]' from extra 'all'"),
        (API, 'tests = ["iniconfig"]', "tests = []", f"{API} drops 'iniconfig' from group 'tests'"),
        (CORE, 'tests = ["pluggy"]', 'checks = ["pluggy"]',
         f"{CORE} adds 'pluggy' to group 'checks'; {CORE} drops 'pluggy' from group 'tests'"),
        (API, ">=3.10,<4", ">=3.12,<4", "the members' pyproject.toml files ask for Python"),
        (CORE, 'name = "core"', 'name = "kernel"',
         f"{CORE} adds the project 'kernel'; the project 'core' is gone"),
    ],
)  # fmt: skip
def test_what_differs(copied: Copied, file: str, old: str, new: str, expected: str) -> None:
    """One change, one sentence: file, requirement, place."""
    root = copied("uv-virtual-root")
    replace(root / file, old, new)

    found = reason(root)

    assert found is not None
    assert found.startswith(expected)
    assert found.endswith("; refresh with: uv lock")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("packaging>=20; python_version>='3.10'", "Packaging >= 20 ; python_full_version >= '3.10'"),
        ("tomli; python_version<'3.9'", "tomli; python_version<'3.8'"),
        ("tomli; python_version<'3.9'", "colorama; python_version<'3'"),
        (
            'dependencies = [\n    "core"',
            'dynamic = ["dependencies", "optional-dependencies"]\nx = [\n    "core"',
        ),
    ],
)
def test_what_does_not_differ(copied: Copied, old: str, new: str) -> None:
    """Spelling; what can never apply; what is dynamic can't be compared."""
    root = copied("uv-virtual-root")
    replace(root / API, old, new)

    assert reason(root) is None


def test_only_the_first_differences_are_told(copied: Copied) -> None:
    """Three, and the number of the others."""
    root = copied("uv-forks")
    replace(root / "pyproject.toml", "typing = []", 'typing = ["a", "b", "c", "d", "e"]')

    assert reason(root) == (
        "pyproject.toml adds 'a' to group 'typing'; pyproject.toml adds 'b' to group 'typing'; "
        "pyproject.toml adds 'c' to group 'typing'; and 2 more; refresh with: uv lock"
    )


def test_uv_dev_dependencies_are_the_group_dev(copied: Copied) -> None:
    """The older form."""
    root = copied("uv-conflicts")
    replace(root / "pyproject.toml", "[tool.uv]\n", '[tool.uv]\ndev-dependencies = ["ruff"]\n')

    assert reason(root) == "pyproject.toml adds 'ruff' to group 'dev'; refresh with: uv lock"


def test_python_of_a_single_project(copied: Copied) -> None:
    """Both are told."""
    root = copied("uv-forks")
    replace(root / "pyproject.toml", ">=3.10", ">=3.9")

    assert reason(root) == "pyproject.toml asks for Python >=3.9, the lock is for >=3.10; refresh with: uv lock"


@pytest.mark.parametrize("specifier", ["three", ">=3.10,>=3.10.0"])
def test_python_that_is_not_compared(copied: Copied, specifier: str) -> None:
    """What is no specifier is for uv to refuse; what means the same is the same."""
    root = copied("uv-forks")
    replace(root / "pyproject.toml", ">=3.10", specifier)

    assert reason(root) is None


def test_a_project_without_requires_python(copied: Copied) -> None:
    """Then there is nothing to compare."""
    root = copied("uv-forks")
    replace(root / "pyproject.toml", 'requires-python = ">=3.10"\n', "")

    assert reason(root) is None


def test_an_invalid_requirement_is_passed_over(copied: Copied) -> None:
    """It is no requirement that the lock could lack."""
    root = copied("uv-forks")
    replace(root / "pyproject.toml", "typing = []", 'typing = ["!"]')

    assert reason(root) is None


def test_a_direct_reference_is_compared_by_name(copied: Copied) -> None:
    """Its place is compared by nobody but uv."""
    root = copied("uv-forks")
    replace(root / "pyproject.toml", '"pytest>=8"', '"pytest @ https://example.invalid/pytest.whl"')

    assert reason(root) == (
        "pyproject.toml changes 'pytest' in group 'tests' from '>=8' to a direct reference; refresh with: uv lock"
    )


def test_a_member_without_a_name(copied: Copied) -> None:
    """No lock can have it."""
    root = copied("uv-forks")
    replace(root / "pyproject.toml", 'name = "forks"\n', "")

    with pytest.raises(ConfigurationError, match="has no valid project name"):
        reason(root)
