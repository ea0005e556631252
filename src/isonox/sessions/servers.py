"""The services of a running job: started beside its environment, waited for before its first command."""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import threading
from typing import TYPE_CHECKING

import msgspec

from isonox.errors import IsonoxError
from isonox.model.record import Undeclared
from isonox.model.service import ServiceUse
from isonox.services import backends, lease
from isonox.services.lease import Lease, Needs
from isonox.services.state import sweep
from isonox.system import clock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from isonox.model.service import Service
    from isonox.services.state import Process
    from isonox.sessions.active import ActiveJob


class Servers:
    """The services of one job, which are being started from now on.

    Args:
        job: The job.
        owner: The process with which shared servers end, as `lease.decoded` reads it; empty for this one.

    Attributes:
        urls: By the variable that gets it; empty until they are ready.
        died: How servers died while they were used, by their services' names.
    """

    def __init__(self, job: ActiveJob, owner: str) -> None:
        self.urls: dict[str, str] = {}
        self.died: dict[str, str] = {}
        self._job = job
        self._since = clock.monotonic()
        self._found: dict[str, Lease | BaseException] = {}
        wanted = backends.wanted(job.outer, job.config.service_backend or "")
        environ = {name: value for name, value in job.outer.items() if name not in job.facts.secrets}
        self._needs = needs = Needs(
            job.root, _run_owner(job.root, job.pid, owner), lease.own_process(), environ, wanted
        )
        self._threads = [
            threading.Thread(target=self._get, args=(one, needs), daemon=True) for one in job.facts.services
        ]
        for thread in self._threads:
            thread.start()

    def _get(self, service: Service, needs: Needs) -> None:
        try:
            self._found[service.name] = lease.get(service, needs, self._since)
        except Exception as error:  # noqa: BLE001 - raised again where the services are waited for
            self._found[service.name] = error

    def ready(self) -> dict[str, str]:
        """Wait until all can be used, and return the variables that say where they are.

        Raises:
            ServiceError: One can't be used.
        """
        if self.urls:
            return self.urls
        for thread in self._threads:
            thread.join()
        for error in self._found.values():
            if isinstance(error, BaseException):
                raise error
        for one in self.leases:
            self.urls |= one.urls
            self._job.notes += [self._job.redact(note) for note in one.notes]
        passwords = [word for one in self.leases for word in one.secrets]
        self._job.secrets = tuple(sorted({*self._job.secrets, *passwords}, key=len, reverse=True))
        os.environ.update(self.urls)
        return self.urls

    @property
    def leases(self) -> list[Lease]:
        """Those that could be had, in the order of the noxfile."""
        found = (self._found.get(service.name) for service in self._job.facts.services)
        return [one for one in found if isinstance(one, Lease)]

    @property
    def addresses(self) -> frozenset[str]:
        """Where they answer."""
        return frozenset(address for one in self.leases for address in one.addresses)

    def uses(self) -> tuple[ServiceUse, ...]:
        """Return what the record says of them."""
        return tuple(self._use(service) for service in self._job.facts.services)

    def _use(self, service: Service) -> ServiceUse:
        found = self._found.get(service.name)
        if isinstance(found, Lease):
            died = self._job.redact(self.died.get(service.name, ""))
            return msgspec.structs.replace(found.use, problem=died) if died else found.use
        problem = found.message if isinstance(found, IsonoxError) else str(found or "")
        return ServiceUse(
            name=service.name, kind=service.kind, declared=service.version, problem=self._job.redact(problem)
        )

    def undeclared(self) -> tuple[Undeclared, ...]:
        """Return what keeps the verdict from being used again: servers that were not the declared, fresh ones."""
        found = []
        for one in self.leases:
            if one.use.backend == "given":
                hint = "its data is not fresh: unset it, and isonox starts a server"
                found.append(Undeclared(kind="connected", what=f"the server of {one.service.url_variable}", hint=hint))
            elif one.other_major:
                hint = "any_version=True is for a while only"
                what = f"{one.service.kind} {one.use.version} instead of {one.service.version}"
                found.append(Undeclared(kind="connected", what=what, hint=hint))
        return tuple(found)

    def close(self) -> None:
        """Note which have died, and give them back; one that is still being started is ended, or left to the run."""
        self.died = {one.service.name: how for one in self.leases if (how := one.trouble())}
        for service in self._job.facts.services:
            found = self._found.get(service.name)
            if isinstance(found, Lease):
                found.close()
            elif not service.shared:
                lease.give_up(service, self._needs)


@contextlib.contextmanager
def serving(job: ActiveJob, owner: str) -> Iterator[None]:
    """Have the job's services while the context is open; see `Servers`."""
    job.servers = servers = Servers(job, owner)
    try:
        yield
    finally:
        if os.getpid() == job.pid:
            servers.close()


@functools.cache
def _run_owner(root: Path, pid: int, owner: str) -> Process:
    """Return the process with which shared servers end: that of the run, or this one."""
    given = lease.decoded(owner)
    if given is not None and given.alive:
        return given
    own = lease.own_process()
    sweep(root)
    atexit.register(_end_own, root, own, pid)
    return own


def _end_own(root: Path, own: Process, pid: int) -> None:
    if os.getpid() == pid:  # not in a fork
        lease.end_all(root, own)
