"""Services for a noxfile: `from isonox import services`, then `services.postgres("16")`."""

from __future__ import annotations

from isonox.errors import tell_uncaught
from isonox.services.declaration import compose, custom, mysql, postgres, questdb, rabbitmq, redis

__all__ = ["compose", "custom", "mysql", "postgres", "questdb", "rabbitmq", "redis"]

tell_uncaught()
