"""The files that isonox writes for GitHub, and how those of the repository differ from them."""

from __future__ import annotations

import difflib
import hashlib
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from isonox.errors import ConfigurationError
from isonox.github import actions, build, emit
from isonox.github import codeql as codeql_workflow
from isonox.system import files
from isonox.workspace.generated import MARK

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from isonox.github.setting import Setting
    from isonox.model.plan import Plan

_HASH = "# sha256 of what follows: "
_PLACES = ("workflows/*.yml", "actions/*/action.yml")


class State(StrEnum):
    """How a file of the repository differs from what isonox would write."""

    MISSING = "is missing"
    OUTDATED = "is out of date"
    EDITED = "was edited by hand"
    FOREIGN = "was not made by isonox"
    OTHER = "was made from another noxfile"
    STALE = "is not needed any more"


class Drift(NamedTuple):
    """A file that is not what isonox would write.

    Attributes:
        path: Relative to the repository's top.
        diff: From the file to what it should be, as a unified diff.
    """

    path: str
    state: State
    diff: str

    @property
    def is_ours(self) -> bool:
        """Whether it may be written or removed without losing anybody's work."""
        return self.state not in (State.EDITED, State.FOREIGN, State.OTHER)


def generate(plan: Plan, setting: Setting, *, codeql: bool) -> dict[str, str]:
    """Return the content of every file, by its path relative to the repository's top."""
    suffix = setting.suffix
    found = {
        f".github/workflows/ci{suffix}.yml": emit.workflow(build.workflow(plan, setting)),
        f".github/actions/set-up{suffix}/action.yml": emit.action(actions.set_up(setting)),
        f".github/actions/keep-records{suffix}/action.yml": emit.action(actions.keep_records(setting)),
    }
    if codeql:
        found[f".github/workflows/codeql{suffix}.yml"] = emit.workflow(codeql_workflow.workflow(setting))
    return {path: _header(setting.path(plan.noxfile), content) + content for path, content in found.items()}


def compare(top: Path, wanted: Mapping[str, str]) -> list[Drift]:
    """Return every file that differs, those that the pipeline needs no more included."""
    origin = _origin(next(iter(wanted.values())))
    found = [_compared(top, path, content) for path, content in wanted.items()]
    present = [path for place in _PLACES for path in sorted((top / ".github").glob(place))]
    for path in present:
        name = path.relative_to(top).as_posix()
        if name not in wanted and path.is_file() and _origin(content := _read(path)) == origin:
            state = State.EDITED if is_edited(content) else State.STALE
            found.append(Drift(name, state, _diff(name, content, "")))
    return [drift for drift in found if drift]


def apply(top: Path, wanted: Mapping[str, str], drift: list[Drift]) -> None:
    """Write and remove what differs.

    Raises:
        StateError: A folder can't be written.
    """
    for one in drift:
        if one.path in wanted:
            files.write_atomic(top / one.path, wanted[one.path].encode())
        else:
            files.remove(top / one.path)


def is_edited(content: str) -> bool:
    """Return whether a file that isonox made is no longer as it was made."""
    first, _, rest = content.partition("\n")
    second, _, body = rest.partition("\n")
    return not first.startswith(MARK) or second != f"{_HASH}{_digest(body)}"


def _header(noxfile: str, content: str) -> str:
    return (
        f"{MARK}{noxfile}; change that, then run: isonox workflows. What differs: isonox workflows --check\n"
        f"{_HASH}{_digest(content)}\n"
    )


def _compared(top: Path, name: str, wanted: str) -> Drift | None:
    path = top / name
    if not path.exists():
        return Drift(name, State.MISSING, _diff(name, "", wanted))
    content = _read(path)
    if content == wanted:
        return None
    state = State.OUTDATED
    if not (origin := _origin(content)):
        state = State.FOREIGN
    elif origin != _origin(wanted):
        state = State.OTHER
    elif is_edited(content):
        state = State.EDITED
    return Drift(name, state, _diff(name, content, wanted))


def _origin(content: str) -> str:
    """Return the part of a file's first line that says from which noxfile it was made; empty if it does not say."""
    first = content.partition("\n")[0]
    return first.rpartition(";")[0] if first.startswith(MARK) else ""


def _read(path: Path) -> str:
    """Return a file's text; where git changes line ends on checkout, that is no difference."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")  # universal newlines
    except OSError as error:
        raise ConfigurationError(f"can't read {path}: {error}") from error


def _diff(name: str, before: str, after: str) -> str:
    return "".join(difflib.unified_diff(_lines(before), _lines(after), name, f"{name} (as isonox writes it)"))


def _lines(text: str) -> list[str]:
    *lines, last = (f"{line}\n" for line in text.split("\n"))
    return [*lines, f"{last}\\ No newline at end of file\n"] if last != "\n" else lines


def _digest(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()
