"""QuestDB: a server for each job, by its PostgreSQL protocol. There is no program of it in any distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isonox.services.kinds.kind import Container, Kind
from isonox.services.kinds.postgres_protocol import Connection

if TYPE_CHECKING:
    from isonox.model.service import Service
    from isonox.services.state import Endpoint

#: Seconds for an answer.
_PATIENCE = 2


class QuestDB(Kind):
    """See `isonox.services.questdb`."""

    image = "questdb/questdb"
    port = 8812

    def container(self, service: Service, password: str) -> Container:  # noqa: ARG002 - see Kind
        """Return what the official image takes. Source: https://questdb.com/docs/configuration/."""
        return Container({"QDB_PG_USER": "isonox", "QDB_PG_PASSWORD": password, "QDB_TELEMETRY_ENABLED": "false"})

    def ping(self, service: Service, endpoint: Endpoint) -> str | None:  # noqa: ARG002 - see Kind
        """Log in, and ask for the build."""
        with Connection(endpoint, "qdb", seconds=_PATIENCE) as connection:
            ((build, *_), *_) = connection.query("SELECT build()") or [[""]]
            return self.read_version(build or "") or None
