"""Which folders of a package hold its code and its tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from isonox.model.workspace import Package
from isonox.stages import sources

if TYPE_CHECKING:
    from tests.conftest import MakeRepository


@pytest.mark.parametrize(
    ("files", "code", "tests"),
    [
        (["src/shop/__init__.py", "tests/test_a.py", "docs/conf.py"], ("src",), ("tests",)),
        (["shop/__init__.py", "tests/__init__.py", "examples/deep/__init__.py"], ("shop",), ("tests",)),
        (["google/cloud/thing/__init__.py", "tests/unit/__init__.py"], ("google",), ("tests",)),
        (["shop.py", "noxfile.py", "test/test_a.py"], ("shop.py",), ("test",)),
        (["noxfile.py"], (), ()),
    ],
)
def test_code_and_tests(
    repository: MakeRepository, files: list[str], code: tuple[str, ...], tests: tuple[str, ...]
) -> None:
    """By layout: src, packages beside pyproject.toml, namespace packages, single modules."""
    made = repository(dict.fromkeys(files, ""))

    assert (code, tests) == sources.of_package(made.path, Package(name="shop", path="."))
