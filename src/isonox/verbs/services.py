"""`isonox services`: the pipeline's servers, to work against by hand."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from isonox.errors import ExitCode, IsonoxError, UsageError, did_you_mean
from isonox.model.service import distinct
from isonox.services import backends, lease, state
from isonox.services.lease import Needs
from isonox.system import clock, terminal
from isonox.verbs.checkout import Checkout
from isonox.verbs.declaration import Argument, Json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from isonox.services.lease import Lease
    from isonox.services.state import Place, State

_ACTIONS = ("status", "up", "down", "logs")


def services(
    action: Annotated[str | None, Argument("`status` (the default), `up`, `down` or `logs`", "ACTION")] = None,
    name: Annotated[str | None, Argument("only the service of this name", "NAME")] = None,
    *,
    json: Json = False,
) -> ExitCode:
    """Start, stop or show the servers that the noxfile's sessions declare.

    `up` starts them and prints their URLs as `NAME=URL`, or exits 5; they stay until `down`, which removes what killed
    runs have left, too. Sessions do not use them: each run has servers of its own.
    """
    action = action or "status"
    if action not in _ACTIONS:
        raise UsageError(
            f"unknown action {action!r}{did_you_mean(action, _ACTIONS)}", hint=f"name one of: {', '.join(_ACTIONS)}"
        )
    checkout = Checkout.here()
    if action == "up":
        return _up(checkout, name, json=json)
    known = [(place, found) for place in state.places(checkout.root) if (found := place.read())]
    chosen = [(place, found) for place, found in known if name in (None, found.service.name)]
    if name and not chosen:
        names = {found.service.name for _, found in known}
        raise UsageError(f"no service {name!r} is there{did_you_mean(name, names)}", hint="isonox services status")
    if action == "logs":
        _show(({**_described(found), "text": _log(place)} for place, found in chosen), json=json)
    elif action == "down":
        up = [(place, found) for place, found in chosen if found.owner is None]
        ended = [
            f"removed: {found.service.title}, which did not run"
            if str(found.phase) == "failed" or not found.running
            else f"ended: {found.service.title}"
            for _, found in up
        ]
        for place, _ in up:
            lease.end(place)
        ended += [f"removed: {one}" for one in state.sweep(checkout.root)]
        _show(({"text": text} for text in ended), json=json)
    else:
        _show((_described(found) for _, found in chosen), json=json)
    return ExitCode.OK


def _up(checkout: Checkout, name: str | None, *, json: bool) -> ExitCode:
    """Start the services, all at once."""
    declared = distinct(service for session in checkout.pipeline.sessions for service in session.facts.services)
    if not declared:
        raise UsageError("no session declares a service", hint='services=[services.postgres("16")]')
    chosen = [service for service in declared if name in (None, service.name)]
    if name and not chosen:
        names = sorted({service.name for service in declared})
        raise UsageError(
            f"no session declares a service {name!r}{did_you_mean(name, names)}", hint=f"there are: {', '.join(names)}"
        )
    state.sweep(checkout.root)
    wanted = backends.wanted(os.environ, checkout.config.service_backend or "")
    needs = Needs(checkout.root, None, None, dict(os.environ), wanted)
    with ThreadPoolExecutor(len(chosen)) as threads:
        started = [threads.submit(lease.get, service, needs, clock.monotonic()) for service in chosen]
    _show((_leased(one.result()) for one in started if not one.exception()), json=json)
    failures = [error for one in started if (error := one.exception())]
    for error in failures:
        if not isinstance(error, IsonoxError):
            raise error
        sys.stderr.write(f"error: {error}\n")
    return ExitCode.SERVICE_UNHEALTHY if failures else ExitCode.OK


def _show(entries: Iterable[dict[str, Any]], *, json: bool) -> None:
    """Print what there is to say, each with its text."""
    found = list(entries)
    if json:
        terminal.write_json(found)
    elif found:
        terminal.write_data("\n".join(entry["text"] for entry in found))
    else:
        sys.stderr.write("no services\n")


def _leased(found: Lease) -> dict[str, Any]:
    for note in found.notes:
        sys.stderr.write(f"note: {note}\n")
    lines = [f"{variable}={url}" for variable, url in found.urls.items()]
    return {"service": msgspec.to_builtins(found.use), "urls": found.urls, "text": "\n".join(lines)}


def _described(found: State) -> dict[str, Any]:
    """Return what is known of a server: who has it, and how it is."""
    owner = "up" if found.owner is None else f"process {found.owner.pid}"
    phase, text = str(found.phase), str(found.phase)
    if not found.running and phase in ("starting", "ready"):
        phase, text = "lost", "lost: its keeper was killed; `isonox services down` removes what is left"
    version = f"{found.service.name} {found.actual or found.service.version}".strip()
    where = f"{found.endpoint.host}:{found.endpoint.port}" if phase == "ready" else ""
    words = [version, text, found.backend or "", where, f"for {owner}", found.problem]
    return {
        "name": found.service.name,
        "declared": found.service.version,
        "version": found.actual,
        "backend": found.backend,
        "phase": phase,
        "address": where,
        "owner": None if found.owner is None else found.owner.pid,
        "problem": found.problem,
        "text": "  ".join(filter(None, words)),
    }


def _log(place: Place) -> str:
    try:
        return place.log.read_text(encoding="utf-8", errors="replace").rstrip("\n")
    except OSError:
        return ""
