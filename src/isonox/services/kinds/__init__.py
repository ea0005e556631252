"""What isonox knows of each kind of service: one file each, found by this table."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from isonox.model.service import Service
    from isonox.services.kinds.kind import Kind

_CLASSES = {
    "postgres": "Postgres",
    "redis": "Redis",
    "mysql": "MySQL",
    "rabbitmq": "RabbitMQ",
    "questdb": "QuestDB",
    "compose": "Compose",
    "custom": "Custom",
    "application": "Application",
}


def of(service: Service) -> Kind:
    """Return what knows of a service's kind."""
    module = import_module(f"isonox.services.kinds.{service.kind}")
    return cast("Kind", getattr(module, _CLASSES[service.kind])())
