"""The tools that come from PyPI: isonox, nox, tox, doit, Invoke."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.peers.definition import CACHED, FRESH, JOBS, Case, Command, Peer

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.synthetic import Monorepo, Task

#: isonox's options: without its cache, and the verb that lists what a change affects.
NO_CACHE = "--no-cache"
AFFECTED = ("isonox", "affected", "--base", "main")


def _body(task: Task, run: str, package: str) -> str:
    """Return a session's statements; a task without a command leaves its mark itself."""
    if not task.command:
        return f'    open(f"../marks/{task.name}-{{{package}}}", "w").write("done\\n")\n'
    words = ", ".join(f'f"{word}"' if "{" in word else f'"{word}"' for word in _words(task, package))
    return f"    {run}({words}, external=True)\n"


def _words(task: Task, package: str) -> list[str]:
    return task.command.replace("{package}", f"{{{package}}}").split()


def _isonox(repository: Monorepo) -> dict[str, str]:
    noxfile = "import isonox\n"
    for task in repository.tasks:
        folder = "    session.chdir(session.package.path)\n" if task.command else ""
        noxfile += (
            '\n\n@isonox.session(per_package=True, venv_backend="none")\n'
            f"def {task.name}(session: isonox.Session) -> None:\n"
            f"{folder}{_body(task, 'session.run', 'session.package.name')}"
        )
    return {"noxfile.py": noxfile, "pyproject.toml": '[tool.isonox]\npackages = ["packages/*"]\n'}


def _nox(repository: Monorepo) -> dict[str, str]:
    noxfile = 'import os\n\nimport nox\n\nPACKAGES = sorted(os.listdir("packages"))\n'
    for task in repository.tasks:
        folder = '    session.chdir(f"packages/{package}")\n' if task.command else ""
        noxfile += (
            '\n\n@nox.session(venv_backend="none", allow_parallel=True)\n'
            '@nox.parametrize("package", PACKAGES, ids=PACKAGES)\n'
            f"def {task.name}(session, package):\n"
            f"{folder}{_body(task, 'session.run', 'package')}"
        )
    return {"noxfile.py": noxfile}


def _tox(repository: Monorepo) -> dict[str, str]:
    names = [task.mark(package) for task in repository.tasks for package in repository.packages]
    lines = [
        f"env_list = {names}",
        "no_package = true",
        "[env_run_base]",
        'allowlist_externals = ["ruff", "sh"]',
    ]
    for task in repository.tasks:
        for package in repository.packages:
            lines += [
                f"[env.{task.mark(package)}]",
                f'change_dir = "{package.path}"',
                f"commands = [{list(task.argv(package))}]",
            ]
    return {"tox.toml": "\n".join(lines) + "\n"}


_DODO = """\
import subprocess

from doit.action import CmdAction

DOIT_CONFIG = {{"verbosity": 0}}
PACKAGES = {packages}
FILES = {{name: [] for name in PACKAGES}}
for path in subprocess.run(["git", "ls-files", "packages"], stdout=subprocess.PIPE, text=True).stdout.splitlines():
    FILES[path.split("/")[1]].append(path)


def mark(task, package):
    with open(f"../marks/{{task}}-{{package}}", "w") as file:
        file.write("done\\n")


def tasks(task, command):
    for package, closure in PACKAGES.items():
        argv = command.format(package=package).split()
        yield {{
            "name": package,
            "actions": [CmdAction(argv, shell=False, cwd=f"packages/{{package}}") if argv else (mark, [task, package])],
            "file_dep": ["ruff.toml", *(path for name in closure for path in FILES[name])],
        }}
"""


def _doit(repository: Monorepo) -> dict[str, str]:
    dodo = _DODO.format(packages={name: sorted(closure) for name, closure in repository.closures.items()})
    for task in repository.tasks:
        dodo += f'\n\ndef task_{task.name}():\n    return tasks("{task.name}", "{task.command}")\n'
    return {"dodo.py": dodo}


def _invoke(repository: Monorepo) -> dict[str, str]:
    tasks = 'import os\n\nfrom invoke import call, task\n\nPACKAGES = sorted(os.listdir("packages"))\n'
    for task in repository.tasks:
        tasks += f"\n\n@task\ndef {task.name}(c, package):\n"
        if task.command:
            tasks += f'    with c.cd(f"packages/{{package}}"):\n        c.run(f"{task.command}")\n'
        else:
            tasks += _body(task, "", "package")
    names = ", ".join(task.name for task in repository.tasks)
    tasks += (
        f"\n\n@task(pre=[call(task, package) for task in ({names},) for package in PACKAGES])\ndef everything(c):\n"
    )
    return {"tasks.py": f"{tasks}    pass\n"}


_CI = ("isonox", "ci", "--jobs", JOBS)

ISONOX = Peer(
    name="isonox",
    tool="isonox",
    configure=_isonox,
    commands={
        Case.NOTHING: Command(argv=_CI, says=r"\bcached {cached}\b"),
        Case.LEAF: Command(argv=_CI, says=r"(?s)(?=.*\bcached {cached}\b).*\bpassed {ran}\b"),
        Case.AFFECTED: Command(argv=AFFECTED),
        **dict.fromkeys((*FRESH, Case.EMPTY), Command(argv=(*_CI, NO_CACHE), says=r"\bpassed {ran}\b")),
    },
    prime=Command(argv=_CI),
)

ISONOX_BASE = Peer(
    name="isonox --base",
    tool="isonox",
    configure=_isonox,
    commands={Case.LEAF: Command(argv=(*_CI, "--base", "main"), says=r"\bpassed {ran}\b")},
    prime=Command(argv=_CI),
)


def _fresh(
    name: str, configure: Callable[[Monorepo], dict[str, str]], *argv: str, says: str = "", empty: bool = False
) -> Peer:
    """Return a peer that has no cache of results, or none that can be told apart from running."""
    cases = (*FRESH, Case.EMPTY) if empty else FRESH
    return Peer(
        name=name, tool=argv[0], configure=configure, commands=dict.fromkeys(cases, Command(argv=argv, says=says))
    )


NOX = _fresh("nox", _nox, "nox", says=r"Ran {ran} sessions", empty=True)
NOX_PARALLEL = _fresh(f"nox -j{JOBS}", _nox, "nox", "-j", JOBS, says=r"Ran {ran} sessions", empty=True)
TOX = _fresh(
    f"tox -p{JOBS}", _tox, "tox", "run-parallel", "--parallel", JOBS, "--parallel-no-spinner", says="congratulations"
)
INVOKE = _fresh("invoke", _invoke, "invoke", "everything", empty=True)

_RUN = ("doit", "run", "-n", JOBS)

DOIT = Peer(
    name="doit",
    tool="doit",
    configure=_doit,
    commands=dict.fromkeys(CACHED, Command(argv=_RUN))
    | dict.fromkeys((*FRESH, Case.EMPTY), Command(argv=(*_RUN, "--always-execute"))),
    prime=Command(argv=_RUN),
)
