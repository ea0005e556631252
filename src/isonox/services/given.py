"""A server whose URL is given: it is used as it is, and nothing is made or removed there."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from isonox.errors import ServiceError
from isonox.model.service import same_major
from isonox.services import kinds
from isonox.services.state import Endpoint

if TYPE_CHECKING:
    from isonox.model.service import Service


def version(service: Service, url: str) -> str | None:
    """Return the version of a given server; None where it can't be asked.

    Raises:
        ServiceError: It does not answer, or has another major version than the declared one.
    """
    parts = urlsplit(url)
    port = _port(service, url) or kinds.of(service).port
    if not parts.hostname or not port:
        raise ServiceError(
            f"{service.title}: {service.url_variable} is no URL with a host",
            hint=f"such as {service.kind}://host:{kinds.of(service).port}/name, with user and password if need be",
        )
    if parts.scheme == "rediss" or "sslmode" in parts.query or service.kind in ("compose", "custom"):
        return None  # whether it answers, the session will see
    user = unquote(parts.username or "")
    endpoint = Endpoint(host=parts.hostname, port=port, user=user, password=unquote(parts.password or ""))
    try:
        found = kinds.of(service).ping(service, endpoint)
    except OSError as error:
        raise ServiceError(
            f"{service.title} does not answer at {parts.hostname}:{port} ({service.url_variable}): {error}"
        ) from error
    if found and not service.any_version and not same_major(service.version, found):
        raise ServiceError(
            f"{service.title} was declared, but {found} answers at {parts.hostname}:{port} ({service.url_variable})",
            hint="give another URL, or accept other versions: any_version=True",
        )
    return found


def urls(service: Service, url: str) -> dict[str, str]:
    """Return the URL of each variable: of several databases each has its declared name.

    Raises:
        ServiceError: One URL can't stand for all variables of the service.
    """
    if len(service.variables) > 1 and not service.databases:
        raise ServiceError(
            f"{service.title}: one URL can't stand for {' and '.join(service.variables)}",
            hint=f"unset {service.url_variable}, or declare these variables in pass-env",
        )
    if len(service.databases) < 2:  # noqa: PLR2004 - one, or none
        return dict.fromkeys(service.variables, url)
    names = zip(service.variables, service.databases, strict=True)
    return {variable: urlsplit(url)._replace(path=f"/{database}").geturl() for variable, database in names}


def password(url: str) -> str:
    """Return the password in a URL, as it is written there."""
    return urlsplit(url).password or ""


def address(url: str) -> str:
    """Return host and port of a URL."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}"


def _port(service: Service, url: str) -> int | None:
    try:
        return urlsplit(url).port
    except ValueError:
        raise ServiceError(f"{service.title}: the port in {service.url_variable} is none") from None
