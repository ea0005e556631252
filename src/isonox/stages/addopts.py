"""What a project's own configuration of pytest asks for that could hide something from the test stages."""

from __future__ import annotations

import contextlib
import itertools
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from isonox.stages import configuration

if TYPE_CHECKING:
    from isonox.sessions.session import Session

#: Where pytest looks for its configuration, with the table or section: the first that there is counts, alone.
#: Source: https://docs.pytest.org/en/stable/reference/customize.html
_PLACES = (
    ("pytest.toml", "pytest"),
    (".pytest.toml", "pytest"),
    ("pytest.ini", "pytest"),
    (".pytest.ini", "pytest"),
    ("pyproject.toml", "tool.pytest.ini_options"),
    ("pyproject.toml", "tool.pytest"),
    ("tox.ini", "pytest"),
    ("setup.cfg", "tool:pytest"),
)

#: What is said about an option.
_NOTES = {
    "--cov-fail-under": "pytest's addopts have --cov-fail-under, which does not count: stages.coverage(overall=...)",
    "--reruns": "pytest's addopts have --reruns, which hides flaky tests: stages.tests(retries=...) names them",
}
#: Options that choose by what failed, or was there, the last time.
_BY_CACHE = re.compile(r"--(?:lf|last-failed|ff|failed-first|nf|new-first|sw|stepwise)\b")
_WITHOUT_PYTEST_COV = ("no:cov", "no:pytest_cov")


def looked_at(session: Session, folder: Path) -> list[str]:
    """Say what of the configuration does not count; return options that make each run that of a fresh checkout."""
    added = _addopts(folder)
    names = {option.partition("=")[0] for option in added}
    for option in (option for option in _NOTES if option in names):
        session.note(_NOTES[option])
    if not any(map(_BY_CACHE.match, added)):
        return []
    cache = Path(session.create_tmp()).resolve() / "pytest-cache" / session.job.replace("/", "-")
    return ["--cache-clear", f"--override-ini=cache_dir={cache}"]


def blocks_pytest_cov(folder: Path) -> bool:
    """Return whether pytest-cov is installed for nothing, so that its options are unknown."""
    return any(option.removeprefix("-p") in _WITHOUT_PYTEST_COV for option in _addopts(folder))


def _addopts(folder: Path) -> list[str]:
    """Return the options that pytest adds to its arguments when it runs in a folder."""
    for place, (name, table) in itertools.product((folder, *folder.parents), _PLACES):
        found = configuration.sections(place / name)
        values = configuration.table(found, table)
        if values is None and (found is None or "pytest." not in name):  # a file of its own counts without a section
            continue
        added = (values or {}).get("addopts", "")
        with contextlib.suppress(ValueError):  # pytest says it better
            return [str(option) for option in added] if isinstance(added, list) else shlex.split(str(added))
        break
    return []
