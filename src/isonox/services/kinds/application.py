"""The application that a stage tests: as a custom service, but in the session's environment and folder."""

from __future__ import annotations

import signal
import time
import urllib.error
from typing import TYPE_CHECKING, Any

import msgspec

from isonox.services.kinds.custom import Custom
from isonox.services.kinds.kind import Program

if TYPE_CHECKING:
    from collections.abc import Mapping

    from isonox.model.service import Service
    from isonox.services.state import Endpoint

#: Gives its keeper an `Around`, as JSON: unlike the state, the environment of a process is written to no file.
VARIABLE = "ISONOX_APPLICATION"


#: Seconds between two answers that it is not healthy.
_BETWEEN = 0.5


class Around(msgspec.Struct, frozen=True):
    """What the application runs in: a folder, and its whole environment."""

    folder: str
    variables: dict[str, str]


class Application(Custom):
    """See `isonox.stages.application`."""

    end = signal.SIGTERM  # it may have workers to end, and files to close

    def programs(self, service: Service, environ: Mapping[str, str]) -> list[Program]:  # noqa: ARG002 - see Kind
        """Return the program, which the stage has found."""
        return [Program(service.command[0], "")]

    def options(self, environ: Mapping[str, str]) -> dict[str, Any]:
        """Return what the stage says."""
        around = msgspec.json.decode(environ[VARIABLE], type=Around)
        return {"cwd": around.folder, "env": around.variables}

    def ping(self, service: Service, endpoint: Endpoint) -> str | None:
        """Check its health, but do not fill its log with questions."""
        try:
            return super().ping(service, endpoint)
        except ConnectionError as error:
            if isinstance(error.__cause__, urllib.error.HTTPError):
                time.sleep(_BETWEEN)
            raise
