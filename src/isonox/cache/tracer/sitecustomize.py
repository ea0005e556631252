"""Loaded by every Python process of a session: it notes what of the workspace the process uses.

The folder of this file is on the processes' PYTHONPATH, so `site` imports it at their start. It traces Python from 3.8
on; older ones say that they can't be traced, so their syntax is all that may be used here. It imports nothing but what
is loaded already, and lets the process go on whatever happens.

A report is one file for all processes of a session. It grows by a fact at a time, in the order of what happened, each
once per process: a letter, what it is about, a null byte. Paths are relative to the workspace's root.

| letter | the process | about |
|---|---|---|
| R | opened to read | a file |
| L, I | listed; I for the import system, and for pytest on its way down to the tests | a folder, "" for the root |
| W | made, or replaced as a whole | a file or folder |
| A | changed, or removed | a file, or a folder with all that was in it |
| M | moved, or linked | two paths with "//" between them |
| C, B | connected to; bound | an address; a port, or a path |
| E | could not be traced | why |

Source of the events: https://docs.python.org/3/library/audit_events.html
"""

import os
import sys

TYPE_CHECKING = False  # to import typing would take longer than everything here
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

#: Variables with the file to report to, and with the workspace's root.
REPORT, ROOT = "ISONOX_TRACE", "ISONOX_TRACE_ROOT"

#: nox's and isonox's own, and folders of what is installed: most of what a process opens, and nothing that could be an
#: input; but the latter only in an environment, which these tell.
_APART = ("/.nox/", "/.isonox/")
_INSTALLED = ("/site-packages/", "/dist-packages/")
_ENVIRONMENT = ("pyvenv.cfg", "conda-meta")
#: Modules that list folders for what can be imported or collected there.
_FINDERS = ("importlib", "_frozen_importlib", "_pytest.", "pkg_resources", "pkgutil")
#: So many facts and places are remembered.
_ENOUGH = 20000


class Tracer:
    """Notes what this process does; `hook` is the audit hook."""

    def __init__(self) -> None:
        self.report = self.root = ""
        self.own: tuple[str, ...] = ()
        #: Says of the frame that an event comes from whether the event does not count.
        self.passed_over: Callable[[Any], bool] | None = None
        self.handlers: dict[str, Callable[..., None]] = {
            "open": self._open,
            "os.listdir": self._list,
            "os.scandir": self._list,
            "os.mkdir": self._make,
            "os.symlink": self._link,
            "os.rename": self._move,
            "os.link": self._move,
            "os.remove": self._remove,
            "os.rmdir": self._remove,
            "shutil.rmtree": self._remove,
            "import": self._import,
            "ctypes.dlopen": self._run,
            "subprocess.Popen": self._run,
            "os.exec": self._run,
            "os.posix_spawn": self._run,
            "sqlite3.connect": self._database,
            "socket.connect": self._connect,
            "socket.sendto": self._connect,
            "socket.sendmsg": self._connect,
            "socket.bind": self._bind,
        }
        self._forget()

    def start(self, report: str, root: str) -> None:
        """Report to a file from now on.

        Args:
            report: The file, which exists already.
            root: The workspace's root.
        """
        self._forget()
        self.root = os.path.join(os.path.realpath(root), "")
        prefixes = [os.path.join(os.path.realpath(prefix), "") for prefix in (sys.prefix, sys.base_prefix)]
        self.own = tuple(prefix for prefix in prefixes if prefix.startswith(self.root) and prefix != self.root)
        self.report = report

    def hook(self, event: str, arguments: "tuple[Any, ...]") -> None:
        """Note an event if it is one that tells."""
        if not self.report or os is None:  # modules are emptied at the interpreter's end
            return
        handler = self.handlers.get(event)
        if handler is None and not self.bound:
            return
        try:
            if self.bound:
                self._look_at_bound()
            if handler and not (self.passed_over and self.passed_over(sys._getframe(1))):  # noqa: SLF001 - it is fast
                handler(*arguments)
        except Exception as error:
            if not _is_own(error):  # a signal's handler came in between
                raise
            self.give_up(error)

    def _forget(self) -> None:
        self.noted: set[str] = set()
        self.places: dict[str, str | None] = {}
        self.reals: dict[str, str] = {}
        self.environments: dict[str, bool] = {}
        self.bound: list[Any] = []

    def give_up(self, error: Exception) -> None:
        """Note that this process is not traced, or not wholly."""
        try:
            self._write(f"E{type(error).__name__}: {error}")
        except OSError:
            self.report = ""

    def _note(self, letter: str, what: str) -> None:
        fact = letter + what
        if fact in self.noted:
            return
        if len(self.noted) > _ENOUGH:
            self.noted.clear()
        self.noted.add(fact)
        self._write(fact)

    def _write(self, fact: str) -> None:
        """Append to the report; it is not kept open, for programs close descriptors that they do not know."""
        descriptor = os.open(self.report, os.O_WRONLY | os.O_APPEND)
        try:
            os.write(descriptor, os.fsencode(fact) + b"\0")
        finally:
            os.close(descriptor)

    def _place(self, path: "Any", folder: int = -1) -> "str | None":
        """Return a path relative to the root, None for what does not count; `folder` is a descriptor."""
        if path.__class__ is str and path in self.places:  # only absolute ones are there
            return self.places[path]
        try:
            if isinstance(path, int):
                path, folder = "", path
            path = os.fsdecode(path)
            if not os.path.isabs(path):
                base = os.getcwd() if folder < 0 else os.readlink(f"/proc/self/fd/{folder}")
                if folder >= 0 and not f"{base}/".startswith(self.root):  # most are temporary folders being removed
                    return None
                path = os.path.join(base, path) if path else base
        except OSError:  # the current folder is gone, or this is no Linux
            return None
        if path not in self.places:
            if len(self.places) > _ENOUGH:
                self.places.clear()
                self.reals.clear()
            self.places[path] = self._find(path)
        return self.places[path]

    def _find(self, path: str) -> "str | None":
        real = self._real(path)
        if real != path:
            self._note_links(path)
        if not real.startswith(self.root):
            return "" if real + os.sep == self.root else None
        place = real[len(self.root) :].replace(os.sep, "/")
        apart = any(part in f"/{place}/" for part in _APART) or (real + os.sep).startswith(self.own)
        return None if apart or self._is_installed(f"/{place}/") else place

    def _is_installed(self, place: str) -> bool:
        """Return whether a path is in an environment, not only in a folder that is called like those in one."""
        for name in _INSTALLED:
            above, found, _ = place.partition(name)
            if found and above not in self.environments:
                folder = self.root + above[1:]
                self.environments[above] = False
                while len(folder) > len(self.root) and not self.environments[above]:
                    self.environments[above] = any(os.path.exists(os.path.join(folder, one)) for one in _ENVIRONMENT)
                    folder = os.path.dirname(folder)
            if found and self.environments[above]:
                return True
        return False

    def _real(self, path: str) -> str:
        """Return a path without links; as fast as it gets, for many paths in the same folders."""
        if path not in self.reals:
            folder, _, name = path.rpartition(os.sep)
            if not folder or name in ("", ".", ".."):
                real = os.path.realpath(path)
            else:
                real = self._real(folder) + os.sep + name
                real = os.path.realpath(real) if os.path.islink(real) else real
            self.reals[path] = real
        return self.reals[path]

    def _note_links(self, path: str) -> None:
        """Note the links of the workspace that a path goes through."""
        name = path
        while name:
            if os.path.islink(path):
                link = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
                if link.startswith(self.root):
                    self._note("R", link[len(self.root) :].replace(os.sep, "/"))
            path, name = os.path.split(path)

    def _exists(self, place: str) -> bool:
        return os.path.lexists(os.path.join(self.root, place))

    def _open(self, path: "Any", mode: "str | None", flags: int, *_: object) -> None:
        place = None if isinstance(path, int) else self._place(path)
        if not place:
            return
        access = flags & (os.O_WRONLY | os.O_RDWR)
        if not access:
            # os.open(dir_fd=...) is reported as if there were no dir_fd (https://github.com/python/cpython/issues/116429):
            # rmtree opens folders like that
            if mode is not None or os.path.isfile(os.path.join(self.root, place)):
                self._note("R", place)
        elif flags & os.O_TRUNC or not self._exists(place):
            self._note("W", place)
        else:
            if access == os.O_RDWR:
                self._note("R", place)
            self._note("A", place)

    def _list(self, path: "Any" = None, *_: object) -> None:
        try:
            frame = sys._getframe(2)  # noqa: SLF001 - it is fast
            name, function = frame.f_globals.get("__name__") or "", frame.f_code.co_name
        except ValueError:  # no Python code is above
            name = function = ""
        place = None if "rmtree" in function else self._place("" if path is None else path)
        if place is not None:
            self._note("I" if name.startswith(_FINDERS) else "L", place)

    def _make(self, path: "Any", _mode: int = 0, folder: int = -1, *_: object) -> None:
        place = self._place(path, folder)
        if place and not self._exists(place):
            self._note("W", place)

    def _link(self, _target: "Any", path: "Any", folder: int = -1, *_: object) -> None:
        place = self._place(path, folder)
        if place:
            self._note("W", place)

    def _move(self, old: "Any", new: "Any", old_folder: int = -1, new_folder: int = -1, *_: object) -> None:
        source, target = self._place(old, old_folder), self._place(new, new_folder)
        if source and target:
            self._note("M", f"{source}//{target}")
        elif target:
            self._note("W", target)
        elif source:
            self._note("A", source)

    def _remove(self, path: "Any", folder: "int | None" = -1, *_: object) -> None:
        # what is named relative to a descriptor is almost always part of what rmtree removes
        place = self._place(path) if folder in (-1, None) else None
        if place:
            self._note("A", place)

    def _import(self, _module: "Any", filename: "Any" = None, *_: object) -> None:
        """Note an extension module; others are opened."""
        place = self._place(filename) if filename else None
        if place:
            self._note("R", place)

    def _run(self, program: "Any", *_: object) -> None:
        """Note a program or a library that is named by its path; others are no files of the workspace."""
        named = isinstance(program, (str, bytes)) and os.sep in os.fsdecode(program)
        place = self._place(program) if named else None
        if place:
            self._note("R", place)

    def _database(self, path: "Any", *_: object) -> None:
        path = os.fsdecode(path) if isinstance(path, (str, bytes, os.PathLike)) else ""
        if path and not path.startswith((":memory:", "file::memory:")):
            place = self._place(path[5:].partition("?")[0] if path.startswith("file:") else path)
            if place:
                self._note("R" if self._exists(place) else "W", place)
                self._note("A", place)

    def _connect(self, _socket: "Any", address: "Any" = None, *_: object) -> None:
        if isinstance(address, tuple):
            self._note("C", f"{address[0]}:{address[1]}")
        elif isinstance(address, (str, bytes)):
            self._note("C", os.fsdecode(address).replace("\0", "@"))

    def _bind(self, socket: "Any", address: "Any" = None, *_: object) -> None:
        if isinstance(address, (str, bytes)):
            self._note("B", os.fsdecode(address).replace("\0", "@"))
        elif isinstance(address, tuple) and len(address) > 1:
            if address[1]:
                self._note("B", str(address[1]))
            else:  # the system chooses a port, which is known when the next event comes
                from _weakref import ref  # noqa: PLC0415 - it is hardly ever needed

                self.bound.append(ref(socket))

    def _look_at_bound(self) -> None:
        waiting, self.bound = self.bound, []
        for one in waiting:
            socket = one()
            try:
                port = socket.getsockname()[1] if socket is not None else None
            except OSError:  # it is closed
                continue
            if port:
                self._note("B", str(port))
            elif port == 0:
                self.bound.append(one)


def _is_own(error: Exception) -> bool:
    """Return whether an error was raised here, or by what is called here."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    name = trace.tb_frame.f_globals.get("__name__") if trace is not None else None
    return name in (__name__, "os", "posixpath", "ntpath", "genericpath")


def _begin() -> None:
    report = os.environ.get(REPORT)
    if not report:
        return
    tracer = Tracer()
    try:
        tracer.start(report, os.environ.get(ROOT, ""))
        sys.addaudithook(tracer.hook)
    except Exception as error:  # noqa: BLE001 - the process has to start
        tracer.report = report
        tracer.give_up(error)


def _pass_on() -> None:
    """Let the `sitecustomize` have its turn that would be found without this one."""
    here = os.path.dirname(__file__)
    sys.path[:] = [entry for entry in sys.path if entry != here]
    own = sys.modules.pop("sitecustomize")
    try:
        __import__("sitecustomize")
    except ImportError as error:
        if error.name != "sitecustomize":
            raise
    finally:
        sys.modules.setdefault("sitecustomize", own)


if __name__ == "sitecustomize":
    try:
        _begin()
    finally:
        _pass_on()
