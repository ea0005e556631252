"""Stages are seen through real nox runs, which share their environments; single decisions through a stand-in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.conftest import MakeRepository, NoxRun, Repository


class EndedError(Exception):
    """A session that ended itself; how and why."""


@dataclass
class StandIn:
    """As much of an `isonox.Session` as a stage's decisions need."""

    root: Path
    in_ci: bool = False
    package: None = None
    notes: list[str] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)

    def error(self, reason: str) -> NoReturn:
        """End the session red."""
        raise EndedError(f"red: {reason}")

    def waive(self, reason: str) -> NoReturn:
        """End the session waived."""
        raise EndedError(f"waived: {reason}")

    def note(self, text: str) -> None:
        """Keep a remark."""
        self.notes.append(text)

    def log(self, *_text: str) -> None:
        """Say nothing."""

    def report_finding(self, tool: str, message: str, **_place: Any) -> None:
        """Keep a finding's message."""
        self.findings.append(message)


@pytest.fixture
def stand_in(tmp_path: Path) -> Any:
    """Return a session without nox, in an empty folder."""
    return StandIn(tmp_path)


@pytest.fixture(scope="session")
def environments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the environments that the tests of this process share."""
    return tmp_path_factory.mktemp("environments")


class Sharing:
    """A repository whose nox runs use shared environments."""

    def __init__(self, inner: Repository, environments: Path) -> None:
        self._inner = inner
        self.environments = environments

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def run_nox(self, *arguments: str, env: Mapping[str, str] | None = None) -> NoxRun:
        """Run nox in the shared environments."""
        return self._inner.run_nox("--envdir", str(self.environments), *arguments, env=env)


@pytest.fixture
def sharing(repository: MakeRepository, environments: Path) -> MakeRepository:
    """Return a function like `repository`, for stages whose environments hold nothing of the repository itself."""

    def make(files: Mapping[str, str] | None = None, *, base: str = "tools", settings: str = "") -> Any:
        return Sharing(repository(files, base=base, settings=settings), environments / base)

    return make
