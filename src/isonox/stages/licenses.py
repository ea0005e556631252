"""The licenses stage: may we ship what we depend on, and what is it: licence policy and SBOM."""

from __future__ import annotations

import importlib.metadata
from typing import TYPE_CHECKING, Any, NamedTuple, Unpack

import msgspec
from packaging.utils import canonicalize_name

from isonox.sessions import interpreter
from isonox.sessions.declare import session as declare_session
from isonox.stages import spdx
from isonox.stages.options import StageOptions, install_tools, pyproject, require_tools, with_defaults
from isonox.system import files
from isonox.workspace import lock, lockfile, markers

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from isonox.sessions.session import Session
    from isonox.workspace.config import Licenses
    from isonox.workspace.lock import Pinned

#: The software bill of materials, among the session's artifacts.
SBOM = "sbom.cdx.json"


class _Shipped(NamedTuple):
    """A distribution that the project needs at run time."""

    name: str
    version: str
    licence: str


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
    those of `deny` are refused (both take SPDX names and patterns such as "GPL-*"); `ignore` names packages, each
    with the reason. Of `MIT OR GPL-2.0-only` one may choose. A licence that nothing tells is refused as soon as there
    is a policy. Without a policy the licences are listed, and the session passes and says so.

    The SBOM is CycloneDX 1.6 as JSON, `sbom.cdx.json` among the artifacts.

    Args:
        extras: Extras of the project that are shipped too.
        per_package: One session for each workspace package, or for those named, instead of one for the root project.
        group: The dependency group that holds cyclonedx-bom; by default "licenses", else "dev".
        python: The interpreter whose dependencies are looked at; nox's own by default.
        options: As for `isonox.session`.
    """

    def run_licenses(session: Session) -> None:
        """Check the licences of run-time dependencies and write the SBOM."""
        installed = install_tools(session, "licenses", group=group, tools=("cyclonedx-bom",), with_project=True)
        if extras:
            session.install_group(extras=extras, project=True)
        require_tools(session, installed, "cyclonedx-bom")
        pins = _closure(session, extras)
        shipped = _shipped(session, [pin for pin in pins if pin.path is None])
        session.log(f"{len(shipped)} distribution(s) come along at run time.")
        for one in shipped:
            session.log(f"  {one.name} {one.version}: {one.licence}")
        _write_sbom(session, {pin.name for pin in pins})
        _say_what_is_left_out(session, {pin.name for pin in pins})
        _judge(session, shipped, session.config.licenses)

    declared = with_defaults(options)
    declare_session(name="licenses", python=python, per_package=per_package, tags=["security"], **declared)(
        run_licenses
    )


def _closure(session: Session, extras: Iterable[str]) -> tuple[Pinned, ...]:
    """Return what the lock says that the project needs at run time, itself included."""
    version = interpreter.environment_interpreter(session).version or ""
    return lock.Lock.load(session.root / lockfile.LOCK).requirements(
        session.package.name if session.package else None,
        extras=extras,
        environment=markers.environment_for(version),
        include_project=True,
    )


def _shipped(session: Session, pins: Sequence[Pinned]) -> list[_Shipped]:
    """Read the licences from the metadata of what is installed.

    The session fails where something is not installed: nothing can be said about it.
    """
    folders = [str(folder) for folder in interpreter.site_packages(session)]
    found: dict[str, importlib.metadata.Distribution] = {
        canonicalize_name(distribution.metadata["Name"]): distribution
        for distribution in importlib.metadata.distributions(path=folders)
        if distribution.metadata["Name"]
    }
    if missing := [pin.name for pin in pins if pin.name not in found]:
        session.error(f"not installed, so their licence can't be read: {', '.join(missing)}")
    return [_Shipped(pin.name, found[pin.name].version, spdx.of(found[pin.name].metadata)) for pin in pins]


def _judge(session: Session, shipped: Sequence[_Shipped], policy: Licenses) -> None:
    """End the session unless the policy allows everything."""
    ignored: dict[str, str] = {canonicalize_name(name): reason for name, reason in policy.ignore.items()}
    unknown = [one.name for one in shipped if one.licence == spdx.UNKNOWN and one.name not in ignored]
    if unknown:
        session.note(f"no licence is declared by: {', '.join(unknown)}")
    _say_what_is_ignored(session, ignored, {one.name for one in shipped})
    if not policy.allow and not policy.deny:
        session.note('there is no licence policy, so none is refused: [tool.isonox.licenses] allow = ["MIT", ...]')
        return

    def allowed(licence: str) -> bool:
        if licence == spdx.UNKNOWN or spdx.matches(licence, policy.deny):
            return False
        return not policy.allow or spdx.matches(licence, policy.allow)

    refused = [one for one in shipped if one.name not in ignored and not spdx.holds(one.licence, allowed)]
    for one in refused:
        session.report_finding("licenses", f"{one.name} {one.version}: {one.licence}", path=lockfile.LOCK)
    if refused:
        session.error(
            "the licence policy ([tool.isonox.licenses]) refuses "
            + ", ".join(f"{one.name} {one.version} ({one.licence})" for one in refused)
        )


def _say_what_is_ignored(session: Session, ignored: Mapping[str, str], present: Collection[str]) -> None:
    for name, reason in ignored.items():
        if name in present:
            session.note(f"ignored: {name}: {reason}")
        elif session.package is None:
            session.note(f"[tool.isonox.licenses] ignore names {name!r}, which does not come along at run time")


def _say_what_is_left_out(session: Session, looked_at: Collection[str]) -> None:
    """Name the workspace's packages whose dependencies this session does not see."""
    pinned = lock.Lock.load(session.root / lockfile.LOCK)
    root = pinned.root_name()
    if session.package is not None or root is None:
        return
    if others := sorted({*pinned.members} - {*looked_at, root}):
        session.note(f"not looked at: what {', '.join(others)} need(s); per_package=True looks at every package")


def _write_sbom(session: Session, names: Collection[str]) -> None:
    """Let cyclonedx-py describe the environment, and leave the stage's tools out of it."""
    path = session.artifacts / SBOM
    folder = session.root / session.package.path if session.package else session.root
    command = ["cyclonedx-py", "environment", "--output-reproducible", "--output-format", "JSON", "--sv", "1.6"]
    command += ["--no-validate"]  # of what the tool itself made, and it takes four seconds
    if "project" in pyproject(folder):
        command += ["--pyproject", str(folder / "pyproject.toml")]
    session.run(*command, "--output-file", str(path), session.virtualenv.location, silent=True)
    bill: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    components = bill.get("components", [])
    kept = [part for part in components if canonicalize_name(str(part.get("name"))) in names]
    gone = {part.get("bom-ref") for part in components} - {part.get("bom-ref") for part in kept}
    for part in kept:
        # where a local package lies on this machine is nobody's business
        references = part.pop("externalReferences", [])
        if shown := [link for link in references if not str(link.get("url")).startswith("file:")]:
            part["externalReferences"] = shown
    bill["components"] = kept
    bill["dependencies"] = [
        edge | {"dependsOn": [ref for ref in edge.get("dependsOn", []) if ref not in gone]}
        for edge in bill.get("dependencies", [])
        if edge.get("ref") not in gone
    ]
    files.write_atomic(path, msgspec.json.format(msgspec.json.encode(bill), indent=2))
    session.log(f"{SBOM}: {len(kept)} component(s)")
