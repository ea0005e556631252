"""The tools that come from npm: turbo, nx, moon."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.peers.definition import CACHED, FRESH, JOBS, Case, Command, Peer, to_json

if TYPE_CHECKING:
    from benchmarks.synthetic import Monorepo


def _turbo(repository: Monorepo) -> dict[str, str]:
    packages: dict[str, object] = {"": {"name": "synthetic", "workspaces": ["packages/*"]}}
    for package in repository.packages:
        packages[f"node_modules/{package.name}"] = {"resolved": package.path, "link": True}
        packages[package.path] = {"version": "0.1.0", "dependencies": dict.fromkeys(package.dependencies, "0.1.0")}
    lock = {"name": "synthetic", "lockfileVersion": 3, "requires": True, "packages": packages}
    tasks = {task.name: {"dependsOn": [f"^{task.name}"]} for task in repository.tasks}
    return {
        "package-lock.json": to_json(lock),
        "turbo.json": to_json({"globalDependencies": ["ruff.toml"], "tasks": tasks}),
    }


def _nx(repository: Monorepo) -> dict[str, str]:
    files = {
        "nx.json": to_json(
            {
                "analytics": False,
                "neverConnectToCloud": True,
                "namedInputs": {"default": ["{projectRoot}/**/*", "{workspaceRoot}/ruff.toml"]},
                "targetDefaults": {
                    task.name: {"cache": True, "inputs": ["default", "^default"]} for task in repository.tasks
                },
            }
        )
    }
    for package in repository.packages:
        targets = {
            task.name: {
                "executor": "nx:run-commands",
                "options": {"command": " ".join(task.argv(package)), "cwd": "{projectRoot}"},
            }
            for task in repository.tasks
        }
        files[f"{package.path}/project.json"] = to_json({"name": package.name, "targets": targets})
    return files


_MOON_TASK = """\
  {name}:
    command: {command}
    deps:
      - target: '^:{name}'
        cacheStrategy: hash
    inputs: ['**/*', '/ruff.toml']
    toolchains: ['system']
"""


def _moon(repository: Monorepo) -> dict[str, str]:
    tasks = (
        _MOON_TASK.format(name=task.name, command=task.command.format(package="$project")) for task in repository.tasks
    )
    files = {
        ".moon/workspace.yml": "projects: ['packages/*']\ntelemetry: false\nvcs: {client: git, defaultBranch: main}\n",
        ".moon/tasks/all.yml": "tasks:\n" + "".join(tasks),
    }
    for package in repository.packages:
        files[f"{package.path}/moon.yml"] = f"dependsOn: {list(package.dependencies)}\n"
    return files


_TURBO_RUN = ("turbo", "run", "{tasks}", f"--concurrency={JOBS}", "--output-logs=errors-only")
_TURBO_COUNT = r"Cached:\s+{cached} cached, {jobs} total"

TURBO = Peer(
    name="turbo",
    tool="turbo",
    configure=_turbo,
    commands={
        **dict.fromkeys(CACHED, Command(argv=_TURBO_RUN, says=_TURBO_COUNT)),
        **dict.fromkeys(FRESH, Command(argv=(*_TURBO_RUN, "--force"), says=_TURBO_COUNT)),
        Case.AFFECTED: Command(argv=("turbo", "ls", "--affected")),
    },
    prime=Command(argv=_TURBO_RUN),
)

TURBO_AFFECTED = Peer(
    name="turbo --affected",
    tool="turbo",
    configure=_turbo,
    commands={Case.LEAF: Command(argv=(*_TURBO_RUN, "--affected"), says=r"Packages in scope: pkg")},
    prime=Command(argv=_TURBO_RUN),
)

_NX_RUN = ("nx", "run-many", "-t", "{tasks}", f"--parallel={JOBS}")

NX = Peer(
    name="nx",
    tool="nx",
    configure=_nx,
    commands={
        **dict.fromkeys(CACHED, Command(argv=_NX_RUN, says=r"Cache:\s+{cached}/{jobs} hit")),
        **dict.fromkeys(FRESH, Command(argv=(*_NX_RUN, "--skip-nx-cache"), says=r"Cache:\s+Skipped")),
        Case.AFFECTED: Command(argv=("nx", "show", "projects", "--affected", "--base=main")),
    },
    prime=Command(argv=_NX_RUN),
    stop=("nx", "daemon", "--stop"),
)

_MOON_RUN = ("moon", "run", "{targets}", "--concurrency", JOBS)

MOON = Peer(
    name="moon",
    tool="moon",
    configure=_moon,
    commands={
        **dict.fromkeys(CACHED, Command(argv=_MOON_RUN, says=r"Tasks: {jobs} completed \({cached} cached\)")),
        **dict.fromkeys(FRESH, Command(argv=(*_MOON_RUN, "--cache", "off"), says=r"Tasks: {jobs} completed\n")),
        # In its JSON, only the listed projects have a root.
        Case.AFFECTED: Command(
            argv=("moon", "query", "projects", "--affected=main", "--downstream", "deep"),
            names=r'"root": ".*/(pkg-\d{4})"',
        ),
    },
    prime=Command(argv=_MOON_RUN),
)
