"""The build stage: what is published is built, installed where nothing else is, and imported."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest

from isonox.model.verdict import Verdict
from isonox.stages import wheels

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeRepository

NOXFILE = {"noxfile.py": "from isonox import stages\n\nstages.build()\n"}


def test_a_good_project_is_kept_and_a_broken_wheel_is_red(repository: MakeRepository) -> None:
    """Both files are artifacts; a module that only the checkout can import, or a script without target, is red."""
    repo = repository(NOXFILE, base="supply-chain")
    pyproject = (repo.path / "pyproject.toml").read_text()

    run = repo.run_nox("-s", "build")

    assert run.record.verdict is Verdict.PASSED, run.output
    assert run.record.artifacts == ("build/dist/till-1.0-py3-none-any.whl", "build/dist/till-1.0.tar.gz")
    assert any(
        note.startswith("tracked files that till-1.0.tar.gz lacks: docs/ (2), mkdocs.yml, noxfile.py")
        for note in run.record.notes
    )
    assert not any("is not in the lock" in note for note in run.record.notes)
    assert any("till-1.0-py3-none-any.whl: 2 KiB, 6 files" in note for note in run.record.notes)
    assert "it imports: till." in run.output

    repo.write(
        {
            "src/till/__init__.py": "import bandit  # not among the dependencies\n",
            "pyproject.toml": pyproject.replace("till.counter:main", "till.counter:mian"),
        }
    )
    broken = repo.run_nox("-s", "build")

    assert broken.record.verdict is Verdict.FAILED
    assert "import till (ModuleNotFoundError: No module named 'bandit')" in broken.record.reason, broken.output
    assert "the entry points of its scripts" in broken.record.reason


def test_a_wheel_without_modules_is_red(repository: MakeRepository) -> None:
    """The backend is content, and so is twine. The description that twine wants is there."""
    settings = '[tool.hatch.build.targets.wheel]\ninclude = ["README.md"]\n'
    repo = repository(NOXFILE, base="supply-chain", settings=settings)

    run = repo.run_nox("-s", "build")

    assert run.record.verdict is Verdict.FAILED
    assert "till-1.0-py3-none-any.whl holds no Python module" in run.record.reason, run.output


def test_a_project_that_is_no_package_is_red(repository: MakeRepository) -> None:
    """There is nothing to build; the hint says where packages may be."""
    settings = "[tool.uv]\npackage = false\n"
    repo = repository(NOXFILE, base="supply-chain", settings=settings)

    run = repo.run_nox("-s", "build")

    assert run.record.verdict is Verdict.FAILED
    assert "there is nothing to build" in run.record.reason, run.output
    assert "per_package" in run.output


@pytest.mark.parametrize(
    ("files", "modules"),
    [
        (["shop/__init__.py", "shop/prices.py", "shop/py.typed"], ("shop",)),
        (["shop.py", "_fast.cpython-311-x86_64-linux-gnu.so"], ("_fast", "shop")),
        (["acme/shop/__init__.py", "acme/till/__init__.py", "acme/till/deep/__init__.py"], ("acme.shop", "acme.till")),
        (["acme/loose.py"], ("acme.loose",)),
        (["shop-1.data/purelib/shop.py", "shop-1.data/scripts/run.py", "shop-1.dist-info/x.py"], ("shop",)),
        (["share/readme.txt", "not-a-module/x.py"], ()),
    ],
)
def test_the_modules_of_a_wheel(tmp_path: Path, files: list[str], modules: tuple[str, ...]) -> None:
    """Packages, single modules, extension modules, and namespace packages, which have no file of their own."""
    wheel = tmp_path / "shop-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in files:
            archive.writestr(name, "")

    content = wheels.read(wheel)

    assert (content.name, content.modules, content.file_count) == ("shop", modules, len(files))
