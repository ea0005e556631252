"""A shard: slice *i* of *n* of one session."""

from __future__ import annotations

import re

import msgspec

from isonox.errors import ConfigurationError

_FORM = re.compile(r"(?P<index>[1-9]\d{0,3})/(?P<count>[1-9]\d{0,3})", re.ASCII)
_OF_JOB = re.compile(rf"(?P<session>.+)#(?P<shard>{_FORM.pattern})", re.ASCII | re.DOTALL)

#: More jobs of one session would take more for their set-up than they save.
MOST = 64


class Shard(msgspec.Struct, frozen=True):
    """Which part of a session a job is.

    Attributes:
        index: From 1 to `count`.
        count: Into how many shards the session is split.
    """

    index: int
    count: int

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read `2/6`.

        Raises:
            ConfigurationError: It is no shard.
        """
        found = _FORM.fullmatch(text)
        if found is None or int(found["index"]) > int(found["count"]):
            raise ConfigurationError(f"{text!r} is no shard", hint="write which, and of how many: 2/6")
        return cls(int(found["index"]), int(found["count"]))


def job_ids(session: str, count: int) -> tuple[str, ...]:
    """Return the ids of the jobs of a session that is split into so many shards; one shard is the session itself."""
    if count == 1:
        return (session,)
    return tuple(f"{session}#{Shard(index, count)}" for index in range(1, count + 1))


def session_of(job: str) -> str:
    """Return the session's id of a job's: `tests-3.12(api)` of `tests-3.12(api)#2/6`."""
    found = _OF_JOB.fullmatch(job)
    return found["session"] if found else job
