"""What the lock pins, compared with what uv itself exports from it."""

from __future__ import annotations

import itertools
import subprocess
import sys
import tomllib
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import uv
from packaging.markers import Marker

from isonox.errors import LockError, UsageError
from isonox.workspace import lockfile
from isonox.workspace.lock import Lock, Pinned, SourceKind
from isonox.workspace.markers import environment_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Copied = Callable[[str], Path]

PYTHONS = ("3.10.13", "3.11.7", "3.12.1", "3.13.0")


def exported(root: Path, *arguments: str) -> list[str] | None:
    """Return the lines of `uv export`; None where uv refuses."""
    command = [
        uv.find_uv_bin(),
        "export",
        "--frozen",
        "--offline",
        "--no-hashes",
        "--no-header",
        "--no-annotate",
    ]
    done = subprocess.run(
        [*command, "--quiet", "--python", sys.executable, *arguments],
        cwd=root, check=False, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.splitlines() if done.returncode == 0 else None


def applicable(lines: list[str], environment: dict[str, str]) -> set[str]:
    """Return the requirements whose marker holds, without the marker."""
    split = (line.partition(" ; ") for line in lines)
    return {line.strip() for line, _, marker in split if not marker or Marker(marker).evaluate(environment)}


def distinct(lines: list[str], environment: dict[str, str]) -> set[str]:
    """Return the names, as far as the lines start with one."""
    return {line.partition("==")[0] for line in applicable(lines, environment)}


def combinations(names: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Return none, each, each two, and all of `names`."""
    return [*(some for size in (0, 1, 2) for some in itertools.combinations(names, size)), names]


def calls(lock: Lock) -> list[tuple[str | None, tuple[str, ...], tuple[str, ...], bool]]:
    """Return what to ask for: every project, groups and extras; groups alone also without the project."""
    found = []
    for project in (None, *lock.members):
        for groups, extras in itertools.product(combinations(lock.groups(project)), combinations(lock.extras(project))):
            found.append((project, groups, extras, True))
            if groups and not extras:
                found.append((project, groups, extras, False))
    return found


@pytest.mark.parametrize("name", ["uv-virtual-root", "uv-forks", "uv-sources", "uv-conflicts"])
def test_the_closure_is_what_uv_exports(copied: Copied, name: str) -> None:
    """For every project, some groups and extras, with and without the project, for four Pythons."""
    root = copied(name)
    lock = Lock.load(root / "uv.lock")
    compared = 0
    for project, groups, extras, include in calls(lock):
        arguments = [f"--package={project}"] if project else []
        arguments += ["--no-default-groups"] if include else []
        arguments += [f"--{'group' if include else 'only-group'}={group}" for group in groups]
        lines = exported(root, *arguments, *(f"--extra={extra}" for extra in extras))
        for environment in map(environment_for, PYTHONS):
            asked = partial(lock.requirements, project, groups, extras, environment=environment)
            if lines is None or len(applicable(lines, environment)) > len(distinct(lines, environment)):
                # uv refuses, or exports two versions of one package, which it would then refuse to install.
                with pytest.raises(LockError):
                    asked(include_project=include)
            elif lock.is_for(environment):
                compared += 1
                pinned = {pin.line(hashes=False) for pin in asked(include_project=include)}
                assert applicable(lines, environment) == pinned, arguments

    assert compared >= 6


def names(pinned: tuple[Pinned, ...]) -> list[str]:
    """Return the names alone."""
    return [pin.name for pin in pinned]


def test_lines_for_every_kind_of_source(copied: Copied) -> None:
    """Registry, wheel, URL, git, directory and editable; only what has hashes gets them."""
    lock = Lock.load(copied("uv-sources") / "uv.lock")

    pinned = lock.requirements(environment=environment_for("3.12.1"), include_project=True)

    commit = "115e818389baa6fc92dd197eeaa16b51b824d80d"  # pragma: allowlist secret
    assert [pin.line().split(" --hash=sha256:")[0] for pin in pinned] == [
        "click @ https://example.invalid/files/click-8.5.1-py3-none-any.whl",
        "./vendor/copied",
        f"gitrepo @ git+https://example.invalid/gitrepo.git@{commit}",
        f"gitrepo-sub @ git+https://example.invalid/gitrepo.git@{commit}#subdirectory=sub",
        "./wheels/iniconfig-2.3.0-py3-none-any.whl",
        "-e ./vendor/linked",
    ]
    assert [pin.kind for pin in pinned] == ["url", "directory", "git", "git", "path", "editable"]
    assert [len(pin.hashes) for pin in pinned] == [1, 0, 0, 0, 1, 0]
    assert lock.all_registry() == ()


def test_hashes_of_source_and_wheels(copied: Copied) -> None:
    """All that the lock has, sorted, in the form that pip takes."""
    lock = Lock.load(copied("uv-virtual-root") / "uv.lock")

    (pin,) = lock.requirements("api", ["tests"], environment=environment_for("3.12.1"), include_project=False)

    assert pin.kind is SourceKind.REGISTRY
    assert list(pin.hashes) == sorted(set(pin.hashes))
    assert pin.line() == f"iniconfig=={pin.version} --hash={pin.hashes[0]} --hash={pin.hashes[1]}"
    assert pin.line(hashes=False) == f"iniconfig=={pin.version}"


def test_an_audit_sees_every_fork(copied: Copied) -> None:
    """Both versions of a forked package, whatever the running interpreter."""
    pinned = Lock.load(copied("uv-forks") / "uv.lock").all_registry()

    assert [pin.version for pin in pinned if pin.name == "idna"] == ["2.10", "3.20"]
    assert "forks" not in names(pinned)


def test_what_can_be_asked_for(copied: Copied) -> None:
    """Empty groups count; the root that is no project stands for all members."""
    forks, virtual = (Lock.load(copied(name) / "uv.lock") for name in ("uv-forks", "uv-virtual-root"))

    assert forks.root_name() == "forks"
    assert forks.groups() == ("tests", "typing")
    assert forks.requirements(groups=["typing"], include_project=False) == ()
    assert virtual.root_name() is None
    assert virtual.members == ("api", "core")
    assert virtual.groups() == ("dev", "empty", "lint", "newest", "tests")
    assert virtual.extras("API") == ("all", "fast")


def test_extras_without_the_project(copied: Copied) -> None:
    """An extra's own requirements, neither the project nor what it always needs."""
    lock = Lock.load(copied("uv-virtual-root") / "uv.lock")

    assert names(lock.requirements("api", extras=["fast"], include_project=False)) == ["click"]


@pytest.mark.parametrize(
    ("asked", "message", "hint"),
    [
        (("apy",), "uv.lock has no project 'apy' (did you mean 'api'?)", "api, core"),
        (
            ("api", ["test"]),
            "uv.lock has no group 'test' (did you mean 'tests'?)",
            "dev, empty, lint, tests",
        ),
        (("core", [], ["fast"]), "uv.lock has no extra 'fast'", "none"),
    ],
)
def test_what_does_not_exist(copied: Copied, asked: tuple[Any, ...], message: str, hint: str) -> None:
    """The nearest name, and the list of all."""
    lock = Lock.load(copied("uv-virtual-root") / "uv.lock")

    with pytest.raises(LockError) as caught:
        lock.requirements(*asked, include_project=True)

    assert caught.value.message == message
    assert f"s in it: {hint}; if it is new, run: uv lock" in str(caught.value.hint)


def test_a_python_that_the_lock_is_not_for(copied: Copied) -> None:
    """Markers were simplified for `requires-python`: outside of it they would lie."""
    lock = Lock.load(copied("uv-conflicts") / "uv.lock")

    with pytest.raises(LockError, match=r"uv\.lock is for Python >=3\.11, not for 3\.10\.0"):
        lock.requirements(environment=environment_for("3.10"), include_project=True)


@pytest.mark.parametrize(("groups", "extras"), [(["one", "two"], []), ([], ["old", "new"]), (["two"], ["old"])])
def test_conflicts_are_refused(copied: Copied, groups: list[str], extras: list[str]) -> None:
    """Also where a group asks for an extra that conflicts with the one that is asked for."""
    lock = Lock.load(copied("uv-conflicts") / "uv.lock")

    with pytest.raises(LockError, match="can't be installed together"):
        lock.requirements(groups=groups, extras=extras, include_project=True)


def test_an_unknown_python_version() -> None:
    """`environment_for` wants a version."""
    with pytest.raises(UsageError, match="'three' is no Python version"):
        environment_for("three")


def test_environment_of_another_python() -> None:
    """Everything that depends on the interpreter is that interpreter's; the platform stays."""
    environment = environment_for("3.14.0rc1")

    assert environment["python_version"] == "3.14"
    assert environment["python_full_version"] == "3.14.0rc1"
    assert environment["platform_python_implementation"] == "CPython"
    assert environment["sys_platform"] == sys.platform
    assert environment_for("3.9")["python_full_version"] == "3.9.0"


PACKAGE = "[[package]]\nname = 'a'\nsource = { editable = '.' }\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("version = x", "uv.lock is not valid TOML: Invalid value (at line 1, column 11)"),
        ("revision = 1", "uv.lock has format version None; isonox reads version 1"),
        ("version = 1\npackage = 3", "uv.lock is damaged: Expected `array`, got `int` - at `$.package`"),
        ("version = 1\nrequires-python = 'three'", "uv.lock is damaged: Invalid specifier: 'three'"),
    ],
)
def test_a_damaged_lock(tmp_path: Path, text: str, message: str) -> None:
    """What is wrong, and never a traceback."""
    (tmp_path / "uv.lock").write_text(text)

    with pytest.raises(LockError) as caught:
        Lock.load(tmp_path / "uv.lock")

    assert caught.value.message == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dependencies = [{ name = 'b' }]", "uv.lock refers to 'b', which it does not contain"),
        ("dependencies = [{ name = 'a', marker = 'x' }]", "uv.lock is damaged: 'x' is no marker"),
        (
            "dependencies = [{ name = 'b' }]\n" + 2 * "[[package]]\nname = 'b'\nsource = { registry = 'r' }\n",
            "uv.lock refers to 'b', which it contains 2 times for this Python",
        ),
        (
            "dependencies = [{ name = 'b' }]\n[[package]]\nname = 'b'\nsource = { moon = 'r' }\n",
            "uv.lock: b: unknown source {'moon': 'r'}",
        ),
    ],
)
def test_a_lock_that_contradicts_itself(tmp_path: Path, text: str, message: str) -> None:
    """Found while following it."""
    (tmp_path / "uv.lock").write_text(f"version = 1\n{PACKAGE}{text}")

    with pytest.raises(LockError) as caught:
        Lock.load(tmp_path / "uv.lock").requirements(include_project=True)

    assert caught.value.message == message


def test_no_lock(tmp_path: Path) -> None:
    """The hint is the command that writes it; a directory of that name can't be read."""
    with pytest.raises(LockError) as caught:
        Lock.load(tmp_path / "uv.lock")

    assert caught.value.hint == "write it with: uv lock"

    (tmp_path / "uv.lock").mkdir()
    with pytest.raises(LockError, match=r"uv\.lock can't be read: Is a directory"):
        Lock.load(tmp_path / "uv.lock")


def test_forks_told_apart_by_resolution_markers(tmp_path: Path) -> None:
    """A group of a root that is no project names no version: the fork for this Python is meant."""
    (tmp_path / "uv.lock").write_text("""
        version = 1
        [manifest]
        dependency-groups = { dev = [{ name = "b", specifier = ">=1" }] }
        [[package]]
        name = "b"
        version = "1"
        source = { registry = "https://example.invalid/simple" }
        resolution-markers = ["python_full_version < '3.12'"]
        [[package]]
        name = "b"
        version = "2"
        source = { registry = "https://example.invalid/simple" }
        resolution-markers = ["python_full_version >= '3.12'"]
    """)
    lock = Lock.load(tmp_path / "uv.lock")

    found = [
        lock.requirements(groups=["dev"], environment=environment_for(python), include_project=False)
        for python in ("3.11.1", "3.12.1")
    ]

    assert [pin.line() for (pin,) in found] == ["b==1", "b==2"]


def test_a_url_with_a_subdirectory(tmp_path: Path) -> None:
    """PEP 508 writes it as a fragment."""
    (tmp_path / "uv.lock").write_text(
        f"version = 1\n{PACKAGE}dependencies = [{{ name = 'b' }}]\n[[package]]\nname = 'b'\nversion = '1'\n"
        "source = { url = 'https://example.invalid/b.zip', subdirectory = 'x' }\n"
    )

    editable, direct = Lock.load(tmp_path / "uv.lock").requirements(include_project=True)

    assert editable.line() == "-e ."
    assert direct.line() == "b @ https://example.invalid/b.zip#subdirectory=x"


def test_sources_told_apart_at_the_same_version(tmp_path: Path) -> None:
    """One version from two indexes: the edge names the one that it means."""
    packages = "".join(
        f"[[package]]\nname = 'b'\nversion = '1'\n"
        f"source = {{ registry = '{index}' }}\nwheels = [{{ hash = '{index}' }}]\n"
        for index in ("cpu", "gpu")
    )
    edge = "{ name = 'b', version = '1', source = { registry = 'gpu' } }"
    (tmp_path / "uv.lock").write_text(f"version = 1\n{PACKAGE}dependencies = [{edge}]\n{packages}")

    _, pin = Lock.load(tmp_path / "uv.lock").requirements(include_project=True)

    assert pin.hashes == ("gpu",)


@pytest.mark.parametrize("name", ["pair", "tools", "uv-conflicts", "uv-forks", "uv-sources", "uv-virtual-root"])
def test_what_is_passed_over_in_reading_changes_nothing(copied: Copied, name: str) -> None:
    """Half of a lock is addresses, sizes and times of files."""
    path = copied(name) / "uv.lock"

    assert msgspec.convert(tomllib.loads(path.read_text()), lockfile.LockDocument) == lockfile.read(path)
