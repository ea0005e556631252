"""The wrapper around every session, and the only place that replaces parts of nox.

Nox has no plugin interface, so isonox replaces `SessionRunner.execute` (everything that happens to one session,
its environment included) and, while a session runs, `nox.command.popen` (see `commands`) and
`nox.virtualenv._find_python`. `tests/sessions/test_hook.py` fails when a nox release changes these.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import signal
import threading
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nox.sessions
import nox.virtualenv
from nox.sessions import Result, SessionRunner, Status, resolve_venv_backends

from isonox.errors import ConfigurationError, IsonoxError
from isonox.model.record import Notification
from isonox.model.shard import session_of
from isonox.sessions import (
    assignment,
    commands,
    environment,
    interpreter,
    pool,
    project,
    recording,
    redaction,
    trace,
    virtualenvs,
)
from isonox.sessions import install as installs
from isonox.sessions.active import ACTIVE, ActiveJob
from isonox.sessions.run_directory import file_name
from isonox.sessions.swap import swapped
from isonox.system import clock, files, github, processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def install() -> None:
    """Wrap every session that nox runs in this process. Calling it again changes nothing."""
    if getattr(SessionRunner.execute, "__isonox__", False):
        return
    original = SessionRunner.execute

    @functools.wraps(original)
    def execute(runner: SessionRunner) -> Result:
        return _execute(runner, original)

    vars(execute)["__isonox__"] = True
    setattr(SessionRunner, "execute", execute)  # noqa: B010 - mypy refuses to see a method replaced


def _execute(runner: SessionRunner, original: Callable[[SessionRunner], Result]) -> Result:
    """Run one session inside the wrapper and leave a record, however it ends."""
    root = Path(runner.global_config.noxfile).resolve().parent
    started = clock.now()
    clock_start = clock.monotonic()
    try:
        job = assignment.job_of(runner, root)
    except IsonoxError as error:
        runner.result = Result(runner, Status.FAILED, reason=str(error))
        return runner.result
    _be_strict(runner)
    processes.become_subreaper()
    processes.reap_orphans()
    result: Result | None = None
    token = ACTIVE.set(job)
    try:
        try:
            with _surroundings(runner, job):
                result = _withheld(runner, job) or _contained(runner, original)
        except _TimeUp:
            result = Result(runner, Status.FAILED)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong around a session is that session's failure
            what = str(error) if isinstance(error, IsonoxError) else f"{type(error).__name__}: {error}"
            result = Result(runner, Status.FAILED, reason=what)
        _stop_what_is_left(job, ended_well=not job.timed_out)
        result = _judged(runner, job, result)
    finally:
        ACTIVE.reset(token)
        if os.getpid() == job.pid:  # a session may fork, and its copy come by here
            if result is None:
                _stop_what_is_left(job, ended_well=False)
            seconds = clock.monotonic() - clock_start
            when = clock.timestamp(started)
            with job.held:
                problem = recording.write(runner, job, result, started=when, seconds=seconds)
            if problem and result is not None:
                result = Result(runner, Status.FAILED, reason=problem, duration=seconds)
    runner.result = result
    return result


def _contained(runner: SessionRunner, original: Callable[[SessionRunner], Result]) -> Result:
    """Let nox run the session; what nobody catches is printed here, where secrets are kept out of it."""
    try:
        return original(runner)
    except (Exception, KeyboardInterrupt, SystemExit, _TimeUp):
        raise
    except BaseException as error:  # noqa: BLE001 - such as those by which test tools stop
        traceback.print_exc()
        return Result(runner, Status.FAILED, reason=f"{type(error).__name__}: {error}")


def _withheld(runner: SessionRunner, job: ActiveJob) -> Result | None:
    """Waive a session whose secrets GitHub holds back: it could only fail, and nobody could help it."""
    missing = [name for name in job.facts.secrets if not job.outer.get(name)]
    reason = github.without_secrets(job.outer) if missing else ""
    return Result(runner, Status.SKIPPED, reason=f"{reason}: {', '.join(missing)}") if reason else None


def _be_strict(runner: SessionRunner) -> None:
    """A missing interpreter is an error everywhere, and it is not downloaded unless the noxfile says so."""
    config = runner.global_config
    if not config.error_on_missing_interpreters:
        config.error_on_missing_interpreters = True
    if config.download_python is None and runner.func.download_python is None:
        config.download_python = "never"


@contextlib.contextmanager
def _surroundings(runner: SessionRunner, job: ActiveJob) -> Iterator[None]:
    """Everything that holds while the session runs."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(redaction.redacted_output(job))
        stack.enter_context(_errors_kept(job))
        if job.facts.artifacts:  # they lie in the checkout, where another run of the session would write the same files
            path = files.state_directory(job.root) / "locks" / f"artifacts of {file_name(job.id)}.lock"
            job.held.enter_context(pool.locked(path, f"another run is making the artifacts of {job.id}"))
        if job.facts.environment == "declared":
            values = environment.declared(job.outer, job.facts, cores=job.cores, extra=job.config.pass_env)
            stack.enter_context(environment.replaced(job.outer, values))
        if job.facts.services:
            from isonox.sessions import servers  # noqa: PLC0415 - most sessions do without

            stack.enter_context(servers.serving(job, assignment.owner()))
        look_up = interpreter.find(job, interpreter.nox_finds)
        stack.enter_context(swapped(nox.virtualenv, "_find_python", look_up))
        stack.enter_context(commands.recorded(job))
        stack.enter_context(_phases(runner, job))
        if has_no_environment(runner):
            stack.enter_context(swapped(runner, "_create_venv", functools.partial(_pass_through, runner)))
        else:
            prepare = functools.cache(functools.partial(_claim_own, runner, job, stack))
            stack.enter_context(virtualenvs.deferred(runner, job, prepare))
        stack.enter_context(_deadline(job))
        yield


@contextlib.contextmanager
def _phases(runner: SessionRunner, job: ActiveJob) -> Iterator[None]:
    """Note when the session function starts, and what its environment holds when it ends."""
    function = runner.func

    class _Observed:
        """Nox's function object, with an eye on when it is called, and on which Python."""

        @property
        def python(self) -> Any:
            """What the session asks for; without that, the workspace's newest Python, not the one that runs nox."""
            declared = function.python is None and job.facts.environment == "declared"
            return job.config.newest_python if declared else function.python

        def __getattr__(self, name: str) -> Any:
            return getattr(function, name)

        def __call__(self, session: nox.Session) -> Any:
            job.phase = "session"
            try:
                with trace.traced(job):
                    return _served(runner, job, session, function)
            except IsonoxError as error:
                session.error(str(error))
            except SystemExit as stop:
                session.error(f"the session function ended the process: sys.exit({stop.code!r})")
            finally:
                job.interpreter = interpreter.environment_interpreter(session)
                if interpreter.place(session):
                    job.distributions = installs.installed(session)

    with contextlib.ExitStack() as stack:
        stack.enter_context(swapped(runner, "func", _Observed()))
        if job.in_run:
            stack.enter_context(swapped(nox.sessions.Session, "notify", _notify))
        yield


def _served(runner: SessionRunner, job: ActiveJob, session: nox.Session, function: Callable[..., Any]) -> Any:
    """Call the session function, whose services have to be had before it ends."""
    if job.servers and has_no_environment(runner):
        job.servers.ready()  # there is nothing to be done meanwhile
    done = function(session)
    if job.servers:
        job.servers.ready()
    return done


def _notify(session: nox.Session, target: str | SessionRunner, posargs: Any = None) -> None:
    """Leave the notification to `isonox ci`, which runs the target once, when everything else has ended."""
    job = commands.active_job()
    runners = [runner for runner, _ in session._runner.manifest.list_all_sessions()]  # noqa: SLF001 - as nox's own
    known = project.sessions_left_out(job.root) or [
        project.Named(name, runner.name, tuple(runner.signatures))
        for runner in runners
        for name in recording.job_ids(runner)
    ]
    wanted = target if isinstance(target, str) else recording.session_id(target)
    for one in known:
        if wanted in (one.id, one.name, *one.signatures):
            arguments = None if posargs is None else tuple(str(arg) for arg in posargs)
            if arguments and any(secret in argument for secret in job.secrets for argument in arguments):
                raise ConfigurationError(
                    f"notify({wanted!r}, posargs=...) holds the value of a secret, which would be written down",
                    hint="declare `secrets` for that session, too: it finds the value in its environment",
                )
            names = [other.id for other in known if session_of(other.id) == session_of(one.id)]
            job.notified += [Notification(session=name, posargs=arguments) for name in names]
            return
    raise ValueError(f"Session {target} not found.")


def has_no_environment(runner: SessionRunner) -> bool:
    """Return whether a session runs in the environment that nox runs in."""
    backends = resolve_venv_backends(runner.global_config, runner.func)
    known = set(backends) <= set(nox.virtualenv.ALL_VENVS)  # else nox has something to say
    return backends == ["none"] or (runner.func.python is False and known)


def _pass_through(runner: SessionRunner) -> None:
    """Do what nox does for a session without an environment, but for looking for every tool that makes some."""
    runner.venv = nox.virtualenv.PassthroughEnv()


def _claim_own(runner: SessionRunner, job: ActiveJob, stack: contextlib.ExitStack) -> None:
    """Never two writers in a session's own folder: a second run of the same session waits for the first."""
    path = files.state_directory(job.root) / "locks" / f"{Path(runner.envdir).name}.lock"
    stack.enter_context(pool.locked(path, f"another run is using the environment of {job.id}"))
    if job.facts.environment == "declared":
        interpreter.discard_other(Path(runner.envdir), runner.func.python)


class _Keep(logging.Handler):
    """Keeps what nox logs as errors."""

    def __init__(self, job: ActiveJob) -> None:
        super().__init__(level=logging.ERROR)
        self._job = job

    def emit(self, entry: logging.LogRecord) -> None:
        self._job.errors.append(self._job.redact(entry.getMessage()))


@contextlib.contextmanager
def _errors_kept(job: ActiveJob) -> Iterator[None]:
    """Keep what nox logs as errors: it swallows exceptions, and the record should say why."""
    handler = _Keep(job)
    logger = logging.getLogger("nox")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


class _TimeUp(BaseException):
    """The session's time is over; no `except Exception` in a session may swallow it."""


@contextlib.contextmanager
def _deadline(job: ActiveJob) -> Iterator[None]:
    """Stop the session, with everything it started, when its time is over (POSIX; see `run` for the rest)."""
    minutes = job.facts.timeout_minutes
    main_thread = threading.current_thread() is threading.main_thread()
    if minutes is None or not hasattr(signal, "SIGALRM") or not main_thread:
        yield
        return

    def ring(_number: int, _frame: object) -> None:
        job.timed_out = True
        raise _TimeUp

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, minutes * 60)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _stop_what_is_left(job: ActiveJob, *, ended_well: bool) -> None:
    """Stop processes that the session has left running.

    After a hand-typed session that ended well they stay, as with plain nox: a developer may want that server.
    """
    if os.getpid() != job.pid or (ended_well and not job.in_run):
        return
    if left := processes.descendants(os.getpid()):
        names = ", ".join(sorted({_name(process) for process in left}))
        job.notes.append(f"the session left {len(left)} process(es) running, which were stopped: {names}")
        processes.kill_tree(os.getpid(), grace=commands.GRACE, include_root=False)


def _judged(runner: SessionRunner, job: ActiveJob, result: Result) -> Result:
    """Return nox's result with isonox's judgement, and a reason that may be printed."""
    died = "\n".join(job.servers.died.values()) if job.servers else ""
    if died and not job.timed_out:
        result.status, result.reason = Status.FAILED, died
        _say(died)
    elif job.timed_out:
        result.status, result.reason = Status.FAILED, f"timed out after {job.facts.timeout_minutes:g} min"
        _say(f"Session {job.id} {result.reason}")
    elif job.missing_interpreter is not None and result.status is Status.FAILED:
        spec = job.missing_interpreter
        result.reason = f"Python {spec} is not installed here; install it: {interpreter.install_hint(spec)}"
        _say(result.reason)
    elif result.status is Status.FAILED and not result.reason and job.errors:
        result.reason = job.errors[-1].splitlines()[0]
    elif result and runner.global_config.install_only:
        # Asked for by hand, that is fine; in a run, the job was planned to do something.
        status = Status.FAILED if job.in_run else Status.SKIPPED
        result.status, result.reason = status, "nothing was run: --install-only"
    if not result and not job.facts.required:
        what = "timed out" if job.timed_out else "failed"
        result.status, result.reason = Status.SKIPPED, f"not required; it {what}: {result.reason}"
    result.reason = job.redact(result.reason or "")
    return result


def _say(text: str) -> None:
    logging.getLogger("nox").error(text)


def _name(process: Any) -> str:
    with contextlib.suppress(Exception):  # the process may be gone by now
        return str(process.name())
    return "unknown"
