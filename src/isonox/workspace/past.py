"""The workspace as it was at a commit: what says which packages there are, in a folder of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from isonox.errors import ConfigurationError
from isonox.system import git
from isonox.workspace import config, packages

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from isonox.model.config import Config
    from isonox.model.workspace import Workspace

_LINK = "120000"


def read(folder: Path, files: Iterable[str]) -> tuple[Config, Workspace] | None:
    """Return what was declared, from a folder that `written` made; None where that was invalid."""
    try:
        found = config.load(folder, files)
        return found, packages.load(folder, found, files)
    except ConfigurationError:
        return None


@contextlib.contextmanager
def written(root: Path, then: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Path]:
    """Write files as they were into a folder of the root's name, for as long as the context is open.

    Args:
        root: The workspace's root.
        then: The files, each with its mode and id.
        now: The same of the checkout: what is equal there need not be asked of git.

    Raises:
        GitError: Git does not have one of them.
    """
    with tempfile.TemporaryDirectory(prefix="isonox-") as place:
        folder = Path(place) / root.name
        folder.mkdir()
        for path, entry in then.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if now.get(path) == entry and (root / path).is_file():
                shutil.copyfile(root / path, target)
            elif entry.startswith(_LINK):
                target.symlink_to(os.fsdecode(git.blob(root, entry.split(" ")[1])))
            else:
                target.write_bytes(git.blob(root, entry.split(" ")[1]))
        yield folder
