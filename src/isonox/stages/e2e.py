"""The e2e stage: tests of the running application in a browser."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from isonox.sessions.arguments import checked
from isonox.sessions.commands import active_job
from isonox.sessions.declare import session as declare_session
from isonox.stages import application, inside, outcome
from isonox.stages.options import StageOptions, install_tools
from isonox.stages.tests import drive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from isonox.sessions.session import Session

#: In the job's artifacts: a folder for each test that failed.
BROWSER = "browser"

_NAMES = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)  # fmt: skip

_OWN = "from playwright.sync_api import sync_playwright as run\nwith run() as it: print(it.chromium.executable_path)"


@checked
def e2e(  # noqa: PLR0913 - the stage's options, all keywords
    *,
    app: Sequence[str],
    health: str = "/health",
    prepare: Sequence[Sequence[str]] = (),
    wait_seconds: float = 60,
    waive_without_browser: bool = False,
    name: str = "e2e",
    markers: str = "e2e",
    paths: Sequence[str] = (),
    group: str | None = None,
    python: str | None = None,
    per_package: bool | Sequence[str] = False,
    **options: Unpack[StageOptions],
) -> None:
    """Declare the session `e2e`: start the application, and run the tests marked `e2e` in a browser.

    As `api`, with pytest-playwright: `page.goto("/")` leads to the application. The browser is the Chromium that
    Playwright has installed, else Chromium or Chrome on PATH; its version is noted. A screenshot and a trace of each
    test that fails are kept in `browser`; no trace where the session has `secrets`. Without a browser the session is
    red.

    Args:
        app: As for `api`.
        health: As for `api`.
        prepare: As for `api`.
        wait_seconds: As for `api`.
        waive_without_browser: On a laptop without a browser, waive the session; in CI it is red all the same.
        name: The session's name.
        markers: Only tests with these markers: pytest's `-m`.
        paths: Files and folders with tests; what pytest finds by its own configuration by default.
        group: The dependency group that holds pytest-playwright; by default the one named as the session, else
            "tests", else "dev".
        python: As for `api`.
        per_package: As for `api`.
        options: As for `isonox.session`.

    Raises:
        ConfigurationError: A value makes no sense.
    """
    served = application.declared(name, app, health, prepare, wait_seconds)

    def run_e2e(session: Session) -> None:
        """Test the running application in a browser."""
        tools = ("pytest", "pytest-playwright")
        install_tools(session, name, *tools, group=group, fallbacks=("tests", "dev"), with_project=True)
        browser = _browser(session, waived=waive_without_browser)
        with application.serving(session, served) as url:
            session.env[inside.BROWSER] = browser
            session.env["PYTHONPATH"] = os.pathsep.join(filter(None, [inside.FOLDER, os.environ.get("PYTHONPATH")]))
            drive(session, markers, paths, "-p", "isonox_browser", f"--base-url={url}", *_kept(session))

    declare_session(name=name, python=python, tags=["e2e"], per_package=per_package, **options)(run_e2e)


def _kept(session: Session) -> list[str]:
    """Return the options that say what is kept of a test that fails."""
    kept = [f"--output={session.artifacts / BROWSER}", "--screenshot=only-on-failure"]
    if active_job().facts.secrets:
        session.note("no traces are kept: they have all that was typed and sent, and the session knows secrets")
        return kept
    return [*kept, "--tracing=retain-on-failure"]


def _browser(session: Session, *, waived: bool) -> str:
    """Return the path of a browser, and note its version; without one the session ends."""
    own = outcome.run(session, "python", "-c", _OWN, shown="errors").output.strip()
    found = own if own and Path(own).exists() else next(filter(None, map(shutil.which, _NAMES)), "")
    if not found:
        reason = (
            "there is no browser: neither Playwright's own Chromium nor another one on PATH; install one: "
            "`python -m playwright install chromium` with the session's Python, or `apt-get install chromium`"
        )
        if waived and not session.in_ci:
            session.waive(reason)
        session.error(reason)
    said = outcome.run(session, found, "--version", external=True)
    if said.failed:
        session.error(f"the browser can't be started: {found} --version: {said}: {said.last_line}")
    session.note(f"browser: {said.last_line.strip()}")
    return found
