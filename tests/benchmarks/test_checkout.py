"""What is no result is refused: a tool that fails, runs too little, runs too much, or lists something else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks import synthetic
from benchmarks.checkout import CHANGE, Checkout, WrongResultError
from benchmarks.installation import Tools
from benchmarks.peers.definition import Case, Command, Peer
from benchmarks.peers.roster import PEERS

REPOSITORY = synthetic.generate(4, (synthetic.EMPTY,))

#: Leaves the marks of the packages that are named after it.
MARK = 'for name in "$@"; do echo done >"../marks/empty-$name"; done; echo 3 cached'


def checkout(folder: Path, case: Case, *argv: str, says: str = "") -> Checkout:
    """Return the repository of a peer that runs `argv`."""
    peer = Peer(name="peer", tool="sh", configure=lambda _: {}, commands={case: Command(argv=(*argv,), says=says)})
    tools = Tools(versions={}, missing={}, env={"PATH": os.environ["PATH"]}, node_modules=folder / "none")
    made = Checkout(folder, peer, REPOSITORY, tools)
    made.make()
    return made


def mark(*packages: str) -> tuple[str, ...]:
    """Return the command of a tool that runs the tasks of some packages."""
    return ("sh", "-c", MARK, "sh", *packages)


ALL = tuple(package.name for package in REPOSITORY.packages)


def test_everything_ran(tmp_path: Path) -> None:
    """A tool that does what it should is measured."""
    sample = checkout(tmp_path, Case.EMPTY, *mark(*ALL)).run(Case.EMPTY)

    assert 0 == sample.exit_code
    assert sample.seconds > 0


def test_a_failure_is_refused(tmp_path: Path) -> None:
    """Even if everything ran."""
    with pytest.raises(WrongResultError, match="exit code 3"):
        checkout(tmp_path, Case.EMPTY, "sh", "-c", f"{MARK}; exit 3", "sh", *ALL).run(Case.EMPTY)


def test_a_task_that_did_not_run_is_missed(tmp_path: Path) -> None:
    """The marks tell, not the tool."""
    with pytest.raises(WrongResultError, match=r"3 tasks ran instead of 4: without \['empty-pkg-0003'\]"):
        checkout(tmp_path, Case.EMPTY, *mark(*ALL[:-1])).run(Case.EMPTY)


def test_a_task_that_ran_for_an_unchanged_package_is_no_hit(tmp_path: Path) -> None:
    """Nothing changed: nothing may run."""
    with pytest.raises(WrongResultError, match="1 tasks ran instead of 0"):
        checkout(tmp_path, Case.NOTHING, *mark("pkg-0000")).run(Case.NOTHING)


def test_a_change_of_a_leaf_runs_the_leaf_alone(tmp_path: Path) -> None:
    """And the output has to say that the rest came from the cache."""
    leaf = REPOSITORY.leaf

    made = checkout(tmp_path, Case.LEAF, *mark(leaf.name), says="{cached} cached")
    made.edit(leaf)

    assert "3 cached\n" == made.run(Case.LEAF, leaf).output
    with pytest.raises(WrongResultError, match="does not match '4 cached'"):
        checkout(tmp_path / "other", Case.NOTHING, *mark(), says="{cached} cached").run(Case.NOTHING)


def test_the_affected_packages_have_to_be_right(tmp_path: Path) -> None:
    """The branch differs from main by the middle package; a list of all is wrong."""
    right = sorted(REPOSITORY.affected_by(REPOSITORY.middle.name))
    assert len(right) < len(ALL)

    made = checkout(tmp_path, Case.AFFECTED, "echo", *right)
    made.switch(CHANGE)

    assert made.run(Case.AFFECTED).seconds > 0
    with pytest.raises(WrongResultError, match="lists"):
        checkout(tmp_path / "other", Case.AFFECTED, "echo", *ALL).run(Case.AFFECTED)


def test_the_branch_differs_by_the_middle_package(tmp_path: Path) -> None:
    """Git says so."""
    made = checkout(tmp_path, Case.AFFECTED, "git", "diff", "--name-only", "main")
    made.switch(CHANGE)

    with pytest.raises(WrongResultError, match=rf"lists \['{REPOSITORY.middle.name}'\]"):
        made.run(Case.AFFECTED)


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_configurations_are_the_same_each_time(peer: Peer) -> None:
    """They hold no time, no chance and no folder of this machine."""
    repository = synthetic.generate(10)

    files = peer.configure(repository)

    assert files == peer.configure(synthetic.generate(10))
    assert not any(str(Path.cwd()) in content for content in files.values())
    assert files.keys().isdisjoint(synthetic.files(repository))
