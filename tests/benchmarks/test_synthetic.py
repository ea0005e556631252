"""The synthetic monorepo is the same each time, and is what it says."""

from __future__ import annotations

import hashlib
import json
import tomllib

import pytest

from benchmarks import synthetic


def digest(files: dict[str, str]) -> str:
    """Return a hash of all paths and contents."""
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()


def test_the_same_seed_makes_the_same_bytes() -> None:
    """Another seed makes others."""
    first, second = (digest(synthetic.files(synthetic.generate(30))) for _ in range(2))

    assert first == second
    assert first != digest(synthetic.files(synthetic.generate(30, seed=5)))


@pytest.mark.parametrize("count", [4, 10, 100])
def test_packages_depend_on_the_layer_below_only(count: int) -> None:
    """So there is no cycle, and every name is known."""
    repository = synthetic.generate(count)

    layer = {package.name: index * synthetic.LAYERS // count for index, package in enumerate(repository.packages)}
    assert count == len(layer)
    for package in repository.packages:
        assert {layer[package.name] - 1} >= {layer[name] for name in package.dependencies}
        assert bool(package.dependencies) == (layer[package.name] > 0)


def test_a_leaf_affects_itself_and_the_middle_affects_others() -> None:
    """What is affected is what has the package in its closure."""
    repository = synthetic.generate(100)

    assert frozenset({repository.leaf.name}) == repository.affected_by(repository.leaf.name)
    affected = repository.affected_by(repository.middle.name)
    assert 1 < len(affected) < 100
    for package in repository.packages:
        assert (package.name in affected) == (repository.middle.name in repository.closures[package.name])


def test_the_manifests_of_a_package_say_the_same() -> None:
    """Python's tools and node's see the same packages and dependencies."""
    repository = synthetic.generate(10)
    files = synthetic.files(repository)

    for package in repository.packages:
        project = tomllib.loads(files[f"{package.path}/pyproject.toml"])["project"]
        manifest = json.loads(files[f"{package.path}/package.json"])
        assert package.name == project["name"] == manifest["name"]
        assert list(package.dependencies) == project["dependencies"] == list(manifest["dependencies"])


def test_every_task_of_every_package_leaves_its_own_mark() -> None:
    """Two of them can't be taken for one."""
    repository = synthetic.generate(10)

    assert 20 == len(repository.marks())
    assert {"lint-pkg-0009", "test-pkg-0009"} == repository.marks(frozenset({"pkg-0009"}))
