"""What stages bring into their tools: these modules run in the session's Python, where isonox is not installed."""

from __future__ import annotations

from pathlib import Path

#: Where they are, for PYTHONPATH.
FOLDER = str(Path(__file__).parent)

#: The variable that tells `isonox_browser` which browser to start.
BROWSER = "ISONOX_BROWSER"
