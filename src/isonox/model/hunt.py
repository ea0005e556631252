"""A hunt: one test, run many times under conditions that vary, to find out which of them makes it fail."""

from __future__ import annotations

import msgspec

from isonox.errors import UsageError

HUNT_VERSION = 1

#: Its name in the artifacts of the session that hunts.
FILE = "hunt.json"


class Conditions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Under what a test runs. The defaults are what stays the same where it does not vary.

    Attributes:
        alone: Without the other tests of its file.
        order: Seed of a random order of the file's tests; null for their own.
        hashes: Python's `PYTHONHASHSEED`, which decides the order of sets of texts.
        random: What Python's `random` is seeded with before each test.
        load: Whether as many processes as the session has cores compute beside it.
        zone: The time zone, as in `TZ`.
    """

    alone: bool = False
    order: int | None = None
    hashes: int = 0
    random: int = 0
    load: bool = False
    zone: str = "UTC"

    @classmethod
    def parsed(cls, text: str) -> Conditions:
        """Read what `str` returns: `order=71,load=1`.

        Raises:
            UsageError: It is something else.
        """
        pairs = [part.partition("=") for part in text.split(",") if part.strip()]
        values = {name.strip(): value.strip() for name, _, value in pairs}
        hint = f"such as order=71,load=1; known are {', '.join(cls.__struct_fields__)}"
        if unknown := [name for name in values if name not in cls.__struct_fields__]:
            raise UsageError(f"--under {text!r}: there is no condition {unknown[0]!r}", hint=hint)
        try:
            return msgspec.convert(values, cls, strict=False)
        except msgspec.ValidationError as error:
            raise UsageError(f"--under {text!r}: {error}", hint=hint) from error

    @property
    def varied(self) -> dict[str, object]:
        """What is not as by default, by its name."""
        found: dict[str, object] = msgspec.to_builtins(self)
        return found

    def __str__(self) -> str:
        return ",".join(f"{name}={int(value) if value is True else value}" for name, value in self.varied.items())


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a session is asked for that is to hunt.

    Attributes:
        test: Node id, from the workspace's root; without parameters it means all of them.
        tries: Under what the test is to run, one by one.
    """

    test: str
    tries: tuple[Conditions, ...]


class Try(msgspec.Struct, frozen=True, kw_only=True):
    """One of these runs.

    Attributes:
        message: The first line of why the test failed; empty where it passed.
    """

    conditions: Conditions
    message: str = ""


class Factor(msgspec.Struct, frozen=True, kw_only=True):
    """What one condition makes of a test.

    Attributes:
        name: The condition, as in `Conditions`.
        failures: How often the test failed where it varied.
        runs: How often it ran there.
        usual_failures: How often it failed where it did not.
        usual_runs: How often it ran there.
        p: How probable such a difference is by chance: Fisher's exact test, two-sided.
    """

    name: str
    failures: int
    runs: int
    usual_failures: int
    usual_runs: int
    p: float

    @property
    def fails_varied(self) -> bool:
        """Whether the test fails more where the condition varies than where it does not."""
        return self.failures * self.usual_runs > self.usual_failures * self.runs


class HuntDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What `isonox flaky --hunt TEST --json` prints.

    Attributes:
        version: Version of this document's format.
        session: The session that ran the test.
        failures: How many of the tries failed.
        factors: What was varied, the least probable by chance first; none where one combination was repeated.
        threshold: Below this a factor's `p` counts: 0.05 by the number of factors, for that many are looked at.
        repeat: The command that runs the simplest combination that failed again; empty if none failed.
    """

    version: int = HUNT_VERSION
    test: str
    session: str
    failures: int
    factors: tuple[Factor, ...]
    threshold: float
    repeat: str
    tries: tuple[Try, ...]
