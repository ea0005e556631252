"""`isonox affected`: the packages that changes concern."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from isonox.errors import ExitCode, UsageError
from isonox.model import inputs
from isonox.model.plan import Reason, ReasonKind
from isonox.planning.affected import shown
from isonox.system import terminal
from isonox.verbs.checkout import Checkout
from isonox.verbs.declaration import Help, Json
from isonox.workspace.changes import default_base

if TYPE_CHECKING:
    from isonox.planning.affected import Affected, Cause

AFFECTED_VERSION = 1


class AffectedPackage(msgspec.Struct, frozen=True, kw_only=True):
    """One package.

    Attributes:
        path: Directory relative to the workspace root.
        reason: Why it is affected, the first reason if there are several.
    """

    name: str
    path: str
    reason: Reason


class AffectedDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What `isonox affected --json` prints.

    Attributes:
        version: Version of this document's format.
        base: The revision that was compared with.
        merge_base: Full hash of the commit that it and HEAD have in common.
        packages: In the workspace's order.
        outside: Changed files that belong to no package.
    """

    version: int = AFFECTED_VERSION
    base: str
    merge_base: str
    packages: tuple[AffectedPackage, ...]
    outside: tuple[str, ...]


def affected(
    *,
    base: Annotated[
        str | None, Help("what to compare with (default: the remote's default branch, else main or master)", "b", "REV")
    ] = None,
    explain: Annotated[bool, Help("say for each package why it is affected", "e")] = False,
    json: Json = False,
) -> ExitCode:
    """Print the packages that are affected by what changed since the merge base with a revision.

    One name a line, in the workspace's order: those with changed files, those that depend on them, and those for which
    a session is affected otherwise. What is committed counts, and what is not yet.
    """
    if explain and json:
        raise UsageError("--explain and --json do not go together")
    checkout = Checkout.here()
    checkout.start_reading()
    found = checkout.since(base or default_base(checkout.root))
    causes = _causes(checkout, found)
    packages = [package for package in checkout.workspace.packages if package.name in causes]
    if json:
        document = AffectedDocument(
            base=found.changes.base,
            merge_base=found.changes.merge_base,
            packages=tuple(
                AffectedPackage(name=one.name, path=one.path, reason=causes[one.name].reason) for one in packages
            ),
            outside=tuple(map(shown, inputs.owners(checkout.workspace, found.changes.paths).get("", ()))),
        )
        terminal.write_json(document)
    elif packages:
        terminal.write_data("\n".join(_line(one.name, causes[one.name], explain=explain) for one in packages))
    return ExitCode.OK


def _causes(checkout: Checkout, found: Affected) -> dict[str, Cause]:
    """Return the affected packages, each with the first cause; sessions that always run affect none."""
    causes: dict[str, Cause] = {}
    for session in checkout.pipeline.sessions:
        cause = found.sessions.get(session.id)
        if session.package and cause and cause.kind is not ReasonKind.ALWAYS:
            causes.setdefault(session.package, cause)
    return causes | found.packages


def _line(name: str, cause: Cause, *, explain: bool) -> str:
    return f"{name}\t{' '.join(terminal.plain(str(cause.reason)).split())}" if explain else name
