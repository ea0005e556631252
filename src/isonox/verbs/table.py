"""All verbs, in the order of `isonox --help`. Each is imported only when somebody asks for it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from isonox.verbs.declaration import Verb

#: Stages that are verbs: the stage, and the summary.
_STAGES = {
    "lint": ("lint", "Run the lint stage: style, imports, layers."),
    "types": ("types", "Run the types stage on every Python."),
    "test": ("tests", "Run the tests stage on every Python and package."),
    "coverage": ("coverage", "Run the tests, and combine and check their coverage."),
    "security": ("security", "Run the security stage: code, secrets, workflows."),
    "format": ("format", "Fix what can be fixed: formatting and import order."),
    "docs": ("docs", "Build the documentation strictly, links and anchors checked."),
    "build": ("build", "Build sdist and wheel, check them, install and import the wheel."),
}

#: The others have a module of their name.
NAMES = (
    "ci", "plan", "estimate", "affected", "gate", *_STAGES, "workflows", "verify", "doctor", "services", "compare",
    "cache", "split", "flaky", "init",
)  # fmt: skip


def load(name: str) -> Verb:
    """Return one verb."""
    if name in _STAGES:
        from isonox.verbs.stage import stage_verb  # noqa: PLC0415 - see above

        return stage_verb(name, *_STAGES[name])
    from isonox.verbs.declaration import verb  # noqa: PLC0415 - see above

    return verb(getattr(import_module(f"isonox.verbs.{name}"), name))


def verbs() -> tuple[Verb, ...]:
    """Return all of them."""
    return tuple(load(name) for name in NAMES)
