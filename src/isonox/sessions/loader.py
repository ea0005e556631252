"""Load any noxfile through nox's own machinery and make a `Pipeline` of it."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import traceback
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import nox
import nox.registry
import nox.tasks
from nox._options import NoxfileOptions, options

from isonox.errors import ConfigurationError, NoxfileError, did_you_mean
from isonox.model.pipeline import Pipeline, Session
from isonox.sessions import recording
from isonox.sessions.messages import SELECTING_VARIABLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nox._options import NoxConfig
    from nox.manifest import Manifest
    from nox.sessions import SessionRunner


def load(root: Path, noxfile: str = "noxfile.py") -> Pipeline:
    """Load `root/noxfile` and return its sessions, selected or not.

    Raises:
        NoxfileError: It is missing, can't be imported, or nox refuses it.
        ConfigurationError: Two sessions share a name, or a `requires` is wrong.
    """
    path = root / noxfile
    if not path.exists():
        raise NoxfileError(f"there is no {noxfile} in {root}", hint="start one: isonox init")
    with _isolated(root) as captured:
        config = options.parse_args(["-f", str(path)])
        module = _import(path, config, captured)
        nox.tasks.merge_noxfile_options(module, config)
        manifest = nox.tasks.discover_manifest(module, config)
        default = _default_sessions(path, manifest, config)
        _refuse_duplicates(path, captured)
        return _pipeline(manifest, default, noxfile)


class _Captured:
    """What nox and the noxfile said while it was loaded."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.warnings: list[warnings.WarningMessage] = []


@contextlib.contextmanager
def _isolated(root: Path) -> Iterator[_Captured]:
    """Load in a clean nox, and leave no trace in this process but imported modules."""
    captured = _Captured()

    class _Keep(logging.Handler):
        def emit(self, entry: logging.LogRecord) -> None:
            captured.errors.append(entry.getMessage())

    handler = _Keep(level=logging.ERROR)
    logger = logging.getLogger("nox")
    old_options, old_folder, old_path = nox.options, Path.cwd(), list(sys.path)
    hidden = {name: os.environ.pop(name) for name in SELECTING_VARIABLES if name in os.environ}
    propagate = logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    nox.options = NoxfileOptions()
    nox.registry.reset()
    sys.path.insert(0, str(root))
    try:
        with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stdout(sys.stderr):
            warnings.simplefilter("always")
            captured.warnings = caught
            yield captured
    finally:
        os.chdir(old_folder)
        sys.path[:] = old_path
        nox.options = old_options
        nox.registry.reset()
        logger.removeHandler(handler)
        logger.propagate = propagate
        os.environ.update(hidden)


def _import(path: Path, config: NoxConfig, captured: _Captured) -> Any:
    try:
        module = nox.tasks.load_nox_module(config)
    except ConfigurationError:
        raise  # a stage or `isonox.session` was declared wrongly, and says so itself
    except SyntaxError as error:
        place = f"{error.filename or path}, line {error.lineno}"
        raise NoxfileError(f"{place}: {error.msg}: {(error.text or '').strip()}") from error
    except ModuleNotFoundError as error:
        raise NoxfileError(_where(path, error), hint=_missing_module_hint(path, error)) from error
    except (Exception, SystemExit) as error:
        raise NoxfileError(_where(path, error)) from error
    if isinstance(module, int):
        raise NoxfileError("\n".join(captured.errors) or f"nox can't load {path}")
    return module


def _where(path: Path, error: BaseException) -> str:
    """Say what went wrong and at which line of the noxfile."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    line = f", line {frames[-1].lineno}" if frames else ""
    what = str(error) or type(error).__name__
    return f"{path}{line}: can't be imported: {type(error).__name__}: {what}"


def _missing_module_hint(path: Path, error: ModuleNotFoundError) -> str:
    script = nox.project.load_toml(path, missing_ok=True)
    declared = ", ".join(script.get("dependencies", []))
    also = f" (its script block asks for: {declared})" if declared else ""
    return f"install {error.name!r} beside isonox, in the environment of {sys.executable}{also}"


def _refuse_duplicates(path: Path, captured: _Captured) -> None:
    """Nox warns and drops the first of two sessions with one name; a check that is dropped is a silent green."""
    messages = [str(caught.message) for caught in captured.warnings]
    duplicates = [message for message in messages if "has already been registered" in message]
    if duplicates:
        names = ", ".join(message.split("'")[1] for message in duplicates if "'" in message)
        raise NoxfileError(
            f"{path}: declared twice: {names}; nox would silently run only the last",
            hint="rename one of them: `name=` of the session or stage",
        )


def _default_sessions(path: Path, manifest: Manifest, config: NoxConfig) -> set[SessionRunner]:
    """Return what plain `nox` would run: `nox.options` decide, in nox's own order of filters."""
    try:
        if config.tags is None and not config.keywords:
            if config.sessions is None:
                manifest.filter_by_default()
            else:
                manifest.filter_by_name(config.sessions)
        if config.pythons:
            manifest.filter_by_python_interpreter(config.pythons)
        if config.tags is not None:
            manifest.filter_by_tags(config.tags)
        if config.keywords:
            manifest.filter_by_keywords(config.keywords)
    except KeyError as error:
        raise NoxfileError(f"{path}: nox.options.sessions: {error.args[0]}") from error
    except (SyntaxError, NameError, TypeError) as error:
        raise NoxfileError(f"{path}: nox.options.keywords: {error}") from error
    return {runner for runner, selected in manifest.list_all_sessions() if selected}


def _pipeline(manifest: Manifest, default: set[SessionRunner], noxfile: str) -> Pipeline:
    runners = [runner for runner, _ in manifest.list_all_sessions()]
    names: dict[str, list[str]] = {}
    for runner in runners:
        for name in {runner.name, *runner.signatures}:
            names.setdefault(name, []).extend(recording.job_ids(runner))
    sessions = (one for runner in runners for one in _sessions(runner, runner in default, names))
    return Pipeline.validated(sessions, noxfile=noxfile)


def _sessions(runner: SessionRunner, default: bool, names: Mapping[str, list[str]]) -> Iterator[Session]:  # noqa: FBT001
    """Yield a session, or each of its shards."""
    identity = recording.session_id(runner)
    whole = Session(
        id=identity,
        stage=runner.name,
        signatures=tuple(dict.fromkeys((*runner.signatures, runner.name))),
        python=runner.func.python if isinstance(runner.func.python, str) else None,
        package=recording.package_of(runner),
        tags=tuple(runner.tags),
        requires=_requires(runner, identity, names),
        default=default,
        description=runner.description or "",
        facts=recording.facts_of(runner),
    )
    for job in recording.job_ids(runner):
        if job == identity:
            yield whole
        else:
            shard = job.removeprefix(f"{identity}#")
            yield msgspec.structs.replace(whole, id=job, shard=shard, signatures=(job, *whole.signatures))


def _requires(runner: SessionRunner, identity: str, names: Mapping[str, list[str]]) -> tuple[str, ...]:
    """Resolve `requires` as nox does: a signature means that session, a plain name all of its sessions."""
    resolved: dict[str, None] = {}
    try:
        wanted = runner.func.requires
    except (ValueError, KeyError, IndexError) as error:
        raise NoxfileError(f"{identity!r}: requires: {error}") from error
    for name in wanted:
        if name not in names:
            raise NoxfileError(f"{identity!r} requires {name!r}, which does not exist{did_you_mean(name, names)}")
        resolved.update(dict.fromkeys(names[name]))
    return tuple(resolved)
