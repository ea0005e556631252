"""The build stage: what is published is built, installed where nothing else is, and imported."""

from __future__ import annotations

import importlib
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import pytest

from isonox.errors import ConfigurationError
from isonox.model.verdict import Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeRepository

#: The name in the package is the stage.
build_stage = importlib.import_module("isonox.stages.build")

NOXFILE = {"noxfile.py": "from isonox import stages\n\nstages.build()\n"}


def test_a_good_project_is_kept_and_a_broken_wheel_is_red(sharing: MakeRepository, tmp_path: Path) -> None:
    """Both files are artifacts; a module that only the checkout can import is red; uv's cache is enough, if filled."""
    repo = sharing(NOXFILE, base="supply-chain")

    run = repo.run_nox("-s", "build")

    assert run.record.verdict is Verdict.PASSED, run.output
    assert run.record.artifacts == ("build/dist/till-1.0-py3-none-any.whl", "build/dist/till-1.0.tar.gz")
    assert not any("is not in the lock" in note for note in run.record.notes)
    assert any("till-1.0-py3-none-any.whl: 2 KiB" in note for note in run.record.notes)
    assert "it imports: till." in run.output

    nowhere = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    alone = repo.run_nox("-s", "build", env=nowhere)
    emptied = repo.run_nox("-s", "build", env={"UV_CACHE_DIR": str(tmp_path / "cache")})

    assert alone.record.verdict is Verdict.PASSED, alone.output  # what the lock names needs no index
    assert "without the package index" not in alone.output
    assert emptied.record.verdict is Verdict.PASSED, emptied.output
    assert "without the package index" in emptied.output

    repo.write({"src/till/__init__.py": "import bandit  # not among the dependencies\n"})
    broken = repo.run_nox("-s", "build")

    assert broken.record.verdict is Verdict.FAILED
    assert "import till (ModuleNotFoundError: No module named 'bandit')" in broken.record.reason, broken.output

    repo.write({"src/till/__init__.py": "import sys\n\nsys.exit(0)\n"})
    ending = repo.run_nox("-s", "build")

    assert "import till (it said nothing)" in ending.record.reason, ending.output

    settings = (repo.path / "pyproject.toml").read_text().replace('include = ["src", "README.md"]', "include = 3")
    repo.write({"pyproject.toml": settings})
    wrong = repo.run_nox("-s", "build")

    assert "must be an array" in wrong.output
    assert "without the package index" not in wrong.output  # it has nothing to do with that
    assert wrong.record.reason.endswith("failed: exit 1"), wrong.record.reason


def test_a_description_that_the_index_would_not_show_is_red(sharing: MakeRepository) -> None:
    """The reason is what twine says of it."""
    repo = sharing(NOXFILE, base="supply-chain")
    pyproject = (repo.path / "pyproject.toml").read_text(encoding="utf-8")
    repo.write({"pyproject.toml": pyproject.replace('readme = "README.md"\n', "")})

    run = repo.run_nox("-s", "build")

    assert run.record.verdict is Verdict.FAILED
    assert run.record.reason == (
        "twine check: `long_description_content_type` missing. defaulting to `text/x-rst`. `long_description` missing."
    )


def test_a_wheel_without_modules_is_red(sharing: MakeRepository) -> None:
    """The backend is content, and so is twine. The description that twine wants is there."""
    settings = '[tool.hatch.build.targets.wheel]\ninclude = ["README.md"]\n'
    repo = sharing(NOXFILE, base="supply-chain", settings=settings)

    run = repo.run_nox("-s", "build")

    assert run.record.verdict is Verdict.FAILED
    assert "till-1.0-py3-none-any.whl holds no Python module" in run.record.reason, run.output


@pytest.mark.parametrize("required", ['"hatchling =>1"', "3"])
def test_what_is_no_requirement_is_an_error(tmp_path: Path, required: str) -> None:
    """For `isonox init`, which asks what builds the project, too."""
    (tmp_path / "pyproject.toml").write_text(f"[build-system]\nrequires = [{required}]\n")

    with pytest.raises(ConfigurationError, match=r"pyproject.toml: build-system.requires: [eE]xpected"):
        build_stage.backends(tmp_path)


@pytest.mark.parametrize(
    "settings",
    ["", "[tool.ruff]\n", "[project]\nname = 'x'\n[tool.uv]\npackage = false\n"],
    ids=["none", "tools", "uv"],
)
def test_a_project_that_is_no_package_is_red(stand_in: Any, settings: str) -> None:
    """There is nothing to build; the hint says where packages may be."""
    (stand_in.root / "pyproject.toml").write_text(settings)

    with pytest.raises(ConfigurationError, match="there is nothing to build") as error:
        build_stage._folder(stand_in)

    assert "per_package=True" in str(error.value.hint)


@pytest.mark.parametrize(
    ("files", "modules"),
    [
        (["shop/__init__.py", "shop/prices.py", "shop/py.typed"], ["shop"]),
        (["shop.py", "_fast.cpython-311-x86_64-linux-gnu.so"], ["_fast", "shop"]),
        (["acme/shop/__init__.py", "acme/till/__init__.py", "acme/till/deep/__init__.py"], ["acme.shop", "acme.till"]),
        (["acme/loose.py"], ["acme.loose"]),
        (["../../bin/run.py", "shop-1.dist-info/x.py"], []),
        (["share/readme.txt", "not-a-module/x.py"], []),
    ],
)
def test_the_modules_of_a_wheel(files: list[str], modules: list[str]) -> None:
    """Packages, single modules, extension modules, and namespace packages, which have no file of their own."""
    assert build_stage.provided(map(PurePosixPath, files)) == modules
