"""What `isonox ci` and the processes of its jobs say to each other: variables, arguments, requests and answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The folder of the run, relative to the noxfile's: set by `isonox ci` for its children, and by workflows.
RUN_VARIABLE = "ISONOX_RUN_DIRECTORY"

#: What the plan says about the one job of a process, as JSON: set by `isonox ci` for its children.
PLANNED_VARIABLE = "ISONOX_PLANNED"

#: Which shard of a session to run (`2/6`): set by workflows, and by whoever repeats one; see `Planned.shard`.
SHARD_VARIABLE = "ISONOX_SHARD"

#: The seed of a random order of tests: set by whoever repeats one.
SEED_VARIABLE = "ISONOX_SEED"

#: A test to run many times instead of all tests, as JSON: set by `isonox flaky --hunt` for its session.
HUNT_VARIABLE = "ISONOX_HUNT"

#: The process with which servers that jobs share end, as `isonox.services.lease.decoded` reads it.
OWNER_VARIABLE = "ISONOX_SERVICES_OWNER"

#: In the run's folder: what is declared, so that the processes of jobs need not read it again.
DECLARED = "declared"

#: Set by the parent: a pipe's reading end, closed by the kernel when the parent dies.
LIFELINE_VARIABLE = "ISONOX_LIFELINE"

#: Variables that narrow what nox selects; a pipeline is loaded whole, and each child gets exactly one session.
SELECTING_VARIABLES = ("NOXSESSION", "NOXPYTHON", "NOX_PARALLEL")


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """What the plan of a run says for a job's record, so that its process need not find it out.

    Attributes:
        cores: How many the job has; None for all that its process may use.
        shard: Which shard of the session it is (`2/6`); empty for all of it.
    """

    commit: str | None
    dirty: bool
    fingerprint: str | None
    cores: int | None = None
    shard: str = ""


class Load(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Asks to load the noxfile: what is declared is in the run's folder now."""


class Start(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Asks for a job; its log's file is there already."""

    job: str
    session: str
    posargs: tuple[str, ...]
    planned: Planned


class Stop(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Asks a job to stop and write its record; or, `now`, ends it with everything below it."""

    job: str
    now: bool


class Ready(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The noxfile is loaded."""


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Jobs can't be forked from this process; it ends."""

    reason: str


class Ended(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A job's process has ended; the code is negative for the signal that killed it."""

    job: str
    exit_code: int


Request = Load | Start | Stop
Answer = Ready | Refused | Ended

_REQUESTS: msgspec.json.Decoder[Request] = msgspec.json.Decoder(Request)
_ANSWERS: msgspec.json.Decoder[Answer] = msgspec.json.Decoder(Answer)


def line(message: Request | Answer) -> bytes:
    """Return a message as it is sent."""
    return msgspec.json.encode(message) + b"\n"


def request(content: bytes) -> Request:
    """Read a line that `isonox ci` sent."""
    return _REQUESTS.decode(content)


def answer(content: bytes) -> Answer:
    """Read a line that the forkserver sent."""
    return _ANSWERS.decode(content)


def nox_arguments(noxfile: str) -> list[str]:
    """Return nox's arguments for whatever session is run.

    Without one about colours: a log is no terminal, so it has none unless FORCE_COLOR asks for them.
    """
    return ["-f", noxfile, "--no-dependencies"]


def selecting_arguments(session: str, posargs: Sequence[str]) -> list[str]:
    """Return nox's arguments for one session."""
    return ["-s", session, *(["--", *posargs] if posargs else [])]
