"""A synthetic Python monorepo: the same seed makes the same bytes.

Packages lie in layers and depend on one or two packages of the layer below, so that most have a handful of
dependencies in all. Every package has the same tasks; a task leaves a mark outside of the repository when it runs,
so that nobody has to believe a tool that says it ran something.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from functools import cached_property

LAYERS = 4
SEED = 4

#: Where the tasks leave their marks, as seen from a package's folder.
MARKS = "../../../marks"


@dataclass(frozen=True)
class Package:
    """One package, in `packages/<name>`."""

    name: str
    dependencies: tuple[str, ...]

    @property
    def module(self) -> str:
        """What Python calls it."""
        return self.name.replace("-", "_")

    @property
    def path(self) -> str:
        """Its folder, relative to the root."""
        return f"packages/{self.name}"


@dataclass(frozen=True)
class Task:
    """What is done for every package, in its folder.

    Attributes:
        command: Split at blanks; `{package}` stands for the package's name. Empty for a task that only leaves its mark.
    """

    name: str
    command: str

    def argv(self, package: Package) -> tuple[str, ...]:
        """Return the command for one package."""
        return tuple(self.command.format(package=package.name).split())

    def mark(self, package: Package) -> str:
        """Return the name of the file that says it ran."""
        return f"{self.name}-{package.name}"


#: Modules that a package has beside those that are tested, so that there is something to look at.
_MORE = ("queues", "ranges", "records", "tables")

LINT = Task("lint", f"python -m ruff check --no-cache --output-file {MARKS}/lint-{{package}}")
TEST = Task("test", "python tests/check.py")
PAUSE = Task("pause", f"sh ../../pause.sh {MARKS}/pause-{{package}}")
EMPTY = Task("empty", "")


@dataclass(frozen=True)
class Monorepo:
    """The packages, from the lowest layer to the highest, and their tasks."""

    packages: tuple[Package, ...]
    tasks: tuple[Task, ...]

    @cached_property
    def by_name(self) -> dict[str, Package]:
        """Packages by name."""
        return {package.name: package for package in self.packages}

    @cached_property
    def closures(self) -> dict[str, frozenset[str]]:
        """For each package, all that it depends on, itself included."""
        found: dict[str, frozenset[str]] = {}
        for package in self.packages:
            found[package.name] = frozenset({package.name}).union(*(found[name] for name in package.dependencies))
        return found

    def affected_by(self, name: str) -> frozenset[str]:
        """Return the packages that a change of one package affects, itself included."""
        return frozenset(package for package, closure in self.closures.items() if name in closure)

    @property
    def leaf(self) -> Package:
        """A package that nobody depends on."""
        return self.packages[-1]

    @cached_property
    def middle(self) -> Package:
        """A package with dependencies and some dependents: of all these, the one with the median number of them."""
        inner = [p for p in self.packages if p.dependencies and len(self.affected_by(p.name)) > 1]
        return sorted(inner, key=lambda package: (len(self.affected_by(package.name)), package.name))[len(inner) // 2]

    def marks(self, packages: frozenset[str] | None = None) -> frozenset[str]:
        """Return the marks that are there when all tasks of some packages, or all, have run."""
        chosen = [p for p in self.packages if packages is None or p.name in packages]
        return frozenset(task.mark(package) for package in chosen for task in self.tasks)


def generate(count: int, tasks: tuple[Task, ...] = (LINT, TEST), seed: int = SEED) -> Monorepo:
    """Return a monorepo of `count` packages."""
    draw = random.Random(seed)  # noqa: S311 - no secret: the same seed has to give the same packages  # nosec B311
    layers: list[list[Package]] = [[] for _ in range(LAYERS)]
    for index in range(count):
        layer = index * LAYERS // count
        below = layers[layer - 1] if layer else []
        chosen = draw.sample(below, min(len(below), draw.randint(1, 2)))
        names = tuple(sorted(package.name for package in chosen))
        layers[layer].append(Package(f"pkg-{index:04}", names))
    return Monorepo(tuple(package for layer in layers for package in layer), tasks)


def files(repository: Monorepo) -> dict[str, str]:
    """Return the files that every peer sees, by their path."""
    found = {".gitignore": _IGNORED, "ruff.toml": _RUFF, "pause.sh": _PAUSE, "package.json": _root_json()}
    for package in repository.packages:
        found |= _package_files(package, repository.tasks)
    return found


def _package_files(package: Package, tasks: tuple[Task, ...]) -> dict[str, str]:
    source = f"{package.path}/src/{package.module}"
    return {
        f"{package.path}/pyproject.toml": _PYPROJECT.format(
            name=package.name, dependencies=json.dumps(package.dependencies)
        ),
        f"{package.path}/package.json": _package_json(package, tasks),
        f"{package.path}/README.md": f"# {package.name}\n\nA package of a synthetic monorepo.\n",
        f"{source}/__init__.py": f'"""The package {package.name}."""\n',
        f"{source}/numbers.py": _NUMBERS.format(name=package.name),
        f"{source}/words.py": _WORDS.format(name=package.name),
        **{f"{source}/{module}.py": _MODULE.format(module=module, name=package.name) for module in _MORE},
        f"{package.path}/tests/check.py": _CHECK.format(name=package.name, module=package.module),
    }


def _root_json() -> str:
    return _json(
        {
            "name": "synthetic",
            "private": True,
            "packageManager": "npm@11.0.0",
            "workspaces": ["packages/*"],
        }
    )


def _package_json(package: Package, tasks: tuple[Task, ...]) -> str:
    scripts = {task.name: " ".join(task.argv(package)) for task in tasks}
    dependencies = dict.fromkeys(package.dependencies, "0.1.0")
    return _json({"name": package.name, "version": "0.1.0", "scripts": scripts, "dependencies": dependencies})


def _json(document: object) -> str:
    return json.dumps(document, indent=2) + "\n"


_IGNORED = """\
__pycache__/
node_modules
.cache/
.doit.db*
.isonox/
.moon/cache/
.nox/
.nx/
.tox/
.turbo/
stamps/
"""

_RUFF = """\
line-length = 100
lint.select = ["B", "D1", "E", "F", "I", "N", "UP", "W"]
"""

_PAUSE = """\
sleep 1
echo done >>"$1"
"""

_PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{name}"
version = "0.1.0"
requires-python = ">=3.11"
dependencies = {dependencies}
"""

_NUMBERS = '''\
"""Numbers of {name}."""


def squares(count: int) -> int:
    """Return the sum of the first squares."""
    return sum(number * number for number in range(count))


def is_prime(number: int) -> bool:
    """Return whether nothing divides a number."""
    return number > 1 and all(number % divisor for divisor in range(2, int(number**0.5) + 1))
'''

_WORDS = '''\
"""Words of {name}."""


def title(text: str) -> str:
    """Return the words with capitals."""
    return " ".join(word.capitalize() for word in text.split())


def initials(text: str) -> str:
    """Return the first letter of each word."""
    return "".join(word[0] for word in title(text).split())
'''

_MODULE = '''\
"""The {module} of {name}."""

from __future__ import annotations

from collections import Counter


class Entry:
    """One of the {module}."""

    def __init__(self, name: str, values: list[int]) -> None:
        """Keep a name and its values."""
        self.name = name
        self.values = values

    @property
    def total(self) -> int:
        """The sum of the values."""
        return sum(self.values)

    def scaled(self, factor: int) -> Entry:
        """Return an entry whose values are multiplied."""
        return Entry(self.name, [value * factor for value in self.values])


def by_name(entries: list[Entry]) -> dict[str, Entry]:
    """Return entries by name; of two with the same name, the larger one."""
    found: dict[str, Entry] = {{}}
    for entry in entries:
        known = found.get(entry.name)
        if known is None or known.total < entry.total:
            found[entry.name] = entry
    return found


def frequent(entries: list[Entry], least: int = 2) -> list[int]:
    """Return the values that occur in several entries, the most frequent first."""
    counts = Counter(value for entry in entries for value in set(entry.values))
    return [value for value, count in counts.most_common() if count >= least]


def windows(entry: Entry, size: int) -> list[tuple[int, ...]]:
    """Return all runs of so many neighbouring values."""
    if size < 1:
        raise ValueError(f"a window of {{size}} values")
    starts = range(len(entry.values) - size + 1)
    return [tuple(entry.values[start : start + size]) for start in starts]
'''

_CHECK = '''\
"""Checks {name}; a stub of a test run of about 20 ms."""

import sys

HERE = __file__.rpartition("/")[0]
sys.dont_write_bytecode = True
sys.path.insert(0, HERE + "/../src")

from {module} import numbers, words  # noqa: E402

assert numbers.squares(60_000) == 71998200010000
assert [n for n in range(20) if numbers.is_prime(n)] == [2, 3, 5, 7, 11, 13, 17, 19]
assert words.title("one two") == "One Two"
assert words.initials("one two") == "OT"

with open(HERE + "/../../../../marks/test-{name}", "a") as mark:
    mark.write("done\\n")
'''
