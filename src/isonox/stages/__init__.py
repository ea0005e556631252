"""The stages that every Python team has: one call each, with keyword options."""

from isonox.errors import tell_uncaught
from isonox.stages.api import api
from isonox.stages.audit import audit
from isonox.stages.benchmark import benchmark
from isonox.stages.build import build
from isonox.stages.coverage import coverage
from isonox.stages.docs import docs
from isonox.stages.e2e import e2e
from isonox.stages.format import format  # noqa: A004 - in a noxfile it is stages.format()
from isonox.stages.integration import integration
from isonox.stages.licenses import licenses
from isonox.stages.lint import lint
from isonox.stages.load import load
from isonox.stages.security import security
from isonox.stages.tests import tests
from isonox.stages.types import types

__all__ = [
    "api",
    "audit",
    "benchmark",
    "build",
    "coverage",
    "docs",
    "e2e",
    "format",
    "integration",
    "licenses",
    "lint",
    "load",
    "security",
    "tests",
    "types",
]

tell_uncaught()
