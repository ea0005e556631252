"""Where a workspace keeps its Python: files, source folders, test folders."""

from __future__ import annotations

import os
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from isonox.model.workspace import Package
from isonox.sessions import project
from isonox.system import git

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from isonox.sessions.session import Session

#: Python files at the top of a package's folder that are no part of it.
_SCRIPTS = ("conftest.py", "noxfile.py", "setup.py", "tasks.py")
#: Folders at the top of a package's folder that hold its tests.
_TESTS = ("tests", "test")


class Sources(NamedTuple):
    """The Python of one package, as paths relative to the workspace root.

    Attributes:
        code: `src`, or the import packages and modules beside pyproject.toml.
        tests: `tests` or `test`.
    """

    code: tuple[str, ...]
    tests: tuple[str, ...]


def python_files(session: Session, paths: Sequence[str]) -> tuple[str, ...]:
    """Return the Python files of the repository below some paths, or all; the session fails where there are none.

    They are tracked by git, or new and not ignored.
    """
    for path in paths:
        if path.startswith("-"):
            session.error(f"only paths can be given here, not the option {path!r}; tools read their configuration")
        if not (session.root / path).exists():
            session.error(f"there is no {path!r} in {session.root}")
    root = session.root.resolve()
    below = [PurePosixPath(os.path.relpath((root / path).resolve(), root)) for path in paths] or [PurePosixPath()]
    found = tuple(
        name
        for name in git.tracked(session.root, "*.py", "*.pyi", "*.ipynb")
        if (session.root / name).is_file() and any(PurePosixPath(name).is_relative_to(folder) for folder in below)
    )
    if not found:
        where = f" below {', '.join(paths)}" if paths else ""
        session.error(f"there is nothing to do: git knows no Python file{where} (ignored files do not count)")
    return found


def of_package(root: Path, package: Package) -> Sources:
    """Find the sources of one package of the workspace at `root`."""
    packages = project.workspace(root).packages or (package,)
    names = [name for name in git.tracked(root, "*.py", "*.pyi") if (root / name).is_file()]
    inside = [PurePosixPath(name).relative_to(package.path) for name in names if _owner(name, packages) == package.path]
    tops = {path.parts[0] for path in inside}
    if "src" in tops:
        code = ["src"]
    else:
        code = sorted({path.parts[0] for path in inside if len(path.parts) == 2 and path.stem == "__init__"})  # noqa: PLR2004
        code = [top for top in code if top not in _TESTS]
        code = code or sorted(str(p) for p in inside if len(p.parts) == 1 and p.name not in _SCRIPTS)
    base = PurePosixPath(package.path)
    return Sources(
        code=tuple(str(base / top) for top in code),
        tests=tuple(str(base / top) for top in _TESTS if top in tops),
    )


def code_of(root: Path, package: Package | None) -> tuple[str, ...]:
    """Return the code that is meant by a package, or by none: the root project's, else that of all packages."""
    packages = project.workspace(root).packages
    if package is not None:
        packages = (package,)
    elif not packages or any(found.path == "." for found in packages):
        packages = (Package(name="root", path="."),)
    return tuple(path for found in packages for path in of_package(root, found).code)


def name_paths(arguments: Sequence[str], folder: Path) -> bool:
    """Return whether arguments for a tool name files or folders (`tests/test_x.py::test_y` does), not only options."""
    return any(
        not argument.startswith("-") and (folder / argument.partition("::")[0]).exists() for argument in arguments
    )


def import_roots(session: Session) -> list[Path]:
    """Return the folders from which the workspace's packages can be imported without being installed."""
    packages = project.workspace(session.root).packages
    folders = [session.root / package.path for package in packages] or [session.root]
    return [folder / "src" if (folder / "src").is_dir() else folder for folder in folders]


def _owner(name: str, packages: Iterable[Package]) -> str | None:
    """Return the path of the innermost package that a file belongs to."""
    path = PurePosixPath(name)
    around = [package.path for package in packages if path.is_relative_to(package.path)]
    return max(around, key=lambda found: len(PurePosixPath(found).parts), default=None)
