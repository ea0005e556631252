"""Read what the noxfile and pyproject.toml say, and note what that looked at."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec

from isonox.cache import statements
from isonox.sessions import known, loader, observation, project
from isonox.system.version import PACKAGE, own_version

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from isonox.model.tree import Tree


#: Workspaces that this process has read already.
_read_before: set[Path] = set()


def read(
    memory: known.Memory, root: Path, noxfile: str, tree: Tree, environ: Mapping[str, str]
) -> tuple[known.Project, str]:
    """Read everything that is declared, and keep it for the next time.

    Returns:
        The project, and why it can't be kept: empty where it can.

    Raises:
        IsonoxError: Something is declared wrongly.
    """
    with observation.observed(root) as seen:
        config = project.config(root)
        workspace = project.workspace(root)
        pipeline = loader.load(root, noxfile)
    common, declarations = statements.split((root / noxfile).read_bytes())
    lines = {session.facts.declaration for session in pipeline.sessions}
    found = known.Project(
        isonox=own_version(),
        config=config,
        workspace=workspace,
        pipeline=pipeline,
        noxfile=common,
        declarations={line: digest for line, digest in declarations.items() if line in lines},
        modules=tuple(sorted(path for path in seen.files if _counts(root, path, seen.asked) and path != noxfile)),
        variables=tuple(sorted(seen.asked_variables)),
        absent=tuple(sorted(seen.absent)),
    )
    secrets = {name for session in pipeline.sessions for name in session.facts.secrets if environ.get(name)}
    if secrets and any(os.fsencode(environ[name]) in msgspec.msgpack.encode(found) for name in secrets):
        seen.hindrance = seen.hindrance or "what the noxfile declares holds the value of a secret"
    is_first = root not in _read_before
    _read_before.add(root)
    if not seen.hindrance and is_first:  # modules that are imported already are not seen reading again
        files, variables = tuple(sorted(seen.files | seen.absent)), tuple(sorted(seen.variables))
        key = known.key(root, tree, files, variables, environ)
        known.remember(memory, noxfile, known.Sources(key=key, files=files, variables=variables), found)
    return found, seen.hindrance


def _counts(root: Path, path: str, asked: set[str]) -> bool:
    """Return whether a file that was read is code or data of the noxfile; isonox's own counts elsewhere."""
    return (path.endswith(".py") or path in asked) and not (root / path).is_relative_to(PACKAGE)
