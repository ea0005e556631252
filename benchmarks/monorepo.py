"""Measure isonox and its peers on synthetic monorepos: `python -m benchmarks.monorepo`. See benchmarks/README.md."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import installation, machine, synthetic
from benchmarks.checkout import CHANGE, Checkout, WrongResultError
from benchmarks.peers.definition import CACHED, Case
from benchmarks.peers.roster import ABSENT, PEERS
from benchmarks.results import Results, Setting, title
from benchmarks.table import duration
from benchmarks.targets import outcomes, outcomes_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from benchmarks.installation import Tools
    from benchmarks.measure import Sample
    from benchmarks.peers.definition import Peer
    from benchmarks.synthetic import Monorepo

SIZES = (10, 100, 1000)
ROUNDS = 5
RESULTS = Path(__file__).parent / "results" / "monorepo.md"

#: Cases that have a monorepo of their own: how many packages, with which task.
_OWN = {Case.PAUSES: (20, synthetic.PAUSE), Case.EMPTY: (100, synthetic.EMPTY)}
#: With more packages than this, only these run everything: the others need many minutes.
_LARGE = 100
_RUN_LARGE = ("bare", "isonox", "make", "doit")


def main() -> int:
    """Measure, and write the results after each case."""
    options = _options()
    work: Path = (options.work or Path(tempfile.mkdtemp(prefix="isonox-benchmark-"))).resolve()
    _say(f"installing the peers in {work}")
    tools = installation.install(work / "tools")
    results = _blank(tools, options)
    for peer, reason in results.absent.items():
        _say(f"left out: {peer}: {reason}")
    peers = [peer for peer in PEERS if peer.tool in tools.versions and peer.name in options.peers]
    try:
        for setting in _settings(options.sizes, options.cases):
            checkouts = list(_checkouts(setting, peers, tools, work))
            try:
                measure_setting(setting, checkouts, options.rounds, results)
            finally:
                for checkout in checkouts:
                    checkout.stop()
            write(results, options.output)
    finally:
        if not (options.keep or options.work):
            shutil.rmtree(work, ignore_errors=True)
    sys.stdout.write(results.to_json() if options.json else document(results))
    return 1 if results.failures else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.monorepo", description="Measure isonox and its peers.")
    cases, names = [case.name.lower() for case in Case], [peer.name for peer in PEERS]
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES, metavar="N", help="how many packages")
    parser.add_argument("--cases", nargs="+", choices=cases, default=cases, metavar="CASE", help=", ".join(cases))
    parser.add_argument("--peers", nargs="+", choices=names, default=names, metavar="PEER", help=", ".join(names))
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"how often each is measured (default: {ROUNDS})")
    parser.add_argument("--work", type=Path, help="where peers and repositories are kept (default: a temporary folder)")
    parser.add_argument("--keep", action="store_true", help="keep the temporary folder")
    parser.add_argument("--output", type=Path, default=RESULTS, help="the report; figures go beside it, as JSON")
    parser.add_argument("--json", action="store_true", help="print the figures instead of the report")
    return parser.parse_args()


def _blank(tools: Tools, options: argparse.Namespace) -> Results:
    wanted = {peer.tool for peer in PEERS if peer.name in options.peers}
    facts = {
        **machine.shape(),
        "commit": machine.commit(installation.ROOT),
        "rounds": str(options.rounds),
        "seed": str(synthetic.SEED),
    }
    missing = {tool: reason for tool, reason in tools.missing.items() if tool in wanted or tool == "ruff"}
    return Results(facts=facts, versions=tools.versions, absent={**ABSENT, **missing})


def _settings(sizes: Sequence[int], cases: Sequence[str]) -> Iterator[Setting]:
    for case in Case:
        if case.name.lower() in cases:
            for size in [_OWN[case][0]] if case in _OWN else sizes:
                yield Setting(case, size)


def _checkouts(setting: Setting, peers: Iterable[Peer], tools: Tools, work: Path) -> Iterator[Checkout]:
    """Make the repositories of all peers that take part in a setting."""
    repository = _repository(setting)
    large = setting.case is Case.EVERYTHING and setting.packages > _LARGE
    for peer in peers:
        if setting.case in peer.commands and not (large and peer.name not in _RUN_LARGE):
            kind = f"{'-'.join(task.name for task in repository.tasks)}-{setting.packages}"
            checkout = Checkout(work / kind / peer.name.replace(" ", ""), peer, repository, tools)
            checkout.make()
            yield checkout


def _repository(setting: Setting) -> Monorepo:
    if setting.case in _OWN:
        count, task = _OWN[setting.case]
        return synthetic.generate(count, (task,))
    return synthetic.generate(setting.packages)


def measure_setting(setting: Setting, checkouts: Sequence[Checkout], rounds: int, results: Results) -> None:
    """Warm all peers up, then measure each once in each round, and begin each round with another one."""
    case, running = setting.case, list(checkouts)
    samples: dict[str, list[Sample]] = {checkout.peer.name: [] for checkout in running}

    def attempt(checkout: Checkout, *, warming: bool) -> None:
        name = checkout.peer.name
        try:
            if warming:
                _warm_up(case, checkout)
            sample = _once(case, checkout)
        except WrongResultError as error:
            _say(f"{title(setting)}: {name}: {error}")
            results.failures[setting, name] = str(error).partition("\n")[0]
            running.remove(checkout)
            return
        _say(f"{title(setting)}: {name}: {duration(sample.seconds)}{' (warming up)' if warming else ''}")
        if not warming:
            samples[name].append(sample)

    for checkout in list(running):
        attempt(checkout, warming=True)
    for number in range(rounds):
        start = number % max(1, len(running))
        for checkout in running[start:] + running[:start]:
            attempt(checkout, warming=False)
    names = [checkout.peer.name for checkout in running]
    results.samples[setting] = {name: samples[name] for name in names if samples[name]}
    for checkout in checkouts:
        checkout.switch("main")


def _warm_up(case: Case, checkout: Checkout) -> None:
    """Bring a repository into the state that a case starts from."""
    checkout.switch(CHANGE if case is Case.AFFECTED else "main")
    if case in CACHED:
        checkout.prime()
    if case is Case.LEAF and checkout.peer.prime is not None:
        # It has to know what depends on what: else its figure is that of something simpler.
        checkout.edit(checkout.repository.middle)
        checkout.run(case, checkout.repository.middle)
        checkout.switch("main")
        checkout.prime()


def _once(case: Case, checkout: Checkout) -> Sample:
    changed = checkout.repository.leaf if case is Case.LEAF else None
    if changed is not None:
        checkout.edit(changed)
    return checkout.run(case, changed, watch_memory=case is Case.EVERYTHING)


def document(results: Results) -> str:
    """Return the report."""
    machine_line = ", ".join(f"{name} {value}" for name, value in results.facts.items())
    versions_line = ", ".join(f"{tool} {version}" for tool, version in sorted(results.versions.items()))
    absent = "".join(f"- {peer}: {reason}\n" for peer, reason in results.absent.items())
    failed = "".join(f"- {title(setting)}: {peer}: {why}\n" for (setting, peer), why in results.failures.items())
    return (
        "# Synthetic monorepos\n\n"
        "Made by `python -m benchmarks.monorepo`; how to read it is in [the README](../README.md).\n\n"
        f"{machine_line}.\n\nVersions: {versions_line}.\n\n"
        f"## Targets\n\n{outcomes_table(outcomes(results))}\n{results.tables()}\n"
        "turbo pays for starting `npm run` for each task. CPU does not contain daemons.\n\n"
        f"## Left out: {len(results.absent)}\n\n{absent}\n## Failed: {len(results.failures)}\n\n{failed or 'None.'}\n"
    )


def write(results: Results, output: Path) -> None:
    """Write the report, and the figures beside it."""
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(document(results).rstrip("\n") + "\n", encoding="utf-8")
    output.with_suffix(".json").write_text(results.to_json(), encoding="utf-8")


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
