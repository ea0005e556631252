"""How messages count and list things."""

from __future__ import annotations

from isonox.model.naming import some


def test_names_beyond_the_limit_are_counted() -> None:
    """A cell stays short."""
    assert "a, b and 2 more" == some(["a", "b", "c", "d"], 2)
    assert "a, b" == some(["a", "b"], 2)
