"""As much of PostgreSQL's protocol as it takes to log in and send a statement.

Source: https://www.postgresql.org/docs/current/protocol-message-formats.html, and RFC 5802 and 7677 for SCRAM.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import socket
import struct
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from isonox.services.state import Endpoint

_PROTOCOL = 196608  # 3.0
_CLEARTEXT, _MD5, _SASL, _SASL_CONTINUE, _SASL_FINAL = 3, 5, 10, 11, 12

#: SQLSTATE: what a server says that will be ready soon. Class 57P is about the operator, class 53 about resources.
_SOON = ("57P", "53")


class RefusedError(OSError):
    """The server answers with an error.

    Attributes:
        code: The SQLSTATE, such as "28P01" for a wrong password.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    @property
    def for_good(self) -> bool:
        """Whether it is no use to try again."""
        return not self.code.startswith(_SOON)


class Connection:
    """A connection of one user to one database.

    Attributes:
        parameters: What the server reports: "server_version" and others.

    Raises:
        RefusedError: The server does not let the user in.
        OSError: It does not answer, or not in this protocol.
    """

    def __init__(self, endpoint: Endpoint, database: str, *, seconds: float = 30) -> None:
        self.parameters: dict[str, str] = {}
        self._socket = socket.create_connection((endpoint.host, endpoint.port), timeout=seconds)
        self._stream = self._socket.makefile("rb")
        try:
            words = ["user", endpoint.user, "database", database, "client_encoding", "UTF8", "", ""]
            start = struct.pack("!i", _PROTOCOL) + "\0".join(words).encode()
            self._socket.sendall(struct.pack("!i", len(start) + 4) + start)
            self._log_in(endpoint)
        except BaseException:
            self._close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._send(b"X", b"")
        except OSError:
            pass  # it is being closed anyway
        finally:
            self._close()

    def query(self, statement: str) -> list[list[str | None]]:
        """Run a statement and return its rows as texts.

        Raises:
            RefusedError: It fails; the message is the server's.
        """
        self._send(b"Q", statement.encode() + b"\0")
        rows, failure = [], None
        while True:
            kind, body = self._receive()
            if kind == b"D":
                rows.append(_row(body))
            elif kind == b"E":
                failure = _refusal(body)
            elif kind == b"Z":
                if failure:
                    raise failure
                return rows

    def _log_in(self, endpoint: Endpoint) -> None:
        scram: _Scram | None = None
        while True:
            kind, body = self._receive()
            if kind == b"Z":
                return
            if kind == b"E":
                raise _refusal(body)
            if kind == b"S":
                name, value = body.decode().split("\0")[:2]
                self.parameters[name] = value
            elif kind == b"R":
                (method,) = struct.unpack("!i", body[:4])
                scram = self._authenticate(method, body[4:], endpoint, scram)

    def _authenticate(self, method: int, body: bytes, endpoint: Endpoint, scram: _Scram | None) -> _Scram | None:
        if method == _CLEARTEXT:
            self._send(b"p", endpoint.password.encode() + b"\0")
        elif method == _MD5:
            inner = hashlib.md5((endpoint.password + endpoint.user).encode(), usedforsecurity=False).hexdigest()
            outer = hashlib.md5(inner.encode() + body[:4], usedforsecurity=False).hexdigest()
            self._send(b"p", f"md5{outer}\0".encode())
        elif method == _SASL:
            scram = _Scram(endpoint.password)
            self._send(b"p", b"SCRAM-SHA-256\0" + struct.pack("!i", len(scram.first)) + scram.first)
        elif method == _SASL_CONTINUE and scram:
            self._send(b"p", scram.answer(body))
        elif method == _SASL_FINAL and scram:
            scram.check(body)
        elif method:
            raise RefusedError("28000", f"the server asks for an authentication that is not known: {method}")
        return scram

    def _send(self, kind: bytes, body: bytes) -> None:
        self._socket.sendall(kind + struct.pack("!i", len(body) + 4) + body)

    def _receive(self) -> tuple[bytes, bytes]:
        header = self._stream.read(5)
        if len(header) < 5:  # noqa: PLR2004 - a letter, and four bytes of length
            raise ConnectionError("the server closed the connection")
        (length,) = struct.unpack("!i", header[1:])
        body = self._stream.read(length - 4)
        if len(body) < length - 4:
            raise ConnectionError("the server closed the connection")
        return header[:1], body

    def _close(self) -> None:
        self._stream.close()
        self._socket.close()


class _Scram:
    """The client's side of SCRAM-SHA-256, for a password in ASCII."""

    def __init__(self, password: str) -> None:
        self._password = password.encode()
        self._nonce = secrets.token_hex(12)
        self._bare = f"n=,r={self._nonce}"
        self.first = f"n,,{self._bare}".encode()
        self._signature = b""

    def answer(self, challenge: bytes) -> bytes:
        values = dict(part.split("=", 1) for part in challenge.decode().split(","))
        if not values["r"].startswith(self._nonce):
            raise RefusedError("28000", "the server's answer is not to this login")
        salted = hashlib.pbkdf2_hmac("sha256", self._password, base64.b64decode(values["s"]), int(values["i"]))
        without_proof = f"c=biws,r={values['r']}"
        message = f"{self._bare},{challenge.decode()},{without_proof}".encode()
        key = hmac.digest(salted, b"Client Key", "sha256")
        sign = hmac.digest(hashlib.sha256(key).digest(), message, "sha256")
        self._signature = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), message, "sha256")
        proof = base64.b64encode(bytes(one ^ other for one, other in zip(key, sign, strict=True))).decode()
        return f"{without_proof},p={proof}".encode()

    def check(self, final: bytes) -> None:
        if final != b"v=" + base64.b64encode(self._signature):
            raise RefusedError("28000", "the server does not know the password")


def _refusal(body: bytes) -> RefusedError:
    fields = {part[:1]: part[1:] for part in body.decode("utf-8", "replace").split("\0") if part}
    return RefusedError(fields.get("C", ""), fields.get("M", "no message"))


def _row(body: bytes) -> list[str | None]:
    row: list[str | None] = []
    place = 2
    while place < len(body):
        (length,) = struct.unpack("!i", body[place : place + 4])
        place += 4
        row.append(None if length < 0 else body[place : place + length].decode())
        place += max(length, 0)
    return row
