"""The benchmark stage: how long things take, compared with a stored baseline of such a machine."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any, Unpack

import msgspec

from isonox.errors import ConfigurationError
from isonox.sessions.arguments import checked
from isonox.sessions.declare import session as declare_session
from isonox.sessions.swap import swapped
from isonox.stages import outcome, sources
from isonox.stages.options import StageOptions, install_tools
from isonox.stages.tests import drive
from isonox.system import files, processes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from isonox.sessions.session import Session

#: pytest-benchmark's report in the job's artifacts.
REPORT = "benchmark.json"
STORE = "--store"

#: How often all is measured until nothing is slower than the baseline: other processes only ever slow it down.
_ATTEMPTS = 3


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """What benchmarks take on machines of one shape.

    Attributes:
        shape: The machine's; see `shape_of`.
        cpu: The name of its processor, for whoever wonders.
        seconds: The fastest round of each benchmark, by its name.
    """

    version: int = 1
    shape: str
    cpu: str = ""
    seconds: dict[str, float]


@checked
def benchmark(  # noqa: PLR0913 - the stage's options, all keywords
    *,
    noise: float = 0.2,
    baseline: str = "benchmarks/baseline",
    name: str = "benchmark",
    paths: Sequence[str] = (),
    group: str | None = None,
    python: str | None = None,
    per_package: bool | Sequence[str] = False,
    **options: Unpack[StageOptions],
) -> None:
    """Declare the session `benchmark`: run the tests that use pytest-benchmark, and compare with a baseline.

    What counts of each is its fastest round, as a ratio to the one that is stored for machines of this shape: system,
    architecture, number of cores, Python. A ratio above the noise is measured up to two times more, and is red if
    it stays. `nox -s benchmark -- --store` stores the baseline, which is to be committed. Without one for this shape
    the session is waived. A benchmark of the baseline that did not run is red. Nothing else runs meanwhile, and
    verdicts are not cached, unless `exclusive` and `cache` say so. Other arguments after `--` go to pytest.

    Args:
        noise: How much slower is no regression: 0.2 for 20 %.
        baseline: The folder of baselines, relative to where it runs: the package's folder, or the root. The
            measured one is kept as an artifact, too: that of a machine nobody can log in to is found there.
        name: The session's name.
        paths: Files and folders with benchmarks; what pytest finds by its own configuration by default.
        group: The dependency group that holds pytest-benchmark; by default the one named as the session, else
            "tests", else "dev".
        python: As for `api`.
        per_package: True for a session per package of the workspace, or the packages' names.
        options: As for `isonox.session`.

    Raises:
        ConfigurationError: `noise` makes no sense.
    """
    if not noise > 0:
        raise ConfigurationError(f"{name}: noise={noise!r} must be more than 0", hint="0.2 for 20 %")

    def run_benchmark(session: Session) -> None:
        """Compare how long benchmarks take with a baseline."""
        tools = ("pytest", "pytest-benchmark")
        install_tools(session, name, *tools, group=group, fallbacks=("tests", "dev"), with_project=True)
        given = [argument for argument in session.posargs if argument != STORE]
        store = STORE in session.posargs
        with swapped(session._runner, "posargs", given):  # noqa: SLF001 - pytest knows nothing of ours
            found = _measured(session, paths)
            path = sources.folder(session) / baseline / f"{found.shape}.json"
            if store:
                _store(session, path, found, whole=not given)
            elif path.exists():
                _compare(session, _read(path), found, paths, noise)
            else:
                again = shlex.join(["nox", "-s", session.job, "--", STORE])
                session.waive(f"there is no baseline for machines like this one ({found.shape}); store one: {again}")

    defaults = StageOptions(cache=False, exclusive=True)
    declared = defaults | options
    declare_session(name=name, python=python, tags=["benchmark"], per_package=per_package, **declared)(run_benchmark)


def _measured(session: Session, paths: Sequence[str]) -> Baseline:
    """Run the benchmarks; keep the figures as an artifact that may become the baseline."""
    report = session.artifacts / REPORT
    drive(session, "", paths, "--benchmark-only", f"--benchmark-json={report}")
    found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    machine = found["machine_info"]
    made = Baseline(
        shape=shape_of(machine),
        cpu=machine.get("cpu", {}).get("brand_raw", ""),
        seconds={one["fullname"]: one["stats"]["min"] for one in found["benchmarks"]},
    )
    _write(session.artifacts / f"{made.shape}.json", made)
    return made


def shape_of(machine: Mapping[str, Any]) -> str:
    """Return the shape of a machine, by pytest-benchmark's `machine_info`: "linux-x86_64-2cpu-cpython3.13"."""
    version = ".".join(machine["python_version"].split(".")[:2])
    python = f"{machine['python_implementation']}{version}"
    return f"{machine['system']}-{machine['machine']}-{processes.cpu_count()}cpu-{python}".lower()


def _compare(session: Session, stored: Baseline, found: Baseline, paths: Sequence[str], noise: float) -> None:
    """End the session red if a benchmark is slower than its baseline each time, or is gone."""
    seconds = dict(found.seconds)
    for _ in range(_ATTEMPTS - 1):
        slow = [one for one in slower(stored.seconds, seconds, noise) if one]
        if not slow:
            break
        session.log(f"That is slower than the baseline; once more: {'; '.join(slow)}")
        again = _measured(session, paths).seconds
        seconds = {one: min(before, again.get(one, before)) for one, before in seconds.items()}
    complaints = list(slower(stored.seconds, seconds, noise))
    for complaint in complaints:
        outcome.report(session, "pytest-benchmark", complaint, complaint.partition("::")[0])
    if complaints and stored.cpu != found.cpu:
        session.note(f"the baseline was stored on another processor: {stored.cpu}; this one is {found.cpu}")
    if lost := stored.seconds.keys() - seconds.keys():
        if session.posargs:
            session.note(f"{len(lost)} benchmark(s) of the baseline were not asked for")
        else:
            complaints.append(f"not run, but in the baseline (store it anew): {', '.join(sorted(lost))}")
    if new := seconds.keys() - stored.seconds.keys():
        session.note(f"not in the baseline (store it anew): {', '.join(sorted(new))}")
    ratios = [seconds[one] / stored.seconds[one] for one in seconds if stored.seconds.get(one)]
    if ratios:
        session.note(f"{len(ratios)} benchmark(s): {min(ratios):.2f} to {max(ratios):.2f} times the baseline")
    outcome.judge(session, complaints)


def slower(stored: Mapping[str, float], found: Mapping[str, float], noise: float) -> Iterable[str]:
    """Yield which benchmarks are slower than noise explains."""
    for name, seconds in found.items():
        before = stored.get(name)
        if before and (ratio := seconds / before) > 1 + noise:
            yield f"{name} takes {ratio:.2f} times as long as the baseline: {_time(seconds)} instead of {_time(before)}"


def _time(seconds: float) -> str:
    for unit, factor in (("s", 1.0), ("ms", 1e3)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e6:.3g} us"


def _store(session: Session, path: Path, found: Baseline, *, whole: bool) -> None:
    """Store what was measured; of a part of the benchmarks, beside the others."""
    before = {} if whole or not path.exists() else _read(path).seconds
    _write(path, msgspec.structs.replace(found, seconds=before | found.seconds))
    session.note(f"stored {len(found.seconds)} benchmark(s) in {path.relative_to(session.root)}: commit it")


def _write(path: Path, content: Baseline) -> None:
    encoded = msgspec.json.format(msgspec.json.encode(content, order="sorted"), indent=2)
    files.make_directory(path.parent)
    files.write_atomic(path, encoded + b"\n")


def _read(path: Path) -> Baseline:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Baseline)
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigurationError(f"{path}: no baseline: {error}", hint="store it anew, or remove it") from error
