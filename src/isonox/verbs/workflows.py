"""`isonox workflows`: write what GitHub runs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

from isonox.errors import ConfigurationError, DriftError, ExitCode, UsageError
from isonox.github import files, pins
from isonox.github.setting import Setting
from isonox.model.plan import Selection
from isonox.system import git, terminal
from isonox.verbs.checkout import Checkout
from isonox.verbs.declaration import Help, Json
from isonox.workspace import lockfile

if TYPE_CHECKING:
    from pathlib import Path


#: The Python that runs isonox on GitHub where the workspace declares none that could.
_FALLBACK = "3.13"
_OLDEST = (3, 11)

_WRITE = "isonox workflows"
_FORCE = "move what you need into the noxfile, or into a workflow of your own, then: isonox workflows --force"


def workflows(
    *,
    check: Annotated[
        bool, Help("write nothing; exit 4 and show the difference if something is not as it should")
    ] = False,
    force: Annotated[bool, Help("replace files that were edited by hand, or not made by isonox", "f")] = False,
    update_pins: Annotated[bool, Help("first pin the actions to their newest releases")] = False,
    json: Json = False,
) -> ExitCode:
    """Write the GitHub workflows of the pipeline: thin jobs that call the same sessions, and the gate.

    Files: `ci.yml`, two actions that its jobs share, and `codeql.yml`. Workflows beside them are left alone. For a
    noxfile in a folder, the folder's name is in the names of the files, and there is no `codeql.yml`: CodeQL looks
    at the whole repository.
    """
    if check and (update_pins or force):
        raise UsageError("--check writes nothing, so it goes with neither --force nor --update-pins")
    checkout = Checkout.here()
    top = git.find_root(checkout.root)
    if update_pins:
        _update_pins(top)
    setting = _setting(checkout, top)
    wanted = files.generate(checkout.plan(Selection()), setting, codeql=checkout.config.codeql and not setting.folder)
    drift = files.compare(top, wanted)
    if json:
        terminal.write_json(drift)
    theirs = [one for one in drift if not one.is_ours]
    if drift and (check or (theirs and not force)):
        shown = drift if check else theirs
        if not json:
            terminal.write_data("".join(one.diff for one in shown))
        raise DriftError("\n".join(f"{one.path} {one.state.value}" for one in shown), hint=_FORCE if theirs else _WRITE)
    if check:
        return ExitCode.OK
    files.apply(top, wanted, drift)
    for one in drift:
        sys.stderr.write(f"{'wrote' if one.path in wanted else 'removed'} {one.path}\n")
    if not drift:
        sys.stderr.write(f"nothing to do: {len(wanted)} files are as they should be\n")
    if not git.branches(top, setting.branches):
        names = " and ".join(setting.branches)
        sys.stderr.write(f"warning: pushes to {names} are checked ([tool.isonox] branches); there is no such branch\n")
    return ExitCode.OK


def _setting(checkout: Checkout, top: Path) -> Setting:
    """Gather what the workflows depend on, beside the plan.

    Raises:
        ConfigurationError: The repository lacks what a workflow stands on.
    """
    root, config = checkout.root, checkout.config
    for name in ("Makefile", "bootstrap.sh", lockfile.LOCK):
        if not (root / name).is_file():
            raise ConfigurationError(
                f"there is no {name} in {root}: the workflow's jobs start as `make` does",
                hint="uv lock" if name == lockfile.LOCK else "isonox init, in that folder, writes it",
            )
    locked = lockfile.read(root / lockfile.LOCK).package
    uv = next((one.version for one in locked if one.name == "uv"), None)
    if uv is None:
        raise ConfigurationError("uv.lock does not name uv, which the workflow pins", hint="uv add --group ci uv")
    for one in locked:
        if one.local_path and not (root / one.local_path).resolve().is_relative_to(top.resolve()):
            raise ConfigurationError(
                f"uv.lock has {one.name} at {one.local_path}, outside of this repository: no runner has that",
                hint=f"name a release or a git URL: [tool.uv.sources] {one.name}",
            )
    newest = config.newest_python or _FALLBACK
    runs_isonox = newest if _minor(newest) >= _OLDEST else _FALLBACK
    folder = root.relative_to(top).as_posix()
    return Setting(
        facts={session.id: session.facts for session in checkout.pipeline.sessions},
        pins=pins.load(top),
        uv=uv,
        pythons=(*(python for python in config.pythons if python != runs_isonox), runs_isonox),
        folder="" if folder == "." else folder,
        runner=config.runner,
        branches=config.branches,
        environment=config.environment,
        targeted=config.target_minutes is not None,
        remote_cache=config.remote_cache,
        affected=config.affected,
        codecov=config.codecov,
    )


def _minor(python: str) -> tuple[int, ...]:
    return tuple(int(part) for part in python.split(".")[:2])


def _update_pins(top: Path) -> None:
    """Look for newer releases of every action, and keep what was found.

    Raises:
        GitError: GitHub does not answer.
    """
    found = {}
    for action, pin in pins.load(top).items():
        found[action], later = pins.newest(action, pin)
        news = "is the newest" if found[action] == pin else f"-> {found[action].version}"
        also = f" (there is {later}; its inputs may differ)" if later else ""
        sys.stderr.write(f"{action} {pin.version} {news}{also}\n")
    pins.write(top, found)
