"""The files of the cache, by what is in them: `blobs/ab/<sha256>`."""

from __future__ import annotations

import collections
import contextlib
import hashlib
import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from isonox.system import files

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

_CHUNK = 1 << 18
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Artifact(msgspec.Struct, frozen=True, gc=False):
    """A file that a job kept.

    Attributes:
        path: Relative to the folder of the job's artifacts, with POSIX separators.
        digest: SHA-256 of its content, as hex.
        size: In bytes.
        executable: Whether it may be executed.
    """

    path: str
    digest: str
    size: int
    executable: bool = False

    @property
    def inside(self) -> bool:
        """Whether it stays in its folder: every one that was stored does."""
        parts = self.path.split("/")
        return (
            not {"", ".", ".."}.intersection(parts) and "\0" not in self.path and bool(_DIGEST.fullmatch(self.digest))
        )


class UnfitError(Exception):
    """A file can't be stored, or is not what was stored; the message says why."""


class Blobs:
    """A folder of files that never change.

    Args:
        folder: Made on first use.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, folder: Path) -> tuple[Artifact, ...]:
        """Copy all files of a folder; empty folders are not kept.

        Raises:
            UnfitError: A file can't be stored.
            StateError: The cache can't be written.
        """
        found = list(_below(folder))
        if found:
            files.make_directory(self._folder)
        return tuple(self._keep(*one) for one in found)

    def restore(self, artifacts: Iterable[Artifact], folder: Path) -> None:
        """Copy files into a new or empty folder, and verify them; after an error nothing is left there.

        Raises:
            UnfitError: One is missing, has another content (it is removed), or would lead out of the folder.
            OSError: The folder can't be written, or is not empty.
        """
        if folder.is_dir():
            folder.rmdir()
        try:
            for artifact in artifacts:
                self._restore(artifact, folder)
        except BaseException:
            import shutil  # noqa: PLC0415 - slow to import, and rarely needed

            shutil.rmtree(folder, ignore_errors=True)
            raise

    def lack(self, artifacts: Iterable[Artifact]) -> str:
        """Return which of these files is not there, or has another size; empty where all are."""
        for artifact in artifacts:
            try:
                size = os.stat(self._place(artifact.digest)).st_size  # noqa: PTH116 - thousands of them
            except OSError:
                size = -1
            if size != artifact.size:
                return f"{artifact.path!r} is missing or cut off"
        return ""

    def fault(self, artifacts: Iterable[Artifact]) -> str:
        """Read these files, and return what is wrong with the first that is not as it was; empty where all are."""
        try:
            for artifact in artifacts:
                collections.deque(self._verified(artifact), maxlen=0)
        except UnfitError as error:
            return str(error)
        return ""

    def sweep(self, held: Collection[str], freed: Collection[str], *, now: float, grace: float) -> tuple[int, int]:
        """Remove what no entry refers to; return how many files and bytes that was.

        Args:
            held: Digests that entries refer to.
            freed: Digests that entries referred to until now.
            now: POSIX seconds.
            grace: Other files stay for so many seconds.
        """
        count = size = 0
        for place, _, names in os.walk(self._folder):
            for path in (Path(place, name) for name in names if name not in held):
                with contextlib.suppress(FileNotFoundError):  # another process removes, too
                    state = path.stat()
                    if path.name in freed or abs(now - state.st_mtime) >= grace:
                        files.remove(path)
                        count, size = count + 1, size + state.st_size
        return count, size

    def _place(self, digest: str) -> str:
        return f"{self._folder}/{digest[:2]}/{digest}"

    def _keep(self, source: Path, name: str, executable: bool) -> Artifact:  # noqa: FBT001 - as `_below` says it
        """Copy a file, also over one that is there: it may be damaged, or old enough to be swept by another run."""
        temporary = self._folder / f"{os.urandom(8).hex()}.tmp"
        sha, size = hashlib.sha256(), 0
        try:
            with temporary.open("xb") as stream:
                for chunk in _chunks(source):
                    sha.update(chunk)
                    size += stream.write(chunk)
            target = Path(self._place(sha.hexdigest()))
            target.parent.mkdir(exist_ok=True)
            temporary.replace(target)
        except OSError as error:
            raise files.state_error(error, f"can't store {source}") from error
        finally:
            temporary.unlink(missing_ok=True)
        return Artifact(name, sha.hexdigest(), size, executable)

    def _restore(self, artifact: Artifact, folder: Path) -> None:
        target = folder / artifact.path
        content = self._verified(artifact)
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as stream:
            stream.writelines(content)
        if artifact.executable:
            target.chmod(target.stat().st_mode | 0o111)

    def _verified(self, artifact: Artifact) -> Iterator[bytes]:
        """Yield the content of a file, and raise UnfitError where it is not what was stored; it is removed then."""
        if not artifact.inside:
            raise UnfitError(f"{artifact.path!r} leads out of its folder")
        return self._content(artifact)

    def _content(self, artifact: Artifact) -> Iterator[bytes]:
        path = Path(self._place(artifact.digest))
        sha = hashlib.sha256()
        for chunk in _chunks(path):
            sha.update(chunk)
            yield chunk
        if sha.hexdigest() != artifact.digest:
            files.remove(path)
            raise UnfitError(f"{artifact.path!r} is not what was stored")


def _chunks(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb", buffering=0) as stream:
            while chunk := stream.read(_CHUNK):
                yield chunk
    except OSError as error:
        raise UnfitError(f"{str(path)!r} can't be read: {error.strerror}") from error


def _below(folder: Path) -> Iterator[tuple[Path, str, bool]]:
    """Yield every file of a folder: where its content is, its path in the folder, whether it can be executed.

    Raises:
        UnfitError: There is something else than files and folders, or a name that is not UTF-8.
    """
    top = folder.resolve()
    for place, folders, names in os.walk(top, onerror=_unreadable):
        for path in map(Path(place).joinpath, [*folders, *names]):
            name = path.relative_to(top).as_posix()
            try:
                name.encode()
                found = path.resolve(strict=True) if path.is_symlink() else path
                mode = found.stat().st_mode
            except UnicodeEncodeError as error:
                raise UnfitError(f"the name {name!r} is not UTF-8") from error
            except (OSError, RuntimeError) as error:  # RuntimeError: a link to itself, before Python 3.13
                raise UnfitError(f"{name!r} leads nowhere: {error}") from error
            if stat.S_ISREG(mode) and found.is_relative_to(top):
                yield found, name, bool(mode & stat.S_IXUSR)
            elif found is not path or not stat.S_ISDIR(mode):
                raise UnfitError(f"{name!r} is not a file, or is a link to somewhere else")


def _unreadable(error: OSError) -> None:
    raise UnfitError(f"{error.filename!r} can't be read: {error.strerror}") from error
