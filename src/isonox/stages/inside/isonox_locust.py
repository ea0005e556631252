"""A locustfile without users, which is loaded beside that of the load stage.

The event loop's idea of the time is that of its last turn, before everything was imported: on a slow machine that is
seconds ago, and `--run-time` would be over so much sooner.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


def look_at_the_clock(**_: Any) -> None:
    """Let the loop know what time it is."""
    import_module("gevent").get_hub().loop.update_now()


import_module("locust").events.init.add_listener(look_at_the_clock)
