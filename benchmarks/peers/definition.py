"""What is measured: a case. Who takes part: a peer, with its configuration and its commands."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from benchmarks.synthetic import Monorepo

#: How many tasks every tool runs at once.
JOBS = "2"


class Case(Enum):
    """A case; its value is what the tables call it."""

    NOTHING = "nothing changed"
    LEAF = "one leaf changed"
    AFFECTED = "affected list"
    EVERYTHING = "everything runs"
    PAUSES = "20 tasks of 1 s"
    EMPTY = "100 empty sessions"


#: Cases that may take verdicts from a cache.
CACHED = (Case.NOTHING, Case.LEAF)
#: Cases in which everything runs.
FRESH = (Case.EVERYTHING, Case.PAUSES)


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command of a peer, in the repository's root.

    Attributes:
        argv: The word `{tasks}` stands for the names of all tasks, `{targets}` for the same with a colon before each.
        says: A pattern that its output has to match; `{jobs}`, `{ran}` and `{cached}` stand for how many there are.
        names: A pattern whose group is an affected package.
    """

    argv: tuple[str, ...]
    says: str = ""
    names: str = r"(pkg-\d{4})"

    def words(self, repository: Monorepo) -> list[str]:
        """Return the whole command for a monorepo."""
        stands_for = {
            "{tasks}": [task.name for task in repository.tasks],
            "{targets}": [f":{task.name}" for task in repository.tasks],
        }
        return [word for given in self.argv for word in stands_for.get(given, [given])]


@dataclass(frozen=True, kw_only=True)
class Peer:
    """A tool, run in one way.

    Attributes:
        name: As the tables call it.
        tool: What has to be installed; peers with the same tool have the same configuration.
        configure: Returns its files for a monorepo, by their path.
        commands: By case; a peer takes part in these.
        prime: Fills its cache of verdicts, if it has one.
        stop: Ends the daemon that it left behind.
    """

    name: str
    tool: str
    configure: Callable[[Monorepo], dict[str, str]]
    commands: Mapping[Case, Command]
    prime: Command | None = None
    stop: tuple[str, ...] = ()


def to_json(document: object) -> str:
    """Return a JSON document as tools write it."""
    return json.dumps(document, indent=2) + "\n"
