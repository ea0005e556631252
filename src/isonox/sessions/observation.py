"""What the loading of a noxfile looks at: only while that is the same, its pipeline is."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
from dataclasses import dataclass, field
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from types import FrameType

#: What is below these folders is installed or made, and known otherwise.
_MADE = frozenset({".nox", ".isonox", ".git", ".venv", "venv"})

#: How a file is opened that is not only read.
_WRITES = os.O_WRONLY | os.O_CREAT | os.O_TRUNC

#: Modules that look at the environment without letting it decide what a noxfile declares.
_OWN = ("isonox.", "subprocess", "os", "nox.", "collections.abc", "_collections_abc", "importlib", "shutil", "tempfile")

#: Modules that look at things for themselves, whoever called them.
_APART = ("isonox.", "importlib._bootstrap", "_frozen_importlib")


@dataclass
class Observation:
    """What was looked at.

    Attributes:
        root: The workspace's, with a slash at its end.
        installed: Folders in it of this process's own environment.
        files: Paths below the root that were read or imported, relative to it; folders that were listed end in a slash.
        variables: Names of environment variables whose values were asked for.
        asked: Those of the files and folders that code of the workspace opened itself: the noxfile, or what it imports.
        asked_variables: Those of the variables that it asked for.
        absent: Files and folders that it would import if they were there: a module that it can do without, or one that
            would be found before the one that it imported.
        hindrance: Why another load may be different though all of that is the same; empty if it can't.
    """

    root: str
    installed: tuple[str, ...] = ()
    files: set[str] = field(default_factory=set)
    variables: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)
    asked_variables: set[str] = field(default_factory=set)
    absent: set[str] = field(default_factory=set)
    hindrance: str = ""

    def add_file(self, path: object, frame: FrameType | None = None) -> None:
        """Note a file, if it is one of the workspace; the frame tells who opened it."""
        if relative := self._relative(path):
            self._add(_source(relative), frame)
            real = self._relative(os.path.realpath(self.root + relative))  # where it lies, if a link leads there
            if real and real != relative:
                self._add(_source(real), frame)

    def add_search(self, name: str, folders: Iterable[str], frame: FrameType | None) -> None:
        """Note which files would be found if they were there, where code of the workspace imports a module."""
        while frame is not None and frame.f_globals.get("__name__", "").startswith(("importlib", "_frozen_importlib")):
            frame = frame.f_back
        if name in sys.builtin_module_names or not self._is_asked(frame):
            return
        tail = name.rpartition(".")[2]
        is_there = False
        for folder in folders:
            found = PathFinder.find_spec(name, [folder])
            for ending in ("/__init__.py", ".py"):
                place = os.path.join(folder, f"{tail}{ending}")  # noqa: PTH118 - "" is a folder, too
                if found and found.origin and found.origin.endswith(place):
                    return
                if relative := self._relative(place):
                    self.absent.add(relative)
            if found and found.origin:
                return
            is_there = is_there or found is not None
        for folder in () if is_there else folders:  # a folder without modules is a package, too
            if relative := self._relative(os.path.join(folder, tail)):  # noqa: PTH118 - as above
                self.absent.add(f"{relative}/")

    def add_folder(self, path: object, frame: FrameType) -> None:
        """Note a folder of which somebody asked what is in it, as a path that ends in a slash."""
        if relative := self._relative(path):
            self._add(f"{relative}/", frame)

    def add_variable(self, name: str, frame: FrameType) -> None:
        """Note a variable."""
        self.variables.add(name)
        if self._is_asked(frame):
            self.asked_variables.add(name)

    def _add(self, path: str, frame: FrameType | None) -> None:
        self.files.add(path)
        if self._is_asked(frame):
            self.asked.add(path)

    def _is_asked(self, frame: FrameType | None) -> bool:
        """Return whether of code of the workspace, isonox and the import system, the first that called is the first.

        What an installed module looks at while it is imported decides how that works, not what the noxfile declares.
        """
        while frame is not None:
            if frame.f_globals.get("__name__", "").startswith(_APART):
                return False
            path = frame.f_code.co_filename
            if path.startswith(self.root) and self._relative(path):
                return True
            frame = frame.f_back
        return False

    def _relative(self, path: object) -> str:
        """Return a path relative to the root; empty for one that is elsewhere, or made by tools."""
        if not isinstance(path, (str, bytes, os.PathLike)):
            return ""
        place = os.path.join(os.getcwd(), os.fsdecode(path))  # noqa: PTH109, PTH118 - called for every open file
        if not f"{place}/".startswith(self.root) or place.startswith(self.installed):
            return ""
        relative = os.path.normpath(place[len(self.root) :] or ".")
        return "" if _MADE & set(relative.split("/")) or relative.startswith("..") else relative


class _Finder:
    """Finds no module, but notes where it is looked for."""

    def __init__(self, seen: Observation) -> None:
        self._seen = seen

    def find_spec(self, name: str, folders: Iterable[str] | None = None, _target: object = None) -> None:
        """Note the search for a module in some folders; those of `sys.path` by default."""
        self._seen.add_search(name, list(sys.path if folders is None else folders), sys._getframe(1))  # noqa: SLF001 - who asks decides


_active: Observation | None = None
_watching = False


@contextlib.contextmanager
def observed(root: Path) -> Iterator[Observation]:
    """Watch what this process looks at while the context is open."""
    global _active, _watching  # noqa: PLW0603 - an audit hook can't be removed, only told to be quiet
    if not _watching:
        sys.addaudithook(_audit)
        _watching = True
    _active = seen = Observation(f"{root}/", tuple(_own_folders(root)))
    environ_class: Any = type(os.environ)
    original, everything = environ_class.__getitem__, environ_class.__iter__

    copied: set[str] = set()  # by isonox or nox, to hand on: each of these names is asked for once, and decides nothing

    def getitem(environ: Any, key: Any) -> Any:
        name = os.fsdecode(key)  # os.environb is of this class, too
        caller = sys._getframe(1)  # noqa: SLF001 - who asks decides
        if name in copied and _is_own(caller):
            copied.discard(name)
        else:
            seen.add_variable(name, caller)
        return original(environ, key)

    def iterate(environ: Any) -> Any:
        if _is_own(sys._getframe(1)):  # noqa: SLF001 - as above
            copied.update(everything(environ))
        else:
            seen.hindrance = "the noxfile looks at all environment variables"
        return everything(environ)

    environ_class.__getitem__, environ_class.__iter__ = getitem, iterate
    finder: Any = _Finder(seen)
    sys.meta_path.insert(0, finder)
    try:
        yield seen
    finally:
        _active = None
        sys.meta_path.remove(finder)
        environ_class.__getitem__, environ_class.__iter__ = original, everything
        for module in list(sys.modules.values()):
            seen.add_file(getattr(module, "__file__", None))


def _own_folders(root: Path) -> Iterator[str]:
    """Yield the folders of the workspace that this process's environment is in, with a slash at their ends."""
    for prefix in {sys.prefix, sys.base_prefix}:
        for place in {prefix, os.path.realpath(prefix)}:
            if place.startswith(f"{root}/"):
                yield f"{place}/"


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    seen = _active
    if seen is None:
        return
    if event == "open":
        if not arguments[2] & _WRITES:
            seen.add_file(arguments[0], sys._getframe(1))  # noqa: SLF001 - who asks decides
    elif event in ("os.listdir", "os.scandir"):
        caller = sys._getframe(1)  # noqa: SLF001
        if not caller.f_globals.get("__name__", "").startswith("importlib") and not _is_own(caller):
            seen.add_folder("." if arguments[0] is None else arguments[0], caller)
    elif event == "subprocess.Popen":
        if not _is_own(sys._getframe(1)):  # noqa: SLF001
            seen.hindrance = f"the noxfile starts a process while it is loaded: {arguments[0]}"
    elif event == "socket.connect":
        seen.hindrance = "the noxfile opens a connection while it is loaded"


def _is_own(frame: FrameType | None) -> bool:
    """Return whether the first caller that is neither the standard library nor nox is isonox."""
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if name.startswith("isonox."):
            return True
        if not name.startswith(_OWN):
            return False
        frame = frame.f_back
    return True


def _source(path: str) -> str:
    """Return the source of a compiled module."""
    if path.endswith(".pyc"):
        with contextlib.suppress(ValueError, NotImplementedError):
            return importlib.util.source_from_cache(path)
    return path
