"""`isonox cache`: the results that are kept to be used again."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import Annotated

import msgspec

from isonox.cache.pruning import MAX_AGE_SECONDS, MAX_BYTES
from isonox.errors import ExitCode, UsageError, did_you_mean
from isonox.report import cache_view
from isonox.system import clock, terminal
from isonox.verbs.checkout import Checkout
from isonox.verbs.declaration import Argument, Help, Json

_ACTIONS = ("show", "verify", "prune")
_SIZES = {"": 1, "b": 1} | {
    unit + end: 1024**power for power, unit in enumerate("kmgt", 1) for end in ("", "b", "ib")
}  # fmt: skip
_AGES = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def cache(
    action: Annotated[str | None, Argument("`show` (the default), `verify` or `prune`", "ACTION")] = None,
    *,
    all_: Annotated[bool, Help("prune: remove everything")] = False,
    max_size: Annotated[str | None, Help("prune: how much may stay, as 500MB (default: 2GB)", metavar="SIZE")] = None,
    max_age: Annotated[
        str | None, Help("prune: how long a result may stay unused, as 7d (default: 30d)", metavar="TIME")
    ] = None,
    json: Json = False,
) -> ExitCode:
    """Show, verify or prune the results that are kept to be used again.

    `verify` reads everything, removes what is damaged, and exits 1 if something was. Why the result of a job can't be
    used again, `isonox plan --explain JOB` says.
    """
    given = {"--all": all_, "--max-size": max_size is not None, "--max-age": max_age is not None}
    action = _action(action, [flag for flag, there in given.items() if there])
    max_bytes = MAX_BYTES if max_size is None else int(_amount("--max-size", max_size, _SIZES, "500MB"))
    max_age_seconds = MAX_AGE_SECONDS if max_age is None else _amount("--max-age", max_age, _AGES, "7d")
    store = Checkout.here().store
    code = ExitCode.OK
    if action == "show":
        usage = store.usage()
        document = msgspec.to_builtins(usage) | {"max_bytes": max_bytes, "max_age_seconds": max_age_seconds}
        text = cache_view.show(usage, max_bytes=max_bytes, max_age_seconds=max_age_seconds)
    elif action == "verify":
        document = {"problems": store.verify()}
        text = cache_view.show_problems(store.problems)
        code = ExitCode.JOB_FAILED if store.problems else ExitCode.OK
    else:
        now = clock.posix()
        if all_:
            pruned = store.empty(now)
        else:
            pruned = store.prune(max_bytes=max_bytes, max_age_seconds=max_age_seconds, now=now)
        document = msgspec.to_builtins(pruned)
        text = cache_view.show_pruned(pruned)
    terminal.write_document(document, lambda _: text, json=json)
    for problem in store.problems if action != "verify" else ():
        sys.stderr.write(f"warning: {problem}\n")
    return code


def _action(word: str | None, flags: list[str]) -> str:
    """Return what to do.

    Raises:
        UsageError: There is no such action, or it does not take these options.
    """
    action = word or "show"
    if action not in _ACTIONS:
        raise UsageError(
            f"unknown action {action!r}{did_you_mean(action, _ACTIONS)}", hint=f"name one of: {', '.join(_ACTIONS)}"
        )
    if flags and action != "prune":
        raise UsageError(f"only `prune` takes {' and '.join(flags)}", hint="isonox cache prune --help")
    if "--all" in flags and len(flags) > 1:
        raise UsageError(f"{' and '.join(flags)} do not go together")
    return action


def _amount(flag: str, text: str, units: Mapping[str, int], example: str) -> float:
    """Read a number with its unit.

    Raises:
        UsageError: It is none.
    """
    found = re.fullmatch(r"(\d{1,12}(?:\.\d{1,9})?)\s*([a-z]*)", text.strip().lower(), re.ASCII)
    if found is None or found[2] not in units:
        raise UsageError(f"{flag}: {text!r} is not understood", hint=f"a number with its unit, such as {example}")
    return float(found[1]) * units[found[2]]
