"""`inv --list` shows isonox's verbs."""

from isonox.tasks import namespace

__all__ = ["namespace"]
