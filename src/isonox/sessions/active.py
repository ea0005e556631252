"""The job that this process is running: where the pieces of its record gather."""

from __future__ import annotations

import contextlib
import os
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from isonox.sessions import redaction

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from isonox.model.config import Config
    from isonox.model.pipeline import Facts
    from isonox.model.record import Command, Finding, Flaky, Installation, Interpreter, Notification, Split, TestCounts
    from isonox.model.shard import Shard
    from isonox.sessions.messages import Planned
    from isonox.sessions.run_directory import RunDirectory
    from isonox.sessions.servers import Servers


@dataclass(kw_only=True)
class ActiveJob:
    """What is known about a running job so far; the hook turns it into a `Record` at the end.

    Attributes:
        outer: The variables that nox was started with, most of which the session does not see.
        held: What is let go of once the record is written.
    """

    id: str
    shard: Shard | None = None
    seed: int | None = None
    hunt: str = ""
    root: Path
    run: RunDirectory
    facts: Facts
    config: Config
    in_ci: bool
    pid: int = field(default_factory=os.getpid)
    in_run: bool
    planned: Planned | None = None
    cores: int = 1
    secrets: tuple[str, ...] = ()
    outer: Mapping[str, str] = field(default_factory=dict)
    phase: Literal["environment", "session"] = "environment"
    commands: list[Command] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    notified: list[Notification] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    trace: Path | None = None
    traced_since: float = 0.0
    tests: TestCounts | None = None
    split: Split | None = None
    flaky: tuple[Flaky, ...] = ()
    coverage_percent: float | None = None
    interpreter: Interpreter | None = None
    distributions: dict[str, str] = field(default_factory=dict)
    missing_interpreter: str | None = None
    timed_out: bool = False
    installations: list[Installation] = field(default_factory=list)
    environment: Path | None = None
    servers: Servers | None = None
    held: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def redact(self, text: str) -> str:
        """Return `text` with secrets and passwords of services replaced, and what is no text escaped."""
        return redaction.without(self.secrets, text).encode("utf-8", "backslashreplace").decode()


ACTIVE: ContextVar[ActiveJob | None] = ContextVar("active_job", default=None)
