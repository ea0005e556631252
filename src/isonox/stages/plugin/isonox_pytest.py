"""What `stages.tests` adds to pytest: a shard takes its tests, a random order is made, and what ran is noted.

It runs in the session's own Python, 3.8 or newer, where isonox is not installed. `isonox.stages.splitting` starts it
and reads what it leaves.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import random
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

_SETTING = "ISONOX_PYTEST"


def _setting() -> dict[str, Any]:
    """Return what the stage says; the tests and what they start need not see it."""
    own = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - as PYTHONPATH has it
    rest = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry and entry != own]
    os.environ.pop("PYTHONPATH", None)
    if rest:
        os.environ["PYTHONPATH"] = os.pathsep.join(rest)
    found: dict[str, Any] = json.loads(os.environ.pop(_SETTING))
    return found


def pytest_configure(config: pytest.Config) -> None:
    """Take part, in a process of pytest-xdist, too."""
    given = getattr(config, "workerinput", None)
    setting = _setting() if given is None else json.loads(given[_SETTING])
    config.pluginmanager.register(_Taking(setting, is_worker=given is not None), "isonox-taking")


class _Taking:
    """Takes a shard's tests, and notes what was collected and what ran."""

    def __init__(self, setting: dict[str, Any], *, is_worker: bool) -> None:
        self.setting = setting
        self.is_worker = is_worker
        self.seconds: dict[str, float] = {}
        self.executed: set[str] = set()
        self.failed: dict[str, str] = {}
        self.passed: set[str] = set()
        self.found: dict[str, Any] = {}

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a process of pytest-xdist what the stage says."""
        node.workerinput[_SETTING] = json.dumps(self.setting)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
        """Choose when everybody else has chosen: what is collected then is the same in every shard."""
        seen = sorted({item.nodeid for item in items})
        yield
        tests = sorted({item.nodeid for item in items})
        digest = self._choose(config, items, tests) if self.setting["count"] > 1 else ""
        if self.setting["seed"] is not None:
            items[:] = _shuffled(items, random.Random(self.setting["seed"]))  # noqa: S311 - an order  # nosec B311
        if self.setting["only"] is not None:
            with open(self.setting["only"], "rb") as file:  # noqa: PTH123 - what is given is a text
                _keep(config, items, set(json.load(file)))
        self.found = {"root": str(config.rootpath), "durations": digest, "seen": seen, "tests": tests}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Leave what there is, and what is to run: others may have dropped some after all."""
        if self.found:
            self._leave("collected", {**self.found, "selected": sorted({item.nodeid for item in session.items})})

    def _choose(self, config: pytest.Config, items: list[pytest.Item], tests: list[str]) -> str:
        """Keep this shard's tests; return the digest of the durations that decided."""
        shards = _shards(self.setting["shards"])
        content = b""
        if self.setting["durations"]:
            with open(self.setting["durations"], "rb") as file:  # noqa: PTH123 - what is given is a text
                content = file.read()
        durations = shards.parsed(content) if content else {}
        mine = set(shards.assigned(tests, durations, self.setting["count"], self.setting["by"])[self.setting["place"]])
        _keep(config, items, mine)
        return hashlib.sha256(content).hexdigest() if content else ""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        """Start Python's `random` at a known place, in a hunt."""
        if self.setting["random"] is not None:
            random.seed(self.setting["random"])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a test that ran: its call ended, or its set-up kept it from being called."""
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration
        if report.when == "call" or (report.when == "setup" and report.outcome != "passed"):
            self.executed.add(report.nodeid)
        if report.failed:
            self.failed.setdefault(report.nodeid, _message(report))
        elif report.when == "call" and report.passed:
            self.passed.add(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        """Leave what ran; with pytest-xdist, the process that hears of every test does."""
        if not self.is_worker:
            ran = {test: round(seconds, 6) for test, seconds in self.seconds.items() if test in self.executed}
            passed = sorted(self.passed.difference(self.failed))
            self._leave("executed", {"executed": ran, "failed": self.failed, "passed": passed})

    def _leave(self, what: str, document: object) -> None:
        path = f"{self.setting['folder']}/{what}.json"
        own = f"{path}.{os.getpid()}"
        with open(own, "w", encoding="ascii") as file:  # noqa: PTH123 - as above
            json.dump(document, file)
        os.replace(own, path)  # noqa: PTH105 - as above


def _keep(config: pytest.Config, items: list[pytest.Item], tests: set[str]) -> None:
    """Deselect all but some tests."""
    others = [item for item in items if item.nodeid not in tests]
    items[:] = [item for item in items if item.nodeid in tests]
    if others:
        config.hook.pytest_deselected(items=others)


def _message(report: pytest.TestReport) -> str:
    """Return the first line of what a failed test says."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = str(crash.message if crash else report.longreprtext)
    return next((line.strip() for line in text.splitlines() if line.strip()), "failed")


def _shards(path: str) -> Any:
    """Return `isonox.planning.shards`, which is read from its file."""
    spec = importlib.util.spec_from_file_location("isonox_shards", path)
    if spec is None or spec.loader is None:
        raise pytest.UsageError(f"{path} can't be imported")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _shuffled(items: list[pytest.Item], order: random.Random) -> list[pytest.Item]:
    """Return the tests in a random order: files, their classes, and the tests in these, so that fixtures are shared."""
    files: dict[Any, dict[Any, list[pytest.Item]]] = {}
    for item in items:
        classes = files.setdefault(item.getparent(pytest.Module) or item.nodeid.partition("::")[0], {})
        classes.setdefault(item.getparent(pytest.Class), []).append(item)
    found: list[pytest.Item] = []
    for file in _shuffle(list(files), order):
        for one in _shuffle(list(files[file]), order):
            found += _shuffle(files[file][one], order)
    return found


def _shuffle(things: list[Any], order: random.Random) -> list[Any]:
    order.shuffle(things)
    return things
