"""Fingerprints: the same exactly as long as what decides a result is the same."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isonox.cache.fingerprint import Discovered, Fingerprints, Surroundings, explain
from isonox.model.pipeline import Facts, Pipeline, Session
from isonox.model.plan import Selection
from isonox.model.record import Installation
from isonox.model.tree import Tree
from isonox.model.workspace import Edge, EdgeKind, Package, Workspace
from isonox.planning.build import build

PACKAGES = ("money", "catalog", "shop")
FILES = {
    "noxfile.py": "1",
    "uv.lock": "1",
    "README.md": "1",
    "pyproject.toml": "1",
    "shared/data.json": "1",
    **{f"libs/{name}/{file}": "1" for name in PACKAGES for file in ("pyproject.toml", "src/code.py", "tests/test.py")},
}


def workspace(*edges: tuple[str, str]) -> Workspace:
    """Return three packages; by default shop needs catalog, which needs money."""
    packages = tuple(Package(name=name, path=f"libs/{name}") for name in sorted(PACKAGES))
    pairs = edges or (("shop", "catalog"), ("catalog", "money"))
    made = (Edge(source=source, target=target, kind=EdgeKind.PROJECT) for source, target in pairs)
    return Workspace(packages=packages, edges=tuple(made))


def surroundings(**changes: Any) -> Surroundings:
    """Return what is the same everywhere, but for the changes."""
    values: dict[str, Any] = {
        "isonox": "1.0",
        "platform": "linux",
        "configuration": "c",
        "noxfile": "n",
        "declarations": {1: "one", 2: "two"},
        "interpreters": {"": "3.13.1", "3.12": "3.12.5"},
        "variables": {},
        "discovered": {},
        "lock": lambda installation: f"lock of {installation.groups}",
        "program": lambda path: f"state of {path}",
        "read": lambda path: b"",
    }
    return Surroundings(**(values | changes))


def session(name: str = "check", package: str | None = None, **facts: Any) -> Session:
    """Return a session with facts of its own."""
    ident = f"{name}({package})" if package else name
    options = {field: facts.pop(field) for field in ("requires", "python") if field in facts}
    made = Facts(**({"per_package": package is not None, "declaration": 1} | facts))
    return Session(id=ident, stage=name, signatures=(ident, name), package=package, facts=made, **options)


def values(
    *sessions: Session,
    files: dict[str, str] | None = None,
    unknown: dict[str, str] | None = None,
    around: Surroundings | None = None,
    posargs: tuple[str, ...] = (),
    within: Workspace | None = None,
) -> dict[str, Any]:
    """Return the fingerprint of each session."""
    pipeline = Pipeline.validated(sessions)
    plan = build(pipeline, Selection(posargs=posargs), isonox="1.0")
    tree = Tree(files=files or FILES, unknown=unknown or {})
    return Fingerprints(pipeline, within or workspace(), tree, around or surroundings()).of(plan)


def changed(path: str, to: str | None = "2") -> dict[str, str]:
    """Return the files with one that is different, or gone."""
    return {name: value for name, value in (FILES | {path: to or ""}).items() if value}


@pytest.mark.parametrize(
    ("facts", "path", "counts"),
    [
        ({}, "README.md", True),
        ({}, "libs/money/src/code.py", True),
        ({"package": "catalog"}, "libs/catalog/tests/test.py", True),
        ({"package": "catalog"}, "libs/money/src/code.py", True),
        ({"package": "catalog"}, "libs/shop/src/code.py", False),
        ({"package": "catalog"}, "shared/data.json", True),
        ({"package": "catalog"}, "noxfile.py", False),
        ({"package": "catalog"}, "uv.lock", False),
        ({"package": "catalog", "inputs": ("pyproject.toml",)}, "shared/data.json", False),
        ({"package": "catalog", "inputs": ("shared/**",)}, "shared/data.json", True),
        ({"package": "catalog", "inputs": ("shared/**",)}, "libs/money/src/code.py", True),
        ({"inputs": ("**/*.md",)}, "README.md", True),
        ({"inputs": ("**/*.md",)}, "libs/money/src/code.py", False),
        ({"inputs": ("names:**/*.md",)}, "README.md", False),
        ({"inputs": ("libs/money/",)}, "libs/money/src/code.py", True),
    ],
)
def test_which_changes_count(facts: dict[str, Any], path: str, counts: bool) -> None:  # noqa: FBT001 - a column
    """See the table in `isonox.model.inputs`."""
    one = session(**facts)

    before, now = (values(one, files=files)[one.id].value for files in (FILES, changed(path)))

    assert counts == (before != now)


def test_names_count_when_files_come_and_go() -> None:
    """A link checker looks whether a file is there."""
    one = session(inputs=("names:**/*.md",))

    before, now = (values(one, files=files)["check"].value for files in (FILES, changed("README.md", None)))

    assert before != now


def test_a_module_beside_the_packages_counts_for_all() -> None:
    """Python would find it before the one that is meant."""
    one = session(package="money", inputs=())

    assert values(one)[one.id].value != values(one, files=FILES | {"json.py": "1"})[one.id].value


@pytest.mark.parametrize(
    ("pattern", "path", "counts"),
    [
        ("tools/run.py", "tools/json.py", True),
        ("tools/run.py", "tools/json/__init__.py", True),
        ("tools/run.py", "tools/data.json", False),
        ("tools/run.py", "tools/json/more.py", False),
        ("tools/data.json", "tools/json.py", False),
        ("*/r[uv]*", "tools/json.py", True),
        ("**/setup.py", "tools/json.py", False),
    ],
)
def test_a_module_beside_a_script_counts(pattern: str, path: str, *, counts: bool) -> None:
    """Python would find it before the one that is meant; not what is in it."""
    one = session(inputs=(pattern,))
    files = FILES | {"tools/there.py": "1"}
    found = [values(one, files=files | more)[one.id].value for more in ({}, {path: "1"}, {path: "2"})]

    assert counts == (found[0] != found[1])
    assert found[1] == found[2]


@pytest.mark.parametrize(
    ("content", "counts"),
    [("[tool.ruff]\nline-length = 120", True), ("[tool.mypy]\nstrict = true", False), ("no TOML", True)],
)
def test_a_table_counts_by_its_values(content: str, counts: bool) -> None:  # noqa: FBT001 - a column
    """The rest of the file does not; one that is not valid counts as a whole."""
    one = session(inputs=("pyproject.toml#tool.ruff",))
    before = surroundings(read=lambda _path: b"[tool.ruff]\nline-length = 100")
    now = surroundings(read=lambda _path: f"[tool.ruff]\nline-length = 100\n{content}".encode())
    if content.startswith("[tool.ruff]"):
        now = surroundings(read=lambda _path: content.encode())

    assert counts == (values(one, around=before)["check"].value != values(one, around=now)["check"].value)


@pytest.mark.parametrize(
    "changes",
    [
        {"isonox": "1.1"},
        {"platform": "darwin"},
        {"configuration": "other"},
        {"noxfile": "other"},
        {"declarations": {1: "other"}},
        {"interpreters": {"": "3.13.2"}},
        {"variables": {"REGION": "eu"}},
        {"discovered": {"check": Discovered(installations=(Installation(groups=("dev",)),))}},
        {"discovered": {"check": Discovered(programs=("/usr/bin/make",))}},
    ],
)
def test_what_is_not_a_file_counts(changes: dict[str, Any]) -> None:
    """Each of it is a part of its own."""
    before, now = values(session())["check"], values(session(), around=surroundings(**changes))["check"]

    assert before.value != now.value
    assert 1 == len(explain(before.parts, now.parts))


def test_lock_and_programs_count_by_what_they_are_now() -> None:
    """What is installed is known from an earlier run; what the lock says of it is looked up each time."""
    known = {"check": Discovered(installations=(Installation(groups=("dev",)),), programs=("/usr/bin/make",))}
    before = values(session(), around=surroundings(discovered=known))["check"]

    other_lock = values(session(), around=surroundings(discovered=known, lock=lambda _one: "other"))["check"]
    other_make = values(session(), around=surroundings(discovered=known, program=lambda _one: "other"))["check"]

    assert ("lock entries",) == explain(before.parts, other_lock.parts)
    assert ("programs",) == explain(before.parts, other_make.parts)


def test_arguments_and_declared_variables_count() -> None:
    """They decide what is run."""
    plain = values(session())["check"]

    assert ("arguments",) == explain(plain.parts, values(session(), posargs=("-k", "x"))["check"].parts)
    assert ("environment",) == explain(plain.parts, values(session(env={"A": "1"}))["check"].parts)


def test_a_session_depends_on_what_the_required_ones_depend_on() -> None:
    """It may read what they left."""
    sessions = session("tests"), session("coverage", requires=("tests",), inputs=("pyproject.toml",))

    before, now = (values(*sessions, files=files)["coverage"] for files in (FILES, changed("README.md")))

    assert ("required sessions",) == explain(before.parts, now.parts)
    assert before.value != now.value


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"cache": False}, "cache=False"),
        ({"secrets": ("TOKEN",)}, "it uses secrets: TOKEN"),
        ({"environment": "inherited"}, "a plain nox session"),
        ({"python": "3.9"}, "Python 3.9 was not found"),
    ],
)
def test_what_is_not_cached_and_why(facts: dict[str, Any], reason: str) -> None:
    """What requires it is not cached either."""
    found = values(session("deploy", **facts), session("after", requires=("deploy",)))

    assert (None, None) == (found["deploy"].value, found["after"].value)
    assert found["deploy"].uncached.startswith(reason)
    assert found["after"].uncached.startswith("it requires deploy, which is not cached: ")


@pytest.mark.parametrize(
    ("facts", "cached"),
    [
        ({}, False),
        ({"package": "money"}, False),
        ({"package": "money", "inputs": ()}, True),
        ({"inputs": ("sub",)}, False),
    ],
)
def test_a_file_without_a_name_hinders_those_that_it_counts_for(
    facts: dict[str, Any],
    cached: bool,  # noqa: FBT001 - a column
) -> None:
    """A submodule with changes, for example."""
    one = session(**facts)

    found = values(one, files=FILES | {"sub": "160000 1"}, unknown={"sub": "a submodule with changes"})[one.id]

    assert cached == (found.value is not None)
    assert cached or found.uncached == "sub: a submodule with changes"


def test_packages_that_need_each_other_in_a_circle() -> None:
    """Then each counts for all."""
    circle = workspace(("shop", "catalog"), ("catalog", "money"), ("money", "shop"))
    one = session(package="money", inputs=())

    before, now = (values(one, files=f, within=circle)[one.id].value for f in (FILES, changed("libs/shop/src/code.py")))

    assert before != now


edits = st.dictionaries(
    st.sampled_from([*FILES, "json.py", "libs/money/new.py", "other/new.txt"]), st.sampled_from("123 ")
)
pairs = st.tuples(st.sampled_from(PACKAGES), st.sampled_from(PACKAGES)).filter(lambda pair: pair[0] != pair[1])


@settings(max_examples=200)
@given(first=edits, second=edits, edges=st.sets(pairs), package=st.sampled_from([None, *PACKAGES]), exact=st.booleans())
def test_equal_fingerprints_mean_equal_inputs(
    first: dict[str, str],
    second: dict[str, str],
    edges: set[tuple[str, str]],
    package: str | None,
    exact: bool,  # noqa: FBT001 - drawn
) -> None:
    """Whatever two states of the files are like."""
    within = msgspec.structs.replace(
        workspace(), edges=tuple(Edge(source=a, target=b, kind=EdgeKind.PROJECT) for a, b in sorted(edges))
    )
    one = session(package=package, inputs=("pyproject.toml", "shared/**") if exact else None)
    states = [{name: value for name, value in (FILES | edit).items() if value != " "} for edit in (first, second)]

    def truth(files: dict[str, str]) -> dict[str, str]:
        """Return the files that count, found the slow way."""
        if package is None and not exact:
            return files
        needed = {package}
        for _ in PACKAGES:
            needed |= {target for source, target in edges if source in needed}
        inside = tuple(f"libs/{name}/" for name in needed if name)
        named = {"pyproject.toml", "shared/data.json"}
        every = tuple(f"libs/{name}/" for name in PACKAGES)
        return {
            path: value
            for path, value in files.items()
            if (inside and path.startswith(inside))
            or (path in named if exact else not path.startswith(every) and path not in ("noxfile.py", "uv.lock"))
        }

    importable = [{path.partition("/")[0] for path in files if path.endswith(".py")} for files in states]
    prints = [values(one, files=files, within=within)[one.id].value for files in states]

    if prints[0] == prints[1]:
        assert truth(states[0]) == truth(states[1])
    elif importable[0] == importable[1]:
        assert truth(states[0]) != truth(states[1])
