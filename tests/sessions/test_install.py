"""Which commands change the environment that they run in."""

from __future__ import annotations

import pytest

from isonox.sessions.install import changes_environment


@pytest.mark.parametrize(
    ("expected", "command"),
    [
        (True, "pip install idna"),
        (True, "/x/bin/pip3.12 install idna"),
        (True, "python -m pip --quiet install idna"),
        (True, "python3.12 -m pip uninstall idna"),
        (True, "uv pip sync requirements.txt"),
        (True, "uv sync --frozen"),
        (True, "uv run pytest"),
        (True, "poetry install"),
        (False, "uv pip install --python other/bin/python idna"),
        (False, "pip list"),
        (False, "uv lock --check"),
        (False, "python -m pytest install"),
        (False, "python -m"),
        (False, "pytest -k install"),
        (False, "uv"),
    ],
)
def test_commands_that_install(expected: bool, command: str) -> None:  # noqa: FBT001 - a column of the table
    """Only what isonox can tell from the words; what it can't is noticed afterwards."""
    assert expected is changes_environment(command.split())
