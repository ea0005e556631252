"""Who takes part, in the order of the tables."""

from __future__ import annotations

from benchmarks.peers import node_tools, plain, python_tools

PEERS = (
    plain.FLOOR,
    plain.BARE,
    python_tools.ISONOX,
    python_tools.ISONOX_BASE,
    plain.MAKE,
    python_tools.DOIT,
    node_tools.TURBO,
    node_tools.TURBO_AFFECTED,
    node_tools.NX,
    node_tools.MOON,
    python_tools.TOX,
    python_tools.NOX,
    python_tools.NOX_PARALLEL,
    python_tools.INVOKE,
)

#: Peers of the issue's table that can't take part, and why.
ABSENT = {"pants": "its releases since 2.18 are not on PyPI; its launcher downloads them from elsewhere"}
