"""The audit stage: known vulnerabilities in everything that the lock pins.

Pip-audit exits with 0 where a package was skipped, and ends with a traceback at the first package for which the
service has no proper answer. So its JSON is read, and what it never got to is unchecked.
"""

from __future__ import annotations

import re
from datetime import timedelta
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Unpack

import msgspec

from isonox.errors import ConfigurationError
from isonox.sessions.arguments import checked
from isonox.sessions.declare import session as declare_session
from isonox.stages import outcome
from isonox.stages.options import StageOptions, install_tools, with_inputs
from isonox.workspace import lockfile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from isonox.sessions.session import Session

Service = Literal["pypi", "osv"]
#: Name and version.
Pin = tuple[str, str]

#: So many packages may fail to be answered, one run of pip-audit each, before the rest is given up.
_PATIENCE = 3
#: Last words of a pip-audit that the service left without a proper answer.
_NO_ANSWER = re.compile(
    r"^((?:requests|urllib3)\.exceptions\.\S+: .*|pip_audit\._service\.interface\.\S+: .*|json\.decoder\.\S+: .*"
    r"|ERROR:pip_audit\._cli:(?:Could not connect to|PyPI is not redirecting).*)",
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
    fix_versions: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    description: str = ""


class Answer(msgspec.Struct, frozen=True):
    """What the service says of one package; `skip_reason` says why it could not be checked."""

    name: str
    version: str = ""
    vulns: tuple[Advisory, ...] = ()
    skip_reason: str = ""


class _Report(msgspec.Struct):
    dependencies: list[Answer]


@checked
def audit(
    *,
    ignore: Mapping[str, str] | None = None,
    service: Service = "pypi",
    service_url: str | None = None,
    group: str | None = None,
    python: str | None = None,
    **options: Unpack[StageOptions],
) -> None:
    """Declare the session `audit`: ask an advisory service about every version that uv.lock pins, with pip-audit.

    All forks of the lock are asked about, not only what this platform would install; the workspace's own packages
    are not. A package that could not be checked is never a pass. Where the service does not answer at all, the
    session is waived on a laptop and fails in CI. Arguments after `--` go to pip-audit.

    Args:
        ignore: Advisories (any of their ids) that do not count, and names of packages that the service can't know,
            each with the reason, which is printed every time.
        service: "pypi", or "osv", which takes a package that it does not know for one without vulnerabilities.
        service_url: Where to ask, for a service that speaks OSV: `https://host/v1/query`.
        group: The dependency group that holds pip-audit; by default "audit", else "dev".
        python: The interpreter that pip-audit runs on; the workspace's newest by default.
        options: As for `isonox.session`. A verdict is used for 24 hours by default: advisories change while the lock
            does not. `cache=False` asks every time.

    Raises:
        ConfigurationError: An option has a value that makes no sense.
    """
    reasons = dict(ignore or {})
    if service_url and service != "osv":
        raise ConfigurationError("audit: service_url is for services that speak OSV", hint='add service="osv"')
    if unexplained := [name for name, reason in reasons.items() if not reason.strip()]:
        raise ConfigurationError(f"audit: ignore names {unexplained[0]!r} without a reason", hint="say why")

    def run_audit(session: Session) -> None:
        """Look for known vulnerabilities in the lock."""
        install_tools(session, "audit", "pip-audit", group=group)
        locked = lockfile.read(session.root / lockfile.LOCK).package
        remote = [one for one in locked if one.version and (one.local_path is None or "path" in one.source)]
        if not remote:
            session.note("uv.lock pins nothing from outside of this workspace: there is nothing to ask about")
            return
        arguments = ["--vulnerability-service", service, *(["--osv-url", service_url] if service_url else [])]
        pins = sorted({(one.name, one.version or "") for one in remote})
        _judge(session, _ask(session, pins, (*arguments, *session.posargs)), reasons)

    declared = with_inputs(StageOptions(cache=timedelta(hours=24)) | options, lockfile.LOCK)
    declare_session(name="audit", python=python, tags=["security"], **declared)(run_audit)


def _ask(session: Session, pins: Sequence[Pin], arguments: Sequence[str]) -> list[Answer]:
    """Ask about every package; the answers are in the order of `pins`."""
    by_name: dict[str, list[Pin]] = {}
    for pin in pins:
        by_name.setdefault(pin[0], []).append(pin)
    found: dict[Pin, Answer] = {}
    for batch in zip_longest(*by_name.values()):  # pip-audit refuses a list with a name that is there twice
        left, failed = [pin for pin in batch if pin], 0
        while left:
            answers, unanswered, reason = _run(session, left, arguments)
            found.update(answers)
            if unanswered is None:
                break
            found[unanswered] = Answer(*unanswered, skip_reason=reason)
            failed += 1
            at = left.index(unanswered)
            left = left[:at] + (left[at + 1 :] if failed < _PATIENCE else [])  # those before it have an answer
        if failed >= _PATIENCE and all(answer.skip_reason for answer in found.values()):
            break  # it answers nothing
    rest = "not asked about: the advisory service had failed before"
    return [found.get(pin) or Answer(*pin, skip_reason=rest) for pin in pins]


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
    if unreadable := _UNREADABLE.search(output):
        session.error(f"an advisory could not be read by pip-audit: {unreadable[1]}")
    if report.is_file():
        answers = msgspec.json.decode(report.read_bytes(), type=_Report).dependencies
        by_name = {answer.name: answer for answer in answers}
        # the version as it was asked for: pip-audit may write it otherwise, and has none for a skipped one
        known = [pin for pin in pins if pin[0] in by_name]
        return {pin: msgspec.structs.replace(by_name[pin[0]], version=pin[1]) for pin in known}, None, ""
    got_to = set(_GOT_TO.findall(output))
    unanswered = next((pin for pin in pins if pin[0] not in got_to), None)
    last_words = _NO_ANSWER.findall(output)
    if unanswered is None or not last_words:
        session.log(output)
        session.error("pip-audit stopped without a report; see its output")
    return {}, unanswered, f"no proper answer ({last_words[-1][:120]})"


def _judge(session: Session, answers: Sequence[Answer], ignore: Mapping[str, str]) -> None:
    """Print what was found, and end the session unless everything was checked and is clean."""
    for name, reason in ignore.items():
        session.note(f"ignored: {name}: {reason}")
    unchecked = [answer for answer in answers if answer.skip_reason and answer.name not in ignore]
    checked = sum(not answer.skip_reason for answer in answers)
    session.log(f"{checked} of {len(answers)} packages of uv.lock were checked.")
    if unchecked and not checked:
        reason = f"the advisory service did not answer for any of {len(answers)} packages: {unchecked[0].skip_reason}"
        if session.in_ci:
            session.error(reason)
        session.waive(reason)
    problems = list(_vulnerable(session, answers, ignore))
    for answer in unchecked:
        text = f"not checked: {answer.name} {answer.version}: {answer.skip_reason}"
        outcome.report(session, "pip-audit", text, lockfile.LOCK, shown=True)
    if unchecked:
        named = ", ".join(f"{answer.name} {answer.version}" for answer in unchecked)
        problems.append(f"{len(unchecked)} package(s) could not be checked: {named}")
    outcome.judge(session, problems)


def _vulnerable(session: Session, answers: Sequence[Answer], ignore: Mapping[str, str]) -> Iterator[str]:
    """Report and yield every advisory that counts."""
    for answer, advisory in ((each, advisory) for each in answers for advisory in each.vulns):
        if {advisory.id, *advisory.aliases} & ignore.keys():
            continue
        fixed = f"fixed in {', '.join(advisory.fix_versions)}" if advisory.fix_versions else "no fix is known"
        text = f"{answer.name} {answer.version}: {advisory.id}, {fixed}"
        also = f" (also {', '.join(advisory.aliases)})" if advisory.aliases else ""
        outcome.report(session, "pip-audit", f"{text}{also}: {advisory.description}", lockfile.LOCK, shown=True)
        yield text
