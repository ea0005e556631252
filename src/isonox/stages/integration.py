"""The integration stage: tests that need real servers."""

from __future__ import annotations

from typing import Any

from isonox.sessions.arguments import checked
from isonox.stages.tests import tests


@checked
def integration(*, name: str = "integration", markers: str = "integration", **options: Any) -> None:
    """Declare the session `integration`: as `tests`, for the tests that are marked so.

    Name the servers that they need: `services=[services.postgres("16")]`. Leave them out of the other tests:
    `tests(markers="not integration")`.

    Args:
        name: The session's name.
        markers: Only tests with these markers: pytest's `-m`.
        options: As for `tests`.

    Raises:
        ConfigurationError: As for `tests`.
    """
    tests(name=name, markers=markers, **options)
