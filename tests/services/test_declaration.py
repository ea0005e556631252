"""What a noxfile may say of services, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from isonox import services
from isonox.errors import ConfigurationError
from isonox.model.service import Health
from isonox.services import declaration

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_noxfile_finds_every_kind() -> None:
    """What is exported is what is declared."""
    kinds = ["compose", "custom", "mysql", "postgres", "questdb", "rabbitmq", "redis"]

    assert kinds == services.__all__
    assert all(callable(getattr(services, kind)) for kind in kinds)


def test_each_database_has_a_variable() -> None:
    """The first has the plain one; the URL's scheme is the application's."""
    made = declaration.postgres("16", env="DB", scheme="postgresql+asyncpg", databases=["shop", "stock"])

    start = "postgresql+asyncpg://{user}:{password}@{host}:{port}/"
    assert {"DB": f"{start}{{shop}}", "DB_STOCK": f"{start}{{stock}}"} == made.variables
    assert ("PostgreSQL 16", "ISONOX_SERVICE_POSTGRES_URL") == (made.title, made.url_variable)


def test_a_health_check_is_tcp_http_or_a_command() -> None:
    """Written as text, or as an argv."""
    made = [
        declaration.custom("a", image="a:1", port=1, env="A", health=one).health for one in ("tcp", "http:/up", ["x"])
    ]

    assert [Health(), Health(kind="http", path="/up"), Health(kind="command", command=("x",))] == made


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda: declaration.postgres(16), "16 is no version"),  # type: ignore[arg-type] # as a user may
        (lambda: declaration.postgres("latest"), "'latest' is no version"),
        (lambda: declaration.postgres(databases=["Shop"]), "databases: 'Shop' is no plain lower-case name"),
        (lambda: declaration.postgres(databases=["a", "a"]), "one is there twice"),
        (lambda: declaration.postgres(extensions="vector"), "extensions='vector' must be a list"),
        (lambda: declaration.postgres(env="1X"), "'1X' is no name of a variable"),
        (lambda: declaration.postgres(scheme="a b"), "scheme='a b' is none"),
        (lambda: declaration.redis(wait_seconds=0), "wait_seconds=0 must be more than 0"),
        (lambda: declaration.redis(name="My Redis"), "a name is lower-case letters"),
        (lambda: declaration.custom("a", env="A"), "neither an image nor a command"),
        (lambda: declaration.custom("a", env="A", image="b"), "which port does b listen on"),
        (lambda: declaration.custom("a", env="A", command=["b", "{prot}"]), "only {host}, {port}"),
        (lambda: declaration.custom("a", env="A", command=["b", "{"]), "Single '{' encountered"),
        (lambda: declaration.custom("a", env="A", command=["b"], health="ftp"), "health='ftp' is not understood"),
        (lambda: declaration.compose("../x.yml", env={"A": "http://web:80"}), "not below the workspace's root"),
        (lambda: declaration.compose(env={"A": "web"}), "names no service with its port"),
        (lambda: declaration.compose(env={}), "no variable gets its URL"),
        (lambda: declaration.checked("tests", ["postgres"]), "services: 'postgres' is none"),
        (
            lambda: declaration.checked("t", [declaration.redis(), declaration.redis()]),
            "two services are called 'redis'",
        ),
        (
            lambda: declaration.checked("t", [declaration.redis(), declaration.redis(name="other")]),
            "two services have their URL in 'REDIS_URL'",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(declare: Callable[[], Any], message: str) -> None:
    """When the noxfile is loaded, not when a session runs."""
    with pytest.raises(ConfigurationError) as caught:
        declare()

    assert message in caught.value.message
