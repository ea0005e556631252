"""The audit stage: known vulnerabilities in everything that the lock pins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, Unpack

from isonox.errors import ConfigurationError, did_you_mean
from isonox.sessions.declare import session as declare_session
from isonox.stages import advisories
from isonox.stages.options import StageOptions, install_tools, require_tools, with_defaults
from isonox.workspace import lockfile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from isonox.sessions.session import Session
    from isonox.stages.advisories import Advisory, Answer

Service = Literal["pypi", "osv"]
_SERVICES = ("pypi", "osv")


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
        python: The interpreter that pip-audit runs on; nox's own by default.
        options: As for `isonox.session`. A verdict is not cached by default: advisories change while the lock does not.

    Raises:
        ConfigurationError: An option has a value that makes no sense.
    """
    reasons = dict(ignore or {})
    _check(reasons, service, service_url)

    def run_audit(session: Session) -> None:
        """Look for known vulnerabilities in the lock."""
        installed = install_tools(session, "audit", group=group, tools=("pip-audit",))
        require_tools(session, installed, "pip-audit")
        packages = _packages(session)
        if not packages:
            session.note("uv.lock pins nothing from outside of this workspace: there is nothing to ask about")
            return
        arguments = ["--vulnerability-service", service, *(["--osv-url", service_url] if service_url else [])]
        answers = advisories.ask(session, packages, (*arguments, *session.posargs))
        _judge(session, _Findings.of(answers, reasons), len(packages), reasons)

    declared = with_defaults(options, cache=False)
    declare_session(name="audit", python=python, tags=["security"], **declared)(run_audit)


def _check(ignore: Mapping[str, str], service: str, service_url: str | None) -> None:
    if service not in _SERVICES:
        raise ConfigurationError(
            f"audit: service is {service!r}, which isonox does not know{did_you_mean(service, _SERVICES)}",
            hint=f"known are {', '.join(_SERVICES)}",
        )
    if service_url and service != "osv":
        raise ConfigurationError(
            f"audit: service_url is for services that speak OSV, not for {service!r}", hint='add service="osv"'
        )
    for name, reason in ignore.items():
        if not reason.strip():
            raise ConfigurationError(f"audit: ignore names {name!r} without a reason", hint="say why it does not count")


def _packages(session: Session) -> list[tuple[str, str]]:
    """Return name and version of everything in the lock that is not on this disk, sorted."""
    document = lockfile.read(session.root / lockfile.LOCK)
    remote = [package for package in document.package if package.local_path is None or "path" in package.source]
    for package in remote:
        if "registry" not in package.source:
            kind = next(iter(package.source))
            session.note(f"{package.name} comes from a {kind}: it is checked by its name and version alone")
    return sorted({(package.name, package.version) for package in remote if package.version})


class _Findings(NamedTuple):
    """What the answers mean, once the noxfile's `ignore` is applied.

    Attributes:
        answered: How many packages the service knew.
        vulnerable: Advisories that count.
        unchecked: Package and reason, for those that could not be checked.
        used: The entries of `ignore` that were needed.
    """

    answered: int
    vulnerable: list[tuple[Answer, Advisory]]
    unchecked: list[Answer]
    used: set[str]

    @classmethod
    def of(cls, answers: Iterable[Answer], ignore: Mapping[str, str]) -> _Findings:
        found = cls(sum(not answer.skipped for answer in answers), [], [], set())
        for answer in answers:
            if answer.skipped and answer.name in ignore:
                found.used.add(answer.name)
            elif answer.skipped:
                found.unchecked.append(answer)
            for advisory in answer.advisories:
                if names := advisory.ids & ignore.keys():
                    found.used.update(names)
                else:
                    found.vulnerable.append((answer, advisory))
        return found


def _judge(session: Session, found: _Findings, total: int, ignore: Mapping[str, str]) -> None:
    """Print what was found, and end the session unless everything was checked and is clean."""
    for name, reason in ignore.items():
        text = f"ignored: {name}: {reason}" if name in found.used else f"`ignore` names {name!r}, which nothing needs"
        session.note(text)
    session.log(f"{found.answered} of {total} packages of uv.lock were checked.")
    if not found.answered and found.unchecked:
        reason = f"the advisory service did not answer for any of {total} packages: {found.unchecked[0].skipped}"
        if session.in_ci:
            session.error(reason)
        session.waive(reason)
    problems = list(_problems(session, found))
    if problems:
        session.error("; ".join(problems))


def _problems(session: Session, found: _Findings) -> Iterator[str]:
    for answer, advisory in found.vulnerable:
        aliases = ", ".join(sorted(advisory.ids - {advisory.id}))
        fixed = f"fixed in {', '.join(advisory.fixed_in)}" if advisory.fixed_in else "no fix is known"
        text = f"{answer.name} {answer.version}: {advisory.id}, {fixed}"
        session.log(f"vulnerable: {text}{f' (also {aliases})' if aliases else ''}: {advisory.description}")
        session.report_finding("pip-audit", text, path=lockfile.LOCK)
        yield text
    for answer in found.unchecked:
        session.log(f"not checked: {answer.name} {answer.version}: {answer.skipped}")
        session.report_finding("pip-audit", f"{answer.name} {answer.version}: {answer.skipped}", path=lockfile.LOCK)
    if found.unchecked:
        yield f"{len(found.unchecked)} package(s) could not be checked: {_names(found.unchecked)}"


def _names(answers: Sequence[Answer], limit: int = 5) -> str:
    names = [f"{answer.name} {answer.version}" for answer in answers[:limit]]
    return ", ".join(names) + (f" and {len(answers) - limit} more" if len(answers) > limit else "")
