"""Time `make ci` of this repository and of the storefront: `python -m benchmarks.pipelines`. See README.md."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import machine, measure, pipelines_report, run_records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from benchmarks.run_records import Job

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "pipelines.json"
ROUNDS = 3
CORES = os.cpu_count() or 1

#: What would make a run another one than that of somebody at a terminal.
_UNWANTED = ("CI", "FORCE_COLOR", "NO_COLOR", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV")
_UNWANTED_PREFIXES = ("COVERAGE_", "GITHUB_", "ISONOX_", "MAKE", "NOX_", "PYTEST_", "UV_PROJECT", "_ISONOX")

#: The run that the cached cases begin with; it is not measured.
FILLING = "make ci, filling the cache"

#: Green verdicts of jobs that ran.
_RAN = ("passed", "waived")


@dataclass(frozen=True, kw_only=True)
class Place:
    """A pipeline of this repository.

    Attributes:
        folder: Where its Makefile is, relative to the root.
        leaf: The file that is changed.
        naive: The commands that a Makefile without any tool would have, one after the other in one environment.
    """

    folder: str
    leaf: str
    naive: tuple[str, ...] = ()


PLACES = {
    "storefront": Place(
        folder="examples/storefront",
        leaf="services/worker/src/storefront_worker/receipts.py",
        naive=(
            "PATH=$PWD/.venv/bin:$PATH",
            "ruff check .",
            "ruff format --check .",
            "mypy",
            "coverage run -m pytest -m 'not integration'",  # there is no database
            "coverage combine",
            "coverage report --fail-under=0",
            "bandit --quiet --recursive --configfile pyproject.toml libs services",
            "git ls-files -z . | xargs -0 detect-secrets-hook --no-verify",
            "mkdocs build --strict",
            "lychee --offline --no-progress --include-fragments --index-files index.html,. --root-dir $PWD/site site",
            "for package in libs/* services/*; do python -m build --installer uv --outdir dist $package || exit; done",
            "twine check --strict dist/*",
        ),
    ),
    "here": Place(folder=".", leaf="tests/report/test_annotations.py"),
}

#: The environment of the naive commands. It is made before they are timed.
_SYNC = (".isonox/env/bin/uv", "sync", "--quiet", "--frozen", "--all-groups", "--all-packages")


@dataclass
class Way:
    """One way to run a pipeline, with what it took.

    Attributes:
        bounds: The lower bound of each run, where it left records of jobs that ran.
        jobs: How many records the last run left.
        ran: The jobs of the last run that were not taken from the cache.
    """

    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    bounds: list[float] = field(default_factory=list)
    jobs: int = 0
    ran: list[str] = field(default_factory=list)


class Pipeline:
    """A fresh clone in which one place's pipeline runs."""

    def __init__(self, clone: Path, place: Place) -> None:
        self.place = place
        self.folder = clone / place.folder
        self.ways: dict[str, Way] = {}
        self.failures: dict[str, str] = {}
        subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
        self.commit = machine.commit(clone)

    def measure(
        self, name: str, argv: Sequence[str], accept: Callable[[list[Job]], str], *, bound: bool = True
    ) -> list[Job]:
        """Run one way once, keep what it took, and return the jobs of the run; a failure ends this way.

        Args:
            name: The way.
            argv: Its command.
            accept: Returns why the run's jobs are not what is to be measured, or nothing.
            bound: Whether the run is compared with its lower bound.
        """
        if name in self.failures:
            return []
        before = self._runs()
        sample = measure.run(argv, cwd=self.folder, env=environment())
        jobs = run_records.read(sorted(self._runs() - before), CORES)
        why = f"exit code {sample.exit_code}" if sample.exit_code else accept(jobs)
        sys.stderr.write(f"{name}: {sample.seconds:.2f} s, {len(jobs)} jobs {why}\n")
        if why:
            sys.stderr.write(f"{sample.output[-1500:]}\n")
            self.failures[name] = why
            return []
        way = self.ways.setdefault(name, Way())
        way.seconds.append(sample.seconds)
        way.cpu_seconds.append(sample.cpu_seconds)
        way.jobs, way.ran = len(jobs), [job.id for job in jobs if job.verdict in _RAN]
        if jobs and bound:
            way.bounds.append(run_records.lower_bound(jobs, CORES))
        return jobs

    def edit(self) -> None:
        """Change the leaf, each time differently."""
        with (self.folder / self.place.leaf).open("a", encoding="utf-8") as file:
            file.write(f"\n\n# edit {time.time_ns()}\n")

    def _runs(self) -> set[Path]:
        return set((self.folder / ".isonox" / "runs").glob("*/"))


def environment() -> dict[str, str]:
    """Return the environment of somebody at a terminal."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in _UNWANTED and not name.startswith(_UNWANTED_PREFIXES)
    }
    return {**kept, "NOX_SCRIPT_MODE": "none", "TERM": "dumb"}


def all_ran(jobs: Iterable[Job]) -> str:
    """Say which jobs came from the cache."""
    return _named("from the cache", [job.id for job in jobs if job.verdict not in _RAN])


def only_uncacheable_ran(jobs: Sequence[Job]) -> str:
    """Say which jobs ran that could have come from the cache, or that none came from there."""
    ran = [job.id for job in jobs if job.verdict != "cached" and job.cacheable]
    return _named("ran again", ran) or ("" if any(job.verdict == "cached" for job in jobs) else "nothing was cached")


def some_ran(jobs: Sequence[Job]) -> str:
    """Complain if all jobs ran, or none."""
    ran = sum(job.verdict != "cached" for job in jobs)
    return "" if 0 < ran < len(jobs) else f"{ran} of {len(jobs)} jobs ran after a change of one file"


def _named(what: str, names: Sequence[str]) -> str:
    return f"{what}: {', '.join(names)}" if names else ""


def same_as(first: Sequence[Job], *, split: bool = True) -> Callable[[list[Job]], str]:
    """Return a check that a run had the jobs of the first one, and that all ran.

    Args:
        first: The jobs of that run.
        split: Whether the run splits what that one has split; plain nox runs such a session whole.
    """

    def names(jobs: Sequence[Job]) -> set[str]:
        return {job.id if split else job.id.partition("#")[0] for job in jobs}

    def accept(jobs: list[Job]) -> str:
        return _named("other jobs", sorted(names(jobs) ^ names(first))) or all_ran(jobs)

    return accept


def warm(pipeline: Pipeline, first: Sequence[Job], rounds: int) -> None:
    """Run everything, environments there, with isonox and without, in turn.

    Args:
        pipeline: Which one.
        first: The jobs of the cold run.
        rounds: How often.
    """
    nox = ".isonox/env/bin/nox"
    if pipeline.place.naive:
        env = {**environment(), "UV_PROJECT_ENVIRONMENT": str(pipeline.folder / ".venv")}
        subprocess.run(_SYNC, cwd=pipeline.folder, env=env, check=True)
    for _ in range(rounds):
        pipeline.measure("make ci, no cache", ["make", "ci", "ARGS=--no-cache"], same_as(first))
        pipeline.measure("nox", [nox], same_as(first, split=False))
        pipeline.measure("nox -j2", [nox, "-j2"], same_as(first, split=False))
        if pipeline.place.naive:
            pipeline.measure("naive", ["sh", "-ec", "\n".join(pipeline.place.naive)], lambda _: "")


def cached(pipeline: Pipeline, rounds: int) -> None:
    """Change one file and run, and run again, in turn; before, everything is in the cache."""
    run = ["make", "ci"]
    pipeline.measure(FILLING, run, lambda _: "")
    pipeline.ways.pop(FILLING, None)
    for _ in range(rounds):
        pipeline.edit()
        pipeline.measure("make ci, one file changed", run, some_ran, bound=False)
        pipeline.measure("make ci, nothing changed", run, only_uncacheable_ran, bound=False)


def main() -> int:
    """Measure, and write the results after each place."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pipelines", description="Time `make ci`.")
    parser.add_argument("--only", choices=PLACES, action="append", help="one of the pipelines")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"of all but the cold run (default: {ROUNDS})")
    parser.add_argument("--output", type=Path, default=RESULTS, help="figures; the report goes beside it, as Markdown")
    options = parser.parse_args()
    failed = False
    for name in options.only or PLACES:
        with tempfile.TemporaryDirectory(prefix="isonox-benchmark-") as work:
            pipeline = Pipeline(Path(work) / "clone", PLACES[name])
            first = pipeline.measure("make ci, cold", ["make", "ci"], all_ran)
            if first:
                warm(pipeline, first, options.rounds)
                cached(pipeline, options.rounds)
        failed = failed or bool(pipeline.failures)
        facts = {**machine.shape(), "commit": pipeline.commit, "rounds": str(options.rounds)}
        ways = {way: asdict(figures) for way, figures in pipeline.ways.items()}
        pipelines_report.write(options.output, name, {"facts": facts, "ways": ways, "failed": pipeline.failures})
    sys.stdout.write(options.output.with_suffix(".md").read_text(encoding="utf-8"))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
