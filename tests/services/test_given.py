"""A server whose URL is given is used as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.services.conftest import needs_postgres, needs_redis

from isonox.errors import ServiceError
from isonox.services import declaration

if TYPE_CHECKING:
    from tests.services.conftest import Workspace

NAME = "ISONOX_SERVICE_POSTGRES_URL"


@needs_postgres
def test_a_given_url_is_handed_on(workspace: Workspace) -> None:
    """No server is started, nothing is made there; its version is asked for, and its password kept out of logs."""
    url = workspace.get(declaration.postgres()).urls["DATABASE_URL"]
    before = len(workspace.tokens)

    found = workspace.get(declaration.postgres(env="DB"), ISONOX_SERVICES="", **{NAME: url})

    assert {"DB": url} == found.urls
    assert before == len(workspace.tokens)
    assert ("given", True) == (found.use.backend, bool(found.use.version))
    assert found.secrets[0] in url
    assert (f"PostgreSQL is the one of {NAME}, which is not fresh",) == found.notes
    found.close()
    assert workspace.get(declaration.postgres(env="DB"), ISONOX_SERVICES="given", **{NAME: url}).urls == found.urls


@needs_postgres
def test_each_declared_database_is_one_of_the_given_server(workspace: Workspace) -> None:
    """By its declared name."""
    url = workspace.get(declaration.postgres()).urls["DATABASE_URL"]

    found = workspace.get(declaration.postgres(databases=["shop", "stock"]), ISONOX_SERVICES="", **{NAME: url})

    assert ["/shop", "/stock"] == [one[one.rindex("/") :] for one in found.urls.values()]


@needs_redis
def test_a_given_redis_is_asked_with_its_own_password(workspace: Workspace) -> None:
    """A wrong one is told before the session starts."""
    url = workspace.get(declaration.redis()).urls["REDIS_URL"]
    name = "ISONOX_SERVICE_REDIS_URL"

    assert workspace.get(declaration.redis(), ISONOX_SERVICES="", **{name: url}).use.version
    wrong = url.replace("redis://:", "redis://:x")
    with pytest.raises(ServiceError, match="refuses the password") as caught:
        workspace.get(declaration.redis(), ISONOX_SERVICES="", **{name: wrong})
    assert wrong not in str(caught.value)


@needs_postgres
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda url: url.replace("isonox:", "isonox:x"), "refuses the login: password authentication failed"),
        (lambda _: "postgresql://nobody@127.0.0.1:1/x", r"does not answer at 127\.0\.0\.1:1"),
        (lambda _: "127.0.0.1:5432", "is no URL with a host"),
        (lambda _: "postgresql://127.0.0.1:x/y", "the port in ISONOX_SERVICE_POSTGRES_URL is none"),
    ],
)
def test_a_given_url_that_can_not_be_used_is_an_error(workspace: Workspace, change: object, message: str) -> None:
    """Not one after many tests have failed."""
    assert callable(change)
    url = change(workspace.get(declaration.postgres()).urls["DATABASE_URL"])

    with pytest.raises(ServiceError, match=message):
        workspace.get(declaration.postgres(), ISONOX_SERVICES="", **{NAME: url})


@needs_postgres
def test_a_given_server_of_another_major_version_is_refused(workspace: Workspace) -> None:
    """Unless that is accepted."""
    url = workspace.get(declaration.postgres()).urls["DATABASE_URL"]

    with pytest.raises(ServiceError, match=r"PostgreSQL 99 was declared, but \S+ answers at"):
        workspace.get(declaration.postgres("99"), ISONOX_SERVICES="", **{NAME: url})

    assert workspace.get(declaration.postgres("99", any_version=True), ISONOX_SERVICES="", **{NAME: url}).other_major


def test_where_only_a_given_url_will_do_its_absence_is_an_error(workspace: Workspace) -> None:
    """And one URL can't stand for two addresses."""
    with pytest.raises(ServiceError, match="no URL is given"):
        workspace.get(declaration.redis(), ISONOX_SERVICES="given")
    service = declaration.custom("mail", command=["mail"], env={"A": "http://{host}", "B": "smtp://{host}"})
    with pytest.raises(ServiceError, match="one URL can't stand for A and B"):
        workspace.get(service, ISONOX_SERVICES="", ISONOX_SERVICE_MAIL_URL="http://127.0.0.1:1")
