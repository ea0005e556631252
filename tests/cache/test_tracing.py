"""What a session used, held against what it declared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from isonox.cache import tracing
from isonox.cache.tracing import Fact, Scope
from isonox.model import inputs
from isonox.model.pipeline import Facts, Session
from isonox.model.workspace import Edge, EdgeKind, Package, Workspace

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from isonox.model.inputs import Inputs
    from isonox.model.record import Undeclared

WORKSPACE = Workspace(
    packages=(
        Package(name="root", path=".", installable=False),
        Package(name="api", path="libs/api"),
        Package(name="money", path="libs/money"),
        Package(name="web", path="libs/web"),
    ),
    edges=(Edge(source="api", target="money", kind=EdgeKind.PROJECT),),
)

TREE = (
    "README.md", "conftest.py", "noxfile.py", "pyproject.toml", "uv.lock", "docs/index.md", "docs/deep/more.md",
    "libs/api/api.py", "libs/api/link", "libs/api/data/a.json", "libs/money/money.py", "libs/web/web.py",
    "vendor/sub",
)  # fmt: skip
IGNORED = (
    ".env", ".git/HEAD", "libs/api/local.json", "out/report.json", "vendor/sub/inside.py", "venv/pyvenv.cfg",
    "venv/bin/tool", "libs/api/venv/part.py",
)  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a folder with all of these files."""
    for path in (*TREE, *IGNORED):
        if path not in ("vendor/sub", "libs/api/link"):
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).touch()
    (tmp_path / "libs/api/link").symlink_to("data")
    (tmp_path / "libs/empty/__pycache__").mkdir(parents=True)
    return tmp_path


def judged(root: Path, declared: Inputs, *facts: str, for_a_time: bool = False) -> tuple[Undeclared, ...]:
    """Return what is undeclared of facts: a letter and what it is about."""

    def seen(paths: Iterable[str]) -> list[str]:
        asked = (*paths, "vendor/sub")
        return [one for one in TREE if any(one == path or one.startswith(f"{path}/") for path in asked)]

    scope = Scope(root=root, inputs=declared, workspace=WORKSPACE, seen=seen, for_a_time=for_a_time)
    return tracing.undeclared([Fact(fact[0], fact[1:]) for fact in facts], scope)


def of(*patterns: str, package: str | None = None, default: bool = False) -> Inputs:
    """Return the inputs of a session that declares some patterns, or by default none."""
    facts = Facts(inputs=None if default else patterns)
    return inputs.of(Session(id="x", stage="x", package=package, facts=facts), WORKSPACE)


ALL = of(default=True)
API = of(package="api", default=True)


@pytest.mark.parametrize(
    ("declared", "path", "fine"),
    [
        (ALL, "README.md", True),
        (ALL, "libs/web/web.py", True),
        (ALL, "noxfile.py", True),
        (ALL, ".env", False),
        (ALL, "libs/api/local.json", False),
        (ALL, ".git/HEAD", False),
        (ALL, "not/there.py", True),
        (ALL, "libs/api/link", True),
        (ALL, "vendor/sub/inside.py", True),
        (API, "libs/api/api.py", True),
        (API, "libs/money/money.py", True),
        (API, "libs/web/web.py", False),
        (API, "README.md", True),
        (API, "uv.lock", False),
        (API, "libs/api/local.json", False),
        (of(package="api"), "README.md", False),
        (of("docs/**"), "docs/deep/more.md", True),
        (of("docs/**"), "docs/not-yet.md", True),
        (of("docs/**"), "README.md", False),
        (of("docs/**"), "not/there.py", False),
        (of("names:docs/**"), "docs/index.md", False),
        (of("pyproject.toml#tool.ruff"), "pyproject.toml", True),
        (of("uv.lock"), "uv.lock", True),
        (of("*.json"), ".env", False),
        (of("libs/api/*"), "libs/api/__pycache__/api.cpython-313.pyc", True),
        (of("docs/**"), "libs/api/__pycache__/api.cpython-313-pytest-9.2.0.pyc", False),
        (of(), ".mypy_cache/3.13/x.json", True),
        (of(), "libs/api/.hypothesis/examples/x", True),
        (of(), "src/api.egg-info/PKG-INFO", True),
        (of(), "libs/api/api-1.0.dist-info/METADATA", False),
        (of(), "libs/api/.coverage.host.1.x", True),
        (of(), ".coveragerc", False),
        (of(), "venv/bin/tool", True),
        (of(), "libs/api/venv/part.py", False),
    ],
)
def test_a_read_is_fine_where_the_file_counts(root: Path, declared: Inputs, path: str, *, fine: bool) -> None:
    """A file that git does not see can't count, nor can what git knows beside files; caches of tools don't matter."""
    assert ([] if fine else ["read"]) == [one.kind for one in judged(root, declared, f"R{path}")]


@pytest.mark.parametrize(
    ("declared", "fact", "fine"),
    [
        (ALL, "L", True),
        (ALL, "Llibs/api", True),
        (ALL, "Lout", False),
        (ALL, "Llibs/empty", True),
        (ALL, "Lgone", True),
        (API, "Llibs/money", True),
        (API, "Llibs/web", False),
        (API, "Llibs", False),
        (API, "Ilibs", True),
        (API, "I", True),
        (API, "Ldocs", True),
        (of("docs/**"), "Ldocs/deep", True),
        (of("docs/"), "Ldocs", True),
        (of("docs/**"), "L", False),
        (of("docs/**"), "I", True),
        (of("names:**/*.md"), "Ldocs/deep", True),
        (of("*.md"), "L", True),
        (of("*.md"), "Ldocs", False),
        (of("libs/*/api.py"), "Llibs", True),
        (of("libs/api/api.py"), "Llibs/api", False),
        (of("libs/api/api.py"), "Ilibs/api", True),
        (of("docs/**"), "Ilibs/web", False),
    ],
)
def test_a_listing_is_fine_where_the_names_count(root: Path, declared: Inputs, fact: str, *, fine: bool) -> None:
    """Below a package, and where a pattern with a wildcard goes through; the import system may look further up."""
    assert ([] if fine else ["listed"]) == [one.kind for one in judged(root, declared, fact)]


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        (["Wout/report.json", "Rout/report.json"], []),
        (["Rout/report.json", "Wout/report.json"], ["out/report.json"]),
        (["Wout", "Rout/report.json", "Lout"], []),
        (["Wx.tmp", "Mx.tmp//out/report.json", "Rout/report.json"], []),
        (["M.env//out/report.json", "Rout/report.json"], ["out/report.json"]),
        (["Aout/report.json", "Rout/report.json"], ["out/report.json"]),
    ],
)
def test_what_the_session_made_itself_is_fine_from_then_on(root: Path, facts: list[str], found: list[str]) -> None:
    """A file that it read before it wrote it is left from an earlier run; one that it only added to as well."""
    assert found == [one.what for one in judged(root, ALL, *facts)]


def test_inputs_that_the_session_changes_are_told(root: Path) -> None:
    """Changed, replaced, moved or removed; not what git does not see, or what does not count."""
    facts = ("WREADME.md", "Alibs/api/data", "Mdocs/index.md//docs/new.md", "Aout/report.json", "Wlibs/web/web.py")

    found = judged(root, of("docs/*", "*.md", "libs/api/**"), *facts)

    expected = ["README.md", "docs/index.md", "libs/api/data/a.json"]
    assert [("wrote", path) for path in expected] == [(one.kind, one.what) for one in found]


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        (["B5432", "C127.0.0.1:5432", "C::1:5432", "Clocalhost:5432"], []),
        (["C127.0.0.1:5432", "B5432"], []),
        (["B5433", "C127.0.0.1:5432"], ["127.0.0.1:5432"]),
        (["B5432", "Cdb.example.org:5432"], ["db.example.org:5432"]),
        (["B/tmp/s", "C/tmp/s", "C/run/other"], ["/run/other"]),
    ],
)
def test_connections_are_fine_where_the_session_answers(root: Path, facts: list[str], found: list[str]) -> None:
    """A server of somebody else is none of the inputs, except for a time."""
    assert found == [one.what for one in judged(root, ALL, *facts)]
    assert () == judged(root, ALL, *facts, for_a_time=True)


@pytest.mark.parametrize(
    ("declared", "fact", "hint"),
    [
        (API, "Rlibs/web/web.py", 'declare it: inputs=["libs/web/web.py"]'),
        (API, "Llibs/web", 'declare it: inputs=["names:libs/web/**"]'),
        (of(), "L", 'declare it: inputs=["names:**"]'),
        (ALL, "R.env", "git ignores it, so it can't count: do without, or say cache=False"),
        (ALL, "R.git/HEAD", "that may differ while all files are the same: do without, or say cache=False"),
        (ALL, "Ca package index (pip install x)", "install what the lock says: session.install_group(...)"),
    ],
)
def test_the_hint_says_what_to_write(root: Path, declared: Inputs, fact: str, hint: str) -> None:
    """So that it can be copied into the noxfile, if there is something to write there."""
    (found,) = judged(root, declared, fact)

    assert hint == found.hint


def test_thousands_of_undeclared_files_are_not_all_told(root: Path) -> None:
    """A record stays readable."""
    assert tracing.LIMIT == len(judged(root, of(), *(f"Rfile{number}" for number in range(1000))))


def test_a_report_is_read_as_it_was_written() -> None:
    """Paths may hold line breaks and bytes that are no UTF-8."""
    assert [("R", "a\nb"), ("R", "\udcff"), ("L", "")] == tracing.read(b"Ra\nb\0R\xff\0L\0")
    assert tracing.read(b"Ra\0Eit broke\0") is None
