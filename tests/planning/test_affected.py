"""Which sessions changes concern: exactly those of which a fingerprint would differ."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isonox.cache.fingerprint import Fingerprints, Surroundings
from isonox.model import inputs
from isonox.model.changes import Changes
from isonox.model.inputs import Table
from isonox.model.pipeline import PLAIN, Facts, Pipeline, Session
from isonox.model.plan import ReasonKind, Selection
from isonox.model.tree import Tree
from isonox.model.workspace import Edge, EdgeKind, Package, Workspace
from isonox.planning.affected import Affected, Difference, affected, has_cycle
from isonox.planning.build import build

#: The root, two packages, one inside of another, and one whose folder may also be no package.
PLACES = {"root": ".", "money": "libs/money", "cents": "libs/money/cents", "shop": "apps/shop", "tools": "tools"}
EDGES = (("shop", "money"), ("money", "cents"), ("root", "shop"))
RUFF, MYPY = Table("pyproject.toml", "tool.ruff"), Table("pyproject.toml", "tool.mypy")

Files = dict[str, str]

FILES: Files = {
    "README.md": "1",
    "noxfile.py": "1",
    "pyproject.toml": "1",
    "uv.lock": "1",
    "shared/data.json": "1",
    "tools/run.sh": "1",
    **{
        f"{place}/{file}".removeprefix("./"): "1" for place in PLACES.values() for file in ("pyproject.toml", "code.py")
    },
}


def workspace(
    names: tuple[str, ...] = ("money", "cents", "shop", "tools"), edges: tuple[tuple[str, str], ...] = EDGES
) -> Workspace:
    """Return some of the packages, with those edges that lie between them."""
    return Workspace(
        packages=tuple(Package(name=name, path=PLACES[name]) for name in sorted(names, key=PLACES.__getitem__)),
        edges=tuple(
            Edge(source=source, target=target, kind=EdgeKind.PROJECT)
            for source, target in sorted(edges)
            if source in names and target in names
        ),
    )


def difference(
    now: Files, then: Files = FILES, *, within: Workspace | None = None, before: Workspace | None = None, **more: Any
) -> Difference:
    """Return what differs between two states of the files and of the packages."""
    paths = sorted(path for path in {*now, *then} if now.get(path) != then.get(path))
    here = within or workspace()
    rest: dict[str, Any] = {
        "tables": frozenset(one for one in (RUFF, MYPY) if table(now, one) != table(then, one)),
        "everything": "",
        "own": lambda _session: "",
        "untold": lambda _session: "",
    }
    return Difference(
        paths=tuple(paths),
        added=frozenset(path for path in paths if path not in then),
        removed=frozenset(path for path in paths if path not in now),
        files=now,
        workspace=here,
        before=before or here,
        **(rest | more),
    )


def content(value: str) -> dict[str, Any]:
    """Return the root's pyproject.toml: two tables, of which each value changes one."""
    return {"tool": {"ruff": {"line": int(value) // 2}, "mypy": {"strict": int(value) % 2}}}


def table(files: Files, one: Table) -> str:
    """Return a table in a state of the files."""
    return repr(inputs.looked_up(content(files[one.file]), one.key)) if one.file in files else ""


def session(name: str = "check", package: str | None = None, **facts: Any) -> Session:
    """Return a session with facts of its own."""
    ident = f"{name}({package})" if package else name
    requires = facts.pop("requires", ())
    made = Facts(**({"per_package": package is not None} | facts))
    return Session(id=ident, stage=name, signatures=(ident, name), package=package, facts=made, requires=requires)


def why(found: Difference, *sessions: Session) -> dict[str, str]:
    """Return the reason of each session that is affected."""
    return {
        name: str(cause.reason)
        for name, cause in affected(Pipeline.validated(sessions or (session(package="shop"),)), found).items()
    }


def with_change(path: str, value: str = "2") -> Files:
    """Return the files with one that is different, or gone."""
    return {name: found for name, found in (FILES | {path: value}).items() if found}


@pytest.mark.parametrize(
    ("facts", "path", "reason"),
    [
        ({}, "README.md", "changed README.md"),
        ({"inputs": ("shared/**",)}, "README.md", ""),
        ({"inputs": ("shared/**",)}, "shared/data.json", "changed shared/data.json"),
        ({"inputs": ("names:**/*.json",)}, "shared/data.json", ""),
        ({"inputs": ("names:**/*.json",)}, "shared/new.json", "changed shared/new.json"),
        ({"inputs": ("pyproject.toml#tool.mypy",)}, "pyproject.toml", "changed pyproject.toml#tool.mypy"),
        ({"inputs": ("pyproject.toml#tool.other",)}, "pyproject.toml", ""),
        ({"package": "shop"}, "apps/shop/code.py", "changed apps/shop/code.py"),
        ({"package": "shop"}, "libs/money/code.py", "changed-dependency libs/money/code.py (money)"),
        ({"package": "shop"}, "libs/money/cents/code.py", "changed-dependency libs/money/cents/code.py (cents)"),
        ({"package": "cents"}, "libs/money/code.py", ""),
        ({"package": "cents"}, "README.md", "changed README.md"),
        ({"package": "cents", "inputs": ()}, "README.md", ""),
        ({"package": "cents"}, "noxfile.py", ""),
        ({"package": "cents", "inputs": ()}, "json.py", "changed json.py"),
        ({"package": "cents", "inputs": ()}, "new/module.py", "changed new/module.py"),
        ({"package": "cents", "inputs": ()}, "libs/other/module.py", ""),
    ],
)
def test_what_a_changed_file_concerns(facts: dict[str, Any], path: str, reason: str) -> None:
    """See the table in `isonox.model.inputs`."""
    one = session(**facts)

    assert ({one.id: reason} if reason else {}) == why(difference(with_change(path)), one)


def test_a_file_that_is_gone_concerns_as_one_that_changed() -> None:
    """A renamed one is gone in one place and new in another."""
    moved = {path: value for path, value in FILES.items() if path != "libs/money/code.py"} | {"tools/code2.py": "1"}

    found = why(difference(moved), *(session(package=name, inputs=()) for name in ("money", "shop", "cents", "tools")))

    assert found == {
        "check(money)": "changed libs/money/code.py",
        "check(shop)": "changed-dependency libs/money/code.py (money)",
        "check(tools)": "changed tools/code2.py",
    }


def test_the_last_module_of_a_folder_is_gone() -> None:
    """What could be imported from the root is another thing then."""
    found = difference({path: value for path, value in FILES.items() if path != "tools/code.py"})

    assert {"check(cents)": "changed tools/code.py"} == why(found, session(package="cents", inputs=()))


@pytest.mark.parametrize(
    ("now", "then", "concerned"),
    [
        ((), ("cents",), {"money": "libs/money/pyproject.toml", "shop": "libs/money/pyproject.toml (money)"}),
        (("cents",), (), dict.fromkeys(("cents", "money"), "libs/money/pyproject.toml")),
        (("tools",), (), {"tools": "libs/money/pyproject.toml"}),
    ],
)
def test_a_package_comes_or_goes_without_a_change_of_its_files(
    now: tuple[str, ...], then: tuple[str, ...], concerned: dict[str, str]
) -> None:
    """Its files are another package's then, and those who need it have other dependencies."""
    names = ("money", "shop")
    within, before = workspace((*names, *now)), workspace((*names, *then))
    found = difference(with_change("libs/money/pyproject.toml"), within=within, before=before)

    reasons = {name: cause.reason.detail for name, cause in found.packages.items()}

    assert concerned.items() <= (reasons | {"cents": reasons.get("cents")}).items()
    assert bool(found.outside) == ("tools" in now)


@pytest.mark.parametrize("path", ["noxfile.py", "uv.lock"])
def test_the_root_is_no_package_any_more_by_a_file_that_counts_apart(path: str) -> None:
    """What was the root's own is outside of all packages then."""
    found = difference(with_change(path), within=workspace(("cents",)), before=workspace(("cents", "root")))

    assert {"check(cents)": f"changed {path}"} == why(found, session(package="cents"))


def test_a_dependency_that_is_not_one_any_more_concerns() -> None:
    """The package was built with it."""
    found = difference(with_change("pyproject.toml"), within=workspace(edges=EDGES[:1]), before=workspace(edges=EDGES))

    assert {"money", "shop"} == {*found.packages}


def test_everything_that_requires_an_affected_session_is_affected() -> None:
    """It may read what the other leaves; the first file is named."""
    sessions = (
        session("tests", "money"),
        session("coverage", requires=("tests(money)",), inputs=()),
        session("report", requires=("coverage",), inputs=()),
        session("lint", inputs=()),
    )

    assert why(difference(with_change("libs/money/code.py")), *sessions) == {
        "tests(money)": "changed libs/money/code.py",
        "coverage": "changed-dependency libs/money/code.py (tests(money))",
        "report": "changed-dependency libs/money/code.py (tests(money))",
    }


def test_what_required_a_session_of_a_package_that_is_gone() -> None:
    """There is one less whose data it combines."""
    sessions = session("tests", "shop", inputs=()), session("coverage", requires=("tests(shop)",), inputs=())
    found = difference(with_change("pyproject.toml"), within=workspace(("shop",)), before=workspace(("shop", "tools")))

    assert {"coverage": "changed pyproject.toml"} == why(found, *sessions)


def test_what_can_not_be_told_always_runs() -> None:
    """With what requires it, and with the reason."""
    sessions = session("deploy", inputs=()), session("after", requires=("deploy",), inputs=())
    found = difference(FILES, untold=lambda one: "cache=False" if one.stage == "deploy" else "")

    assert {"deploy": "always cache=False", "after": "always it requires deploy: cache=False"} == why(found, *sessions)


def test_what_concerns_everything_or_one_session_alone() -> None:
    """The noxfile, for example, by its statements."""
    sessions = session("lint", inputs=()), session("types", inputs=())

    assert dict.fromkeys(("lint", "types"), "changed noxfile.py") == why(
        difference(FILES, everything="noxfile.py"), *sessions
    )
    assert {"types": "changed uv.lock"} == why(
        difference(FILES, own=lambda one: "uv.lock" if one.stage == "types" else ""), *sessions
    )


def test_reasons_are_text_whatever_the_path_is() -> None:
    """A path may have bytes that are no UTF-8, and JSON may not."""
    (cause,) = affected(Pipeline.validated([session()]), difference(with_change("a\udcff\n.txt"))).values()

    assert cause.reason.detail == "a\\xff\n.txt"


def planned(*names: str, sessions: tuple[Session, ...]) -> Any:
    """Return the plan for some names where only money is affected."""
    pipeline = Pipeline.validated(sessions)
    changes = Changes(base="main", merge_base="a" * 40, before={"x": "1"}, now={"x": "2"})
    found = difference(with_change("libs/money/code.py"))
    known = Affected(changes, found.packages, affected(pipeline, found))
    return build(pipeline, Selection(names=names, base="main", posargs=("-x",)), isonox="1", affected=known)


def test_a_plan_holds_what_is_affected_and_what_that_requires() -> None:
    """What is required is there without arguments; the rest is named as left out."""
    sessions = (
        session("build", inputs=()),
        session("tests", "money", requires=("build",)),
        session("tests", "cents", requires=("build",)),
        session("lint", inputs=()),
    )
    plan = planned("tests", sessions=sessions)

    assert {job.id: (job.posargs, [str(reason) for reason in job.reasons]) for job in plan.jobs} == {
        "build": ((), ["required-by tests(money)"]),
        "tests(money)": (("-x",), ["asked tests", "changed libs/money/code.py"]),
    }
    assert (plan.merge_base, plan.unaffected) == ("a" * 40, ("tests(cents)",))
    assert plan.notes == ("2 of 3 jobs are affected by the changes since main (merge base aaaaaaaaaaaa)",)


def test_a_plan_of_nothing_is_a_plan() -> None:
    """Nothing is affected: that is no error."""
    plan = planned("lint", sessions=(session("lint", inputs=()),))

    assert ((), ("lint",)) == (plan.jobs, plan.unaffected)
    assert plan.notes == ("nothing is affected by the changes since main (merge base aaaaaaaaaaaa)",)


states = st.dictionaries(
    st.sampled_from([*FILES, "json.py", "tools/new.py", "libs/money/cents/new.txt", "shared/new.json"]),
    st.sampled_from("123 "),
)
workspaces = st.builds(
    workspace,
    st.sets(st.sampled_from([*PLACES])).map(tuple),
    st.sets(st.tuples(st.sampled_from([*PLACES]), st.sampled_from([*PLACES])).filter(lambda e: e[0] != e[1])).map(
        tuple
    ),
)
PATTERNS: tuple[tuple[str, ...] | None, ...] = (
    None, (), ("shared/**",), ("names:**/*.json",), ("pyproject.toml#tool.ruff", "tools/"), ("libs/**/*.py",),
)  # fmt: skip


def pipeline_of(within: Workspace, patterns: list[tuple[str, ...] | None]) -> Pipeline:
    """Return sessions for each package and for the workspace, and one that requires those of the first stage."""
    stages = [(f"stage{number}", pattern) for number, pattern in enumerate(patterns)]
    made = [
        session(name, package, inputs=pattern)
        for name, pattern in stages
        for package in (*(one.name for one in within.packages), None)
    ]
    required = tuple(one.id for one in made if one.stage == "stage0")
    return Pipeline.validated((*made, session("after", requires=required, inputs=())))


def fingerprints(pipeline: Pipeline, within: Workspace, files: Files) -> dict[str, str | None]:
    """Return the real fingerprint of each session."""
    around = Surroundings(
        isonox="1", platform="linux", configuration="c", noxfile="n", declarations={}, interpreters={"": "3.13"},
        variables={}, discovered={}, lock=lambda _one: "", program=lambda _one: "",
        read=lambda _path: "\n".join(
            f"[tool.{name}]\n{key} = {value}"
            for name, values in content(files["pyproject.toml"])["tool"].items()
            for key, value in values.items()
        ).encode(),
    )  # fmt: skip
    plan = build(pipeline, Selection(names=pipeline.stages), isonox="1")
    found = Fingerprints(pipeline, within, Tree(files=files), around).of(plan)
    return {name: one.value for name, one in found.items()}


@settings(max_examples=300)
@given(
    first=states, second=states, within=workspaces, before=st.none() | workspaces,
    patterns=st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=3),
)  # fmt: skip
def test_affected_are_exactly_those_whose_fingerprints_differ(
    first: Files,
    second: Files,
    within: Workspace,
    before: Workspace | None,
    patterns: list[tuple[str, ...] | None],
) -> None:
    """Whatever two states of the files and of the packages are like; in a circle of packages there may be more."""
    then, now = ({name: value for name, value in (FILES | one).items() if value != " "} for one in (first, second))
    earlier = before or within
    pipeline = pipeline_of(within, patterns)
    prints = fingerprints(pipeline, within, now)
    known = fingerprints(pipeline_of(earlier, patterns), earlier, then)

    found = affected(pipeline, difference(now, then, within=within, before=before))

    differing = {name for name, value in prints.items() if known.get(name) != value}
    assert differing <= {*found}
    if not (has_cycle(earlier.dependencies) or has_cycle(within.dependencies)):
        assert differing == {*found}


def test_a_plain_session_is_of_no_use_here() -> None:
    """Its inputs have no name: whoever asks says so with `untold`."""
    plain = Session(id="plain", stage="plain", facts=PLAIN)
    found = affected(Pipeline.validated([plain]), difference(FILES, untold=lambda _one: "it is plain"))

    assert [ReasonKind.ALWAYS] == [cause.reason.kind for cause in found.values()]
