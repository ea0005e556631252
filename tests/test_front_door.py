"""What a noxfile imports, and the tree of errors."""

from __future__ import annotations

import subprocess
import sys

import pytest

import isonox
from isonox import errors, stages


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
