"""What a result depends on beside the code: the machine and the versions of what is used."""

from __future__ import annotations

import datetime as dt
import os
import platform
import re
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

#: Writing down what was measured changes nothing that is measured.
_NO_RESULTS = ":(exclude)benchmarks/results"

_VERSION = re.compile(r"\d+(?:\.\d+)+")


def shape() -> dict[str, str]:
    """Return the machine's shape and the day, without its name."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "date": dt.datetime.now(tz=dt.UTC).date().isoformat(),
        "system": f"{platform.system()} {_VERSION.findall(platform.release())[0]} {platform.machine()}",
        "cores": str(os.cpu_count()),
        "memory": f"{memory:.0f} GiB",
        "python": platform.python_version(),
        "git": version("git", "--version"),
    }


def version(*argv: str) -> str:
    """Return the first version in what a command says."""
    done = subprocess.run(argv, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    found = _VERSION.search(done.stdout)
    if found is None:
        raise ValueError(f"{' '.join(argv)} names no version: {done.stdout[:200]!r}")
    return found[0]


def commit(root: Path) -> str:
    """Return day and short hash of HEAD, and whether the working tree differs from it, but for results."""
    known = _git(root, "show", "--no-patch", "--format=%cs %h", "HEAD")
    return f"{known} with changes" if _git(root, "status", "--porcelain", "--", ".", _NO_RESULTS) else known


def _git(root: Path, *arguments: str) -> str:
    argv: Sequence[str] = ["git", *arguments]
    return subprocess.run(argv, cwd=root, check=True, capture_output=True, text=True).stdout.strip()
