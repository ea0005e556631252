"""Workspace: who depends on whom."""

from isonox.model.workspace import Edge, EdgeKind, Package, Workspace

WORKSPACE = Workspace(
    packages=tuple(Package(name=name, path=name) for name in "abcd"),
    edges=tuple(
        Edge(source=source, target=target, kind=EdgeKind.PROJECT)
        for source, target in [("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")]
    ),
)


def test_closure_follows_edges_and_survives_circles() -> None:
    """Everything below a package, itself included, in order of path."""
    assert WORKSPACE.closure("a") == ("a", "b", "c")
    assert WORKSPACE.closure("d") == ("a", "b", "c", "d")


def test_packages_are_found_by_name() -> None:
    """The index holds every package."""
    assert WORKSPACE.by_name["c"].path == "c"
