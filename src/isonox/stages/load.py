"""The load stage: many users at once, with locust, and what their requests may take."""

from __future__ import annotations

import csv
import json
import shutil
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple, Unpack
from urllib.parse import urlsplit

from isonox.errors import ConfigurationError
from isonox.sessions.arguments import checked
from isonox.sessions.commands import active_job
from isonox.sessions.declare import session as declare_session
from isonox.stages import application, inside, outcome, sources
from isonox.stages.options import StageOptions, install_tools

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from isonox.sessions.session import Session

#: What locust's reports are called in the job's artifacts: load.json, load.html, load_stats.csv, ...
REPORT = "load"

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Limits(NamedTuple):
    """What a run may not exceed.

    Attributes:
        failure_ratio: From 0 to 1.
        percentiles_ms: Milliseconds by the share of requests, in percent, that have to be as fast.
    """

    failure_ratio: float
    percentiles_ms: Mapping[float, float]


class Figures(NamedTuple):
    """What locust has measured.

    Attributes:
        seconds: From the first request to the last.
        times: How many requests took so many milliseconds, as locust rounds them: to two digits from 100 on.
    """

    requests: int
    failures: int
    seconds: float
    times: Mapping[float, int]

    def percentile(self, percent: float) -> float:
        """Return the milliseconds within which so many of the requests ended."""
        left = self.requests * percent / 100
        for milliseconds, count in sorted(self.times.items()):
            left -= count
            if left <= 0:
                return milliseconds
        return max(self.times, default=0.0)

    def __str__(self) -> str:
        rate = f" ({self.requests / self.seconds:,.1f}/s)" if self.seconds else ""
        failed = f"{100 * self.failures / max(1, self.requests):.1f} % failed"
        times = ", ".join(f"p{percent} {self.percentile(percent):g} ms" for percent in (50, 95, 99))
        return f"{self.requests:,} requests{rate}, {failed}, {times}"


@checked
def load(  # noqa: PLR0913 - the stage's options, all keywords
    *,
    app: Sequence[str] = (),
    health: str = "/health",
    prepare: Sequence[Sequence[str]] = (),
    wait_seconds: float = 60,
    host: str | None = None,
    allow_hosts: Sequence[str] = (),
    locustfile: str = "locustfile.py",
    users: int = 10,
    spawn_rate: float | None = None,
    seconds: int = 30,
    failure_ratio: float = 0.0,
    percentiles_ms: Mapping[float, float] | None = None,
    name: str = "load",
    group: str | None = None,
    python: str | None = None,
    per_package: bool | Sequence[str] = False,
    **options: Unpack[StageOptions],
) -> None:
    """Declare the session `load`: start the application, and let the users of a locustfile at it.

    The figures are noted in the record and the summary; locust's JSON, CSV and HTML reports are kept. No request at
    all is red. Nothing else runs meanwhile, and verdicts are not cached, unless `exclusive` and `cache` say so.
    Arguments after `--` go to locust.

    Args:
        app: As for `api`.
        health: As for `api`.
        prepare: As for `api`.
        wait_seconds: As for `api`.
        host: In place of `app`: the URL of a server that runs already.
        allow_hosts: Names of hosts that `host` may have, beside this machine's loopback.
        locustfile: Path of the locustfile, relative to where it runs: the package's folder, or the root.
        users: How many users there are at once.
        spawn_rate: How many of them start each second; all at once by default.
        seconds: How long they stay.
        failure_ratio: The share of requests that may fail, from 0 to 1.
        percentiles_ms: Milliseconds that requests may take: `{50: 20, 95: 100}` for half of them, and 95 %. By
            default `{95: 500}`.
        name: The session's name.
        group: The dependency group that holds locust; by default the one named as the session, else "dev".
        python: As for `api`.
        per_package: As for `api`.
        options: As for `isonox.session`.

    Raises:
        ConfigurationError: A value makes no sense, or `host` is not allowed.
    """
    limits = Limits(failure_ratio, {95: 500} if percentiles_ms is None else percentiles_ms)
    _check(name, limits, users=users, spawn_rate=users if spawn_rate is None else spawn_rate, seconds=seconds)
    if bool(app) == bool(host):
        raise ConfigurationError(f"{name}: either `app`, which is started, or `host`, which runs already")
    served = application.declared(name, app, health, prepare, wait_seconds) if app else None
    if host:
        _check_host(name, host, allow_hosts)
    how = ["--users", str(users), "--spawn-rate", f"{spawn_rate or users:g}", "--run-time", f"{seconds}s"]

    def run_load(session: Session) -> None:
        """Measure the application under load."""
        install_tools(session, name, "locust", group=group, with_project=True)
        if served is None:
            session.env["LOCUST_HOST"] = host
            _run(session, locustfile, how, limits)
            return
        with application.serving(session, served) as url:
            session.env["LOCUST_HOST"] = url  # in an argument, its port would make two runs differ
            _run(session, locustfile, how, limits)

    defaults = StageOptions(cache=False, exclusive=True)
    declare_session(name=name, python=python, tags=["load"], per_package=per_package, **(defaults | options))(run_load)


def _check(name: str, limits: Limits, **numbers: float) -> None:
    """Refuse figures that make no sense."""
    for argument, value in numbers.items():
        if not value > 0:
            raise ConfigurationError(f"{name}: {argument}={value!r} must be more than 0")
    if not 0 <= limits.failure_ratio <= 1:
        raise ConfigurationError(f"{name}: failure_ratio={limits.failure_ratio!r} is a share, from 0 to 1")
    for percent, milliseconds in limits.percentiles_ms.items():
        if not 0 < percent <= 100 or not milliseconds > 0:  # noqa: PLR2004 - percent
            raise ConfigurationError(
                f"{name}: percentiles_ms: {percent!r}: {milliseconds!r}: a share in percent, and milliseconds",
                hint="{95: 500}",
            )


def _check_host(name: str, host: str, allowed: Sequence[str]) -> None:
    """Refuse to load a host that nobody has allowed."""
    parts = urlsplit(host)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError(f"{name}: host={host!r} is no URL", hint="http://127.0.0.1:8000")
    if parts.hostname not in (*_LOOPBACK, *allowed):
        raise ConfigurationError(
            f"{name}: host={host!r} is not this machine",
            hint=f'if it is yours, and it may be loaded: allow_hosts=["{parts.hostname}"]',
        )


def _run(session: Session, locustfile: str, arguments: Sequence[str], limits: Limits) -> None:
    """Run locust, and judge what it has measured."""
    folder = sources.folder(session)
    if not (folder / locustfile).is_file():
        session.error(f"there is no {locustfile!r} in {folder}, which should say what users do")
    shutil.rmtree(session.artifacts)
    report = session.artifacts / REPORT
    files = f"{inside.FOLDER}/isonox_locust.py,{locustfile}"
    reports = ["--csv", str(report), "--json-file", str(report), "--html", str(report.with_suffix(".html"))]
    with session.chdir(folder):
        done = outcome.run(
            session, "locust", "--headless", "--only-summary", "--exit-code-on-error", "0",
            "--locustfile", files, *reports, *arguments, *session.posargs,
        )  # fmt: skip
    for path in session.artifacts.iterdir():
        path.write_text(active_job().redact(path.read_text(encoding="utf-8")), encoding="utf-8")
    if done.failed:
        session.error(f"locust failed: {done}: {done.last_line}")
    figures = read(report.with_suffix(".json"))
    session.note(f"{' '.join(arguments)}: {figures}".replace("--", ""))
    place = str((folder / locustfile).relative_to(session.root))
    for row in _rows(report.with_name(f"{REPORT}_failures.csv")):
        what = f"{row['Method']} {row['Name']} failed {row['Occurrences']} time(s): {row['Error']}"
        outcome.report(session, "locust", what, place, shown=True)
    outcome.judge(session, exceeded(figures, limits))


def exceeded(figures: Figures, limits: Limits) -> Iterable[str]:
    """Yield which limits were exceeded."""
    if not figures.requests:
        yield "no request was made: what do the users of the locustfile do?"
        return
    ratio = figures.failures / figures.requests
    if ratio > limits.failure_ratio:
        allowed = f"{100 * limits.failure_ratio:g} %"
        yield f"{figures.failures} of {figures.requests} requests failed ({100 * ratio:.3g} %, at most {allowed})"
    for percent, milliseconds in sorted(limits.percentiles_ms.items()):
        if (took := figures.percentile(percent)) > milliseconds:
            yield f"{percent:g} % of the requests took up to {took:g} ms, more than {milliseconds:g} ms"


def read(path: Path) -> Figures:
    """Return what locust's JSON says of all requests together.

    Raises:
        ConfigurationError: It can't be read.
    """
    try:
        entries: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        times: Counter[float] = Counter()
        for entry in entries:
            times.update({float(milliseconds): count for milliseconds, count in entry["response_times"].items()})
        ends = [entry["last_request_timestamp"] or entry["start_time"] for entry in entries]
        return Figures(
            requests=sum(entry["num_requests"] for entry in entries),
            failures=sum(entry["num_failures"] for entry in entries),
            seconds=max(ends, default=0.0) - min((entry["start_time"] for entry in entries), default=0.0),
            times=times,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(f"{path}: no report of locust: {error!r}") from error


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))
