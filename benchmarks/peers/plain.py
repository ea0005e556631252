"""Without a tool of its own: git alone, the commands alone, and make."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.peers.definition import CACHED, FRESH, JOBS, Case, Command, Peer

if TYPE_CHECKING:
    from benchmarks.synthetic import Monorepo, Package, Task

_FLOOR = Command(argv=("sh", "-c", "git ls-files -s && git status --porcelain"))

#: Each line of the file is a command for a shell.
_XARGS = ("xargs", "-P", JOBS, "-d", r"\n", "-n", "1", "sh", "-c")
_XARGS_FROM = ("xargs", "-a")


def _shell(package: Package, task: Task) -> str:
    return f"cd {package.path} && exec {' '.join(task.argv(package))}"


def _lists(repository: Monorepo) -> dict[str, str]:
    def lines(packages: tuple[Package, ...]) -> str:
        return "".join(f"{_shell(package, task)}\n" for task in repository.tasks for package in packages)

    return {"all.list": lines(repository.packages), "leaf.list": lines((repository.leaf,))}


def _bare(name: str) -> Command:
    return Command(argv=(*_XARGS_FROM, name, *_XARGS[1:]))


def _makefile(repository: Monorepo) -> dict[str, str]:
    """One stamp for each task; what it was made from is compared by time."""
    stamps = {
        (task, package): f"stamps/{task.mark(package)}" for task in repository.tasks for package in repository.packages
    }
    lines = ["MAKEFLAGS += --no-builtin-rules --no-print-directory", f"all: {' '.join(stamps.values())}"]
    for package in repository.packages:
        globs = " ".join(f"{package.path}/{glob}" for glob in ("*.*", "src/*/*.py", "tests/*.py"))
        lines.append(f"FILES-{package.name} := $(wildcard {globs})")
    for (task, package), stamp in stamps.items():
        needs = " ".join(f"$(FILES-{name})" for name in sorted(repository.closures[package.name]))
        command = f"cd {package.path} && {' '.join(task.argv(package))} && : >../../{stamp}"
        lines.append(f"{stamp}: ruff.toml {needs}\n\t@{command}")
    return {"Makefile": "\n".join(lines) + "\n.PHONY: all\n$(shell mkdir -p stamps)\n"}


FLOOR = Peer(name="floor", tool="git", configure=_lists, commands=dict.fromkeys((*CACHED, Case.AFFECTED), _FLOOR))

BARE = Peer(
    name="bare",
    tool="xargs",
    configure=_lists,
    commands={Case.LEAF: _bare("leaf.list"), **dict.fromkeys(FRESH, _bare("all.list"))},
)

_MAKE = ("make", f"-j{JOBS}", "all")

MAKE = Peer(
    name="make",
    tool="make",
    configure=_makefile,
    commands=dict.fromkeys(CACHED, Command(argv=_MAKE)) | dict.fromkeys(FRESH, Command(argv=(*_MAKE, "--always-make"))),
    prime=Command(argv=_MAKE),
)
