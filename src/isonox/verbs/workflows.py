"""`isonox workflows`: write what GitHub runs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

from isonox.errors import ConfigurationError, DriftError, ExitCode, UsageError
from isonox.github import files, pins
from isonox.github.build import Setting
from isonox.model.plan import Selection
from isonox.system import git, terminal
from isonox.verbs.checkout import Checkout
from isonox.verbs.declaration import Help
from isonox.workspace import lockfile

if TYPE_CHECKING:
    from pathlib import Path

    from isonox.github.files import Drift

#: The Python that runs isonox on GitHub where the workspace declares none that could.
_FALLBACK = "3.13"
_OLDEST = (3, 11)


def workflows(
    *,
    check: Annotated[
        bool, Help("write nothing; exit 4 and show the difference if something is not as it should")
    ] = False,
    force: Annotated[bool, Help("replace files that were edited by hand, or not made by isonox", "f")] = False,
    update_pins: Annotated[bool, Help("first pin the actions to their newest releases")] = False,
) -> ExitCode:
    """Write the GitHub workflows of the pipeline: thin jobs that call the same sessions, and the gate.

    Files: `ci.yml`, two actions that its jobs share, and `codeql.yml`. Workflows beside them are left alone. For a
    noxfile in a folder, the folder's name is in the names of the files, and there is no `codeql.yml`: CodeQL looks
    at the whole repository.
    """
    if check and update_pins:
        raise UsageError("--check writes nothing, and --update-pins writes the pins", hint="leave one of them out")
    checkout = Checkout.here()
    top = git.find_root(checkout.root)
    if update_pins:
        _update_pins(top)
    setting = _setting(checkout, top)
    wanted = files.generate(checkout.plan(Selection()), setting, codeql=checkout.config.codeql and not setting.folder)
    drift = files.compare(top, wanted)
    if check:
        return _report(drift)
    if (theirs := [one for one in drift if not one.is_ours]) and not force:
        terminal.write_data("".join(one.diff for one in theirs))
        raise DriftError(
            "\n".join(f"{one.path} {one.state.value}" for one in theirs),
            hint="move what you need into the noxfile, or into a workflow of your own, then: isonox workflows --force",
        )
    files.apply(top, wanted, drift)
    for one in drift:
        sys.stderr.write(f"{'wrote' if one.path in wanted else 'removed'} {one.path}\n")
    if not drift:
        sys.stderr.write(f"nothing to do: {len(wanted)} files are as they should be\n")
    return ExitCode.OK


def _report(drift: list[Drift]) -> ExitCode:
    if not drift:
        return ExitCode.OK
    terminal.write_data("".join(one.diff for one in drift))
    for one in drift:
        sys.stderr.write(f"error: {one.path} {one.state.value}\n")
    sys.stderr.write("hint: isonox workflows\n")
    return ExitCode.DRIFT


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
                hint="uv lock" if name == lockfile.LOCK else "isonox init writes it",
            )
    locked = lockfile.read(root / lockfile.LOCK).package
    uv = next((one.version for one in locked if one.name == "uv"), None)
    if uv is None:
        raise ConfigurationError("uv.lock does not name uv, which the workflow pins", hint="uv add --group ci uv")
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
