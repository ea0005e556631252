"""The pipeline's verbs for Invoke: `inv ci`, `inv lint`, ..."""

from isonox.tasks import namespace

__all__ = ["namespace"]
