"""Who depends on whom, in every place where tools let a package say so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from isonox.model.config import Config
from isonox.model.workspace import Edge, EdgeKind
from isonox.workspace import packages

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from isonox.model.workspace import Workspace

    Tree = Callable[..., Path]

NAMED = {name: f"[project]\nname = '{name}'\n" for name in ("b", "c", "d")}


@pytest.fixture
def load(tree: Tree) -> Callable[..., Workspace]:
    """Load a workspace of `a` (its pyproject.toml is given), `b`, `c` and `d`, and of further files."""

    def loaded(text: str, files: dict[str, str] | None = None) -> Workspace:
        members = {f"{name}/pyproject.toml": content for name, content in NAMED.items()}
        root = tree(members | {"a/pyproject.toml": text} | (files or {}))
        return packages.load(root, Config(packages=("a", "b", "c", "d")))

    return loaded


def edges(workspace: Workspace) -> list[str]:
    """Return the edges in short: `a -> b (project)`."""
    return [f"{edge.source} -> {edge.target} ({edge.kind.value})" for edge in workspace.edges]


def test_project_extras_and_groups(load: Callable[..., Workspace]) -> None:
    """Each kind; names are compared normalised, and packages of elsewhere are no edges."""
    workspace = load("""
        [build-system]
        requires = ["D"]
        [project]
        name = "a"
        dependencies = ["B>=1; python_version>'3'", "requests"]
        optional-dependencies = { fast = ["c[x]"] }
        [dependency-groups]
        dev = [{ include-group = "Te.St" }]
        te-st = ["b"]
        [tool.uv]
        dev-dependencies = ["d"]
    """)

    assert edges(workspace) == [
        "a -> b (group)", "a -> b (project)", "a -> c (extra)", "a -> d (group)", "a -> d (project)",
    ]  # fmt: skip
    assert workspace.pairs == {("a", "b"), ("a", "c"), ("a", "d")}
    assert workspace.notes == ()


def test_cycles_are_kept_and_self_edges_dropped(load: Callable[..., Workspace]) -> None:
    """`a` needs `b` needs `a`; `a` needs itself."""
    workspace = load(
        "[project]\nname = 'a'\ndependencies = ['a', 'b']\n",
        {"b/pyproject.toml": "[project]\nname = 'b'\ndependencies = ['a']\n"},
    )

    assert edges(workspace) == ["a -> b (project)", "b -> a (project)"]
    assert workspace.closure("a") == ("a", "b")


def test_own_extras_are_expanded(load: Callable[..., Workspace]) -> None:
    """A group that asks for `a[all]` asks for what `all` means, in circles too."""
    workspace = load("""
        [project]
        name = "a"
        [project.optional-dependencies]
        all = ["a[One,all]"]
        one = ["b"]
        [dependency-groups]
        dev = ["a[all]", "a[unknown]"]
    """)

    assert edges(workspace) == ["a -> b (extra)", "a -> b (group)"]


def test_what_is_wrong_is_noted_and_the_rest_is_read(load: Callable[..., Workspace]) -> None:
    """Requirements that are none, lists that are none, groups that include themselves or what is not there."""
    workspace = load("""
        [project]
        name = "a"
        dependencies = ["b", "c >> 1"]
        optional-dependencies = { bad = "c" }
        [dependency-groups]
        one = [{ include-group = "two" }, 7]
        two = [{ include-group = "one" }, { include-group = "thre" }]
        three = []
        four = "d"
        [tool]
        poetry = { dependencies = 3 }
    """)

    assert edges(workspace) == ["a -> b (project)"]
    assert workspace.notes == (
        "a/pyproject.toml: project.optional-dependencies.bad is no list of strings; passed over",
        "a/pyproject.toml: project.dependencies: 'c >> 1' is no valid requirement; passed over",
        "a/pyproject.toml: dependency-groups.one includes itself: one -> two -> one",
        "a/pyproject.toml: dependency-groups.two includes 'thre', which does not exist (did you mean 'three'?)",
        "a/pyproject.toml: dependency-groups.one: 7 is neither a requirement nor an include-group; passed over",
        "a/pyproject.toml: dependency-groups.two includes itself: two -> one -> two",
        "a/pyproject.toml: dependency-groups.four is no list; passed over",
        "a/pyproject.toml: tool.poetry.dependencies is no table; passed over",
    )


def test_poetry(load: Callable[..., Workspace]) -> None:
    """Names, path dependencies under another name, optional ones, groups old and new."""
    workspace = load(
        """
        [tool.poetry]
        name = "a"
        [tool.poetry.dependencies]
        python = "^3.10"
        B = "^1.0"
        other = { path = "../c", develop = true }
        d = [{ version = "1", optional = true, extras = ["x"] }]
        [tool.poetry.dev-dependencies]
        b = "*"
        [tool.poetry.group.docs.dependencies]
        d = { path = "../d" }
        """
    )

    assert edges(workspace) == [
        "a -> b (group)", "a -> b (project)", "a -> c (source)", "a -> d (extra)", "a -> d (group)",
    ]  # fmt: skip


def test_uv_sources_tell_where_the_name_does_not(load: Callable[..., Workspace]) -> None:
    """The root's sources count for all, a member's own win; sources of nothing that is needed mean nothing."""
    workspace = load(
        """
        [project]
        name = "a"
        dependencies = ["b", "one", "two", "three"]
        [tool.uv.sources]
        b = { workspace = true }
        two = [{ path = "../d", marker = "sys_platform == 'linux'" }, { index = "x" }]
        """,
        {"pyproject.toml": "[tool.uv.sources]\none = { path = 'c' }\ntwo = { path = 'b' }\nfour = { path = 'd' }\n"},
    )

    assert edges(workspace) == ["a -> b (project)", "a -> c (source)", "a -> d (source)"]


@pytest.mark.parametrize(
    "requirement",
    [
        "x @ {root:uri}/../b",
        "x @ {root:parent:uri}/b",
        "x @ file://{root}/../b",
        "x @ file:../b",
        "-e ../b",
        "--editable={root:uri}/../b[x]",
        "../b[x]",
        "b @ https://example.invalid/b.whl",
        "b",
    ],
)
@pytest.mark.parametrize("place", ["pyproject", "hatch"])
def test_hatch_environments(load: Callable[..., Workspace], requirement: str, place: str) -> None:
    """Every way to write a neighbour, in pyproject.toml and in hatch.toml."""
    project = "[project]\nname = 'a'\n"
    lines = f"dependencies = ['x @ https://example.invalid/x']\nextra-dependencies = ['{requirement}']\n"
    files = {}
    if place == "pyproject":
        project += f"[tool.hatch.envs.test]\n{lines}"
    else:
        files["a/hatch.toml"] = f"[envs.test]\n{lines}"

    kind = EdgeKind.ENVIRONMENT if requirement.startswith("b") else EdgeKind.SOURCE
    assert load(project, files).edges == (Edge(source="a", target="b", kind=kind),)


def test_hatch_workspace_members(load: Callable[..., Workspace]) -> None:
    """Globs and tables with a path."""
    workspace = load("""
        [project]
        name = "a"
        [tool.hatch.envs.default.workspace]
        members = ["../b*", { path = "../c", features = ["x"] }]
    """)

    assert edges(workspace) == ["a -> b (source)", "a -> c (source)"]


def test_a_broken_hatch_toml_is_noted(load: Callable[..., Workspace]) -> None:
    """Neither its syntax nor its requirements are fatal."""
    assert load("[project]\nname = 'a'\n", {"a/hatch.toml": "[envs\n"}).notes == (
        "a/hatch.toml:1: not valid TOML: Expected ']' at the end of a table declaration; passed over",
    )
    assert load("[project]\nname = 'a'\n", {"a/hatch.toml": "[envs.x]\ndependencies = ['!']\n"}).notes == (
        "a/hatch.toml: envs.x.dependencies: '!' is no valid requirement; passed over",
    )


def test_an_absolute_file_url(load: Callable[..., Workspace], tmp_path: Path) -> None:
    """`file:///...`, with characters that a URL escapes."""
    workspace = load(f"[project]\nname = 'a'\ndependencies = ['x @ {(tmp_path / 'b').as_uri()}#egg=x']\n")

    assert edges(workspace) == ["a -> b (source)"]


def test_setuptools_reads_files(load: Callable[..., Workspace]) -> None:
    """Comments are no requirements, and a missing file is noted."""
    workspace = load(
        """
        [project]
        name = "a"
        dynamic = ["dependencies", "optional-dependencies"]
        [tool.setuptools.dynamic]
        dependencies = { file = "requirements.txt" }
        optional-dependencies = { x = { file = ["more.txt", "none.txt"] } }
        """,
        {"a/requirements.txt": "# ours\nb>=1  # the library\n\n", "a/more.txt": "c\n"},
    )

    assert edges(workspace) == ["a -> b (project)", "a -> c (extra)"]
    assert workspace.notes == (
        "a/pyproject.toml: tool.setuptools.dynamic names 'none.txt', which can't be read; passed over",
    )


LOCK = """
version = 1
[manifest]
members = ["a", "b", "c"]
[[package]]
name = "a"
source = { editable = "a" }
dependencies = [{ name = "b" }, { name = "requests" }]
optional-dependencies = { x = [{ name = "c" }] }
[[package]]
name = "b"
source = { editable = "b" }
dependencies = [{ name = "c" }]
[[package]]
name = "c"
source = { editable = "c" }
[[package]]
name = "requests"
version = "1"
source = { registry = "https://example.invalid/simple" }
"""


def test_the_lock_knows_dynamic_metadata(load: Callable[..., Workspace]) -> None:
    """Only for packages whose own files do not say; a pair that is declared stays what it is."""
    workspace = load("[project]\nname = 'a'\ndynamic = ['dependencies']\n", {"uv.lock": LOCK})

    assert edges(workspace) == ["a -> b (lock)", "a -> c (lock)"]

    again = load("[project]\nname = 'a'\ndynamic = ['dependencies']\noptional-dependencies.x = ['c']\n")

    assert edges(again) == ["a -> b (lock)", "a -> c (extra)"]


def test_the_lock_knows_projects_of_other_tools(load: Callable[..., Workspace]) -> None:
    """A setup.py says nothing that can be read."""
    assert edges(load("[build-system]\nrequires = []\n", {"uv.lock": LOCK})) == [
        "a -> b (lock)",
        "a -> c (lock)",
    ]


def test_a_broken_lock_is_noted(load: Callable[..., Workspace]) -> None:
    """It is an error where it is installed from, not here."""
    workspace = load("[project]\nname = 'a'\ndynamic = ['dependencies']\n", {"uv.lock": "version = 2\n"})

    assert edges(workspace) == []
    assert workspace.notes == (
        "uv.lock has format version 2; isonox reads version 1; edges of packages with dynamic metadata may be missing",
    )


def test_a_root_and_its_members_need_each_other(tree: Tree) -> None:
    """The root's group names every member, each member needs the root: as large SDKs do."""
    root = tree(
        {
            "pyproject.toml": "[project]\nname = 'sdk'\n[dependency-groups]\nall = ['tap', 'target']\n"
            "[tool.uv.workspace]\nmembers = ['p/*']\n[tool.uv.sources]\ntap.workspace = true\n",
            "p/tap/pyproject.toml": "[project]\nname = 'tap'\ndependencies = ['sdk']\n"
            "[dependency-groups]\nt = ['sdk[x]']\n",
            "p/target/pyproject.toml": "[project]\nname = 'target'\ndependencies = ['sdk']\n",
        }
    )

    workspace = packages.load(root, Config())

    assert len(workspace.edges) == 5
    assert len(workspace.pairs) == 4
