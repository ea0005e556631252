"""What a noxfile calls to declare the servers that a session needs."""

from __future__ import annotations

import re
import string
from collections import Counter
from typing import TYPE_CHECKING, Any

from isonox.errors import ConfigurationError
from isonox.model.service import Health, KindName, Service

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_VERSION = re.compile(r"\d+(\.\d+){0,3}")
_DATABASE = re.compile(r"[a-z_][a-z0-9_]{0,39}")
_EXTENSION = re.compile(r"[a-z_][a-z0-9_-]{0,62}")


def postgres(  # noqa: PLR0913 - what can be said of it, all keywords
    version: str = "",
    *,
    env: str = "DATABASE_URL",
    scheme: str = "postgresql",
    databases: Sequence[str] = (),
    extensions: Sequence[str] = (),
    image: str | None = None,
    any_version: bool = False,
    name: str = "postgres",
    wait_seconds: float = 60,
) -> Service:
    """Declare a PostgreSQL server. The jobs of a run share it, and each has databases of its own.

    Args:
        version: "16" for any 16, "16.4" for one; another major version is an error.
        env: The variable with the URL of the first database; further ones have their name behind it:
            `DATABASE_URL_ORDERS`.
        scheme: What the URL begins with, such as "postgresql+asyncpg".
        databases: Names of the databases; by default there is one. On the server they have a suffix for the job.
        extensions: Extensions to create in each database.
        image: The image for Docker, at best with its digest; "postgres:VERSION" by default.
        any_version: Accept another major version, and say so in the record.
        name: For messages, and `ISONOX_SERVICE_<NAME>_URL`; each service of a session has another one.
        wait_seconds: How long it may take until it is healthy.

    Raises:
        ConfigurationError: A value makes no sense.
    """
    return _with_databases("postgres", locals(), extensions=tuple(extensions))


def mysql(  # noqa: PLR0913 - as above
    version: str = "",
    *,
    env: str = "MYSQL_URL",
    scheme: str = "mysql",
    databases: Sequence[str] = (),
    image: str | None = None,
    any_version: bool = False,
    name: str = "mysql",
    wait_seconds: float = 90,
) -> Service:
    """Declare a MySQL or MariaDB server (MariaDB's versions begin with 10 or more). See `postgres` for the arguments.

    Raises:
        ConfigurationError: A value makes no sense.
    """
    return _with_databases("mysql", locals())


def redis(  # noqa: PLR0913 - as above
    version: str = "",
    *,
    env: str = "REDIS_URL",
    image: str | None = None,
    any_version: bool = False,
    name: str = "redis",
    wait_seconds: float = 30,
) -> Service:
    """Declare a Redis server; each job has one of its own. See `postgres` for the arguments.

    Raises:
        ConfigurationError: A value makes no sense.
    """
    return _made("redis", locals(), variables={env: "redis://:{password}@{host}:{port}/0"})


def rabbitmq(  # noqa: PLR0913 - as above
    version: str = "",
    *,
    env: str = "AMQP_URL",
    image: str | None = None,
    any_version: bool = False,
    name: str = "rabbitmq",
    wait_seconds: float = 120,
) -> Service:
    """Declare a RabbitMQ server; each job has one of its own. See `postgres` for the arguments.

    Raises:
        ConfigurationError: A value makes no sense.
    """
    return _made("rabbitmq", locals(), variables={env: "amqp://{user}:{password}@{host}:{port}/%2F"})


def questdb(  # noqa: PLR0913 - as above
    version: str = "",
    *,
    env: str = "QUESTDB_URL",
    image: str | None = None,
    any_version: bool = False,
    name: str = "questdb",
    wait_seconds: float = 90,
) -> Service:
    """Declare a QuestDB server by its PostgreSQL protocol; each job has one of its own. It needs Docker.

    See `postgres` for the arguments.

    Raises:
        ConfigurationError: A value makes no sense.
    """
    return _made("questdb", locals(), variables={env: "postgresql://{user}:{password}@{host}:{port}/qdb"})


def custom(  # noqa: PLR0913 - as above
    name: str,
    *,
    env: str | Mapping[str, str],
    image: str | None = None,
    command: Sequence[str] = (),
    port: int = 0,
    health: str | Sequence[str] = "tcp",
    environment: Mapping[str, str] | None = None,
    shared: bool = False,
    wait_seconds: float = 60,
) -> Service:
    """Declare any other server: an image, a command, or both.

    Args:
        name: What it is called.
        env: The variable with its URL, `http://127.0.0.1:PORT`; or variables with templates of URLs, in which `{host}`,
            `{port}` and `{password}` (a random one) stand for what is only known then.
        image: The image for Docker; without it the service runs where `command` is installed.
        command: The server's argv, with `{port}`, `{folder}` (an empty one) and `{password}`. It has to listen on
            127.0.0.1. With an image only, what follows the image's name.
        port: The port that the image listens on.
        health: "tcp" (it accepts connections), "http:/path" (that answers with a status below 400), or the argv of a
            command that ends with 0 once it is ready.
        environment: Variables of the server, with the same fields as `command`.
        shared: Whether the jobs of a run may share one server.
        wait_seconds: How long it may take until it is healthy.

    Raises:
        ConfigurationError: A value makes no sense.
    """
    if not image and not command:
        raise ConfigurationError(f"service {name!r}: neither an image nor a command", hint="give one of them, or both")
    if image and not port:
        raise ConfigurationError(f"service {name!r}: which port does {image} listen on?", hint="port=8080")
    variables = {env: "http://{host}:{port}"} if isinstance(env, str) else dict(env)
    arguments: dict[str, Any] = {
        "name": name,
        "image": image,
        "wait_seconds": wait_seconds,
        "command": tuple(command),
        "port": port,
        "health": _health(name, health),
        "environment": dict(environment or {}),
        "shared": shared,
    }
    return _made("custom", arguments, variables=variables)


def compose(  # noqa: PLR0913 - as above
    file: str = "compose.yml",
    *,
    env: Mapping[str, str],
    wait: Sequence[str] = (),
    name: str = "compose",
    shared: bool = False,
    wait_seconds: float = 180,
) -> Service:
    """Declare the services of a compose file. It needs Docker with compose v2.

    Args:
        file: The file, relative to the workspace's root.
        env: Variables, each with a URL that names a service and its port: `{"SHOP_URL": "http://web:8080"}`. The
            address is replaced by the one on this machine. The file has to publish that port: `127.0.0.1::8080`.
        wait: Services that have to be running, and healthy if they have a health check; all by default.
        name: What it is called; see `postgres`.
        shared: Whether the jobs of a run may share it.
        wait_seconds: How long that may take, images included.

    Raises:
        ConfigurationError: A value makes no sense.
    """
    if file.startswith("/") or ".." in file.split("/"):
        raise ConfigurationError(f"service {name!r}: {file!r} is not below the workspace's root")
    for variable, url in env.items():
        if not re.search(r"//(?:[^@/]*@)?[\w.-]+:\d+", url):
            raise ConfigurationError(
                f"service {name!r}: {variable}={url!r} names no service with its port", hint="http://web:8080"
            )
    arguments = {"name": name, "shared": shared, "wait_seconds": wait_seconds, "file": file, "waits_for": tuple(wait)}
    return _made("compose", arguments, variables=dict(env))


def checked(session: str, services: Iterable[Any]) -> tuple[Service, ...]:
    """Return the services of a session.

    Raises:
        ConfigurationError: Something is no service, or two of them have the same name or variable.
    """
    found = tuple(services)
    for one in found:
        if not isinstance(one, Service):
            raise ConfigurationError(
                f"session {session!r}: services: {one!r} is none", hint='services=[services.postgres("16")]'
            )
    for what, names in (
        ("are called", [one.name for one in found]),
        ("have their URL in", [variable for one in found for variable in one.variables]),
    ):
        if twice := [name for name, count in Counter(names).items() if count > 1]:
            raise ConfigurationError(f"session {session!r}: two services {what} {twice[0]!r}", hint="name=, or env=")
    return found


def _with_databases(kind: KindName, given: dict[str, Any], **more: Any) -> Service:
    name, names = given["name"], tuple(given.pop("databases"))
    if isinstance(given.get("extensions"), str):
        raise ConfigurationError(f"service {name!r}: extensions={given['extensions']!r} must be a list")
    _check_names(name, "databases", names, _DATABASE)
    _check_names(name, "extensions", more.get("extensions", ()), _EXTENSION)
    if not re.fullmatch(r"[a-z][a-z0-9+.-]*", given["scheme"]):
        raise ConfigurationError(f"service {name!r}: scheme={given['scheme']!r} is none", hint="postgresql+psycopg")
    start = f"{given['scheme']}://{{user}}:{{password}}@{{host}}:{{port}}/"
    variables = {given["env"]: f"{start}{{{names[0] if names else 'main'}}}"}
    variables |= {f"{given['env']}_{one.upper()}": f"{start}{{{one}}}" for one in names[1:]}
    given = {key: value for key, value in given.items() if key not in ("scheme", "extensions")}
    return _made(kind, given | more, variables=variables, databases=names or ("main",), shared=True)


def _made(kind: KindName, given: Mapping[str, Any], *, variables: dict[str, str], **more: Any) -> Service:
    values = {key: value for key, value in given.items() if key != "env"} | more
    name = values["name"]
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ConfigurationError(f"service {name!r}: a name is lower-case letters, digits and hyphens")
    version = values.get("version", "")
    if version != "" and not (isinstance(version, str) and _VERSION.fullmatch(version)):
        raise ConfigurationError(
            f"service {name!r}: {version!r} is no version", hint='write it in quotes, as "16" or "16.4"'
        )
    wait = values["wait_seconds"]
    if not isinstance(wait, int | float) or not 0 < wait <= 3600:  # noqa: PLR2004 - an hour
        raise ConfigurationError(f"service {name!r}: wait_seconds={wait!r} must be more than 0, and an hour at most")
    if not variables:
        raise ConfigurationError(f"service {name!r}: no variable gets its URL", hint="env=")
    if wrong := [one for one in variables if not _VARIABLE.fullmatch(one)]:
        raise ConfigurationError(f"service {name!r}: env: {wrong[0]!r} is no name of a variable")
    if kind == "custom":
        _check_templates(name, [*variables.values(), *values["command"], *values["environment"].values()])
    values["wait_seconds"] = float(wait)  # an int would not be the same again when it was stored
    return Service(kind=kind, variables=variables, **values)


def _check_names(service: str, argument: str, names: Sequence[object], pattern: re.Pattern[str]) -> None:
    for one in names:
        if not isinstance(one, str) or not pattern.fullmatch(one):
            raise ConfigurationError(f"service {service!r}: {argument}: {one!r} is no plain lower-case name")
    if len(set(names)) < len(names):
        raise ConfigurationError(f"service {service!r}: {argument}: one is there twice")


def _check_templates(name: str, templates: Iterable[str]) -> None:
    known = {"host", "port", "password", "folder", None}
    for template in templates:
        try:
            fields = {field for _, field, _, _ in string.Formatter().parse(template)}
        except ValueError as error:
            raise ConfigurationError(f"service {name!r}: {template!r}: {error}", hint="write {{ for a brace") from error
        if not fields <= known:
            raise ConfigurationError(
                f"service {name!r}: {template!r}: only {{host}}, {{port}}, {{password}} and {{folder}} are known"
            )


def _health(name: str, given: str | Sequence[str]) -> Health:
    if given == "tcp":
        return Health()
    if isinstance(given, str):
        kind, _, path = given.partition(":")
        if kind != "http" or not path.startswith("/"):
            raise ConfigurationError(
                f"service {name!r}: health={given!r} is not understood", hint='"tcp", "http:/path", or a command'
            )
        return Health(kind="http", path=path)
    _check_templates(name, given)
    return Health(kind="command", command=tuple(given))
