"""`[tool.isonox]` of the root's pyproject.toml: facts about the repository, no behaviour."""

from __future__ import annotations

import re
from datetime import date
from typing import Literal

import msgspec

_CPYTHON = re.compile(r"3(\.\d+){1,2}")


class Licenses(msgspec.Struct, frozen=True, kw_only=True):
    """Which licences the dependencies may have.

    Attributes:
        allow: With any given, every other licence is refused.
        deny: These are refused.
        ignore: Packages that are not looked at, each with the reason.
    """

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    ignore: dict[str, str] = {}


class Quarantined(msgspec.Struct, frozen=True, kw_only=True):
    """A test that may fail and then pass, for a while.

    Attributes:
        test: Its node id, the file relative to the root: `tests/test_mail.py::test_sent`.
        owner: Who makes it reliable.
        until: The last day, in UTC; after it the entry is red.
        reason: What is known of the cause.
    """

    test: str
    owner: str
    until: date
    reason: str

    def covers(self, test: str) -> bool:
        """Whether a test is meant: it is named, with its parameters or for all of them."""
        return test == self.test or test.startswith(f"{self.test}[")

    def expired(self, today: date) -> bool:
        """Whether its last day is over."""
        return self.until < today


class Config(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """The configuration, defaults filled in.

    Attributes:
        packages: Globs of package directories relative to the root; None to find them.
        pythons: The versions that sessions run on, oldest first where they were not given.
        ci: Names of the sessions that `isonox ci` means; empty for the noxfile's defaults.
        pass_env: Names of further variables that sessions may see.
        runner: The GitHub runner's label.
        branches: Branches whose pushes are checked.
        environment: The GitHub environment that holds the secrets of sessions.
        codecov: Whether the coverage stage's job on GitHub uploads its report to Codecov; "required" if an upload that
            fails is to make the job red.
        codeql: Whether `isonox workflows` writes a CodeQL workflow.
        timeout_minutes: The limit of sessions that have none of their own.
        target_minutes: How long a run on GitHub may take: sessions share jobs as far as that allows, so that fewer
            minutes are billed. None for a job each.
        set_up_seconds: What a shard takes before its first test, for `shards="auto"`: more shards than that pays there
            are not.
        remote_cache: Whether verdicts of pushes to the default branch let later runs on GitHub skip jobs.
        service_backend: The backend that services get, such as "native"; None for the first that can be used.
        affected: Whether pull requests on GitHub run only what their changes affect.
        quarantine: Flaky tests that are no failure for a while; they need a stage with `retries`.
    """

    packages: tuple[str, ...] | None = None
    pythons: tuple[str, ...] = ()
    ci: tuple[str, ...] = ()
    pass_env: tuple[str, ...] = ()
    licenses: Licenses = Licenses()
    runner: str = "ubuntu-24.04"
    branches: tuple[str, ...] = ("main",)
    environment: str = "ci"
    codecov: bool | Literal["required"] = False
    codeql: bool = True
    timeout_minutes: float = 60.0
    target_minutes: float | None = None
    set_up_seconds: float = 20.0
    remote_cache: bool = False
    affected: bool = False
    service_backend: str | None = None
    quarantine: tuple[Quarantined, ...] = ()

    @property
    def plans_at_run_time(self) -> bool:
        """Whether the sessions of a job on GitHub depend on more than the commit."""
        return self.target_minutes is not None or self.remote_cache or self.affected

    @property
    def newest_python(self) -> str | None:
        """The newest CPython of `pythons`, on which sessions run that name none; None where there is none."""
        known = [python for python in self.pythons if _CPYTHON.fullmatch(python)]
        return max(known, key=lambda python: [int(part) for part in python.split(".")], default=None)
