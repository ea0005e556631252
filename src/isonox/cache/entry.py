"""An entry of the cache, and the row that holds it: packed, with a format and a checksum."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec

from isonox.cache.blobs import Artifact
from isonox.model.record import RECORD_VERSION, Record
from isonox.model.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Origin = Literal["local", "github"]

#: What `unpacked` takes.
SELECT = "SELECT id, used, payload FROM entries"

#: A waiver is kept for a while where time limits what a verdict says anyway: nobody answered, and is asked again later.
_KEPT = (Verdict.PASSED, Verdict.WAIVED)

#: Seconds. A clock that is wrong by less is not noticed.
DAY = 86400.0

#: Format of a payload and of the record in it; a checksum and the packed entry follow.
_FORMAT = f"entry 2.{RECORD_VERSION}\n".encode()
_START = len(_FORMAT) + 4


class Entry(msgspec.Struct, frozen=True, kw_only=True, gc=False, array_like=True):
    """What one job did, and what decided it.

    Attributes:
        fingerprint: Hash of the named inputs.
        job: The job's id.
        run: The run that it comes from.
        stored: POSIX seconds.
        expires: POSIX seconds; None for no limit.
        origin: Who ran it: a laptop's results never let CI skip.
        named: The parts of the fingerprint, as `of_parts` returns them: most readers do without.
        record: That of a job that passed.
        artifacts: The files that it kept; filled in when it is stored.
    """

    fingerprint: str
    job: str
    run: str
    stored: float
    expires: float | None = None
    origin: Origin
    named: msgspec.Raw
    record: Record
    artifacts: tuple[Artifact, ...] = ()

    @property
    def parts(self) -> dict[str, str]:
        """The named parts of the fingerprint, each with its digest."""
        return msgspec.msgpack.decode(self.named, type=dict[str, str])

    def expired(self, now: float) -> bool:
        """Whether its time is over."""
        return self.expires is not None and self.expires <= now


class Row(NamedTuple):
    """A row of the table of entries.

    Attributes:
        used: POSIX seconds.
        size: Of the packed entry, in bytes.
    """

    id: int
    used: float
    size: int


class Bad(NamedTuple):
    """A row to remove, and why."""

    id: int
    why: str


def of_parts(parts: Mapping[str, str]) -> msgspec.Raw:
    """Return the parts of a fingerprint as an entry has them."""
    return msgspec.Raw(msgspec.msgpack.encode(parts))


def checksum(content: bytes) -> bytes:
    """Return four bytes that tell whether others are those that were stored: against disks, not against people."""
    return zlib.crc32(content).to_bytes(4)


def pack(entry: Entry) -> bytes:
    """Return an entry as the payload of a row.

    Raises:
        UnicodeEncodeError: There is text in it that is none.
    """
    content = msgspec.msgpack.encode(entry)
    return _FORMAT + checksum(content) + content


def unpack(payload: object) -> Entry | str:
    """Return the entry in the payload of a row, or why there is none."""
    if not isinstance(payload, bytes) or not payload.startswith(_FORMAT):
        return "it has another format"
    content = payload[_START:]
    if payload[len(_FORMAT) : _START] == checksum(content):
        try:
            entry = _DECODER.decode(content)
        except (msgspec.DecodeError, UnicodeDecodeError):
            pass
        else:
            return entry if entry.record.verdict in _KEPT else f"its verdict is {entry.record.verdict.value}"
    return "it is damaged"


def unpacked(rows: Iterable[tuple[Any, ...]], bad: list[Bad]) -> Iterator[tuple[Row, Entry]]:
    """Yield the sound ones of some rows, as `SELECT` returns them; the others are added to `bad`."""
    for number, used, payload in rows:
        entry = unpack(payload)
        if isinstance(entry, str):
            bad.append(Bad(number, entry))
        else:
            yield Row(number, used, len(payload)), entry


_DECODER = msgspec.msgpack.Decoder(Entry)
