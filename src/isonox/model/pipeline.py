"""What the noxfile declares: stages, their sessions, and who requires whom."""

from __future__ import annotations

import graphlib
from functools import cached_property
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Literal

import msgspec

from isonox.errors import ConfigurationErrors, CycleError, did_you_mean
from isonox.model.service import Service

if TYPE_CHECKING:
    from collections.abc import Iterable


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """The CI facts of a stage; see `isonox.sessions.declare.session` for what each means.

    Attributes:
        environment: "declared" for `isonox.session`; "inherited" for a plain `nox.session`, whose
            environment isonox leaves as it found it.
        inputs: What decides the result, beside what is always counted; None for the default (see
            `isonox.model.inputs`).
        cache_seconds: How long a verdict may be reused, where its inputs do not tell all; None without a limit.
        weight: How many cores the session uses; "all" for as many as there are.
        exclusive: Whether nothing else may run at the same time.
        shards: Into how many jobs a session is split; by package where that differs.
        auto_shards: Whether that number follows from recorded durations, and so may change with them.
        services: Servers that the session needs.
        declaration: A line of the noxfile's statement that declares the session.
        locked: Whether it is known to install from the lock, as all standard stages do.
    """

    environment: Literal["declared", "inherited"] = "declared"
    per_package: bool = False
    timeout_minutes: float | None = None
    env: dict[str, str] = {}
    secrets: tuple[str, ...] = ()
    inputs: tuple[str, ...] | None = None
    artifacts: tuple[str, ...] = ()
    cache: bool = True
    cache_seconds: float | None = None
    weight: int | Literal["all"] = 1
    exclusive: bool = False
    shards: int | dict[str, int] = 1
    auto_shards: bool = False
    services: tuple[Service, ...] = ()
    required: bool = True
    permissions: dict[str, str] = {}
    declaration: int | None = None
    locked: bool = False

    def shards_of(self, package: str | None) -> int:
        """Return into how many jobs the session of a package is split, or the one that is for none."""
        return self.shards if isinstance(self.shards, int) else self.shards.get(package or "", 1)


#: What a plain `@nox.session` gets.
PLAIN = Facts(environment="inherited", cache=False)


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Nox's session: a stage for one Python and one set of parameters; or one shard of it.

    Attributes:
        id: Nox's full signature, unambiguous for `nox -s`: `tests-3.12(api)`; with `#2/6` for a shard.
        stage: The name that the noxfile gave it: `tests`.
        signatures: Every name under which nox knows it; for a shard, its id, too.
        shard: Which shard it is (`2/6`); empty for a session that is not split.
        python: The interpreter that was asked for ("3.12"), None for nox's own, False for none at all.
        package: Name of the workspace package that it is for, where it is per package.
        requires: Ids of the sessions that must be green before this one starts.
        default: Whether `nox` without arguments would run it.
    """

    id: str
    stage: str
    signatures: tuple[str, ...] = ()
    shard: str = ""
    python: str | bool | None = None
    package: str | None = None
    tags: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    default: bool = True
    description: str = ""
    facts: Facts = PLAIN


class Pipeline(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """All sessions of the noxfile, in its order. Build it with `Pipeline.validated`."""

    sessions: tuple[Session, ...]
    noxfile: str = "noxfile.py"

    @classmethod
    def validated(cls, sessions: Iterable[Session], *, noxfile: str = "noxfile.py") -> Pipeline:
        """Check ids and `requires`, then freeze.

        Raises:
            ConfigurationErrors: Two sessions share an id, or one requires a session that does not exist.
            CycleError: Sessions require each other in a circle.
        """
        pipeline = cls(sessions=tuple(sessions), noxfile=noxfile)
        problems = []
        seen: set[str] = set()
        for session in pipeline.sessions:
            if session.id in seen:
                problems.append(f"{noxfile}: two sessions are called {session.id!r}; nox would run only one of them")
            seen.add(session.id)
        for session in pipeline.sessions:
            problems.extend(
                f"{noxfile}: {session.id!r} requires {name!r}, which does not exist{did_you_mean(name, seen)}"
                for name in session.requires
                if name not in seen
            )
        if problems:
            raise ConfigurationErrors(problems)
        if cycle := pipeline._cycle():
            raise CycleError(cycle)
        return pipeline

    @cached_property
    def by_id(self) -> dict[str, Session]:
        """Sessions by their full signature."""
        return {session.id: session for session in self.sessions}

    @property
    def stages(self) -> tuple[str, ...]:
        """Stage names in the noxfile's order."""
        return tuple(dict.fromkeys(session.stage for session in self.sessions))

    def _cycle(self) -> tuple[str, ...]:
        """Return one circle of `requires` (first id repeated at the end), or nothing."""
        try:
            TopologicalSorter({session.id: session.requires for session in self.sessions}).prepare()
        except graphlib.CycleError as error:
            circle: list[str] = error.args[1]
            return tuple(reversed(circle))  # graphlib goes from what is required to what requires it
        return ()
