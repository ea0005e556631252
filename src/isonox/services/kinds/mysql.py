"""MySQL and MariaDB: one server for all jobs of a run, by the client that comes with it."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from isonox.errors import ServiceError
from isonox.services.kinds.kind import Container, Kind, Setup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from isonox.model.service import Service
    from isonox.services.state import Endpoint, State

#: Seconds for an answer, and for a statement.
_PATIENCE, _STATEMENT = 2, 30

#: MariaDB's versions begin here, MySQL's end before.
_MARIADB = 10


class MySQL(Kind):
    """See `isonox.services.mysql`."""

    image = "mysql"
    port = 3306
    names = ("mariadbd", "mysqld")
    patterns = (
        "/usr/sbin/mariadbd",
        "/usr/sbin/mysqld",
        "/opt/homebrew/opt/m*/bin/m*d",
        "/usr/local/opt/m*/bin/m*d",
    )
    install = "apt install mariadb-server (10 and newer), or brew install mysql"

    def image_of(self, service: Service) -> str:
        """Return the image of MariaDB for its versions."""
        number = service.version.partition(".")[0]
        name = "mariadb" if number and int(number) >= _MARIADB else "mysql"
        return service.image or f"{name}:{service.version or 'latest'}"

    def native(self, setup: Setup) -> list[str]:
        """Make the data, and what makes the accounts when the server starts."""
        folder, endpoint = setup.folder, setup.endpoint
        common = ["--no-defaults", f"--datadir={folder / 'data'}"]
        mariadb = shutil.which("mariadb-install-db") if "maria" in Path(setup.program).resolve().name else None
        if mariadb:
            setup.run([mariadb, *common, "--auth-root-authentication-method=normal", "--skip-test-db"])
        else:
            setup.run([setup.program, *common, "--initialize-insecure"])
        statements = [
            f"CREATE USER '{endpoint.user}'@'%' IDENTIFIED BY '{endpoint.password}'",
            f"GRANT ALL ON *.* TO '{endpoint.user}'@'%' WITH GRANT OPTION",
            f"ALTER USER 'root'@'localhost' IDENTIFIED BY '{endpoint.password}'",
        ]
        accounts = folder / "accounts.sql"
        accounts.write_text("".join(f"{one};\n" for one in statements), encoding="ascii")
        accounts.chmod(0o644)  # in a folder that only the account can enter
        return [
            setup.program, *common, f"--bind-address={endpoint.host}", f"--port={endpoint.port}",
            f"--socket={folder / 'socket'}", f"--pid-file={folder / 'pid'}", f"--init-file={accounts}",
            "--character-set-server=utf8mb4", "--innodb-flush-log-at-trx-commit=0", "--default-time-zone=+00:00",
        ]  # fmt: skip

    def container(self, service: Service, password: str) -> Container:  # noqa: ARG002 - see Kind
        """Return what both official images take."""
        variables = {"MYSQL_ROOT_PASSWORD": password, "MYSQL_USER": "isonox", "MYSQL_PASSWORD": password}
        return Container(variables, ("--character-set-server=utf8mb4", "--innodb-flush-log-at-trx-commit=0"))

    def ping(self, service: Service, endpoint: Endpoint) -> str | None:
        """Read the greeting. Source: the protocol's HandshakeV10."""
        with socket.create_connection((endpoint.host, endpoint.port), timeout=_PATIENCE) as connection:
            greeting = connection.recv(256)
        if len(greeting) < 6:  # noqa: PLR2004 - its header, and the protocol's version
            raise ConnectionError("it closes the connection")
        if greeting[4] == 255:  # noqa: PLR2004 - an error, such as too many connections
            raise ServiceError(f"{service.title} refuses the connection: {greeting[7:].decode('utf-8', 'replace')}")
        version = greeting[5:].split(b"\0")[0].decode("ascii", "replace")
        return self.read_version(version.removeprefix("5.5.5-")) or None  # MariaDB says so to old clients

    def open(self, state: State, databases: Sequence[str]) -> None:
        """Make databases."""
        self._run(state, [f"CREATE DATABASE IF NOT EXISTS `{name}`" for name in databases])
        if state.backend == "docker":
            self._run(state, [f"GRANT ALL ON `{name}`.* TO '{state.endpoint.user}'@'%'" for name in databases])

    def close(self, state: State, databases: Sequence[str]) -> None:
        """Drop them."""
        self._run(state, [f"DROP DATABASE IF EXISTS `{name}`" for name in databases])

    def _run(self, state: State, statements: Sequence[str]) -> None:
        """Run statements with the client of the server: in its container, or on this machine."""
        environ = {**os.environ, "MYSQL_PWD": state.endpoint.password}
        if state.backend == "docker":
            client = 'exec "$(command -v mariadb || command -v mysql)" --user=root --batch'
            argv = ["docker", "exec", "--interactive", "--env=MYSQL_PWD", state.container, "sh", "-c", client]
        else:
            found = shutil.which("mariadb") or shutil.which("mysql")
            if found is None:
                raise ServiceError(f"{state.service.title}: its client is not installed", hint=self.install)
            argv = [
                found, "--no-defaults", f"--user={state.endpoint.user}", f"--host={state.endpoint.host}",
                f"--port={state.endpoint.port}", "--protocol=TCP", "--batch",
            ]  # fmt: skip
        try:
            done = subprocess.run(
                argv, check=False, capture_output=True, text=True, input=";\n".join(statements), env=environ,
                timeout=_STATEMENT,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError) as error:
            raise ServiceError(f"{state.service.title}: {error}") from error
        if done.returncode:
            raise ServiceError(f"{state.service.title}: {re.sub(r'ERROR', 'error', done.stderr.strip())}")
