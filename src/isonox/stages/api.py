"""The api stage: tests against the running application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from isonox.sessions.arguments import checked
from isonox.sessions.declare import session as declare_session
from isonox.stages import application
from isonox.stages.options import StageOptions, install_tools
from isonox.stages.tests import drive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from isonox.sessions.session import Session


@checked
def api(  # noqa: PLR0913 - the stage's options, all keywords
    *,
    app: Sequence[str],
    health: str = "/health",
    prepare: Sequence[Sequence[str]] = (),
    wait_seconds: float = 60,
    name: str = "api",
    markers: str = "api",
    paths: Sequence[str] = (),
    group: str | None = None,
    python: str | None = None,
    per_package: bool | Sequence[str] = False,
    **options: Unpack[StageOptions],
) -> None:
    """Declare the session `api`: start the application, run the tests marked `api` against it, and stop it.

    It gets a free port of 127.0.0.1, and the session's environment with the URLs of its services. The tests find it
    by `APP_URL`, or `BASE_URL`, which is the same. What it printed is kept as `application.log`. If it does not become
    healthy, or dies, the session is red, and says how it ended and what it said last. Arguments after `--` go to
    pytest.

    Args:
        app: The command that starts it, with `{port}`: `["uvicorn", "shop:app", "--port", "{port}"]`.
        health: The path that answers with a status below 400 once it is ready.
        prepare: Commands that run before, such as `[["alembic", "upgrade", "head"]]`.
        wait_seconds: How long it may take until it is healthy.
        name: The session's name.
        markers: Only tests with these markers: pytest's `-m`.
        paths: Files and folders with tests; what pytest finds by its own configuration by default.
        group: The dependency group that holds pytest; by default the one named as the session, else "tests", else
            "dev".
        python: The interpreter to run on; the workspace's newest by default.
        per_package: As for `tests`: the application, too, runs in the package's folder then.
        options: As for `isonox.session`.

    Raises:
        ConfigurationError: A value makes no sense.
    """
    served = application.declared(name, app, health, prepare, wait_seconds)

    def run_api(session: Session) -> None:
        """Test the running application."""
        install_tools(session, name, "pytest", group=group, fallbacks=("tests", "dev"), with_project=True)
        with application.serving(session, served):
            drive(session, markers, paths)

    declare_session(name=name, python=python, tags=["api"], per_package=per_package, **options)(run_api)
