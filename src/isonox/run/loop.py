"""The loop between scheduler and executor: it starts jobs, settles verdicts, and tells subscribers."""

from __future__ import annotations

import contextlib
import queue
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from isonox.errors import StateError
from isonox.model.events import Event, JobAdded, JobEnded, JobStarted, RunEnded, RunStarted, Subscriber, Tick
from isonox.model.plan import Plan, PlannedJob, Reason, ReasonKind
from isonox.model.record import blank_record
from isonox.model.verdict import Verdict
from isonox.planning.graph import topological
from isonox.run.outcome import settle
from isonox.run.scheduler import Scheduler, Stopped
from isonox.system import clock

if TYPE_CHECKING:
    from isonox.model.record import Record
    from isonox.run.executor import Executor
    from isonox.sessions.run_directory import RunDirectory

#: Seconds between two ticks for the live board.
TICK = 0.1

#: Seconds that an interrupted job has to stop by itself and write its record.
PATIENCE = 1.3

#: Seconds beyond its own timeout after which a job is ended from outside.
OVERTIME = 10.0

#: Given a session id, the reasons and the arguments: the job for a session that was notified.
Joining = Callable[[str, Sequence[Reason], Sequence[str]], PlannedJob]


class _Ended(NamedTuple):
    job: str
    exit_code: int


class _Interrupt:
    """Put into the queue by a signal handler."""


class _Running(msgspec.Struct):
    job: PlannedJob
    started: str
    clock: float
    killed_as: tuple[Verdict, str] | None = None
    kill_at: float | None = None


class Loop:
    """Runs one plan to its end.

    Args:
        plan: What to run.
        directory: The run's folder; the plan and all records go there.
        executor: Starts and stops jobs.
        slots: How many cores the jobs share.
        fail_fast: Whether the first red job stops the run.
        hits: Records of jobs whose results are known; they are not run.
        joining: Makes the job for a session that another one notifies.
        subscribers: Get every event, in order.
    """

    def __init__(  # noqa: PLR0913 - what to run, and how
        self,
        *,
        plan: Plan,
        directory: RunDirectory,
        executor: Executor,
        slots: int,
        fail_fast: bool = False,
        hits: Mapping[str, Record] | None = None,
        joining: Joining,
        subscribers: Sequence[Subscriber] = (),
    ) -> None:
        self.plan = plan
        self.directory = directory
        self.executor = executor
        self.slots = slots
        self.fail_fast = fail_fast
        self.hits = hits or {}
        self.joining = joining
        self.subscribers = subscribers
        self.problems: list[str] = []
        self._records: dict[str, Record] = {}
        self._running: dict[str, _Running] = {}
        self._inbox: queue.SimpleQueue[_Ended | _Interrupt] = queue.SimpleQueue()
        self._interrupted = False

    def run(self) -> RunEnded:
        """Run everything; every job of the plan has a record afterwards.

        Raises:
            StateError: The plan can't be written. Later failures to write are kept in `problems`.
        """
        self.directory.write_plan(self.plan)
        begin = clock.monotonic()
        self._emit(RunStarted(plan=self.plan, slots=self.slots, directory=self.directory.path))
        self._settle_known()
        waiting = [job for job in self.plan.jobs if job.id not in self._records]
        scheduler = Scheduler(waiting, self.slots, fail_fast=self.fail_fast, instant=self.hits)
        with _signals_to(self._inbox):
            while not scheduler.finished or self._running:
                for one in scheduler.release_notified():
                    self._skip(one)
                started = scheduler.next_jobs(clock.monotonic())
                for job in started:
                    if job.id in self.hits:
                        self._conclude(scheduler, self.hits[job.id])
                    else:
                        self._start(job, scheduler)
                if not any(job.id in self.hits for job in started):  # else others may be ready now
                    self._wait(scheduler)
        ended = RunEnded(
            plan=self.plan,
            records=tuple(self._records[job.id] for job in self.plan.jobs),
            seconds=clock.monotonic() - begin,
            slots=self.slots,
            interrupted=self._interrupted,
            directory=self.directory.path,
            problems=tuple(self.problems),
        )
        self._emit(ended)
        return ended

    def _settle_known(self) -> None:
        """Take the records of jobs that are known and wait for nothing that has to run."""
        by_id = self.plan.by_id
        for name in topological({job.id: job.requires for job in self.plan.jobs}) if self.hits else ():
            if name in self.hits and all(one in self._records for one in by_id[name].requires if one in by_id):
                self._records[name] = self.hits[name]
                self._emit(JobEnded(job=by_id[name], record=self.hits[name]))

    def _start(self, job: PlannedJob, scheduler: Scheduler) -> None:
        self._running[job.id] = _Running(job, clock.timestamp(clock.now()), clock.monotonic())
        try:
            self.executor.start(job, lambda name, code: self._inbox.put(_Ended(name, code)))
        except (StateError, OSError) as error:
            running = self._running.pop(job.id)
            self._conclude(scheduler, self._blank(running, Verdict.FAILED, f"could not be started: {error}"))
            return
        self._emit(JobStarted(job=job, log=self.directory.log_path(job.id)))

    def _wait(self, scheduler: Scheduler) -> None:
        """Take one message, or let a moment pass."""
        if scheduler.finished and not self._running:
            return
        self._watch_clock()
        try:
            message = self._inbox.get(timeout=TICK)
        except queue.Empty:
            self._emit(Tick())
            return
        if isinstance(message, _Interrupt):
            self._interrupt(scheduler)
        else:
            self._settle(scheduler, message)

    def _watch_clock(self) -> None:
        """End jobs that outstay their welcome."""
        now = clock.monotonic()
        for running in self._running.values():
            minutes = running.job.timeout_minutes
            if minutes and running.kill_at is None and now > running.clock + minutes * 60 + OVERTIME:
                running.killed_as = (
                    Verdict.TIMED_OUT,
                    f"timed out after {minutes:g} min, and did not stop by itself",
                )
                running.kill_at = now
            if running.kill_at is not None and now >= running.kill_at:
                self.executor.kill(running.job.id)
                running.kill_at = now + 1.0

    def _settle(self, scheduler: Scheduler, message: _Ended) -> None:
        running = self._running.pop(message.job)
        job = running.job
        try:
            record = self.directory.read_record(job.id)
        except StateError as error:
            self.problems.append(str(error))
            record = None
        if record is None and running.killed_as is not None:
            self._conclude(scheduler, self._blank(running, *running.killed_as))
            return
        blank = self._blank(running, Verdict.CANCELLED, "")
        final = settle(job, record, message.exit_code, blank, self.directory.log_path(job.id))
        self._conclude(scheduler, final, stored=final is record)

    def _conclude(self, scheduler: Scheduler, record: Record, *, stored: bool = False) -> None:
        """Store a job's final record, tell everybody, and free those who waited for it."""
        job = self.plan.by_id[record.job]
        self._store(record, stored=stored)
        self._emit(JobEnded(job=job, record=record))
        stopped = scheduler.end(job.id, record.verdict)
        self._join_notified(scheduler, record)
        for one in stopped:
            self._skip(one)
        if self.fail_fast and not record.verdict.green:
            self._stop_running(f"--fail-fast: {job.id} {record.verdict.value}")

    def _skip(self, stopped: Stopped) -> None:
        now = clock.timestamp(clock.now())
        record = blank_record(
            self.plan, stopped.job, stopped.verdict, stopped.reason, run=self.directory.id, started=now
        )
        self._store(record)
        self._emit(JobEnded(job=stopped.job, record=record))

    def _join_notified(self, scheduler: Scheduler, record: Record) -> None:
        """Let the sessions that this one notified join the run; one that takes part already does not run again."""
        if scheduler.stopping:
            return
        for notification in record.notified:
            if notification.session in self._records or scheduler.knows(notification.session):
                continue
            reason = Reason(kind=ReasonKind.NOTIFIED, detail=record.job)
            posargs = self.plan.selection.posargs if notification.posargs is None else notification.posargs
            job = self.joining(notification.session, (reason,), posargs)
            self.plan = msgspec.structs.replace(self.plan, jobs=(*self.plan.jobs, job))
            scheduler.add_last(job)
            try:
                self.directory.write_plan(self.plan)
            except StateError as error:
                self.problems.append(str(error))
            self._emit(JobAdded(job=job))

    def _interrupt(self, scheduler: Scheduler) -> None:
        """First: ask every job to stop. Again: end them now."""
        if self._interrupted:
            for running in self._running.values():
                running.kill_at = clock.monotonic()
            self._watch_clock()
            return
        self._interrupted = True
        for one in scheduler.stop("interrupted"):
            self._skip(one)
        self._stop_running("interrupted")

    def _stop_running(self, reason: str) -> None:
        for running in self._running.values():
            if running.killed_as is None:
                running.killed_as = (Verdict.CANCELLED, reason)
                running.kill_at = clock.monotonic() + PATIENCE
                self.executor.interrupt(running.job.id)

    def _blank(self, running: _Running, verdict: Verdict, reason: str) -> Record:
        return blank_record(
            self.plan,
            running.job,
            verdict,
            reason,
            run=self.directory.id,
            started=running.started,
            seconds=clock.monotonic() - running.clock,
        )

    def _store(self, record: Record, *, stored: bool = False) -> None:
        """Keep a record, and write it where that is not done yet."""
        self._records[record.job] = record
        if stored or record.job in self.hits:
            return
        try:
            self.directory.write_record(record)
        except StateError as error:
            self.problems.append(str(error))

    def _emit(self, event: Event) -> None:
        for subscriber in self.subscribers:
            subscriber(event)


@contextlib.contextmanager
def _signals_to(inbox: queue.SimpleQueue[_Ended | _Interrupt]) -> Iterator[None]:
    """Turn Ctrl-C, SIGTERM and a closed terminal into messages (SimpleQueue.put may be called from handlers).

    The last is not, where it is ignored: `nohup` asks for that.
    """
    every = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    numbers = [number for number in every if number == signal.SIGINT or signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, lambda *_: inbox.put(_Interrupt())) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
