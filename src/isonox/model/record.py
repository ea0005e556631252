"""The record: what one job did. A versioned JSON document, written by whoever ran the job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from isonox.model.service import ServiceUse
from isonox.model.verdict import Verdict

if TYPE_CHECKING:
    from isonox.model.plan import Plan, PlannedJob

RECORD_VERSION = 1


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """One command that the session ran.

    Attributes:
        argv: As executed, the program's path resolved; values of declared secrets are replaced by `***`.
        exit_code: Negative for the signal that killed it; None if it never returned.
        seconds: Wall time.
        phase: "environment" while the environment is made from the lock, else "session".
    """

    argv: tuple[str, ...]
    exit_code: int | None = None
    seconds: float = 0.0
    phase: Literal["environment", "session"] = "session"


class Interpreter(msgspec.Struct, frozen=True, kw_only=True):
    """The Python that the session ran on.

    Attributes:
        asked: What the noxfile asked for.
        version: The full version that was found, patch included.
        implementation: "CPython", "PyPy", ...
        path: Where it was found on this machine.
    """

    asked: str | None = None
    version: str | None = None
    implementation: str | None = None
    path: str | None = None


class Platform(msgspec.Struct, frozen=True, kw_only=True):
    """The machine, as far as it can change a result."""

    system: str
    release: str
    machine: str


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """The environment variables that the session saw.

    Attributes:
        policy: "declared" (allow-list plus declared names) or "inherited" (a plain nox session: everything).
        values: Names and values that isonox or the noxfile set.
        passed: Names on the allow-list that were set outside; their values stay out of the record.
        secrets: Names of declared secrets that were set.
        cores: How many cores the session was told that it has; None where it was told nothing.
    """

    policy: Literal["declared", "inherited"]
    values: dict[str, str] = {}
    passed: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    cores: int | None = None


class TestCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Tests by outcome, as JUnit reports them."""

    __test__ = False  # not a test class, whatever pytest thinks of the name

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    errors: int = 0

    @property
    def total(self) -> int:
        """All tests that were collected and reported."""
        return self.passed + self.failed + self.skipped + self.errors


class Split(msgspec.Struct, frozen=True, kw_only=True):
    """Which of a suite's tests a job took, and in which order; its artifacts name them (see `isonox.model.split`).

    Attributes:
        collected: How many tests the suite has.
        selected: How many of them are this job's.
        evidence: SHA-256 of the artifact that names them; empty for a job that is no shard.
        seed: Of the random order; None where the order was pytest's own.
    """

    collected: int
    selected: int
    evidence: str = ""
    seed: int | None = None


class Flaky(msgspec.Struct, frozen=True, kw_only=True):
    """A test that failed, and passed when it was run again.

    Attributes:
        test: Its node id, the file relative to the workspace's root.
        runs: How often it ran.
        failures: How many of these failed.
        message: The first line of its first failure.
        quarantine: Who makes it reliable, and until when, as `[tool.isonox] quarantine` says; empty where it is not in
            there, so that it makes the job red.
    """

    test: str
    runs: int
    failures: int
    message: str = ""
    quarantine: str = ""


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """A job that this one asked for with `session.notify`: a session, or a shard of one."""

    session: str
    posargs: tuple[str, ...] | None = None


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A problem at a place, for annotations and reports."""

    tool: str
    message: str
    path: str | None = None
    line: int | None = None


class Installation(msgspec.Struct, frozen=True, kw_only=True):
    """What a session asked `install_group` for: with the lock, it decides what was installed.

    Attributes:
        project: Whether packages of the workspace were installed too: that of the session, or all.
        package: The session's package, if it is for one.
        python: Full version of the environment's Python.
    """

    groups: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    project: bool = False
    package: str | None = None
    python: str = ""


class Undeclared(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a session used and that is none of its declared inputs, so that its verdict is not reused.

    Attributes:
        kind: "read" or "listed" (a path relative to the workspace's root), "connected" (an address), "wrote" (an
            input that the session changed itself).
        hint: How to declare it.
    """

    kind: Literal["read", "listed", "connected", "wrote"]
    what: str
    hint: str = ""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What one job did.

    Attributes:
        version: Version of this document's format.
        job: The job's id.
        reason: Why the verdict is not plain "passed": the error, the waiver's reason, the job that blocks it.
        started: UTC, ISO 8601 with seconds.
        seconds: Wall time of the whole session, its environment included.
        tests: Those that passed when they were run again count as passed; `flaky` names them.
        distributions: Name and version of everything installed in the session's environment.
        artifacts: Files kept, relative to the run's `artifacts/` folder.
        written_by: "session" (the wrapper inside the session) or "run" (the parent or the gate, for a job that
            could not).
        from_run: For a cached verdict, the run that it comes from.
        fingerprint: The fingerprint that the plan had for this job.
        installations: What it installed from the lock.
        undeclared: What it used beside its declared inputs.
        services: The servers that it used, or needed and did not get.
        traced: Whether undeclared inputs were looked for.
        places: Folders of this machine that commands may name: "root" (the workspace), "run" (this run's folder),
            "environment" (the session's), "environments" (nox's folder of them), "nox" (the environment that nox
            runs in), "home", "temporary".
    """

    version: int = RECORD_VERSION
    isonox: str
    run: str
    job: str
    stage: str
    verdict: Verdict
    reason: str = ""
    commit: str | None = None
    dirty: bool = False
    package: str | None = None
    posargs: tuple[str, ...] = ()
    required: bool = True
    started: str
    seconds: float = 0.0
    interpreter: Interpreter = Interpreter()
    platform: Platform | None = None
    environment: Environment | None = None
    commands: tuple[Command, ...] = ()
    distributions: dict[str, str] = {}
    tests: TestCounts | None = None
    split: Split | None = None
    flaky: tuple[Flaky, ...] = ()
    coverage_percent: float | None = None
    findings: tuple[Finding, ...] = ()
    notified: tuple[Notification, ...] = ()
    artifacts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    written_by: Literal["session", "run"] = "session"
    from_run: str | None = None
    fingerprint: str | None = None
    installations: tuple[Installation, ...] = ()
    undeclared: tuple[Undeclared, ...] = ()
    services: tuple[ServiceUse, ...] = ()
    traced: bool = False
    places: dict[str, str] = {}


def blank_record(  # noqa: PLR0913 - what is known about the job
    plan: Plan, job: PlannedJob, verdict: Verdict, reason: str, *, run: str, started: str, seconds: float = 0.0
) -> Record:
    """Return the record of a job that could not write its own.

    Args:
        plan: What it is part of.
        job: The job.
        verdict: How it ended.
        reason: Why.
        run: The run's id.
        started: UTC, ISO 8601 with seconds.
        seconds: Wall time.
    """
    return Record(
        isonox=plan.isonox,
        run=run,
        job=job.id,
        stage=job.stage,
        verdict=verdict,
        reason=reason,
        commit=plan.commit,
        dirty=plan.dirty,
        package=job.package,
        posargs=job.posargs,
        required=job.required,
        started=started,
        seconds=round(seconds, 3),
        written_by="run",
    )


def doubt(record: Record) -> str:
    """Return why a record that says green is not believed; empty where it is, or where it is red."""
    match record.verdict:
        case Verdict.PASSED | Verdict.CACHED if record.tests is not None and record.tests.total == 0:
            return "no test was run"
        case Verdict.PASSED | Verdict.CACHED if any(not one.quarantine for one in record.flaky):
            return "a test was flaky, and is not in quarantine"
        case Verdict.WAIVED if not record.reason.strip():
            return "it was waived without a reason"
        case Verdict.CACHED if not record.from_run:
            return "it was cached, and does not say from which run"
    return ""
