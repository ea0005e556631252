"""`isonox init`: start a pipeline in this repository."""

from __future__ import annotations

from isonox.adopt.start import Started, start
from isonox.errors import ExitCode
from isonox.system import terminal
from isonox.verbs.checkout import Checkout
from isonox.verbs.declaration import Json


def init(*, json: Json = False) -> ExitCode:
    """Write a minimal, working noxfile, tasks.py, Makefile and hooks for this repository.

    Nothing that exists is overwritten. The stages are those that the repository has something for. The files go to
    the repository's top, or to the folder of the noxfile that is there.
    """
    checkout = Checkout.here()
    started = start(checkout.root, checkout.workspace)
    terminal.write_document(started, _show, json=json)
    return ExitCode.OK


def _show(started: Started) -> str:
    lines = [f"wrote    {name}" for name in started.written]
    lines += [f"kept     {name} (it was there already)" for name in started.kept]
    lines += ["", "next:", *(f"  {command}" for command in started.commands)]
    return "\n".join(lines)
