"""The one place that turns errors into messages and exit codes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from isonox.errors import ExitCode, IsonoxError
from isonox.system.version import own_version

if TYPE_CHECKING:
    from collections.abc import Callable

_ISSUES = "https://github.com/isonox/isonox/issues"


def guarded(call: Callable[[], ExitCode]) -> int:
    """Call, and turn what is raised into a message on standard error and an exit code."""
    try:
        return int(call())
    except IsonoxError as error:
        sys.stderr.write(f"error: {error}\n")
        return int(error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return int(ExitCode.INTERRUPTED)
    except Exception:  # noqa: BLE001 - the boundary: whatever is left is our fault, and is said so
        import traceback  # noqa: PLC0415 - it is hardly ever needed

        traceback.print_exc()
        sys.stderr.write(f"error: this is a bug in isonox {own_version()}; please report it: {_ISSUES}\n")
        return int(ExitCode.BUG)
