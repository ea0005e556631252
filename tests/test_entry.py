"""What is told from the command line before anything is imported."""

from __future__ import annotations

import pytest

from isonox import entry


@pytest.mark.parametrize(
    ("arguments", "base"),
    [
        ("ci", ""),
        ("ci --base main", "main"),
        ("ci -b origin/main --json", "origin/main"),
        ("affected --base=v1.2", "v1.2"),
        ("ci --base", ""),
        ("test -- --base main", ""),
    ],
)
def test_the_revision_to_compare_with(arguments: str, base: str) -> None:
    """Git can begin with it; what follows `--` is for the sessions."""
    assert base == entry._base(arguments.split())
