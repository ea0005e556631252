"""Services: real servers that a session needs. What a noxfile declares, and what a record says of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

KindName = Literal["postgres", "redis", "mysql", "rabbitmq", "questdb", "compose", "custom", "application"]

#: How people write these names.
TITLES: dict[KindName, str] = {
    "postgres": "PostgreSQL",
    "redis": "Redis",
    "mysql": "MySQL",
    "rabbitmq": "RabbitMQ",
    "questdb": "QuestDB",
    "application": "the application",
}


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How a custom service shows that it is ready.

    Attributes:
        kind: "tcp" once it accepts a connection, "http" once `path` answers with a status below 400, "command" once
            `command` ends with 0.
    """

    kind: Literal["tcp", "http", "command"] = "tcp"
    path: str = "/"
    command: tuple[str, ...] = ()


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """A server that a session needs.

    Attributes:
        name: What its session, messages and `ISONOX_SERVICE_<NAME>_URL` call it.
        version: What was declared: "16", "7.2"; empty for any.
        any_version: Whether another major version is accepted, too.
        variables: Names of environment variables, and the URL of each as a template with fields in braces.
        databases: Names of databases that each job gets for itself; the first is the default one.
        extensions: Extensions that each database has.
        image: The container's image where it is not the usual one.
        command: The server's argv, with `{port}`, `{folder}` and `{password}` in place of what is only known then.
        port: The port in the container.
        environment: Further variables of the server.
        shared: Whether the jobs of a run share one server.
        wait_seconds: How long it may take until it is healthy.
        file: The compose file, relative to the workspace's root.
        waits_for: Which services of the compose file have to be ready; all without any.
    """

    name: str
    kind: KindName
    version: str = ""
    any_version: bool = False
    variables: dict[str, str] = {}
    databases: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    image: str | None = None
    command: tuple[str, ...] = ()
    port: int = 0
    health: Health = Health()
    environment: dict[str, str] = {}
    shared: bool = False
    wait_seconds: float = 60.0
    file: str | None = None
    waits_for: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """How messages call it: "PostgreSQL 16"."""
        title = TITLES.get(self.kind, self.name)
        named = title if self.name in (self.kind, title) else f"{title} ({self.name})"
        return f"{named} {self.version}".strip()

    @property
    def url_variable(self) -> str:
        """The variable that gives its URL, so that no server is started."""
        return f"ISONOX_SERVICE_{''.join(one if one.isalnum() else '_' for one in self.name).upper()}_URL"


class ServiceUse(msgspec.Struct, frozen=True, kw_only=True):
    """A service of one job, as its record has it.

    Attributes:
        declared: The version that the noxfile asks for; empty for any.
        version: The version that answered; None where none did, or where it can't be told.
        backend: "given", "docker" or "native"; None where none could be used.
        image: The image's digest, or its name where it has none.
        seconds: How long it took until it could be used, since the session began.
        problem: Why it could not be used, or not until the end.
    """

    name: str
    kind: KindName
    declared: str = ""
    version: str | None = None
    backend: Literal["given", "docker", "native"] | None = None
    image: str | None = None
    seconds: float = 0.0
    problem: str = ""


def matches(declared: str, actual: str) -> bool:
    """Return whether a version that answered is one of those that were declared: "16" allows "16.4", not "15.1"."""
    return not declared or actual == declared or actual.startswith(f"{declared}.")


def same_major(declared: str, actual: str) -> bool:
    """Return whether two versions have the same first number."""
    return not declared or declared.partition(".")[0] == actual.partition(".")[0]


def distinct(services: Iterable[Service]) -> list[Service]:
    """Return each service once."""
    found: list[Service] = []
    for service in services:
        if service not in found:
            found.append(service)
    return found
