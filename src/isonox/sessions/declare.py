"""`isonox.session`: all of `nox.session`, plus the CI facts."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, overload

import nox

from isonox.errors import ConfigurationError, did_you_mean
from isonox.model.pipeline import Facts
from isonox.model.shard import MOST
from isonox.services.declaration import checked as checked_services
from isonox.sessions import hook, project
from isonox.sessions.arguments import check_types
from isonox.sessions.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import FrameType

    from nox._decorators import Func

    from isonox.model.service import Service
    from isonox.model.workspace import Package

#: Name of the parameter (nox's `parametrize`) that carries the package of a per-package session.
PACKAGE_PARAMETER = "package"

#: Where the functions of standard stages are.
_STAGES = "isonox.stages."

#: What nox calls the noxfile's module.
_NOXFILE_MODULE = "user_nox_module"


@overload
def session(func: Callable[..., Any], /) -> Func: ...


@overload
def session(
    *,
    python: str | Sequence[str] | bool | None = None,
    py: str | Sequence[str] | bool | None = None,
    reuse_venv: bool | None = True,
    name: str | None = None,
    venv_backend: str | None = "uv|virtualenv",
    venv_params: Sequence[str] = (),
    tags: Sequence[str] | None = None,
    default: bool = True,
    requires: Sequence[str] | None = None,
    download_python: str | None = None,
    allow_parallel: bool | None = True,
    per_package: bool | Sequence[str] = False,
    services: Sequence[Service] = (),
    shards: int | Mapping[str, int] = 1,
    auto_shards: bool = False,
    timeout_minutes: float | None = None,
    env: Mapping[str, str] | None = None,
    secrets: Sequence[str] = (),
    inputs: Sequence[str] | None = None,
    artifacts: Sequence[str] = (),
    cache: bool | timedelta = True,
    weight: int | Literal["all"] = 1,
    exclusive: bool = False,
    required: bool = True,
    permissions: Mapping[str, str] | None = None,
) -> Callable[[Callable[..., Any]], Func]: ...


def session(  # noqa: PLR0913 - nox's own arguments and ours, all keywords
    func: Callable[..., Any] | None = None,
    /,
    *,
    reuse_venv: bool | None = True,
    venv_backend: str | None = "uv|virtualenv",
    allow_parallel: bool | None = True,
    per_package: bool | Sequence[str] = False,
    services: Sequence[Service] = (),
    shards: int | Mapping[str, int] = 1,
    auto_shards: bool = False,
    timeout_minutes: float | None = None,
    env: Mapping[str, str] | None = None,
    secrets: Sequence[str] = (),
    inputs: Sequence[str] | None = None,
    artifacts: Sequence[str] = (),
    cache: bool | timedelta = True,
    weight: int | Literal["all"] = 1,
    exclusive: bool = False,
    required: bool = True,
    permissions: Mapping[str, str] | None = None,
    **nox_arguments: Any,
) -> Func | Callable[[Callable[..., Any]], Func]:
    """Declare a session: all of `nox.session`'s arguments, plus what CI needs to know.

    Four defaults differ from nox's: environments are reused (`install_group` makes them equal to the lock each
    time), the backend is uv where it is found, sessions may run in parallel, and without `python` a session runs on
    the newest of `[tool.isonox] pythons`, wherever it runs.

    Args:
        func: The session function, where the decorator is used without arguments.
        reuse_venv: As nox's, but True by default.
        venv_backend: As nox's, but "uv|virtualenv" by default.
        allow_parallel: As nox's, but True by default.
        per_package: True for one session per workspace package, or the names of the packages; the session's
            `package` says which it is for.
        services: Real servers that the session needs (`isonox.services`); it finds their URLs in its environment.
        shards: Into how many jobs the session is split; for a package's session also by package. The session's `shard`
            says which one it is; what that means is up to the session (`stages.tests` splits its tests).
        auto_shards: Whether `shards` follows from recorded durations, so that workflows must not list them.
        timeout_minutes: The session is stopped, with everything it started, after so many minutes; by default
            `[tool.isonox] timeout-minutes`, which is 60.
        env: Variables that the session sees, beside the allow-list.
        secrets: Names of variables that pass into the session and whose values are kept out of logs and records.
        inputs: Patterns of files that decide the result: `docs/**`, `names:**/*.md` (only which there are),
            `pyproject.toml#tool.ruff` (one table). For a package's session they count beside the package and what it
            depends on, for another one alone. By default every file counts, or for a package's session every file
            outside of the other packages.
        artifacts: Globs of files to keep after the session, passed or not.
        cache: Whether a verdict may be reused while the inputs are unchanged; or for how long, where they do not tell
            all that decides it (`timedelta(hours=24)`).
        weight: How many cores the session uses, or "all"; it starts when so many are free, or all of a smaller machine.
        exclusive: Whether nothing else may run at the same time; the session has all cores then.
        required: False for a session that informs: its failure is waived, with the reason printed.
        permissions: GitHub token permissions that the session's job needs.
        nox_arguments: `python`, `name`, `tags`, `requires`, `default`, ...: as in nox.

    Raises:
        ConfigurationError: An argument has a value that makes no sense.
    """
    arguments = {name: value for name, value in locals().items() if name not in ("func", "nox_arguments")}
    if func is None:
        return functools.partial(session, **arguments, **nox_arguments)
    _check_names(nox_arguments, func)
    hook.install()
    name: str = nox_arguments.get("name") or func.__name__
    check_types(session, f"session {name!r}", arguments)
    check_types(_of_nox, f"session {name!r}", nox_arguments)
    _check_shards(name, shards)
    _check_values(name, timeout_minutes, inputs=inputs or (), artifacts=artifacts)
    _check_schedule(name, cache, weight)
    served = checked_services(name, services)
    _check_variables(name, served, env or {}, secrets)
    function = getattr(func, "func", func)
    facts = Facts(
        per_package=bool(per_package),
        timeout_minutes=timeout_minutes or project.config(project.root()).timeout_minutes,
        env=dict(env or {}),
        secrets=tuple(secrets),
        inputs=None if inputs is None else tuple(inputs),
        artifacts=tuple(artifacts),
        cache=bool(cache),
        cache_seconds=cache.total_seconds() if isinstance(cache, timedelta) else None,
        weight=weight,
        exclusive=exclusive,
        shards=shards if isinstance(shards, int) else dict(shards),
        auto_shards=auto_shards,
        services=served,
        declaration=_declared_at(),
        locked=function.__module__.startswith(_STAGES),
        required=required,
        permissions=dict(permissions or {}),
    )
    wrapped = _with_own_session(function, facts)
    if per_package is not False and not per_package:
        raise ConfigurationError(f"session {name!r}: per_package={per_package!r} names no package")
    if per_package:
        packages = project.packages(per_package, session=name)
        names = [package.name for package in packages]  # as text: `nox -j` writes parameters to JSON
        nox.parametrize(PACKAGE_PARAMETER, names, ids=names)(wrapped)
    return nox.session(
        reuse_venv=reuse_venv, venv_backend=venv_backend, allow_parallel=allow_parallel, **nox_arguments
    )(wrapped)


def _of_nox(*, name: str | None, tags: Sequence[str] | None, requires: Sequence[str] | None, default: bool) -> None:
    """Nox's own arguments whose types it does not look at, or only when the session runs."""


def _check_names(given: Mapping[str, Any], func: Callable[..., Any]) -> None:
    """Refuse options that neither nox nor isonox has."""
    of_nox = [one for one in inspect.signature(nox.session).parameters if one != "func"]
    known = [*of_nox, *(one for one in inspect.signature(session).parameters if one not in ("func", "nox_arguments"))]
    if unknown := [one for one in given if one not in known]:
        name = given.get("name") or func.__name__
        raise ConfigurationError(
            f"{name}: there is no option {unknown[0]!r}{did_you_mean(unknown[0], known)}",
            hint="see help(isonox.session)",
        )


def _with_own_session(func: Callable[..., Any], facts: Facts) -> Callable[..., Any]:
    """Wrap `func` so that it gets an `isonox.Session`, and the package only if it has a parameter for it."""
    parameters = inspect.signature(func).parameters
    wants_package = PACKAGE_PARAMETER in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())

    @functools.wraps(func)
    def call(nox_session: nox.Session, /, *args: Any, **kwargs: Any) -> Any:
        package: Package | None = None
        if facts.per_package:
            package = project.workspace(project.root()).by_name[kwargs[PACKAGE_PARAMETER]]
            kwargs[PACKAGE_PARAMETER] = package
            if not wants_package:
                del kwargs[PACKAGE_PARAMETER]
        return func(Session.of(nox_session, package=package), *args, **kwargs)

    vars(call)["__isonox__"] = facts
    return call


def _declared_at() -> int | None:
    """Return the line of the noxfile's statement at module level that is being run."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the only way up that costs nothing
    while frame is not None:
        if frame.f_code.co_name == "<module>" and frame.f_globals.get("__name__") == _NOXFILE_MODULE:
            return frame.f_lineno
        frame = frame.f_back
    return None


def _check_shards(name: str, shards: int | Mapping[str, int]) -> None:
    """Refuse a number of shards that makes no sense."""
    for count in shards.values() if isinstance(shards, Mapping) else (shards,):
        if not 1 <= count <= MOST:
            raise ConfigurationError(f"session {name!r}: shards={count!r} must be a number from 1 to {MOST}")


def _check_variables(name: str, services: Sequence[Service], *others: Iterable[str]) -> None:
    """Refuse a variable that would have two values."""
    for service in services:
        for variable in service.variables:
            if any(variable in other for other in others):
                raise ConfigurationError(
                    f"session {name!r}: {variable} is the URL of the service {service.name!r}, and declared besides",
                    hint="leave it out, or give the service another variable: env=",
                )


def _check_schedule(name: str, cache: bool | timedelta, weight: int | Literal["all"]) -> None:  # noqa: FBT001 - as declared
    """Refuse a time to live or a weight that makes no sense."""
    if isinstance(cache, timedelta) and cache <= timedelta():
        raise ConfigurationError(f"session {name!r}: cache={cache} must be more than nothing", hint="or cache=False")
    if weight != "all" and weight < 1:
        raise ConfigurationError(f"session {name!r}: weight={weight!r} must be a number of cores, or 'all'")


def _check_values(name: str, timeout_minutes: float | None, **patterns: Sequence[str]) -> None:
    """Refuse values that would fail, or mean something else, only when the session runs."""
    if timeout_minutes is not None and timeout_minutes <= 0:
        raise ConfigurationError(f"session {name!r}: timeout_minutes={timeout_minutes} must be more than 0")
    for argument, value in patterns.items():
        for entry in value:
            if entry.startswith("/") or ".." in entry.split("/"):
                raise ConfigurationError(f"session {name!r}: {argument}: {entry!r} is not below the workspace's root")
