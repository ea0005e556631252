"""Where a workspace keeps its Python: files, source folders, test folders."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from isonox.model.workspace import Package
from isonox.sessions import project
from isonox.system import git

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from isonox.sessions.session import Session

#: What linters look at.
PYTHON = (".py", ".pyi", ".ipynb")
#: Python files at the top of a package's folder that are no part of it.
_SCRIPTS = ("conftest.py", "noxfile.py", "setup.py", "tasks.py")
#: Folders at the top of a package's folder that hold its tests.
_TESTS = ("tests", "test")


def files(session: Session, paths: Sequence[str] = (), suffixes: tuple[str, ...] = ("",)) -> tuple[str, ...]:
    """Return the files of the repository that end so, below some paths or all; the session fails without any.

    They are tracked by git, or new and not ignored.
    """
    for path in paths:
        if path.startswith("-"):
            session.error(f"only paths can be given here, not the option {path!r}; tools read their configuration")
        if not (session.root / path).exists():
            session.error(f"there is no {path!r} in {session.root}")
    names = git.tracked(session.root, *(f":(literal){path}" for path in paths))
    found = tuple(name for name in names if name.endswith(suffixes) and (session.root / name).is_file())
    if not found:
        kind = "Python file" if suffixes == PYTHON else "file"
        where = f" below {', '.join(paths)}" if paths else ""
        session.error(f"there is nothing to do: git knows no {kind}{where} (ignored files do not count)")
    return found


def folder(session: Session) -> Path:
    """Return where the session's package is; the root where it is for none."""
    return session.root / session.package.path if session.package else session.root


def of_package(root: Path, package: Package) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the code and the tests of one package, relative to the workspace's `root`.

    Code is `src`, or the import packages and modules beside pyproject.toml; tests are `tests` or `test`.
    """
    packages = project.workspace(root).packages or (package,)
    names = [name for name in git.tracked(root, "*.py", "*.pyi") if (root / name).is_file()]
    inside = [PurePosixPath(name).relative_to(package.path) for name in names if _owner(name, packages) == package.path]
    tops = {path.parts[0] for path in inside}
    if "src" in tops:
        code = ["src"]
    else:
        marked = [path.parts for path in inside if path.stem == "__init__" and path.parts[0] not in _TESTS]
        regular = {parts[0] for parts in marked if len(parts) == 2}  # noqa: PLR2004 - folder, __init__.py
        code = sorted(regular or {parts[0] for parts in marked if len(parts) > 1})  # else namespace packages
        code = code or sorted(str(p) for p in inside if len(p.parts) == 1 and p.name not in _SCRIPTS)
    base = PurePosixPath(package.path)
    return tuple(str(base / top) for top in code), tuple(str(base / top) for top in _TESTS if top in tops)


def code_of(root: Path, package: Package | None) -> tuple[str, ...]:
    """Return the code that is meant by a package, or by none: the root project's, else that of all packages."""
    packages = project.workspace(root).packages
    if package is not None:
        packages = (package,)
    elif not packages or any(found.path == "." for found in packages):
        packages = (Package(name="root", path="."),)
    return tuple(path for found in packages for path in of_package(root, found)[0])


def name_paths(arguments: Sequence[str], folder: Path) -> bool:
    """Return whether arguments for a tool name files or folders (`tests/test_x.py::test_y` does), not only options."""
    return any(
        not argument.startswith("-") and (folder / argument.partition("::")[0]).exists() for argument in arguments
    )


def import_roots(root: Path) -> list[Path]:
    """Return the folders from which the workspace's packages can be imported without being installed."""
    folders = [root / package.path for package in project.workspace(root).packages] or [root]
    return [folder / "src" if (folder / "src").is_dir() else folder for folder in folders]


def _owner(name: str, packages: Iterable[Package]) -> str | None:
    """Return the path of the innermost package that a file belongs to."""
    path = PurePosixPath(name)
    around = [package.path for package in packages if path.is_relative_to(package.path)]
    return max(around, key=lambda found: len(PurePosixPath(found).parts), default=None)
