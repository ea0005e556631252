"""`isonox compare`: are two runs the same run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from isonox.errors import ExitCode, UsageError, did_you_mean
from isonox.history import comparison
from isonox.history.comparison import Side
from isonox.model.naming import some
from isonox.report import comparison_view
from isonox.sessions import run_directory
from isonox.sessions.run_directory import RunDirectory
from isonox.system import terminal
from isonox.verbs.checkout import Checkout
from isonox.verbs.declaration import Argument, Help, Json

#: The newest runs, as a hint.
_NAMED = 5


def compare(
    first: Annotated[str, Argument("a run: `latest`, its id or the start of it, or a folder with `records/`", "A")],
    second: Annotated[str, Argument("the run to compare it with", "B")],
    *,
    job: Annotated[Sequence[str], Help("compare only this job (repeatable)", metavar="JOB")] = (),
    verbose: Annotated[bool, Help("also say what may differ, and does", "v")] = False,
    json: Json = False,
) -> ExitCode:
    """Compare two runs: the same jobs, verdicts, commands, versions and variables, or what differs.

    A run may be one of this checkout, or the folder of one from elsewhere, such as CI. Exits 1 when they differ.
    """
    sides = _side(first), _side(second)
    known = [name for side in sides for name in side.verdicts]
    for name in job:
        if name not in known:
            raise UsageError(
                f"neither run has a job {name!r}{did_you_mean(name, known)}",
                hint=f"name one of: {some(sorted(set(known)), 2 * _NAMED)}",
            )
    made = comparison.compare(*sides, jobs=job)
    terminal.write_document(made, lambda made: comparison_view.show(made, verbose=verbose), json=json)
    return ExitCode.OK if made.same else ExitCode.JOB_FAILED


def _side(word: str) -> Side:
    """Read the run that a word means.

    Raises:
        UsageError: It means none, or several, or one without records.
        StateError: A record is damaged.
    """
    run = named(word)
    records = run.read_records()
    if not records:
        raise UsageError(
            f"{run.path} holds no records",
            hint="name a folder that has `records/`, or `parts/*/records/`, as those in .isonox/runs/ do",
        )
    plan = run.read_plan() if run.plan_path.exists() else None
    return Side(name=run.id, plan=plan, records=records)


def named(word: str) -> RunDirectory:
    """Return the run that a word means: `latest`, its id or the start of it, or a folder.

    Raises:
        UsageError: It means none, or several.
    """
    return RunDirectory(Path(word).resolve()) if Path(word).is_dir() else _run(word)


def _what(word: str) -> str:
    if Path(word).is_file():
        return f"{word} is a file; name the folder of the run"
    return f"there is no {'folder' if '/' in word else 'run'} {word!r} here"


def _run(word: str) -> RunDirectory:
    """Return the run of this checkout with this id, or this start of one."""
    root = Checkout.here().root
    if word == "latest":
        found = [latest] if (latest := run_directory.latest(root)) else []
    else:
        found = [run for run in run_directory.runs(root) if run.id.startswith(word)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"{word!r} is the start of {len(found)} runs: {some([run.id for run in found], _NAMED)}")
    newest = [run.id for run in reversed(run_directory.runs(root))]
    raise UsageError(
        _what(word),
        hint=f"name one of: {some(newest, _NAMED)}" if newest else "make one: isonox ci",
    )
