"""The fingerprint of a job: a hash of the named parts that decide its result."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Mapping
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

import msgspec

from isonox.model import inputs
from isonox.model.record import Installation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from isonox.model.inputs import Table
    from isonox.model.pipeline import Pipeline, Session
    from isonox.model.plan import Plan, PlannedJob
    from isonox.model.tree import Tree
    from isonox.model.workspace import Workspace

#: The format of fingerprints. A new one makes every stored verdict useless.
#: 1: the first.
#: 2: parts end with a new line.
FORMAT = 2

#: Parts that are only known once a job has run, or that are those of other jobs.
LATE = frozenset({"lock entries", "programs", "required sessions"})


class Discovered(msgspec.Struct, frozen=True, array_like=True):
    """What only a run of the job tells; it stays the same as long as the other parts do.

    Attributes:
        installations: What it installed from the lock.
        programs: Paths of the programs outside of its environment that it called.
    """

    installations: tuple[Installation, ...] = ()
    programs: tuple[str, ...] = ()


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What decides the results of jobs beside the tree.

    Attributes:
        isonox: Version of isonox, or a hash of its source where that is being worked on.
        platform: Operating system, machine, C library.
        configuration: Hash of `[tool.isonox]`.
        expired: Tests whose quarantine has expired: no verdict of before is used again.
        noxfile: Hash of what all sessions share: the noxfile without the statements that declare sessions, and the
            modules of the workspace that it imports.
        noxfile_variables: Hash of the environment variables that the noxfile asks for when it is loaded.
        declarations: Hash of the noxfile's statement at each line that a session was declared at.
        interpreters: Identity of each interpreter that is asked for; of what runs sessions that ask for none by "".
        variables: Values of the variables that `[tool.isonox] pass-env` lets through.
        discovered: What earlier runs of each job told.
        lock: Returns a hash of what an installation takes from the lock.
        program: Returns the identity of a program by its path.
        read: Returns the content of a file of the tree.
    """

    isonox: str
    platform: str
    configuration: str
    expired: tuple[str, ...] = ()
    noxfile: str
    noxfile_variables: str = ""
    declarations: dict[int, str]
    interpreters: dict[str, str]
    variables: dict[str, str]
    discovered: Mapping[str, Discovered]
    lock: Callable[[Installation], str]
    program: Callable[[str], str]
    read: Callable[[str], bytes]


class Fingerprint(msgspec.Struct, frozen=True, kw_only=True):
    """The parts, and the hash over all of them.

    Attributes:
        parts: Each named part with its hash, or its value where that is short.
        value: 64 hexadecimal digits; None where not every part can be named.
        uncached: The reason for that.
    """

    parts: dict[str, str]
    value: str | None
    uncached: str = ""


class Fingerprints:
    """The fingerprints of the jobs of one plan.

    Args:
        pipeline: All sessions.
        workspace: Packages and edges.
        tree: The files.
        surroundings: Everything else.
    """

    def __init__(self, pipeline: Pipeline, workspace: Workspace, tree: Tree, surroundings: Surroundings) -> None:
        self._pipeline = pipeline
        self._workspace = workspace
        self._files = tree.files
        self._unknown = tree.unknown
        self._around = surroundings
        self._common = {
            "format": str(FORMAT),
            "isonox": surroundings.isonox,
            "platform": surroundings.platform,
            "tool.isonox": surroundings.configuration,
            "noxfile": surroundings.noxfile,
        }
        if surroundings.noxfile_variables:
            self._common["variables of the noxfile"] = surroundings.noxfile_variables
        if surroundings.expired:
            self._common["expired quarantine"] = _hash(surroundings.expired)
        self._begun = hashlib.sha256(_lines(self._common))
        self._patterns: dict[inputs.Inputs, dict[str, str]] = {}
        self._locks: dict[Installation, str] = {}
        self._programs: dict[tuple[str, ...], str] = {}
        self._environments: dict[tuple[tuple[str, str], ...], str] = {}
        self._documents: dict[str, Any] = {}

    def knowing(self, discovered: Mapping[str, Discovered]) -> Fingerprints:
        """Return the same with what other runs have told."""
        made = copy.copy(self)
        made._around = msgspec.structs.replace(self._around, discovered=discovered)  # noqa: SLF001 - it is one of us
        return made

    def of(self, plan: Plan) -> dict[str, Fingerprint]:
        """Return the fingerprint of each job of a plan; that of a job holds those of the jobs that it requires."""
        made: dict[str, Fingerprint] = {}
        jobs = plan.by_id
        pending = list(reversed(plan.jobs))
        while pending:
            job = pending[-1]
            missing = [jobs[name] for name in job.requires if name in jobs and name not in made]
            if missing and job.id not in made:
                pending.extend(missing)
                continue
            pending.pop()
            if job.id not in made:
                made[job.id] = self._of_job(job, made)
        return made

    def _of_job(self, job: PlannedJob, made: Mapping[str, Fingerprint]) -> Fingerprint:
        session = self._pipeline.by_id[job.id]
        parts = {**self._own(job, session), **self._of_files(session)}
        reason = excluded(session) or self._unnamed(session, parts)
        if required := {name: made[name] for name in job.requires if name in made}:
            parts["required sessions"] = _hash(f"{name}={one.value}" for name, one in required.items())
            for name, one in required.items():
                reason = reason or (one.uncached and f"it requires {name}, which is not cached: {one.uncached}")
        whole = self._begun.copy()
        whole.update(_lines(parts))
        return Fingerprint(
            parts={**self._common, **parts}, value=None if reason else whole.hexdigest(), uncached=reason
        )

    def _own(self, job: PlannedJob, session: Session) -> dict[str, str]:
        """Return the parts that are no files."""
        around = self._around
        asked = session.python if isinstance(session.python, str) else ""
        parts = {
            "session": job.id,
            "declaration": around.declarations.get(session.facts.declaration or 0, ""),
            "interpreter": around.interpreters.get(asked, ""),
            "environment": self._environment(session),
        }
        if job.posargs:
            parts["arguments"] = "\0".join(job.posargs)
        if discovered := around.discovered.get(job.id):
            if discovered.installations:
                parts["lock entries"] = _hash(self._lock(one) for one in discovered.installations)
            if discovered.programs:
                parts["programs"] = self._programs_of(discovered.programs)
        return parts

    def _environment(self, session: Session) -> str:
        key = tuple(session.facts.env.items())
        if key not in self._environments:
            values = {**self._around.variables, **session.facts.env}
            self._environments[key] = _hash(f"{name}={value!r}" for name, value in sorted(values.items()))
        return self._environments[key]

    def _lock(self, installation: Installation) -> str:
        if installation not in self._locks:
            self._locks[installation] = self._around.lock(installation)
        return self._locks[installation]

    def _programs_of(self, paths: tuple[str, ...]) -> str:
        """Hash the programs that a job calls: most jobs call the same."""
        if paths not in self._programs:
            self._programs[paths] = _hash(self._around.program(path) for path in paths)
        return self._programs[paths]

    def _of_files(self, session: Session) -> dict[str, str]:
        """Return the parts that are files."""
        declared = inputs.declared(session.facts.inputs, of_package=session.package is not None)
        parts = self._patterns.get(declared)
        if parts is None:
            parts = self._patterns[declared] = self._of_patterns(declared)
        if session.package is None:
            return parts
        own = self._own_digests.get(session.package, "")
        return {"package": own, "dependencies": self._with_dependencies[session.package], **parts}

    def _of_patterns(self, declared: inputs.Inputs) -> dict[str, str]:
        if declared.everything:
            return {"files": self._digest(self._files)}
        parts = {"importable": self._importable}
        if declared.outside:
            outside = (path for path in self.owned.get("", ()) if path not in inputs.APART)
            parts["files outside of packages"] = self._digest(outside)
        if declared.files:
            parts["files"] = self._digest(inputs.matching(declared.files, self._files))
        if modules := inputs.beside(declared.files):
            parts["modules beside inputs"] = _hash(sorted(inputs.matching(modules, self._files)))
        if declared.names:
            parts["file names"] = _hash(sorted(inputs.matching(declared.names, self._files)))
        for table in declared.tables:
            parts[f"{table.file}#{table.key}"] = self._table(table)
        return parts

    @cached_property
    def owned(self) -> dict[str, list[str]]:
        """The files of each package; see `isonox.model.inputs.owners`."""
        return inputs.owners(self._workspace, self._files)

    @cached_property
    def _own_digests(self) -> dict[str, str]:
        return {name: self._digest(paths) for name, paths in self.owned.items() if name}

    @cached_property
    def _with_dependencies(self) -> dict[str, str]:
        """Return a hash of each package with all that it depends on, made from the hashes of its dependencies."""
        needs = self._workspace.dependencies
        own = self._own_digests
        found: dict[str, str] = {}
        try:
            order = list(TopologicalSorter(needs).static_order())
        except CycleError:  # then no package comes first
            return {name: _hash(own.get(one, one) for one in self._workspace.closure(name)) for name in needs}
        for name in order:
            found[name] = _hash([own.get(name, name), *sorted(found[one] for one in needs.get(name, ()))])
        return found

    @cached_property
    def _importable(self) -> str:
        """Hash what a process in the workspace's root could import from there instead of what it means to."""
        return _hash(sorted({path.partition("/")[0] for path in self._files if path.endswith(".py")}))

    def _digest(self, paths: Iterable[str]) -> str:
        files = self._files
        return _hash([f"{path}\0{files[path]}" for path in sorted(paths)])

    def _table(self, table: Table) -> str:
        """Hash a table of a TOML file; a file that is not valid counts as a whole."""
        if table.file not in self._files:
            return "none"
        if table.file not in self._documents:
            self._documents[table.file] = self._parsed(table.file)
        found = inputs.looked_up(self._documents[table.file], table.key)
        return "none" if found is None else hashlib.sha256(repr(found).encode()).hexdigest()

    def _parsed(self, path: str) -> Any:
        try:
            import tomllib  # noqa: PLC0415 - an unchanged run does without

            return tomllib.loads(self._around.read(path).decode())
        except (OSError, ValueError):
            return self._files[path]

    def _unnamed(self, session: Session, parts: Mapping[str, str]) -> str:
        """Return why a part has no name, if so."""
        if not parts["interpreter"]:
            return f"Python {session.python} was not found"
        if not self._unknown:
            return ""
        counted = inputs.counted(inputs.of(session, self._workspace), self._workspace, self._unknown)
        return next((f"{path}: {self._unknown[path]}" for path in counted), "")


def explain(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of the parts that differ between two fingerprints, in order."""
    return tuple(name for name in dict.fromkeys((*now, *before)) if before.get(name) != now.get(name))


def excluded(session: Session) -> str:
    """Return why a session is never cached, whatever its inputs are; empty where it may be."""
    facts = session.facts
    if facts.environment == "inherited":
        return "a plain nox session sees the whole environment, so what decides its result has no name"
    if not facts.cache:
        return "cache=False"
    return f"it uses secrets: {', '.join(facts.secrets)}" if facts.secrets else ""


def _lines(parts: Mapping[str, str]) -> bytes:
    return "".join([f"{name}={part}\n" for name, part in parts.items()]).encode("utf-8", "surrogateescape")


def _hash(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
