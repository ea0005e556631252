"""What a job took of a suite's tests: what was collected, and what ran. A JSON document in its artifacts."""

from __future__ import annotations

import msgspec

SPLIT_VERSION = 1

#: Its name there.
FILE = "tests.json"


class Evidence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which tests there were, and which of them ran here.

    Attributes:
        version: Version of this document's format.
        job: The job's id.
        folder: Where pytest ran, relative to the workspace's root.
        root: From where node ids go, relative to the workspace's root.
        by: What stays together: "test", "class" or "module".
        durations: SHA-256 of the durations that decided; empty where there were none, or the session is not split.
        collected: Node ids, sorted: the whole suite's.
        executed: Those that ran, by their place in `collected`.
        seconds: How long each of these took, its set-up and teardown included.
        failed: Those that failed when they ran first, by their place in `collected`.
        shard: Which shard the job is (`2/6`); empty for a job that is none.
    """

    version: int = SPLIT_VERSION
    job: str
    shard: str = ""
    folder: str = "."
    root: str = "."
    by: str = "test"
    durations: str = ""
    collected: tuple[str, ...]
    executed: tuple[int, ...]
    seconds: tuple[float, ...]
    failed: tuple[int, ...] = ()

    @property
    def ran(self) -> dict[str, float]:
        """Seconds of each test that ran, by node id."""
        return {self.collected[place]: seconds for place, seconds in zip(self.executed, self.seconds, strict=True)}


class Whole(msgspec.Struct, frozen=True, kw_only=True):
    """A session that was split: what its shards took together.

    Attributes:
        session: The session's id.
        shards: Into how many.
        tests: How many different tests were collected.
        seconds: How long the tests of each shard took, in the shards' order.
        balance: The longest of these, divided by their mean.
    """

    session: str
    shards: int
    tests: int
    seconds: tuple[float, ...]
    balance: float


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """How even the shards of a session are.

    Attributes:
        session: The session's id.
        folder: Where its `.test_durations` is, relative to the workspace's root.
        tests: How many there are.
        known: Of how many of them the file has a duration.
        by: What stays together: "test", "class" or "module".
        shards: Into how many it is split, or would be.
        predicted: Seconds of each shard's tests, as the file has them.
        predicted_balance: The longest of these, divided by their mean.
        run: The run that was recorded.
        real: Seconds of each shard's tests in that run; in one entry where it was not split.
        real_balance: As above.
        set_up_seconds: What a job of that run took beside its tests, in the median.
    """

    session: str
    folder: str
    tests: int
    known: int
    by: str
    shards: int
    predicted: tuple[float, ...]
    predicted_balance: float
    run: str
    real: tuple[float, ...]
    real_balance: float
    set_up_seconds: float


class SplitDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What `isonox split --json` prints.

    Attributes:
        version: Version of this document's format.
        sessions: One for each session of which a run was recorded.
        stored: Files that were written, relative to the workspace's root.
    """

    version: int = SPLIT_VERSION
    sessions: tuple[Balance, ...]
    stored: tuple[str, ...] = ()
