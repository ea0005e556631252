"""Let pytest run all tests, one shard's, or some again, in its own or a random order; keep what shows which ran."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec

from isonox.errors import ConfigurationError
from isonox.model import record, split
from isonox.model.shard import MOST
from isonox.planning import shards
from isonox.sessions import project
from isonox.sessions.arguments import check
from isonox.sessions.commands import active_job
from isonox.stages import plugin
from isonox.stages.options import with_inputs
from isonox.system import files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from isonox.model.workspace import Package
    from isonox.sessions.session import Session
    from isonox.stages.options import StageOptions

_PLUGIN = "isonox_pytest"
_ONLY = "only"
_NOTHING_RAN: dict[str, Any] = {"executed": {}, "failed": {}, "passed": ()}
_SEEDS = 1_000_000


class Taking(NamedTuple):
    """How a stage's tests are split and ordered.

    Attributes:
        split: Whether the stage has shards, even if it is only one.
        by: What stays together: "test", "class" or "module".
        random_order: Whether the tests run in a random order.
        retries: How often a failed test is run again, at most.
    """

    split: bool = False
    by: str = shards.TEST
    random_order: bool = False
    retries: int = 0


class Left(msgspec.Struct, frozen=True):
    """What pytest left of one process, its tests by node id.

    Attributes:
        root: Pytest's root folder, from which node ids go.
        durations: Digest of those that decided which shard a test is in.
        seen: Every test that was found.
        tests: Those that pytest's own options mean: the whole suite.
        selected: Those of them that were to run.
        executed: Those that ran, with their seconds.
        failed: Those that failed, each with the first line of why.
        passed: Those that passed, from set-up to teardown.
    """

    root: str
    durations: str
    seen: tuple[str, ...]
    tests: tuple[str, ...]
    selected: tuple[str, ...]
    executed: dict[str, float]
    failed: dict[str, str]
    passed: frozenset[str]

    @property
    def is_whole(self) -> bool:
        """Whether everything ran: pytest was neither stopped nor did it stop at a failure."""
        return self.executed.keys() >= set(self.selected)


def options(
    name: str, count: int | Literal["auto"] | None, taking: Taking, given: StageOptions, folders: Sequence[Package]
) -> dict[str, Any]:
    """Return the options of a session whose tests are split or shuffled.

    Args:
        name: The stage's name.
        count: What the noxfile says of shards.
        taking: The rest of it.
        given: The options that the noxfile gives.
        folders: The packages that there is a session for; none for one session in the root.

    Raises:
        ConfigurationError: They make no sense, or `.test_durations` can't be read.
    """
    check(f"{name}: split_by", taking.by, shards.WAYS)
    if taking.retries < 0:
        raise ConfigurationError(f"{name}: retries={taking.retries} must be 0 or more")
    if count is not None and given.get("inputs") is not None and not folders:  # a package's file is its own anyway
        given = with_inputs(given, shards.FILE)
    found: dict[str, Any] = {**given}
    if taking.random_order:
        found.setdefault("cache", False)  # each run tries another order
    if count is None:
        return found
    if count == "auto":
        numbers = {package.name: _number(project.root() / package.path) for package in folders}
        return found | {"shards": numbers or _number(project.root()), "auto_shards": True}
    return found | {"shards": count}


def _number(folder: Path) -> int:
    config = project.config(project.root())
    target = None if config.target_minutes is None else config.target_minutes * 60
    return shards.number(durations(folder), set_up=config.set_up_seconds, target=target, most=MOST)


def durations(folder: Path) -> dict[str, float]:
    """Return the recorded durations of the tests of a folder; none where there is no file.

    Raises:
        ConfigurationError: The file can't be read as such.
    """
    path = folder / shards.FILE
    try:
        return shards.parsed(path.read_bytes())  # it is asked for by opening it: so a noxfile is read again if it comes
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        hint = "write it anew: isonox split --store; or remove it, and tests count alike"
        raise ConfigurationError(f"{path}: {error}", hint=hint) from error


class Pytest:
    """A job's pytest, which says what it collected and ran, takes a shard's tests, or runs failed ones again.

    Args:
        session: The running session; its artifacts get what shows which tests ran.
        folder: Where pytest runs.
        taking: How.

    Attributes:
        seed: Of the random order; None where the order is pytest's own.
        is_empty: Once it ran: whether the suite has fewer tests than shards, so that none of them is this one's.
        retries: How often a failed test is run again, at most.
        random: What Python's `random` is seeded with before each test; None where it is left alone.
        only: The tests to run, by node id; None for all that are this job's.

    Raises:
        ConfigurationError: `.test_durations` can't be read.
    """

    def __init__(self, session: Session, folder: Path, taking: Taking) -> None:
        self._session = session
        self._folder = folder
        self._taking = taking
        self._known = durations(folder) if taking.split else {}
        given = session.seed
        self.seed = (secrets.randbelow(_SEEDS) if given is None else given) if taking.random_order else None
        self.is_empty = False
        self.random: int | None = None
        self.only: tuple[str, ...] | None = None
        self.retries = taking.retries

    def arguments(self) -> list[str]:
        """Return pytest's arguments."""
        return ["-p", _PLUGIN]

    def variables(self) -> dict[str, str]:
        """Return the variables of pytest's process."""
        shard, path = self._session.shard, self._folder / shards.FILE
        setting = {
            "shards": shards.__file__,
            "folder": str(self._session.artifacts),
            "durations": str(path) if path.exists() else "",
            "count": shard.count,
            "place": shard.index - 1,
            "by": self._taking.by,
            "seed": self.seed,
            "random": self.random,
            "only": None if self.only is None else str(self._session.artifacts / f"{_ONLY}.json"),
        }
        if self.only is not None:  # they may be more than a variable holds
            files.write_atomic(self._session.artifacts / f"{_ONLY}.json", msgspec.json.encode(self.only))
        given = self._session.env.get("PYTHONPATH") or os.environ.get("PYTHONPATH")
        around = filter(None, (str(Path(plugin.__file__).parent), given))
        return {"PYTHONPATH": os.pathsep.join(around), "ISONOX_PYTEST": json.dumps(setting)}

    def left(self) -> Left | None:
        """Return what pytest left, and take it away; None where it ended before it had collected anything."""
        self._left(_ONLY)
        found, ran = self._left("collected"), self._left("executed") or {}
        return None if found is None else msgspec.convert({**_NOTHING_RAN, **found, **ran}, Left)

    def keep(self, left: Left) -> None:
        """Keep what pytest collected and ran first."""
        session = self._session
        shard = str(session.shard) if session.shard.count > 1 else ""
        tests, executed = left.tests, left.executed
        places = [place for place, test in enumerate(tests) if test in executed]
        self.is_empty = bool(shard and tests) and not left.selected
        evidence = split.Evidence(
            job=session.job,
            shard=shard,
            folder=os.path.relpath(self._folder, session.root).replace(os.sep, "/"),
            by=self._taking.by,
            root=os.path.relpath(left.root, session.root).replace(os.sep, "/"),
            durations=left.durations,
            collected=tuple(active_job().redact(test.encode("utf-8", "backslashreplace").decode()) for test in tests),
            executed=tuple(places),
            seconds=tuple(executed[tests[place]] for place in places),
            failed=tuple(place for place, test in enumerate(tests) if test in left.failed),
        )
        content = msgspec.json.encode(evidence)
        files.write_atomic(session.artifacts / split.FILE, content)
        digest = hashlib.sha256(content).hexdigest() if shard else ""
        session.report_split(
            record.Split(collected=len(tests), selected=len(left.selected), evidence=digest, seed=self.seed)
        )
        if self.seed is not None:
            session.note(f"random order: ISONOX_SEED={self.seed} repeats it")
        if shard and self._known and not any(test in self._known for test in tests):
            session.note(
                f"{shards.FILE} names none of these tests, as if it were another project's: they count alike; "
                "write it anew: isonox split --store"
            )

    def _left(self, what: str) -> Any:
        path = self._session.artifacts / f"{what}.json"
        if not path.exists():
            return None
        found = json.loads(path.read_bytes())
        path.unlink()
        return found
