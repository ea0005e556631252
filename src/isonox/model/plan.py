"""The plan: which jobs a selection means, and why. A versioned JSON document."""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import msgspec

from isonox.model.graph import reached

if TYPE_CHECKING:
    from collections.abc import Iterable

PLAN_VERSION = 1


class Selection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was asked for. Empty fields do not restrict.

    Attributes:
        names: Stage names, session ids, or any of nox's signatures; with none, the defaults of the noxfile.
        tags: Only sessions with one of these tags.
        packages: Only sessions of these packages (sessions that are for no package are left out).
        pythons: Only sessions for these interpreters.
        posargs: Passed to every asked job after `--`.
        base: A revision: only jobs that are affected by what changed since its merge base with HEAD.
    """

    names: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    pythons: tuple[str, ...] = ()
    posargs: tuple[str, ...] = ()
    base: str | None = None


class ReasonKind(StrEnum):
    """Why a job is in the plan."""

    DEFAULT = "default"
    ASKED = "asked"
    REQUIRED = "required-by"
    NOTIFIED = "notified-by"
    CHANGED = "changed"
    DEPENDENCY = "changed-dependency"
    ALWAYS = "always"


class Reason(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One reason.

    Attributes:
        detail: The word that was asked for; the job that requires or notified it; the file that changed, or the
            changed file of a package that this one depends on; why it can't be told whether it is affected.
    """

    kind: ReasonKind
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.kind.value} {self.detail}".strip()


class PlannedJob(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A session (or one shard of it) that is to run.

    Attributes:
        id: The session's id, plus `#i/n` for a shard.
        session: The session's id, as given to `nox -s`.
        shard: Which shard of it (`2/6`), as given by `ISONOX_SHARD`; empty for all of it.
        requires: Ids of jobs of this plan that must be green first.
        estimate_seconds: Expected duration.
        estimate_from: "history" (median of its last green runs), "stage" (never seen; median of the other jobs of
            its stage) or "prior" (none of these was seen either; median of all jobs that were, or a guess).
        weight: How many cores it uses; "all" for as many as there are.
        exclusive: Whether nothing else may run at the same time.
        fingerprint: Hash of the named inputs that decide its result; None where they can't be named.
        uncached: Why there is no fingerprint; empty where there is one.
    """

    id: str
    session: str
    shard: str = ""
    stage: str
    python: str | bool | None = None
    package: str | None = None
    tags: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    reasons: tuple[Reason, ...] = ()
    required: bool = True
    timeout_minutes: float | None = None
    posargs: tuple[str, ...] = ()
    estimate_seconds: float
    estimate_from: str
    weight: int | Literal["all"] = 1
    exclusive: bool = False
    fingerprint: str | None = None
    uncached: str = ""

    def cores(self, slots: int) -> int:
        """Return how many cores it takes of `slots`: all of them, where it is exclusive."""
        return slots if self.exclusive or self.weight == "all" else min(self.weight, slots)


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """The jobs to run for one selection, in the noxfile's order.

    Attributes:
        version: Version of this document's format.
        isonox: Version of isonox that made it.
        commit: Full hash of HEAD, or None in a repository without commits.
        dirty: Whether the working tree differs from that commit.
        merge_base: Full hash of the commit that the selection's base and HEAD have in common, where there is a base.
        unaffected: Ids of the sessions that are left out because nothing that concerns them changed since.
    """

    version: int = PLAN_VERSION
    isonox: str
    commit: str | None = None
    dirty: bool = False
    noxfile: str = "noxfile.py"
    selection: Selection
    merge_base: str | None = None
    jobs: tuple[PlannedJob, ...]
    unaffected: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @cached_property
    def by_id(self) -> dict[str, PlannedJob]:
        """Jobs by id."""
        return {job.id: job for job in self.jobs}

    def part(self, jobs: Iterable[str]) -> Plan:
        """Return the plan with some of its jobs only, and what they require."""
        wanted = set(reached(jobs, {job.id: job.requires for job in self.jobs}))
        return msgspec.structs.replace(self, jobs=tuple(job for job in self.jobs if job.id in wanted))
