"""What a noxfile imports, and the tree of errors."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import isonox
from isonox import errors, stages

if TYPE_CHECKING:
    from tests.conftest import MakeRepository


def subclasses(kind: type[errors.IsonoxError]) -> set[type[errors.IsonoxError]]:
    """All errors below one, itself included."""
    return {kind}.union(*(subclasses(child) for child in kind.__subclasses__()))


def test_every_public_name_is_there() -> None:
    """And none else is invented."""
    assert all(getattr(isonox, name) is not None for name in isonox.__all__)
    assert all(callable(getattr(stages, name)) for name in stages.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'stage'"):
        _ = isonox.stage


def test_importing_isonox_does_not_import_nox() -> None:
    """The front door is lazy: nothing heavy before it is used."""
    code = "import isonox, sys; print('nox' in sys.modules, 'rich' in sys.modules)"

    assert (
        "False False\n"
        == subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    )


@pytest.mark.parametrize(
    ("noxfile", "settings", "expected"),
    [
        (
            "import isonox\nisonox.stages.lint()\n",
            "[tool.isonox]\nbogus = 1\n",
            "error: 1 problem in the configuration:\n  pyproject.toml: tool.isonox.bogus: unknown key\n",
        ),
        (
            "from isonox import stages\nstages.lint(tools='ruff')\n",
            "",
            "error: lint: tools='ruff' must be a list\nhint: tools=['ruff']\n",
        ),
        (
            "from isonox.stages import lint\nlint(requires=[1])\n",
            "",
            "error: session 'lint': requires=[1] is not of the type Sequence[str] | None\n",
        ),
    ],
)
def test_plain_nox_says_what_is_wrong_in_the_configuration(
    repository: MakeRepository, noxfile: str, settings: str, expected: str
) -> None:
    """It ends as `isonox plan` does, without a traceback."""
    run = repository({"noxfile.py": noxfile}, settings=settings).run_nox("-s", "lint")

    assert (2, expected) == (run.exit_code, run.output)


def test_another_exception_of_a_noxfile_is_what_it_is_in_plain_nox(repository: MakeRepository) -> None:
    """A traceback, with the noxfile's line."""
    run = repository({"noxfile.py": "import isonox\nisonox.stages.lint()\n1 / 0\n"}).run_nox("-s", "lint")

    assert 1 == run.exit_code
    assert 'noxfile.py", line 3, in <module>' in run.output


def test_every_error_has_an_exit_code_that_means_failure() -> None:
    """One tree, and no error that looks like success or like a bug."""
    found = subclasses(errors.IsonoxError)

    assert len(found) > 8
    assert all(kind.exit_code not in (errors.ExitCode.OK, errors.ExitCode.BUG) for kind in found)
    assert len(set(errors.ExitCode)) == len(errors.ExitCode.__members__)


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [("lnit", ["lint", "docs"], " (did you mean 'lint'?)"), ("zzz", ["lint"], ""), ("x", [], "")],
)
def test_did_you_mean(name: str, known: list[str], expected: str) -> None:
    """The closest known word, or nothing."""
    assert expected == errors.did_you_mean(name, known)


def test_several_configuration_errors_read_as_a_list() -> None:
    """One line each."""
    assert "2 problems in the configuration:\n  a\n  b" == str(errors.ConfigurationErrors(["a", "b"]))
    assert "1 problem in the configuration:\n  a" == str(errors.ConfigurationErrors(["a"]))
