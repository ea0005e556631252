"""Asking an advisory service through pip-audit, without believing it more than it knows.

Pip-audit exits with 0 where a package was skipped, and ends with a traceback at the first package for which the
service has no proper answer. So the answers are read from its JSON, and what it never got to is unchecked.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from isonox.sessions.session import Session

#: Name and version.
Pin = tuple[str, str]

#: So many packages may fail to be answered, one run of pip-audit each, before the rest is given up.
_PATIENCE = 3

#: Last words of a pip-audit that the service left without a proper answer.
_NO_ANSWER = re.compile(
    r"^(?:requests\.exceptions\.|urllib3\.exceptions\.|pip_audit\._service\.interface\.|json\.decoder\.)\S+.*"
    r"|^ERROR:pip_audit\._cli:(?:Could not connect to|PyPI is not redirecting).*",
    re.MULTILINE,
)
#: It says so, leaves the advisory out, and is content.
_UNREADABLE = re.compile(
    r"^WARNING:pip_audit\.\S+:(.*(?:Unsupported OSV schema|is missing 'affected').*)$", re.MULTILINE
)
_GOT_TO = re.compile(r"^DEBUG:pip_audit\._cli:Auditing (\S+) \(\S+\)$", re.MULTILINE)


class Advisory(msgspec.Struct, frozen=True):
    """A known vulnerability."""

    id: str
    fixed_in: tuple[str, ...] = msgspec.field(name="fix_versions", default=())
    aliases: tuple[str, ...] = ()
    description: str = ""

    @property
    def ids(self) -> set[str]:
        """Every name that it has."""
        return {self.id, *self.aliases}


class Answer(msgspec.Struct, frozen=True):
    """What the service says of one package.

    Attributes:
        skipped: Why the package could not be checked; empty where it was.
    """

    name: str
    version: str = ""
    advisories: tuple[Advisory, ...] = msgspec.field(name="vulns", default=())
    skipped: str = msgspec.field(name="skip_reason", default="")


class _Report(msgspec.Struct):
    dependencies: list[Answer]


def ask(session: Session, pins: Sequence[Pin], arguments: Sequence[str]) -> list[Answer]:
    """Ask about every package; the answers are in the order of `pins`.

    Args:
        session: The running session, with pip-audit in its environment.
        pins: What to ask about; one name may be there in several versions.
        arguments: For pip-audit: the service.
    """
    found: dict[Pin, Answer] = {}
    for batch in _batches(pins):
        left, failed = list(batch), 0
        while left:
            answers, unanswered, reason = _run(session, left, arguments)
            found.update(answers)
            if unanswered is None:
                break
            found[unanswered] = Answer(*unanswered, skipped=reason)
            failed += 1
            at = left.index(unanswered)
            left = left[:at] + (left[at + 1 :] if failed < _PATIENCE else [])  # those before it have an answer
        if failed >= _PATIENCE and all(answer.skipped for answer in found.values()):
            break  # it answers nothing
    rest = "not asked about: the advisory service had failed before"
    return [found.get(pin) or Answer(*pin, skipped=rest) for pin in pins]


def _batches(pins: Sequence[Pin]) -> list[list[Pin]]:
    """Split into lists without a name that is there twice: pip-audit refuses such a list."""
    batches: list[dict[str, Pin]] = []
    for pin in pins:
        for batch in batches:
            if pin[0] not in batch:
                batch[pin[0]] = pin
                break
        else:
            batches.append({pin[0]: pin})
    return [list(batch.values()) for batch in batches]


def _run(session: Session, pins: Sequence[Pin], arguments: Sequence[str]) -> tuple[dict[Pin, Answer], Pin | None, str]:
    """Run pip-audit once.

    Returns:
        The answers; and if it stopped before the end, at which package and why (the answers are lost then).
    """
    folder = Path(session.create_tmp())
    listing, report = folder / "locked.txt", folder / "audit.json"
    listing.write_text("".join(f"{name}=={version}\n" for name, version in pins), encoding="utf-8")
    report.unlink(missing_ok=True)
    output = session.run(
        "pip-audit", "--requirement", str(listing), "--disable-pip", "--no-deps", "--progress-spinner", "off",
        "--format", "json", "--output", str(report), "--cache-dir", str(folder / "cache"), "--verbose", *arguments,
        silent=True, success_codes=[0, 1],
    ) or ""  # fmt: skip
    if not report.is_file():
        return {}, *_stopped(session, output, pins)
    for message in _UNREADABLE.findall(output):
        session.error(f"an advisory could not be read by pip-audit: {message}")
    return _read(session, report, pins), None, ""


def _read(session: Session, report: Path, pins: Sequence[Pin]) -> dict[Pin, Answer]:
    """Return the answers by what was asked; pip-audit may write a version otherwise, and a skipped one has none."""
    try:
        answers = msgspec.json.decode(report.read_bytes(), type=_Report).dependencies
    except msgspec.DecodeError as error:
        session.error(f"the report of pip-audit can't be read: {error}")
    by_name = {answer.name: answer for answer in answers}
    return {pin: msgspec.structs.replace(by_name[pin[0]], version=pin[1]) for pin in pins if pin[0] in by_name}


def _stopped(session: Session, output: str, pins: Sequence[Pin]) -> tuple[Pin, str]:
    """Return the first package without an answer, and why; another failure than the service's ends the session."""
    got_to = set(_GOT_TO.findall(output))
    unanswered = next((pin for pin in pins if pin[0] not in got_to), None)
    last_words = [line.strip() for line in _NO_ANSWER.findall(output)]
    if unanswered is None or not last_words:
        session.log(output)
        session.error("pip-audit stopped without a report; see its output")
    telling = [line for line in last_words if ": " in line] or last_words
    return unanswered, f"no proper answer ({telling[-1][:120]})"
