"""What a command of pip or uv installs from files, and whether a package index decides the rest."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_VERBS = ("install", "sync", "uninstall")

#: Options whose value is a file of requirements.
_LISTS = frozenset({"-r", "--requirement", "--requirements", "-c", "--constraint", "--constraints"})
#: Options whose value may be any folder; without one of them, pip takes a word without a slash for a name.
_FOLDERS = frozenset({"-e", "--editable", "-f", "--find-links"})
#: Other options whose value is nothing to install.
_VALUED = frozenset({
    "-i", "--index-url", "--default-index", "--extra-index-url", "--index", "-p", "--python", "-t", "--target",
    "--prefix", "--root", "--cache-dir", "--progress-bar", "--no-binary", "--only-binary", "-P", "--upgrade-package",
    "--reinstall-package", "-C", "--config-settings",
})  # fmt: skip

#: What is read of a folder that is installed, whatever builds it.
_MANIFESTS = ("pyproject.toml", "setup.cfg", "setup.py")

#: What a file that is installed itself ends with.
_ARCHIVES = (".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")

#: One of the above, perhaps after options without a value, and perhaps with its value: `-Ur`, `-rtests.txt`.
_JOINED = re.compile(r"-[qvnyUI]*([rcef])(.*)")
_COMMENT = re.compile(r"(?:^|\s)#.*", re.MULTILINE)
#: What surrounds a path: a name and the scheme before it, extras after it.
_PATH = re.compile(r"(?:.*@\s*)?(?:file:(?://(?:localhost)?)?)?([^\[]+)(?:\[.*\])?")


class Taken(NamedTuple):
    """What a command takes.

    Attributes:
        files: Requirements, wheels and archives, folders that are built, and of those that are installed as they are
            what says how; absolute.
        asks: Whether it depends on the answer of an index what is installed.
    """

    files: tuple[Path, ...]
    asks: bool


def installs(argv: Sequence[str | os.PathLike[str]]) -> bool:
    """Return whether a command is that of an installer."""
    words = [Path(argv[0]).stem, *(os.fspath(word) for word in argv[1:4])]
    return any(word.startswith("pip") for word in words) and not set(_VERBS).isdisjoint(argv)


def synchronised(argv: Sequence[str], root: Path) -> tuple[Path, ...]:
    """Return what a command of uv reads that makes the project's environment: uv itself is not seen."""
    makes = Path(argv[0]).stem == "uv" and argv[1:2] in (["sync"], ["run"])
    return tuple(place for name in ("uv.lock", "pyproject.toml") if makes and (place := root / name).exists())


def taken(argv: Sequence[str], folder: Path) -> Taken:
    """Return what the command of an installer takes.

    Args:
        argv: The command, one that `installs`.
        folder: Where it runs.
    """
    start = next(place for place, word in enumerate(argv) if word in _VERBS)
    words = argv[start + 1 :]
    if argv[start] == "uninstall":
        return Taken((), asks=False)
    reading = _Reading(folder)
    reading.take(words, lists=argv[start] == "sync")
    alone = argv[start] == "sync" or "--no-deps" in words
    known = {"--require-hashes", "--no-index"} & {*words} or (alone and not reading.unfixed)
    return Taken(tuple(reading.files), asks=not known)


class _Reading:
    """Gathers files; `unfixed` is whether something is wanted that is neither a file nor has a hash."""

    def __init__(self, folder: Path) -> None:
        self.files: dict[Path, None] = {}
        self.unfixed = False
        self._folder = folder

    def take(self, words: Iterable[str], *, lists: bool = False, beside: Path | None = None) -> None:
        """Take the words of a command or of a line; `lists` is whether bare ones are files of requirements."""
        option = ""
        for word in words:
            if not option and word.startswith("-"):
                name, _, value = word.partition("=")
                if joined := _JOINED.fullmatch(word):
                    name, value = f"-{joined[1]}", joined[2]
                if not value and name in _LISTS | _FOLDERS | _VALUED:
                    option = name
                    continue
            else:
                name, value = option, word
            option = ""
            if value and name not in _VALUED and (not name or name in _LISTS | _FOLDERS):
                self._add(value, name, listed=lists and not name, beside=beside)

    def _add(self, word: str, option: str, *, listed: bool, beside: Path | None) -> None:
        matched = _PATH.fullmatch(word)
        places = [folder / matched[1].strip() for folder in (beside, self._folder) if folder] if matched else []
        # what is no path may be too long for one, which only this takes for an answer
        place = next((Path(os.path.normpath(one)) for one in places if os.path.exists(one)), None)  # noqa: PTH110
        if place and place.is_dir() and (option or "/" in word or os.sep in word or word.startswith(".")):
            if option in ("-f", "--find-links"):
                found = [one for one in sorted(place.iterdir()) if one.is_file()]
            else:
                found = manifests(place) if option else [place]
            self.files.update(dict.fromkeys(found))
        elif place and place.is_file():
            is_new = place not in self.files
            self.files[place] = None
            if listed or option in _LISTS:
                self._read(place, is_new=is_new)
            elif not option and not place.name.endswith(_ARCHIVES):
                self.unfixed = True
        else:
            self.unfixed = True

    def _read(self, path: Path, *, is_new: bool) -> None:
        """Take what the lines of a file of requirements name, once."""
        try:
            text = path.read_text(encoding="utf-8", errors="replace").replace("\\\n", " ") if is_new else ""
        except OSError:
            self.unfixed = True
            return
        for line in _COMMENT.sub("", text).splitlines():
            words = line.partition(" ;")[0].split()
            if words and not any(word.startswith("--hash=") for word in line.split()):
                self.take(words if words[0].startswith("-") else ["".join(words)], beside=path.parent)


def manifests(folder: Path) -> list[Path]:
    """Return what says how a folder is built."""
    return [place for name in _MANIFESTS if (place := folder / name).exists()]
