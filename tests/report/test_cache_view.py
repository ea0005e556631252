"""How the cache is shown."""

from __future__ import annotations

import pytest

from isonox.cache.pruning import Pruned, Usage
from isonox.report import cache_view


def test_what_there_is() -> None:
    """With its bounds."""
    usage = Usage(
        path="/w/.isonox/cache", entries=3, blobs=1, bytes=1_300_000, oldest=1_795_000_000.0, stages={"a": 1, "b": 2}
    )

    assert [
        "path: /w/.isonox/cache",
        "results: 3 (a 1, b 2)",
        "size: 1.2 MiB of 2 GiB, with 1 file",
        "oldest: 2026-11-18T11:06:40Z",
        "kept: what was used in the last 1.5 days, and of that the most recently used",
    ] == cache_view.show(usage, max_bytes=2 << 30, max_age_seconds=1.5 * 86400).splitlines()


def test_what_is_gone_and_what_is_wrong() -> None:
    """In one line each, whatever a job is called."""
    assert "removed 1 result and 2 files: 512 B" == cache_view.show_pruned(Pruned(1, 2, 512))
    assert "a b\nc" == cache_view.show_problems(["a\nb", "c"])
    assert "nothing is damaged" == cache_view.show_problems([])


@pytest.mark.parametrize(
    ("number", "expected"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1 KiB"), (1 << 20, "1 MiB"), (1500 << 20, "1.5 GiB"), (9 << 40, "9216 GiB")],
)
def test_sizes(number: int, expected: str) -> None:
    """In the unit that keeps them short."""
    assert expected == cache_view.size(number)
