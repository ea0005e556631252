"""The licenses stage: may we ship what we depend on, and what is it: licence policy and SBOM."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple, Unpack

import msgspec
from packaging.utils import canonicalize_name

from isonox.sessions.arguments import checked
from isonox.sessions.declare import session as declare_session
from isonox.stages import outcome, sources
from isonox.stages.options import StageOptions, install_tools, pyproject, run_time, with_inputs
from isonox.system import files
from isonox.workspace import lock, lockfile

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from isonox.model.config import Licenses
    from isonox.sessions.session import Session

#: The software bill of materials, among the session's artifacts.
SBOM = "sbom.cdx.json"
#: What the workspace's packages say about themselves; what they depend on is what is installed.
_INPUTS = ("**/pyproject.toml", "**/setup.cfg", "**/setup.py", lockfile.LOCK)
#: What a distribution has that does not say its licence.
UNKNOWN = "UNKNOWN"

_PARENTHESES = re.compile(r"\(([^()]*)\)")


class Shipped(NamedTuple):
    """A distribution that the project needs at run time, and all that it says of its licence."""

    name: str
    version: str
    licences: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name} {self.version} ({', '.join(self.licences)})"


@checked
def licenses(
    *,
    extras: Sequence[str] = (),
    per_package: bool | Sequence[str] = False,
    group: str | None = None,
    python: str | None = None,
    **options: Unpack[StageOptions],
) -> None:
    """Declare the session `licenses`: hold run-time dependencies to the licence policy, and write an SBOM.

    Looked at is what the project brings along when it is installed, as the lock pins it; not the tools of its
    development. The policy is `[tool.isonox.licenses]`: with `allow`, every licence that it does not name is refused;
    those of `deny` are refused; `ignore` names packages, each with the reason. Names and patterns such as "GPL-*" are
    SPDX's, or the words of a classifier that may mean several of them ("BSD License"). Of `MIT OR GPL-2.0-only` one
    may choose; where a package says several things, each must be allowed. One that says nothing, or only a text,
    is UNKNOWN, and refused as soon as there is a policy. Without a policy the licences are listed, and the session
    passes and says so.

    The SBOM is CycloneDX 1.6 as JSON, `sbom.cdx.json` among the artifacts.

    Args:
        extras: Extras of the project that are shipped too.
        per_package: One session for each workspace package, or for those named, instead of one for the root project.
        group: The dependency group that holds cyclonedx-bom; by default "licenses", else "dev".
        python: The interpreter whose dependencies are looked at; the workspace's newest by default.
        options: As for `isonox.session`.
    """

    def run_licenses(session: Session) -> None:
        """Check the licences of run-time dependencies and write the SBOM."""
        install_tools(session, "licenses", "cyclonedx-bom", group=group, with_project=True)
        if extras:
            session.install_group(extras=extras, project=True)
        pins = run_time(session, extras)
        components = _write_sbom(session, {pin.name for pin in pins})
        if missing := [pin.name for pin in pins if pin.path is None and pin.name not in components]:
            session.error(f"not installed, so their licence can't be read: {', '.join(missing)}")
        shipped = [of_component(components[pin.name]) for pin in pins if pin.path is None]
        for line in (f"{len(shipped)} distribution(s) come along at run time.", *map(str, shipped)):
            session.log(line)
        _say_what_is_left_out(session, {pin.name for pin in pins})
        _judge(session, shipped, session.config.licenses)

    declared = with_inputs(options, *_INPUTS)
    declare = declare_session(name="licenses", python=python, per_package=per_package, tags=["security"], **declared)
    declare(run_licenses)


def of_component(component: dict[str, Any]) -> Shipped:
    """Return what a component of an SBOM says; trove classifiers lose all but their last part."""
    found = [choice.get("expression") or choice["license"] for choice in component.get("licenses", ())]
    names = [one if isinstance(one, str) else one.get("id") or one["name"].rpartition(" :: ")[2] for one in found]
    return Shipped(canonicalize_name(component["name"]), component.get("version", ""), tuple(names) or (UNKNOWN,))


def refused(shipped: Iterable[Shipped], policy: Licenses) -> list[Shipped]:
    """Return what a policy does not allow, nor ignore."""

    def allowed(licence: str) -> bool:
        if licence == UNKNOWN or _matches(licence, policy.deny):
            return False
        return not policy.allow or _matches(licence, policy.allow)

    ignored = {canonicalize_name(name) for name in policy.ignore}
    return [
        one for one in shipped if one.name not in ignored and not all(holds(name, allowed) for name in one.licences)
    ]


def holds(expression: str, allowed: Callable[[str], bool]) -> bool:
    """Return whether one may use something under an SPDX expression: OR needs one side, AND both and binds closer.

    Args:
        expression: It, or the name of one licence.
        allowed: Says so for one licence, with its exception if it has one (`GPL-2.0-only WITH ...`).
    """
    known: dict[str, bool] = {}  # results of what was in parentheses, by a name that no licence has

    def flat(text: str) -> bool:
        alternatives = [[name.strip() for name in side.split(" AND ")] for side in text.split(" OR ")]
        return any(all(known[name] if name in known else allowed(name) for name in names) for names in alternatives)

    def solved(match: re.Match[str]) -> str:
        name = f"<{len(known)}>"
        known[name] = flat(match[1])
        return name

    while " AND " in expression or " OR " in expression:
        simpler = _PARENTHESES.sub(solved, expression)
        if simpler == expression:
            break
        expression = simpler
    return flat(expression)


def _matches(licence: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(licence.lower(), pattern.lower()) for pattern in patterns)


def _judge(session: Session, shipped: Sequence[Shipped], policy: Licenses) -> None:
    """End the session unless the policy allows everything."""
    if unknown := [one.name for one in shipped if UNKNOWN in one.licences]:
        session.note(f"no licence is declared by: {', '.join(unknown)}")
    for name, reason in policy.ignore.items():
        if canonicalize_name(name) in {one.name for one in shipped}:
            session.note(f"ignored: {name}: {reason}")
    if not policy.allow and not policy.deny:
        session.note('there is no licence policy, so none is refused: [tool.isonox.licenses] allow = ["MIT", ...]')
        return
    bad = refused(shipped, policy)
    for one in bad:
        outcome.report(session, "licenses", str(one), lockfile.LOCK)
    if bad:
        session.error(f"the licence policy ([tool.isonox.licenses]) refuses {', '.join(map(str, bad))}")


def _say_what_is_left_out(session: Session, looked_at: Collection[str]) -> None:
    """Name the workspace's packages whose dependencies this session does not see."""
    pinned = lock.Lock.load(session.root / lockfile.LOCK)
    root = pinned.root_name()
    others = sorted({*pinned.members} - {*looked_at, root}) if root and not session.package else ()
    if others:
        session.note(f"not looked at: what {', '.join(others)} need(s); per_package=True looks at every package")


def _write_sbom(session: Session, names: Collection[str]) -> dict[str, dict[str, Any]]:
    """Let cyclonedx-py describe the environment, leave the stage's tools out of it; return the components by name."""
    path = session.artifacts / SBOM
    folder = sources.folder(session)
    command = ["cyclonedx-py", "environment", "--output-reproducible", "--output-format", "JSON", "--sv", "1.6"]
    command += ["--no-validate"]  # of what the tool itself made, and it takes four seconds
    if "project" in pyproject(folder):
        command += ["--pyproject", str(folder / "pyproject.toml")]
    session.run(*command, "--output-file", str(path), session.virtualenv.location, silent=True)
    bill: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    kept: dict[str, dict[str, Any]] = {
        name: part for part in bill.get("components", []) if (name := canonicalize_name(part["name"])) in names
    }
    root = bill["metadata"].get("component", {})
    references = {part.get("bom-ref") for part in (root, *kept.values())}
    for part in kept.values():
        # where a local package lies on this machine is nobody's business
        links = part.pop("externalReferences", [])
        part["externalReferences"] = [link for link in links if not str(link.get("url")).startswith("file:")]
    bill["components"] = list(kept.values())
    bill["dependencies"] = [
        edge | {"dependsOn": [ref for ref in edge.get("dependsOn", []) if ref in references]}
        for edge in bill.get("dependencies", [])
        if edge.get("ref") in references
    ]
    files.write_atomic(path, msgspec.json.format(msgspec.json.encode(bill), indent=2))
    session.log(f"{SBOM}: {len(kept)} component(s)")
    return kept
