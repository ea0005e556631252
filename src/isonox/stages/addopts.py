"""What a project's own configuration of pytest asks for that could hide something from the test stages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from isonox.sessions.session import Session

#: Where pytest reads `addopts`: https://docs.pytest.org/en/stable/reference/customize.html
_FILES = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")

#: What is said about an option.
_NOTES = {
    "--cov-fail-under": "pytest's addopts have --cov-fail-under, which does not count: stages.coverage(overall=...)",
    "--reruns": "pytest's addopts have --reruns, which hides flaky tests: stages.tests(retries=...) names them",
}
#: Options that choose by what failed, or was there, the last time.
_BY_CACHE = re.compile(r"--(?:lf|last-failed|ff|failed-first|nf|new-first|sw|stepwise)\b")
_WITHOUT_PYTEST_COV = re.compile(r"\bno:(?:pytest_)?cov\b")


def looked_at(session: Session, folder: Path) -> list[str]:
    """Say what of the configuration does not count; return options that make each run that of a fresh checkout."""
    text = _text(session, folder)
    for option, note in _NOTES.items():
        if option in text:
            session.note(note)
    if not _BY_CACHE.search(text):
        return []
    cache = Path(session.create_tmp()).resolve() / "pytest-cache" / session.job.replace("/", "-")
    return ["--cache-clear", f"--override-ini=cache_dir={cache}"]


def blocks_pytest_cov(session: Session, folder: Path) -> bool:
    """Return whether pytest-cov is installed for nothing, so that its options are unknown."""
    return bool(_WITHOUT_PYTEST_COV.search(_text(session, folder)))


def _text(session: Session, folder: Path) -> str:
    """Return all files that may hold the configuration, without comments."""
    paths = dict.fromkeys(where / name for where in (folder, session.root) for name in _FILES)
    text = "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in paths if path.is_file())
    return re.sub(r"^\s*[#;].*$", "", text, flags=re.MULTILINE)
